//! A country, a service, and the languages in which countries are named.

use crate::ids::Number;

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
    pub(super) names: [&'static str; Language::ALL.len()],
}

impl Country {
    /// Whether a number begins as those of this country do; any number does where no country
    /// code is known.
    #[must_use]
    pub fn may_have(&self, number: Number) -> bool {
        number.to_string().starts_with(self.dial_code)
    }

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
    pub(super) aliases: &'static str,
}

impl Service {
    /// Other words people use for it.
    pub fn aliases(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.aliases.split_whitespace()
    }
}
