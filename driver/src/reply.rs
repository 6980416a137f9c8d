//! A reply: as it came, and prepared for reading.

use std::borrow::Cow;
use std::fmt;

use nexnum_engine::time::Time;

use crate::charset::decoded;
use crate::document::ReplyKind;
use crate::json::Node;

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

    /// What the provider's clock showed when it sent this: its `Date`, and the `Age` that a
    /// cache in between adds to it.
    #[must_use]
    pub fn server_now(&self) -> Option<Time> {
        let date = jiff::fmt::rfc2822::DateTimeParser::new();
        let date = date.parse_timestamp(self.header("date")?).ok()?;
        let age_s = self.header("age").and_then(|age| age.parse::<u32>().ok()).unwrap_or(0);
        let at = u64::try_from(date.as_millisecond()).ok()?;
        Some(Time(at + 1_000 * u64::from(age_s)))
    }

    /// The body as text, in its charset.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        decoded(self.header("content-type").unwrap_or_default(), &self.body)
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
pub(crate) struct View<'a> {
    pub reply: &'a RawReply,
    pub text: Cow<'a, str>,
    pub root: Option<Node<'a>>,
    pub placeholders: &'a [String],
}

impl<'a> View<'a> {
    /// Of a reply and its text.
    pub(crate) fn new(
        reply: &'a RawReply,
        text: &'a str,
        kind: ReplyKind,
        placeholders: &'a [String],
    ) -> Self {
        let text = text.trim_start_matches('\u{feff}').trim();
        let root = match kind {
            ReplyKind::Json => Node::parse(text),
            ReplyKind::Text | ReplyKind::Scalar => None,
        };
        // Some providers quote their tokens: "NO_NUMBERS" is the same answer as NO_NUMBERS.
        let quoted = root.as_ref().filter(|_| text.starts_with('"')).and_then(Node::scalar);
        Self { reply, text: quoted.unwrap_or(Cow::Borrowed(text)), root, placeholders }
    }
}

/// The named groups of the regex that matched.
pub(crate) type Captures = Vec<(String, String)>;

/// A reply that a rule recognised but that lacks what the rule promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misfit;

/// Why a rule's output could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    /// In words, with what may be secret masked; nothing where the reply itself says most.
    pub why: Option<String>,
}

impl From<Misfit> for Unread {
    fn from(Misfit: Misfit) -> Self {
        Self::default()
    }
}
