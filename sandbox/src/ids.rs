//! The ids of countries and services that each wire format uses.
//!
//! Promises: an id means at most one row of the catalogue, and what
//! `country_ext` or `service_ext` gives is understood by `country` or `service`
//! as that same row. The table is `data/ids.csv`, the sandbox's own: a mistake
//! in the one that drivers use shows as a difference.

use std::collections::BTreeMap;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::{CountryId, ServiceId};

use crate::wire::Wire;

const TABLE: &str = include_str!("../data/ids.csv");

/// One wire format's ids in both directions.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    countries: Pairs,
    services: Pairs,
}

impl Ids {
    /// Reads the wire format's rows of the table.
    ///
    /// # Panics
    /// If the table is malformed, which the tests of this file rule out.
    pub(crate) fn load(wire: Wire) -> Self {
        let mut ids = Self::default();
        for line in TABLE.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [dialect, kind, canonical, external] = fields[..] else {
                panic!("{line:?} has four fields");
            };
            if dialect == wire.dialect() {
                ids.add(kind, canonical, external);
            }
        }
        ids
    }

    /// Adds a row; after `*`, one for every row of the catalogue that has the column.
    fn add(&mut self, kind: &str, canonical: &str, external: &str) {
        let catalog = Catalog::load();
        match (kind, canonical, external) {
            ("country", "*", "handler_ids") => {
                for (id, country) in catalog.countries() {
                    country.handler_ids.iter().for_each(|it| self.countries.add(id.0, it));
                }
            }
            ("country", "*", "fivesim") => {
                for (id, country) in catalog.countries() {
                    country.fivesim.iter().for_each(|it| self.countries.add(id.0, it));
                }
            }
            ("service", "*", "handler_code") => {
                for (id, service) in catalog.services() {
                    self.services.add(id.0, &service.handler_code);
                }
            }
            ("service", "*", "fivesim") => {
                for (id, service) in catalog.services() {
                    service.fivesim.iter().for_each(|it| self.services.add(id.0, it));
                }
            }
            ("country", iso2, external) => {
                let id = catalog.country_by_iso(iso2).expect("the table names countries");
                self.countries.add(id.0, &external);
            }
            ("service", slug, external) => {
                let id = catalog.service_by_slug(slug).expect("the table names services");
                self.services.add(id.0, &external);
            }
            (kind, _, _) => panic!("{kind:?} is country or service"),
        }
    }

    /// The country that the wire format calls `external`, byte for byte.
    pub(crate) fn country(&self, external: &str) -> Option<CountryId> {
        self.countries.by_external.get(external).copied().map(CountryId)
    }

    /// The service that the wire format calls `external`, byte for byte.
    pub(crate) fn service(&self, external: &str) -> Option<ServiceId> {
        self.services.by_external.get(external).copied().map(ServiceId)
    }

    /// The usual id of a country; `None` where the provider does not sell it.
    pub(crate) fn country_ext(&self, id: CountryId) -> Option<&str> {
        self.countries.usual.get(&id.0).map(String::as_str)
    }

    /// The usual id of a service; `None` where the provider does not sell it.
    pub(crate) fn service_ext(&self, id: ServiceId) -> Option<&str> {
        self.services.usual.get(&id.0).map(String::as_str)
    }
}

/// External ids and rows of one table of the catalogue.
#[derive(Debug, Default)]
struct Pairs {
    by_external: BTreeMap<String, u16>,
    usual: BTreeMap<u16, String>,
}

impl Pairs {
    /// Adds a pair; an id that already means another row keeps its meaning, and the first
    /// id of a row is the one that is printed.
    fn add(&mut self, row: u16, external: &impl ToString) {
        let external = external.to_string();
        let owner = *self.by_external.entry(external.clone()).or_insert(row);
        if owner == row {
            self.usual.entry(row).or_insert(external);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read_and_every_printed_id_is_understood() {
        let catalog = Catalog::load();
        let sizes = Wire::ALL.map(|wire| {
            let ids = Ids::load(wire);
            for (id, external) in &ids.countries.usual {
                assert_eq!(ids.country(external), Some(CountryId(*id)), "{external}");
            }
            for (id, external) in &ids.services.usual {
                assert_eq!(ids.service(external), Some(ServiceId(*id)), "{external}");
            }
            let usa = catalog.country_by_iso("US").unwrap();
            let telegram = catalog.service_by_slug("telegram").unwrap();
            let words = [ids.country_ext(usa), ids.service_ext(telegram)];
            (
                ids.countries.usual.len(),
                ids.services.usual.len(),
                words.map(|it| it.map(str::to_owned)),
            )
        });
        let words =
            |country: &str, service: &str| [Some(country.to_owned()), Some(service.to_owned())];
        assert_eq!(
            sizes,
            [
                (195, 1930, words("187", "tg")),
                (176, 373, words("usa", "telegram")),
                (145, 348, words("1", "907")),
            ]
        );
    }
}
