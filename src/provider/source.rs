//! Where a value comes from in a reply, and how it is read as a number.
//!
//! A source is a short word: `/a/b` a place in the JSON, `.` the value itself, `$name`
//! a group of the rule's regex, `@Name` a reply header, `=text` a constant. A list of
//! sources is tried in order; null, empty and placeholder values count as absent.

use std::borrow::Cow;
use std::fmt;

use nexnum_engine::money::Micros;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::document::{OneOrMany, Place, ReplyKind};
use super::driver::DriverError;
use super::json::Node;

/// A reply as it came over the wire.
#[derive(Clone, Default)]
pub struct RawReply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in any case.
    pub headers: Vec<(String, String)>,
    /// The body, after content decoding.
    pub body: Vec<u8>,
}

impl RawReply {
    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

/// Shows the status and the length: a body may hold numbers and messages.
impl fmt::Debug for RawReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawReply")
            .field("status", &self.status)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A reply prepared for reading: its text trimmed, its JSON parsed once.
pub(super) struct View<'a> {
    pub reply: &'a RawReply,
    pub text: Cow<'a, str>,
    pub root: Option<Node<'a>>,
    pub placeholders: &'a [String],
}

impl<'a> View<'a> {
    /// `None` if the body is not UTF-8.
    pub(super) fn new(
        reply: &'a RawReply,
        kind: ReplyKind,
        placeholders: &'a [String],
    ) -> Option<Self> {
        let body = std::str::from_utf8(&reply.body).ok()?;
        let text = body.trim_start_matches('\u{feff}').trim();
        let root = match kind {
            ReplyKind::Json => Node::parse(text),
            ReplyKind::Text | ReplyKind::Scalar => None,
        };
        // Some providers quote their tokens: "NO_NUMBERS" is the same answer as NO_NUMBERS.
        let quoted = root.as_ref().filter(|_| text.starts_with('"')).and_then(Node::scalar);
        Some(Self { reply, text: quoted.unwrap_or(Cow::Borrowed(text)), root, placeholders })
    }
}

/// The named groups of the regex that matched.
pub(super) type Captures = Vec<(String, String)>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Path(Vec<String>),
    Itself,
    Capture(String),
    Header(String),
    Constant(String),
}

/// What sources may name at a place in the document.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub reply: ReplyKind,
    pub groups: &'a [String],
}

/// Alternatives, first present one wins.
#[derive(Clone, Debug)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    pub(super) fn compile(
        doc: &OneOrMany,
        scope: Scope<'_>,
        place: &Place,
    ) -> Result<Self, DriverError> {
        let sources: Result<Vec<_>, _> =
            doc.items().iter().map(|text| compile_source(text, scope, place)).collect();
        let sources = sources?;
        let constant = sources.iter().position(|s| matches!(s, Source::Constant(_)));
        if sources.is_empty() {
            return Err(place.error("names no source"));
        }
        if constant.is_some_and(|at| at + 1 < sources.len()) {
            return Err(place.error("what follows a constant is never reached"));
        }
        Ok(Self(sources))
    }

    pub(super) fn compile_optional(
        doc: Option<&OneOrMany>,
        scope: Scope<'_>,
        place: &Place,
    ) -> Result<Option<Self>, DriverError> {
        doc.map(|doc| Self::compile(doc, scope, place)).transpose()
    }

    /// The constants among the alternatives, for checks when a driver is loaded.
    pub(super) fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Source::Constant(text)] => Some(text),
            _ => None,
        }
    }

    /// The first present value, read from `node` (a row, or the whole reply).
    pub(super) fn read<'v, 'n: 'v>(
        &'v self,
        view: &'v View<'_>,
        node: Option<&Node<'n>>,
        captures: &'v Captures,
    ) -> Option<Cow<'v, str>> {
        let mut values = self.0.iter().filter_map(|source| source.read(view, node, captures));
        values.find(|value| {
            let value = value.trim();
            !value.is_empty() && !view.placeholders.iter().any(|p| p == value)
        })
    }
}

impl Source {
    fn read<'v, 'n: 'v>(
        &'v self,
        view: &'v View<'_>,
        node: Option<&Node<'n>>,
        captures: &'v Captures,
    ) -> Option<Cow<'v, str>> {
        match self {
            Self::Path(path) => node?.at(path)?.scalar(),
            Self::Itself => match node {
                Some(node) => node.scalar(),
                None => Some(Cow::Borrowed(view.text.as_ref())),
            },
            Self::Capture(name) => {
                let found = captures.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| Cow::Borrowed(value.as_str()))
            }
            Self::Header(name) => view.reply.header(name).map(Cow::Borrowed),
            Self::Constant(text) => Some(Cow::Borrowed(text)),
        }
    }
}

fn compile_source(text: &str, scope: Scope<'_>, place: &Place) -> Result<Source, DriverError> {
    let json = scope.reply == ReplyKind::Json;
    if text == "." {
        if scope.reply == ReplyKind::Text {
            return Err(place.error("`.` needs a json or scalar reply"));
        }
        return Ok(Source::Itself);
    }
    let rest = text.get(1..).unwrap_or_default();
    match text.as_bytes().first() {
        Some(b'/') if !json => Err(place.error(format!("`{text}` needs a json reply"))),
        Some(b'/') if rest.is_empty() => Err(place.error("an empty path; `.` is the value itself")),
        Some(b'/') => Ok(Source::Path(compile_path(text))),
        Some(b'$') if scope.groups.iter().any(|group| group == rest) => {
            Ok(Source::Capture(rest.to_owned()))
        }
        Some(b'$') => Err(place.error(format!("the rule's regex has no group `{rest}`"))),
        Some(b'@') if !rest.is_empty() => Ok(Source::Header(rest.to_owned())),
        Some(b'=') if !rest.is_empty() => Ok(Source::Constant(rest.to_owned())),
        _ => Err(place.error(format!("`{text}` is none of /path . $group @header =constant"))),
    }
}

/// The segments of `/a/b`, with JSON pointer's `~1` and `~0` for `/` and `~`.
pub(super) fn compile_path(text: &str) -> Vec<String> {
    let segments = text.strip_prefix('/').unwrap_or(text).split('/');
    segments.map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

/// Which way an amount that is finer than a micro goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// Costs: never book less than was charged.
    Up,
    /// Balances and limits: never count on more than there is.
    Down,
}

/// Reads an amount as written (`15`, `"0.2500"`, `1e-3`), divided by 10^`scale`.
pub(super) fn parse_amount(text: &str, scale: u32, rounding: Rounding) -> Option<Micros> {
    let text = text.trim();
    if scale == 0
        && let Ok(amount) = Micros::parse(text)
    {
        return Some(amount);
    }
    let plain = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).ok()?;
    let scaled = plain.checked_div(Decimal::from(10u64.checked_pow(scale)?))?;
    to_micros(scaled, rounding)
}

/// Units to micros; `None` outside ±`AMOUNT_MAX`.
pub(super) fn to_micros(units: Decimal, rounding: Rounding) -> Option<Micros> {
    let strategy = match rounding {
        Rounding::Up => RoundingStrategy::ToPositiveInfinity,
        Rounding::Down => RoundingStrategy::ToNegativeInfinity,
    };
    let micros = units.checked_mul(Decimal::from(nexnum_engine::money::MICROS_PER_UNIT))?;
    let micros = micros.round_dp_with_strategy(0, strategy).to_i64()?;
    let most = nexnum_engine::money::AMOUNT_MAX.0;
    (-most..=most).contains(&micros).then_some(Micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, scale: u32, up: Option<i64>, down: Option<i64>) {
        assert_eq!(parse_amount(text, scale, Rounding::Up).map(|m| m.0), up, "{text}");
        assert_eq!(parse_amount(text, scale, Rounding::Down).map(|m| m.0), down, "{text}");
    }

    #[test]
    fn an_amount_is_read_exactly_and_rounded_only_below_a_micro() {
        check("15.0", 0, Some(15_000_000), Some(15_000_000));
        check(" 0.2500", 0, Some(250_000), Some(250_000));
        check("0.30000000000000004", 0, Some(300_001), Some(300_000));
        check("1e-3", 0, Some(1_000), Some(1_000));
        check("2.5E2", 0, Some(250_000_000), Some(250_000_000));
        check("1250", 2, Some(12_500_000), Some(12_500_000));
        check("-0.5", 0, Some(-500_000), Some(-500_000));
        for text in ["", "abc", "1,5", "NaN", "1e400", "99999999999", "0x10", "--1"] {
            check(text, 0, None, None);
        }
        check("1", 40, None, None);
    }
}
