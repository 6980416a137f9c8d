//! The catalogue: the countries and services that can be sold, and every word they are found by.
//!
//! Promises: a row's position in `engine/data/*.csv` is its id for ever; one
//! flat table each, parsed once a process; no lookup allocates. Which external
//! id means which row at a given provider is left to the provider crosswalk,
//! and search by prefix or with typos to the index.

mod entry;
mod table;

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::event::CatalogVersion;
use crate::ids::{CountryId, ServiceId};
use table::Keys;

pub use entry::{Country, KEY_LEN_MAX, Language, Service};

/// Both tables, and their keys sorted by folded text.
///
/// Where a key stands in several rows, the first row has it. That concerns
/// 5sim's `potato` and the service names Beboo, Cleartrip and Feeld.
#[derive(Debug)]
pub struct Catalog {
    countries: Vec<Country>,
    services: Vec<Service>,
    country_isos: Keys,
    country_names: Keys,
    country_fivesims: Keys,
    service_slugs: Keys,
    service_codes: Keys,
    service_fivesims: Keys,
    service_names: Keys,
    service_aliases: Keys,
}

impl Catalog {
    /// The one catalogue of this binary, parsed on first use.
    ///
    /// # Panics
    /// If the embedded files are malformed, which the tests of this module rule out.
    #[must_use]
    pub fn load() -> &'static Self {
        static CATALOG: LazyLock<Catalog> =
            LazyLock::new(|| Catalog::index(table::countries(), table::services()));
        &CATALOG
    }

    fn index(countries: Vec<Country>, services: Vec<Service>) -> Self {
        Self {
            country_isos: Keys::of(&countries, |country| [country.iso2, country.iso3]),
            country_names: Keys::of(&countries, |country| country.names),
            country_fivesims: Keys::of(&countries, |country| country.fivesim),
            service_slugs: Keys::of(&services, |service| [service.slug]),
            service_codes: Keys::of(&services, |service| [service.handler_code]),
            service_fivesims: Keys::of(&services, |service| service.fivesim),
            service_names: Keys::of(&services, |service| [service.name]),
            service_aliases: Keys::of(&services, Service::aliases),
            countries,
            services,
        }
    }

    /// A country by id; `None` above the last row.
    #[must_use]
    pub fn country(&self, id: CountryId) -> Option<&Country> {
        self.countries.get(usize::from(id.0))
    }

    /// A service by id; `None` above the last row.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.services.get(usize::from(id.0))
    }

    /// All countries in the order of their ids.
    pub fn countries(&self) -> impl ExactSizeIterator<Item = (CountryId, &Country)> {
        self.countries.iter().enumerate().map(|(row, country)| (CountryId(row as u16), country))
    }

    /// All services in the order of their ids.
    pub fn services(&self) -> impl ExactSizeIterator<Item = (ServiceId, &Service)> {
        self.services.iter().enumerate().map(|(row, service)| (ServiceId(row as u16), service))
    }

    /// Which rows it has: its first ones, or all where it is asked for more.
    ///
    /// Two catalogues with one version mean the same by every id within it.
    #[must_use]
    pub fn version(&self, countries: u16, services: u16) -> CatalogVersion {
        let (mut hasher, rows) = (Sha256::new(), |count| usize::from(count));
        let countries = &self.countries[..self.countries.len().min(rows(countries))];
        let services = &self.services[..self.services.len().min(rows(services))];
        let isos = countries.iter().map(|country| country.iso2);
        for code in isos.chain(services.iter().map(|service| service.slug)) {
            hasher.update(code);
            hasher.update("\n");
        }
        CatalogVersion {
            countries: countries.len() as u16,
            services: services.len() as u16,
            hash: hasher.finalize().into(),
        }
    }

    /// The country a person or a client means, case aside: ISO code, then 5sim
    /// slug, then name in any of the languages.
    #[must_use]
    pub fn find_country(&self, text: &str) -> Option<CountryId> {
        [&self.country_isos, &self.country_fivesims, &self.country_names]
            .into_iter()
            .find_map(|keys| keys.row(text))
            .map(CountryId)
    }

    /// The country of an ISO 3166-1 code of two or three letters, in any case.
    #[must_use]
    pub fn country_by_iso(&self, code: &str) -> Option<CountryId> {
        self.country_isos.row(code).map(CountryId)
    }

    /// The service a person or a client means, case aside: slug, then handler
    /// code, then 5sim product, then name, then alias.
    ///
    /// The order matters: fifteen slugs (`gg`, `bp`, `aol`, …) are another
    /// service's handler code. Faces that speak a provider's protocol use the
    /// lookup of that one key.
    #[must_use]
    pub fn find_service(&self, text: &str) -> Option<ServiceId> {
        [
            &self.service_slugs,
            &self.service_codes,
            &self.service_fivesims,
            &self.service_names,
            &self.service_aliases,
        ]
        .into_iter()
        .find_map(|keys| keys.row(text))
        .map(ServiceId)
    }

    /// The service of one of our own slugs, in any case.
    #[must_use]
    pub fn service_by_slug(&self, slug: &str) -> Option<ServiceId> {
        self.service_slugs.row(slug).map(ServiceId)
    }

    /// The service of a name, in any case.
    #[must_use]
    pub fn service_by_name(&self, name: &str) -> Option<ServiceId> {
        self.service_names.row(name).map(ServiceId)
    }

    /// The service of a handler-protocol code, in any case.
    #[must_use]
    pub fn service_by_handler_code(&self, code: &str) -> Option<ServiceId> {
        self.service_codes.row(code).map(ServiceId)
    }
}

#[cfg(test)]
mod tests;
