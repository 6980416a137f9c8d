//! A reply: as it came, and prepared for reading.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_8};
use nexnum_engine::time::Time;

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

    /// The body as text: UTF-8, or the charset that `Content-Type` names. A mark at its start
    /// is left out; what cannot be decoded becomes U+FFFD, since one foreign byte is no
    /// reason to lose the rest.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        decoded(self.header("content-type").unwrap_or_default(), &self.body)
    }
}

/// A body as text: UTF-8, or the charset that its `Content-Type` names. A mark at its start is
/// left out; what cannot be decoded becomes U+FFFD.
#[must_use]
pub fn decoded<'a>(content_type: &str, body: &'a [u8]) -> Cow<'a, str> {
    let encoding = charset(content_type).and_then(labelled).unwrap_or(UTF_8);
    // Bytes of ASCII are other letters in ISO-2022-JP and in UTF-16.
    if body.is_ascii() && encoding.is_ascii_compatible() {
        return String::from_utf8_lossy(body);
    }
    encoding.decode(body).0
}

/// The encoding of a label: those of the WHATWG, and Windows' own numbers for the eastern ones.
fn labelled(label: &[u8]) -> Option<&'static Encoding> {
    let number = ["windows-", "cp", "ms"].iter().find_map(|lead| {
        let (start, rest) = label.split_at_checked(lead.len())?;
        start.eq_ignore_ascii_case(lead.as_bytes()).then_some(rest)
    });
    let by_number = || match number? {
        b"932" => Some(SHIFT_JIS),
        b"936" => Some(GBK),
        b"949" => Some(EUC_KR),
        b"950" => Some(BIG5),
        b"65001" => Some(UTF_8),
        _ => None,
    };
    Encoding::for_label(label).or_else(by_number)
}

/// The charset in a `Content-Type`: `text/html; charset="windows-1251"`.
fn charset(content_type: &str) -> Option<&[u8]> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|it| it.split_once('='));
    let (_, label) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(label.trim().trim_matches(['"', '\'']).as_bytes())
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
