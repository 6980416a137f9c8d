//! Requests from templates: slots filled in, encoded by where they stand.
//!
//! `{slot}` must have a value, `{slot?}` drops its whole parameter when it has none,
//! `{slot|word}` falls back to a word. What fills a slot can never change the shape of
//! the request: paths, queries and forms are percent-encoded, JSON is escaped, header
//! values with control characters are refused. Credentials never show in `Debug`.

use std::fmt;

use crate::document::ParamDoc;
use crate::op::Op;
use crate::place::{DriverError, Place};

/// A text that must not be shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// True if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, to be sent and not to be shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What a provider knows us by; most want the key alone.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The API key or token.
    pub key: Secret,
    /// An account name, where one is asked for.
    pub login: Option<Secret>,
    /// A password, where one is asked for.
    pub password: Option<Secret>,
}

/// What one call is about; each operation uses some of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slots<'a> {
    /// The provider's code of the country.
    pub country: Option<&'a str>,
    /// The provider's code of the service.
    pub service: Option<&'a str>,
    /// The operator, pool or partner to buy from.
    pub operator: Option<&'a str>,
    /// The most to pay, as a decimal in the provider's currency.
    pub max_price: Option<&'a str>,
    /// The provider's identifier of an activation.
    pub external_id: Option<&'a str>,
    /// How many rows of a list to pass over.
    pub offset: Option<&'a str>,
}

/// Why a request could not be made from its template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The call came without a value the template needs.
    #[error("no value for `{0}`")]
    Missing(&'static str),
    /// A value that cannot stand where the template puts it.
    #[error("the value of `{0}` cannot be sent")]
    Unsendable(&'static str),
    /// The base address is not `http(s)://host[:port][/path]`.
    #[error("the base address is not http(s)://host[:port][/path]")]
    BadBase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Country,
    Service,
    Operator,
    MaxPrice,
    ExternalId,
    Offset,
    Key,
    Login,
    Password,
}

impl Slot {
    const ALL: [(&'static str, Self); 9] = [
        ("country", Self::Country),
        ("service", Self::Service),
        ("operator", Self::Operator),
        ("max_price", Self::MaxPrice),
        ("external_id", Self::ExternalId),
        ("offset", Self::Offset),
        ("key", Self::Key),
        ("login", Self::Login),
        ("password", Self::Password),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, slot)| *slot)
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, slot)| *slot == self);
        found.map_or("", |(name, _)| name)
    }

    /// True if calls of the operation can bring a value; `sure` if all of them do.
    fn filled_by(self, op: Op) -> (bool, bool) {
        match (self, op) {
            (Self::Key, _) => (true, true),
            (Self::Login | Self::Password, _) => (true, true),
            (Self::Country | Self::Service, Op::Buy) => (true, true),
            (Self::Operator | Self::MaxPrice, Op::Buy) => (true, false),
            (Self::ExternalId, Op::Status | Op::Cancel | Op::Finish | Op::Resend) => (true, true),
            (Self::Offset, Op::ListActive) => (true, true),
            (
                Self::Country
                | Self::Service
                | Self::Operator
                | Self::MaxPrice
                | Self::ExternalId
                | Self::Offset,
                _,
            ) => (false, false),
        }
    }
}

/// Where a call's values come from.
pub(crate) struct Values<'a> {
    pub slots: &'a Slots<'a>,
    pub credentials: &'a Credentials,
}

impl Values<'_> {
    fn get(&self, slot: Slot) -> Option<&str> {
        let value = match slot {
            Slot::Country => self.slots.country,
            Slot::Service => self.slots.service,
            Slot::Operator => self.slots.operator,
            Slot::MaxPrice => self.slots.max_price,
            Slot::ExternalId => self.slots.external_id,
            Slot::Offset => self.slots.offset,
            Slot::Key => Some(self.credentials.key.expose()),
            Slot::Login => self.credentials.login.as_ref().map(Secret::expose),
            Slot::Password => self.credentials.password.as_ref().map(Secret::expose),
        };
        value.filter(|value| !value.is_empty())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Path,
    Plain,
    Header,
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    Slot { slot: Slot, optional: bool, fallback: Option<String> },
}

/// A text with slots.
#[derive(Debug)]
pub(crate) struct Template(Vec<Piece>);

impl Template {
    pub(crate) fn compile(text: &str, op: Op, place: &Place) -> Result<Self, DriverError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((word, tail)) = after.split_once('}') else {
                return Err(place.error("has a `{` without a `}`"));
            };
            pieces.push(Piece::Literal(literal.to_owned()));
            pieces.push(compile_slot(word, op, place)?);
            rest = tail;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
        let stray = |piece: &Piece| matches!(piece, Piece::Literal(text) if text.contains('}'));
        if pieces.iter().any(stray) {
            return Err(place.error("has a `}` without a `{`"));
        }
        Ok(Self(pieces))
    }

    /// True if a slot in it may have no value.
    pub(crate) fn is_optional(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Slot { optional: true, .. }))
    }

    /// True if the slot is in it.
    pub(crate) fn uses(&self, wanted: Slot) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Slot { slot, .. } if *slot == wanted))
    }

    /// True if it cannot be filled without a value for the slot.
    pub(crate) fn requires(&self, wanted: Slot) -> bool {
        self.0.iter().any(|piece| {
            matches!(piece, Piece::Slot { slot, optional: false, fallback: None } if *slot == wanted)
        })
    }

    /// The text with its slots filled; `None` if an optional slot has no value.
    pub(crate) fn expand(
        &self,
        values: &Values<'_>,
        encoding: Encoding,
    ) -> Result<Option<String>, RequestError> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Slot { slot, optional, fallback } => {
                    match values.get(*slot).or(fallback.as_deref()) {
                        Some(value) => encode(value, *slot, encoding, &mut text)?,
                        None if *optional => return Ok(None),
                        None => return Err(RequestError::Missing(slot.name())),
                    }
                }
            }
        }
        Ok(Some(text))
    }
}

fn compile_slot(word: &str, op: Op, place: &Place) -> Result<Piece, DriverError> {
    let (name, fallback) = match word.split_once('|') {
        Some((name, fallback)) => (name, Some(fallback.to_owned())),
        None => (word, None),
    };
    let optional = name.ends_with('?');
    let name = name.trim_end_matches('?');
    let Some(slot) = Slot::parse(name) else {
        let known = Slot::ALL.map(|(name, _)| name).join(", ");
        return Err(place.error(format!("`{{{word}}}` is none of {known}")));
    };
    let (possible, sure) = slot.filled_by(op);
    if !possible {
        return Err(place.error(format!("`{{{word}}}` has no value in this operation")));
    }
    if !sure && !optional && fallback.is_none() {
        let problem = format!("`{{{word}}}` may be absent: write {{{name}?}} or {{{name}|word}}");
        return Err(place.error(problem));
    }
    if optional && fallback.is_some() {
        return Err(place.error(format!("`{{{word}}}` is optional and has a fallback")));
    }
    Ok(Piece::Slot { slot, optional, fallback })
}

fn encode(
    value: &str,
    slot: Slot,
    encoding: Encoding,
    into: &mut String,
) -> Result<(), RequestError> {
    match encoding {
        // A URL parser would read these as steps up, encoded or not.
        Encoding::Path if matches!(value, "." | "..") => Err(RequestError::Unsendable(slot.name())),
        Encoding::Path => {
            percent_encode(value, into);
            Ok(())
        }
        Encoding::Header if !is_printable(value) => Err(RequestError::Unsendable(slot.name())),
        Encoding::Plain | Encoding::Header => {
            into.push_str(value);
            Ok(())
        }
    }
}

/// True for what a header takes: printable ASCII characters.
pub(crate) fn is_printable(value: &str) -> bool {
    value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// RFC 3986: all but the unreserved characters.
pub(crate) fn percent_encode(value: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[derive(Debug)]
pub(crate) struct Param {
    pub name: String,
    value: Template,
    unless: Option<Slot>,
    pub number: bool,
}

impl Param {
    pub(crate) fn compile(
        name: &str,
        doc: &ParamDoc,
        op: Op,
        place: &Place,
    ) -> Result<Self, DriverError> {
        let place = place.field(name);
        let (value, unless, number) = match doc {
            ParamDoc::Plain(value) => (value, None, false),
            ParamDoc::Detailed(table) => (&table.value, table.unless.as_deref(), table.number),
        };
        let unless = match unless.map(|word| (word, Slot::parse(word))) {
            None => None,
            Some((_, Some(slot))) if slot.filled_by(op) == (true, false) => Some(slot),
            Some((word, _)) => {
                let problem = format!("`{word}` is no slot that may be absent here");
                return Err(place.field("unless").error(problem));
            }
        };
        let value = Template::compile(value, op, &place)?;
        Ok(Self { name: name.to_owned(), value, unless, number })
    }

    pub(crate) fn expand(
        &self,
        values: &Values<'_>,
        encoding: Encoding,
    ) -> Result<Option<String>, RequestError> {
        if self.unless.is_some_and(|slot| values.get(slot).is_some()) {
            return Ok(None);
        }
        self.value.expand(values, encoding)
    }

    /// True if the slot is in its value.
    pub(crate) fn uses(&self, wanted: Slot) -> bool {
        self.value.uses(wanted)
    }

    /// As [`Template::requires`].
    pub(crate) fn requires(&self, wanted: Slot) -> bool {
        self.value.requires(wanted)
    }
}
