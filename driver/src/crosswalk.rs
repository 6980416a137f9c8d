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

/// Letters that a dialect's word has at least for another one to be near to it.
const NEAR_LEN_MIN: usize = 4;

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
    /// A dialect that is nearly the one that is read: its row would be passed over.
    #[error(
        "{at}: the dialect {found:?} is not {wanted:?}, and nearly so: write it in the same way, or \
         give another dialect a table of its own"
    )]
    Dialect {
        /// Where.
        at: TablePlace,
        /// What stood there.
        found: String,
        /// Which dialect is read.
        wanted: String,
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
            if !wanted && is_misspelt(row.dialect, dialect) {
                let at = TablePlace { line, column: 1 };
                let (found, wanted) = (row.dialect.to_owned(), dialect.to_owned());
                return Err(CrosswalkError::Dialect { at, found, wanted });
            }
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

/// Whether a dialect's word is another one with a slip: nothing, other capitals, blanks or signs, or
/// one letter that is another, too many, missing, or changed places with its neighbour. A figure is
/// no slip, since families are numbered, and short words are near to many.
fn is_misspelt(found: &str, wanted: &str) -> bool {
    let letters = |word: &str| {
        let letters = word.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect::<Vec<_>>()
    };
    let (found, wanted) = (letters(found), letters(wanted));
    if found.is_empty() || found == wanted {
        return true;
    }
    if wanted.len() < NEAR_LEN_MIN {
        return false;
    }
    let is_same = |(one, other): &(&char, &char)| one == other;
    let before = found.iter().zip(&wanted).take_while(is_same).count();
    let behind = found[before..].iter().rev().zip(wanted[before..].iter().rev());
    let behind = behind.take_while(is_same).count();
    let found = &found[before..found.len() - behind];
    let wanted = &wanted[before..wanted.len() - behind];
    match (found, wanted) {
        ([letter], []) | ([], [letter]) => letter.is_alphabetic(),
        ([one], [other]) => one.is_alphabetic() && other.is_alphabetic(),
        ([a, b], [c, d]) => (a, b) == (d, c) && a.is_alphabetic() && b.is_alphabetic(),
        _ => false,
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
mod tests;
