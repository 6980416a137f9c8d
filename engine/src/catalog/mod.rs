//! The catalogue: the countries and services that can be sold, and every word they are found by.
//!
//! Promises: a row's position in `engine/data/*.csv` is its id for ever; one
//! flat table each, parsed once a process; no lookup allocates. Which external
//! id means which row at a given provider is left to the provider crosswalk,
//! and search by prefix or with typos to the index.

mod table;

use std::sync::LazyLock;

use crate::ids::{CountryId, ServiceId};
use table::{Keys, fold};

/// The longest text a lookup looks at, in bytes; nothing in the catalogue is longer.
pub const KEY_LEN_MAX: usize = 128;

/// A language that country names are kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Portuguese.
    Pt,
    /// Russian.
    Ru,
    /// Turkish.
    Tr,
    /// Hindi.
    Hi,
    /// Arabic.
    Ar,
    /// Chinese, simplified script.
    Zh,
}

impl Language {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 9] =
        [Self::En, Self::Es, Self::Fr, Self::Pt, Self::Ru, Self::Tr, Self::Hi, Self::Ar, Self::Zh];

    /// The ISO 639-1 code, `"en"`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
            Self::Fr => "fr",
            Self::Pt => "pt",
            Self::Ru => "ru",
            Self::Tr => "tr",
            Self::Hi => "hi",
            Self::Ar => "ar",
            Self::Zh => "zh",
        }
    }

    /// The language of an ISO 639-1 code in any case.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(code))
    }
}

/// A country as the world knows it.
#[derive(Debug)]
pub struct Country {
    /// ISO 3166-1 alpha-2, capitals.
    pub iso2: &'static str,
    /// ISO 3166-1 alpha-3, capitals.
    pub iso3: &'static str,
    /// The E.164 country code without a plus sign; shared by several countries, empty for a few territories.
    pub dial_code: &'static str,
    /// The handler protocol's ids, the usual one first.
    pub handler_ids: Box<[u16]>,
    /// 5sim's slug, where it has one.
    pub fivesim: Option<&'static str>,
    names: [&'static str; Language::ALL.len()],
}

impl Country {
    /// The CLDR name in a language.
    #[must_use]
    pub fn name(&self, language: Language) -> &'static str {
        self.names[language as usize]
    }
}

/// A service whose messages a number can receive.
#[derive(Debug)]
pub struct Service {
    /// Our own unique word for it: lower-case Latin letters, digits, hyphens.
    pub slug: &'static str,
    /// The name as the market prints it, in whatever script.
    pub name: &'static str,
    /// The handler protocol's code, unique.
    pub handler_code: &'static str,
    /// 5sim's product, where it has one.
    pub fivesim: Option<&'static str>,
    /// The rank among the most traded, from 1; `None` for the long tail.
    pub popularity: Option<u16>,
    aliases: &'static str,
}

impl Service {
    /// Other words people use for it.
    pub fn aliases(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.aliases.split_whitespace()
    }
}

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
    country_handler_ids: Vec<(u16, u16)>,
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
        let mut country_handler_ids: Vec<(u16, u16)> = (0u16..)
            .zip(&countries)
            .flat_map(|(row, country)| country.handler_ids.iter().map(move |&id| (id, row)))
            .collect();
        country_handler_ids.sort_unstable();
        Self {
            country_isos: Keys::of(&countries, |country| [country.iso2, country.iso3]),
            country_names: Keys::of(&countries, |country| country.names),
            country_fivesims: Keys::of(&countries, |country| country.fivesim),
            country_handler_ids,
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

    /// The country of a handler-protocol id; several ids may mean one country.
    #[must_use]
    pub fn country_by_handler_id(&self, id: u16) -> Option<CountryId> {
        let at = self.country_handler_ids.partition_point(|&(other, _)| other < id);
        let &(found, row) = self.country_handler_ids.get(at)?;
        (found == id).then_some(CountryId(row))
    }

    /// The country of a 5sim slug, in any case.
    #[must_use]
    pub fn country_by_fivesim(&self, slug: &str) -> Option<CountryId> {
        self.country_fivesims.row(slug).map(CountryId)
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

    /// The service of a handler-protocol code, in any case.
    #[must_use]
    pub fn service_by_handler_code(&self, code: &str) -> Option<ServiceId> {
        self.service_codes.row(code).map(ServiceId)
    }

    /// The service of a 5sim product, in any case.
    #[must_use]
    pub fn service_by_fivesim(&self, product: &str) -> Option<ServiceId> {
        self.service_fivesims.row(product).map(ServiceId)
    }
}

/// A text as lookups compare it: lower case, with Turkish dotted and dotless i
/// read as the plain letter.
#[must_use]
pub fn folded(text: &str) -> String {
    fold(text).collect()
}

#[cfg(test)]
mod tests;
