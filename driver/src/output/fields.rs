//! How outputs name their fields in a document, and how a field is read from a reply.

use nexnum_engine::ids::Number;

use super::currency::Currency;
use super::value::is_nothing;
use crate::document::OneOrMany;
use crate::json::Node;
use crate::place::{DriverError, Place};
use crate::reply::{Captures, View};
use crate::source::{Scope, Sources};
use crate::words::in_words;

/// Rows one reply may have: four times the largest market known, and within memory.
pub(super) const ROWS_MAX: usize = 500_000;

/// Compiles the fields of one output.
pub(super) struct Reader<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) place: &'a Place,
}

impl Reader<'_> {
    pub(super) fn required(&self, doc: &OneOrMany, name: &str) -> Result<Sources, DriverError> {
        Sources::compile(doc, self.scope, &self.place.field(name))
    }

    pub(super) fn optional(
        &self,
        doc: Option<&OneOrMany>,
        name: &str,
    ) -> Result<Option<Sources>, DriverError> {
        Sources::compile_optional(doc, self.scope, &self.place.field(name))
    }

    pub(super) fn number(
        &self,
        number: &OneOrMany,
        prefix: Option<&OneOrMany>,
    ) -> Result<NumberFields, DriverError> {
        let number = self.required(number, "number")?;
        Ok(NumberFields { number, prefix: self.optional(prefix, "number_prefix")? })
    }
}

pub(super) fn read_table<T: serde::de::DeserializeOwned>(
    table: &toml::Table,
    place: &Place,
) -> Result<T, DriverError> {
    table
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| place.error(in_words(error.message(), "a table")))
}

pub(super) fn checked_scale(scale: u32, place: &Place) -> Result<u32, DriverError> {
    if scale > 9 {
        return Err(place.field("scale").error("is above 9"));
    }
    Ok(scale)
}

/// The number of a purchase, as a reply or a list gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GivenNumber {
    /// A whole number.
    Read(Number),
    /// Something is there and is no whole number: masked, in national form, words.
    Unreadable,
    /// Nothing is there: some providers assign a number a moment after the purchase.
    #[default]
    Absent,
}

impl GivenNumber {
    /// The number, where it can be read.
    #[must_use]
    pub const fn read(self) -> Option<Number> {
        match self {
            Self::Read(number) => Some(number),
            Self::Unreadable | Self::Absent => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct NumberFields {
    pub number: Sources,
    pub prefix: Option<Sources>,
}

impl NumberFields {
    /// Whether the number stands with its country code, whatever others do.
    pub(super) fn is_international(&self, read: impl Fn(&Sources) -> Option<String>) -> bool {
        read(&self.number).is_some_and(|number| spelled(&number).starts_with('+'))
    }

    pub(super) fn assemble(&self, read: impl Fn(&Sources) -> Option<String>) -> GivenNumber {
        let number = read(&self.number).map(|number| spelled(&number));
        let Some(number) = number.filter(|it| !it.is_empty() && !is_nothing(it)) else {
            return GivenNumber::Absent;
        };
        let whole = match &self.prefix {
            // A plus stands before the country code.
            Some(_) if number.starts_with('+') => Some(number),
            None => Some(number),
            Some(prefix) => read(prefix).map(|prefix| {
                let prefix = spelled(&prefix);
                format!("{}{number}", prefix.trim_start_matches('+'))
            }),
        };
        let parsed = whole.and_then(|whole| Number::parse(&whole));
        parsed.map_or(GivenNumber::Unreadable, GivenNumber::Read)
    }
}

/// A number without what people put between its digits: a purchase that is understood but for
/// that would be in doubt.
fn spelled(number: &str) -> String {
    let between =
        |c: char| c.is_whitespace() || matches!(c, '-' | '(' | ')' | '.' | '\u{2010}'..='\u{2015}');
    number.chars().filter(|c| !between(*c)).collect()
}

/// A reply and its rule's groups, to read fields from.
pub(super) struct Input<'i, 'a> {
    pub(super) view: &'i View<'a>,
    pub(super) captures: &'i Captures,
}

impl Input<'_, '_> {
    pub(super) fn root(&self, sources: &Sources) -> Option<String> {
        let value = sources.read(self.view, self.view.root.as_ref(), self.captures)?;
        Some(value.trim().to_owned())
    }

    /// The currency that a row names, or the whole reply.
    pub(super) fn currency(
        &self,
        sources: Option<&Sources>,
        row: Option<&Node<'_>>,
    ) -> Option<Currency> {
        let named = match row {
            Some(row) => self.row(sources, row),
            None => self.root(sources?),
        };
        named.and_then(|text| Currency::parse(&text))
    }

    pub(super) fn row(&self, sources: Option<&Sources>, row: &Node<'_>) -> Option<String> {
        let value = sources?.read(self.view, Some(row), self.captures)?;
        Some(value.trim().to_owned())
    }
}
