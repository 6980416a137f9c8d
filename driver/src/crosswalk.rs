//! The crosswalk: a provider dialect's own ids ↔ the catalogue's countries and services.
//!
//! Promises: an external id means at most one canonical row, and what
//! `country_ext` or `service_ext` gives is understood by `country` or
//! `service` as that same row. The dialects are rows of
//! `data/crosswalk.csv`, so a new one needs no code. What to do with an id that
//! is not known is left to the sync.

use std::collections::BTreeMap;
use std::fmt;

use nexnum_engine::catalog::{Catalog, Country, Service};
use nexnum_engine::ids::{CountryId, ServiceId};
use thiserror::Error;

const SHIPPED: &str = include_str!("../data/crosswalk.csv");

/// The most rows one table may have: the whole catalogue in ten dialects.
const ROWS_MAX: usize = 25_000;

/// The longest external id, in bytes; the longest in the shipped table has 21.
const EXTERNAL_LEN_MAX: usize = 64;

/// A place in a table: both count from 1, the header is line 1, a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TablePlace {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for TablePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a table was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CrosswalkError {
    /// Not four columns under the header `dialect,kind,canonical,external`.
    #[error("{at}: the columns are dialect,kind,canonical,external, separated by commas")]
    Columns {
        /// Where.
        at: TablePlace,
    },
    /// A kind that is not `country` or `service`.
    #[error("{at}: the kind is country or service, not {kind:?}")]
    Kind {
        /// Where.
        at: TablePlace,
        /// What stood there.
        kind: String,
    },
    /// A code or slug that the catalogue does not have, or a column it cannot give.
    #[error("{at}: the catalogue has no {name:?}")]
    Unknown {
        /// Where.
        at: TablePlace,
        /// What stood there.
        name: String,
    },
    /// An external id that is too long, or one row too many.
    #[error("{at}: above the limit of {ROWS_MAX} rows or {EXTERNAL_LEN_MAX} bytes")]
    TooLarge {
        /// Where.
        at: TablePlace,
    },
    /// An external id that no provider has: the columns have no quotes.
    #[error("{at}: the external id has quotes, control characters or blanks around it")]
    External {
        /// Where.
        at: TablePlace,
    },
    /// Bytes that are no text.
    #[error("{at}: this is not UTF-8 text")]
    NotText {
        /// Where.
        at: TablePlace,
    },
}

/// One dialect's ids in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crosswalk {
    countries: Pairs,
    services: Pairs,
}

impl Crosswalk {
    /// The shipped dialect of this name; `None` where there is none.
    ///
    /// # Panics
    /// If the shipped table is malformed, which the tests of this module rule out.
    #[must_use]
    pub fn load(dialect: &str) -> Option<Self> {
        Self::parse(SHIPPED, dialect).expect("the shipped table parses, as its test shows")
    }

    /// One dialect of a table in the shipped format, from the bytes of a file; `None` where no
    /// row names it.
    ///
    /// # Errors
    /// The first place of any dialect that is not understood.
    pub fn read(table: &[u8], dialect: &str) -> Result<Option<Self>, CrosswalkError> {
        let text = std::str::from_utf8(table).map_err(|error| {
            let before = String::from_utf8_lossy(&table[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            CrosswalkError::NotText { at: TablePlace { line, column } }
        })?;
        // Spreadsheets put a byte order mark in front.
        Self::parse(text.strip_prefix('\u{feff}').unwrap_or(text), dialect)
    }

    fn parse(table: &str, dialect: &str) -> Result<Option<Self>, CrosswalkError> {
        let mut lines = (1..).zip(table.lines());
        if lines.next().is_none_or(|(_, header)| header != "dialect,kind,canonical,external") {
            return Err(CrosswalkError::Columns { at: TablePlace { line: 1, column: 1 } });
        }
        let mut found = None;
        let mut ignored = Self::default();
        for (line, text) in lines {
            let row = Row::parse(line, text)?;
            let wanted = row.dialect == dialect;
            let into = if wanted { found.get_or_insert_default() } else { &mut ignored };
            into.add(Catalog::load(), &row)?;
        }
        Ok(found)
    }

    /// The country that the dialect calls `external`, byte for byte.
    #[must_use]
    pub fn country(&self, external: &str) -> Option<CountryId> {
        self.countries.canonical(external).map(CountryId)
    }

    /// The service that the dialect calls `external`, byte for byte.
    #[must_use]
    pub fn service(&self, external: &str) -> Option<ServiceId> {
        self.services.canonical(external).map(ServiceId)
    }

    /// The dialect's usual id for a country; `None` where it has none.
    #[must_use]
    pub fn country_ext(&self, id: CountryId) -> Option<&str> {
        self.countries.external(id.0)
    }

    /// The dialect's usual id for a service; `None` where it has none.
    #[must_use]
    pub fn service_ext(&self, id: ServiceId) -> Option<&str> {
        self.services.external(id.0)
    }

    fn add(&mut self, catalog: &Catalog, row: &Row<'_>) -> Result<(), CrosswalkError> {
        match (row.kind, row.canonical) {
            (Kind::Country, "*") => {
                let column = row.column(country_column)?;
                for (id, country) in catalog.countries() {
                    column(country).into_iter().for_each(|text| self.countries.add(id.0, &text));
                }
            }
            (Kind::Service, "*") => {
                let column = row.column(service_column)?;
                for (id, service) in catalog.services() {
                    column(service).into_iter().for_each(|text| self.services.add(id.0, text));
                }
            }
            (Kind::Country, iso) => {
                let id = catalog.country_by_iso(iso).ok_or_else(|| row.unknown(iso))?;
                self.countries.add(id.0, row.external);
            }
            (Kind::Service, slug) => {
                let id = catalog.service_by_slug(slug).ok_or_else(|| row.unknown(slug))?;
                self.services.add(id.0, row.external);
            }
        }
        Ok(())
    }
}

type Column<T, V> = fn(&T) -> V;

/// The catalogue's columns that hold external ids of countries.
fn country_column(name: &str) -> Option<Column<Country, Vec<String>>> {
    match name {
        "handler_ids" => Some(|country| country.handler_ids.iter().map(u16::to_string).collect()),
        "fivesim" => Some(|country| country.fivesim.into_iter().map(str::to_owned).collect()),
        _ => None,
    }
}

/// The catalogue's columns that hold external ids of services.
fn service_column(name: &str) -> Option<Column<Service, Option<&'static str>>> {
    match name {
        "handler_code" => Some(|service| Some(service.handler_code)),
        "fivesim" => Some(|service| service.fivesim),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Country,
    Service,
}

/// A line of the table. No id of any provider seen so far holds a comma or a quote.
#[derive(Clone, Copy, Debug)]
struct Row<'a> {
    /// Where the canonical name and the external id begin.
    places: [TablePlace; 2],
    dialect: &'a str,
    kind: Kind,
    canonical: &'a str,
    external: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: usize, text: &'a str) -> Result<Self, CrosswalkError> {
        let place = |before: &str| TablePlace { line, column: before.chars().count() + 1 };
        let mut fields = text.split(',');
        let row = [fields.next(), fields.next(), fields.next(), fields.next()];
        let [Some(dialect), Some(kind), Some(canonical), Some(external)] = row else {
            return Err(CrosswalkError::Columns { at: place(text) });
        };
        // Where the third and the fourth field begin, and where the row should have ended.
        let [second, third, fourth] = [dialect.len() + 1, kind.len() + 1, canonical.len() + 1];
        let (third, fourth) = (second + third, second + third + fourth);
        if fields.next().is_some() {
            return Err(CrosswalkError::Columns { at: place(&text[..fourth + external.len()]) });
        }
        if line > ROWS_MAX {
            return Err(CrosswalkError::TooLarge { at: place("") });
        }
        if external.len() > EXTERNAL_LEN_MAX {
            return Err(CrosswalkError::TooLarge { at: place(&text[..fourth]) });
        }
        let is_odd = |letter: char| letter == '"' || letter.is_control();
        if external.trim() != external || external.contains(is_odd) {
            return Err(CrosswalkError::External { at: place(&text[..fourth]) });
        }
        let kind = match kind {
            "country" => Kind::Country,
            "service" => Kind::Service,
            other => {
                let at = place(&text[..second]);
                return Err(CrosswalkError::Kind { at, kind: other.to_owned() });
            }
        };
        let places = [place(&text[..third]), place(&text[..fourth])];
        Ok(Self { places, dialect, kind, canonical, external })
    }

    fn column<C>(&self, columns: fn(&str) -> Option<C>) -> Result<C, CrosswalkError> {
        columns(self.external).ok_or_else(|| self.unknown(self.external))
    }

    /// What the catalogue does not have: the canonical name, or the name of a column.
    fn unknown(&self, name: &str) -> CrosswalkError {
        let [canonical, external] = self.places;
        let at = if self.canonical == "*" { external } else { canonical };
        CrosswalkError::Unknown { at, name: name.to_owned() }
    }
}

/// External ids ↔ rows of one table of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pairs {
    canonical: BTreeMap<Box<str>, u16>,
    usual: BTreeMap<u16, Box<str>>,
}

impl Pairs {
    /// Adds a pair; an external id that already means another row stays with that one.
    fn add(&mut self, row: u16, external: &str) {
        let owner = *self.canonical.entry(external.into()).or_insert(row);
        if owner == row {
            self.usual.entry(row).or_insert_with(|| external.into());
        }
    }

    fn canonical(&self, external: &str) -> Option<u16> {
        self.canonical.get(external).copied()
    }

    fn external(&self, row: u16) -> Option<&str> {
        self.usual.get(&row).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the shipped dialects, each once, in the order of the table.
    fn dialects() -> Vec<&'static str> {
        let mut names = Vec::new();
        for line in SHIPPED.lines().skip(1) {
            let name = line.split(',').next().unwrap_or(line);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn load(dialect: &str) -> Crosswalk {
        Crosswalk::load(dialect).unwrap()
    }

    fn iso2(id: Option<CountryId>) -> Option<&'static str> {
        Catalog::load().country(id?).map(|country| country.iso2)
    }

    fn slug(id: Option<ServiceId>) -> Option<&'static str> {
        Catalog::load().service(id?).map(|service| service.slug)
    }

    #[test]
    fn the_shipped_dialects_are_four() {
        assert_eq!(dialects(), ["handler_api", "smsbower", "fivesim", "smspool"]);
        assert_eq!(Crosswalk::load("unheard_of"), None);
        assert_eq!(Crosswalk::load("dialect"), None);
    }

    #[test]
    fn what_is_sent_is_understood_in_every_dialect() {
        let catalog = Catalog::load();
        let mut sizes = Vec::new();
        for dialect in dialects() {
            let crosswalk = load(dialect);
            let countries = catalog
                .countries()
                .filter_map(|(id, _)| Some((id, crosswalk.country_ext(id)?)))
                .inspect(|&(id, external)| assert_eq!(crosswalk.country(external), Some(id)))
                .count();
            let services = catalog
                .services()
                .filter_map(|(id, _)| Some((id, crosswalk.service_ext(id)?)))
                .inspect(|&(id, external)| assert_eq!(crosswalk.service(external), Some(id)))
                .count();
            sizes.push((dialect, countries, services));
        }
        assert_eq!(
            sizes,
            [
                ("handler_api", 195, 1930),
                ("smsbower", 195, 1930),
                ("fivesim", 176, 373),
                ("smspool", 145, 348),
            ]
        );
    }

    #[test]
    fn every_dialect_has_its_own_word_for_indonesia_and_telegram() {
        let catalog = Catalog::load();
        let country = catalog.country_by_iso("ID").unwrap();
        let service = catalog.service_by_slug("telegram").unwrap();
        for (dialect, country_ext, service_ext) in [
            ("handler_api", "6", "tg"),
            ("fivesim", "indonesia", "telegram"),
            ("smspool", "9", "907"),
        ] {
            let crosswalk = load(dialect);
            assert_eq!(crosswalk.country_ext(country), Some(country_ext), "{dialect}");
            assert_eq!(crosswalk.service_ext(service), Some(service_ext), "{dialect}");
        }
    }

    #[test]
    fn several_external_ids_may_mean_one_country_and_the_first_is_sent() {
        let (handler, pool) = (load("handler_api"), load("smspool"));
        let usa = Catalog::load().country_by_iso("US").unwrap();
        assert_eq!((handler.country("187"), handler.country("12")), (Some(usa), Some(usa)));
        assert_eq!(handler.country_ext(usa), Some("187"));
        assert_eq!((pool.country("1"), pool.country("US")), (Some(usa), Some(usa)));
        assert_eq!(pool.country_ext(usa), Some("1"));
    }

    #[test]
    fn frenchguiana_is_not_france() {
        let fivesim = load("fivesim");
        assert_eq!(iso2(fivesim.country("frenchguiana")), Some("GF"));
        assert_eq!(iso2(fivesim.country("france")), Some("FR"));
        assert_eq!(fivesim.country("fr"), None);
        assert_eq!(fivesim.country("any"), None);
    }

    #[test]
    fn the_empty_key_is_the_faroe_islands_at_one_provider_only() {
        let bower = load("smsbower");
        assert_eq!(iso2(bower.country("")), Some("FO"));
        assert_eq!(iso2(bower.country("202")), Some("FO"));
        let faroe = Catalog::load().country_by_iso("FO").unwrap();
        assert_eq!(bower.country_ext(faroe), Some("202"));
        for dialect in ["handler_api", "fivesim", "smspool"] {
            assert_eq!(load(dialect).country(""), None, "{dialect}");
        }
    }

    #[test]
    fn a_service_whose_name_is_in_mixed_script_is_met_by_code_and_product() {
        assert_eq!(slug(load("handler_api").service("wj")), Some("1bet"));
        assert_eq!(slug(load("fivesim").service("1xbet")), Some("1bet"));
        assert_eq!(slug(load("handler_api").service("bcg")), Some("2"));
    }

    #[test]
    fn an_external_id_at_two_rows_belongs_to_the_first() {
        let fivesim = load("fivesim");
        let chat = Catalog::load().service_by_slug("potato-chat").unwrap();
        assert_eq!(slug(fivesim.service("potato")), Some("potato"));
        assert_eq!(fivesim.service_ext(chat), None);
    }

    #[test]
    fn an_unknown_external_id_means_nothing() {
        let handler = load("handler_api");
        for text in ["", "-1", "+6", "06", "6 ", "99999", "tg", "٦"] {
            assert_eq!(handler.country(text), None, "{text:?}");
        }
        for text in ["", "TG", "tg ", "telegram"] {
            assert_eq!(handler.service(text), None, "{text:?}");
        }
    }

    #[track_caller]
    fn check_refused(row: &str, message: &str) {
        let table = format!("dialect,kind,canonical,external\na,country,US,1\n{row}\n");
        let refusal = Crosswalk::read(table.as_bytes(), "a").unwrap_err();
        assert_eq!(refusal.to_string(), message);
    }

    #[test]
    fn a_row_that_is_not_understood_is_refused_with_its_place() {
        let columns = "the columns are dialect,kind,canonical,external, separated by commas";
        check_refused("", &format!("line 3, column 1: {columns}"));
        check_refused("a,country,US", &format!("line 3, column 13: {columns}"));
        check_refused("a,country,US,1,2", &format!("line 3, column 15: {columns}"));
        check_refused(
            "é,city,US,1",
            "line 3, column 3: the kind is country or service, not \"city\"",
        );
        check_refused("a,country,XX,1", "line 3, column 11: the catalogue has no \"XX\"");
        check_refused("a,service,nope,1", "line 3, column 11: the catalogue has no \"nope\"");
        let no_column = "line 3, column 13: the catalogue has no \"handler_code\"";
        check_refused("a,country,*,handler_code", no_column);
        check_refused("other,service,nope,1", "line 3, column 15: the catalogue has no \"nope\"");
        let long = format!("a,country,US,{}", "1".repeat(65));
        check_refused(&long, "line 3, column 14: above the limit of 25000 rows or 64 bytes");
        let odd = "the external id has quotes, control characters or blanks around it";
        for external in [" 1", "1 ", "\"1\"", "\"1", "1\0"] {
            let odd = format!("line 3, column 14: {odd}");
            check_refused(&format!("a,country,US,{external}"), &odd);
        }
        let at = TablePlace { line: 1, column: 1 };
        assert_eq!(Crosswalk::read(b"", "a"), Err(CrosswalkError::Columns { at }));
        let at = TablePlace { line: 2, column: 4 };
        let table = b"dialect,kind,canonical,external\na,\xc3\xa9\xff";
        assert_eq!(Crosswalk::read(table, "a"), Err(CrosswalkError::NotText { at }));
    }

    #[test]
    fn a_table_as_spreadsheets_write_it_is_read() {
        let table =
            "\u{feff}dialect,kind,canonical,external\r\na,country,US,1\r\na,service,*,fivesim\r\n";
        let crosswalk = Crosswalk::read(table.as_bytes(), "a").unwrap().unwrap();
        assert_eq!(iso2(crosswalk.country("1")), Some("US"));
        assert_eq!(slug(crosswalk.service("telegram")), Some("telegram"));
        assert_eq!(Crosswalk::read(table.as_bytes(), "b"), Ok(None));
    }
}
