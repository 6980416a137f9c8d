//! Which outcome a reply is: ordered rules, the first that matches decides.
//!
//! A rule's conditions are an HTTP status and one test on a subject (the body's text, a
//! place in the JSON, or a header); its consequence is a provider error of a fixed kind
//! or an output to read. What no rule knows is `Unmapped`, with an excerpt for the
//! operator in which keys, numbers and codes are masked, and never a guess.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

use super::document::{Place, ReplyKind, RuleDoc};
use super::driver::{DriverError, Op};
use super::give::Give;
use super::json::Node;
use super::source::{Captures, RawReply, Scope, Sources, View, compile_path};

/// What went wrong, in the same words for every provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No number to be had for this product now.
    NoNumbers,
    /// The account at the provider has run dry.
    NoBalance,
    /// The provider refuses our credentials.
    BadKey,
    /// The provider does not know the service.
    BadService,
    /// The provider does not know the country.
    BadCountry,
    /// The price limit is below the provider's cheapest number.
    PriceTooLow,
    /// The activation may not be cancelled or repeated yet.
    TooEarly,
    /// The provider does not know the activation, or holds it no longer.
    NotFound,
    /// Too late to cancel: a message is there.
    HasCode,
    /// Too late to cancel, though no message came.
    TooLate,
    /// The provider has locked our account out.
    Banned,
    /// Too many calls.
    RateLimited,
    /// The provider is unwell; later may work.
    Temporary,
    /// The provider cannot do what was asked; nothing was sent.
    Unsupported,
    /// The reply fits no rule, or does not fit the rule it met.
    Unmapped,
}

impl ErrorKind {
    const WORDS: [(&'static str, Self); 13] = [
        ("no_numbers", Self::NoNumbers),
        ("no_balance", Self::NoBalance),
        ("bad_key", Self::BadKey),
        ("bad_service", Self::BadService),
        ("bad_country", Self::BadCountry),
        ("price_too_low", Self::PriceTooLow),
        ("too_early", Self::TooEarly),
        ("not_found", Self::NotFound),
        ("has_code", Self::HasCode),
        ("too_late", Self::TooLate),
        ("banned", Self::Banned),
        ("rate_limited", Self::RateLimited),
        ("temporary", Self::Temporary),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }

    /// True if the same call may fare better in a moment.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        match self {
            Self::RateLimited | Self::Temporary | Self::Unmapped => true,
            Self::NoNumbers
            | Self::NoBalance
            | Self::BadKey
            | Self::BadService
            | Self::BadCountry
            | Self::PriceTooLow
            | Self::TooEarly
            | Self::NotFound
            | Self::HasCode
            | Self::TooLate
            | Self::Banned
            | Self::Unsupported => false,
        }
    }

    /// The kind as drivers spell it.
    #[must_use]
    pub fn word(self) -> &'static str {
        let fallback = if self == Self::Unsupported { "unsupported" } else { "unmapped" };
        let found = Self::WORDS.iter().find(|(_, kind)| *kind == self);
        found.map_or(fallback, |(name, _)| name)
    }
}

/// A provider's refusal, or a reply that could not be read.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// True if the reply says that nothing was done; false if it may have been.
    pub certain: bool,
    /// How long the provider asks to be left alone.
    pub retry_after_ms: Option<u64>,
    /// The beginning of the reply or what failed, at most [`EXCERPT_MAX`] characters;
    /// long words and runs of digits are masked.
    pub excerpt: String,
}

/// Characters of a reply kept for the operator: enough for any error token or title.
pub const EXCERPT_MAX: usize = 200;

impl ProviderError {
    /// An error that no reply stands behind.
    #[must_use]
    pub fn new(kind: ErrorKind, certain: bool, excerpt: impl Into<String>) -> Self {
        let excerpt = excerpt.into();
        Self { kind, certain, retry_after_ms: None, excerpt }
    }

    fn unmapped(view: &View<'_>) -> Self {
        Self::new(ErrorKind::Unmapped, false, excerpt(&view.text))
    }
}

/// Shows the kind and the figures; the excerpt stays out of logs.
impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.kind)
            .field("certain", &self.certain)
            .field("retry_after_ms", &self.retry_after_ms)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.word())
    }
}

impl std::error::Error for ProviderError {}

/// Longest word an excerpt shows: error tokens are shorter, keys are longer.
const WORD_MAX: usize = 24;
/// Longest run of digits an excerpt shows: codes and numbers are longer.
const DIGITS_MAX: usize = 3;
/// Body bytes an excerpt is made from.
const EXCERPT_SOURCE_MAX: usize = 1024;

/// The beginning of a text with what may be a key, a number or a code masked.
pub(super) fn excerpt(text: &str) -> String {
    let mut end = text.len().min(EXCERPT_SOURCE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut masked = String::new();
    let mut rest = &text[..end];
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length);
        let secret = is_word(first) && (run.chars().count() > WORD_MAX || has_digits(run));
        masked.push_str(if secret { "***" } else { run });
        rest = after;
    }
    masked.chars().filter(|c| !c.is_control()).take(EXCERPT_MAX).collect()
}

fn has_digits(word: &str) -> bool {
    let mut run = 0;
    word.chars().any(|c| {
        run = if c.is_numeric() { run + 1 } else { 0 };
        run > DIGITS_MAX
    })
}

/// Body bytes up to which the text itself is tested: tokens are short, price lists are not.
const TEXT_TEST_MAX: usize = 4096;

#[derive(Debug, PartialEq, Eq)]
enum Subject {
    Body,
    Path(Vec<String>),
    Root,
    Header(String),
}

#[derive(Debug)]
enum Test {
    Any,
    Equals(Vec<String>),
    Starts(String),
    Matches(Regex),
    Exists(bool),
}

#[derive(Debug)]
pub(super) enum Consequence {
    Fail { kind: ErrorKind, in_doubt: bool, retry_after_s: Option<Sources> },
    Give(Give),
}

/// One compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub place: String,
    status: Vec<u16>,
    subject: Subject,
    test: Test,
    pub consequence: Consequence,
}

impl Rule {
    /// Compiles a rule of an operation, or a driver-wide one if `op` is `None`.
    pub(super) fn compile(
        doc: &RuleDoc,
        op: Option<Op>,
        reply: ReplyKind,
        place: &Place,
    ) -> Result<Self, DriverError> {
        let subject = compile_subject(doc.at.as_deref(), reply, place)?;
        let test = compile_test(doc, &subject, place)?;
        let groups: Vec<String> = match &test {
            Test::Matches(regex) => regex.capture_names().flatten().map(str::to_owned).collect(),
            Test::Any | Test::Equals(_) | Test::Starts(_) | Test::Exists(_) => Vec::new(),
        };
        let scope = Scope { reply, groups: &groups };
        let consequence = compile_consequence(doc, op, scope, place)?;
        let status = doc.status.clone();
        if let Some(bad) = status.iter().find(|status| !(100..600).contains(*status)) {
            return Err(place.field("status").error(format!("{bad} is no HTTP status")));
        }
        Ok(Self { place: place.clone().into_text(), status, subject, test, consequence })
    }

    /// True if nothing passes this rule by.
    pub(super) fn catches_all(&self) -> bool {
        self.status.is_empty() && matches!(self.test, Test::Any)
    }

    /// True if the rule looks into the reply's JSON.
    pub(super) fn reads_json(&self) -> bool {
        matches!(self.subject, Subject::Path(_) | Subject::Root)
    }

    /// A token that an earlier rule already decides, so that this rule never sees it.
    pub(super) fn shadowed_by<'a>(&'a self, earlier: &Self) -> Option<&'a str> {
        let covers = earlier.status.is_empty() || earlier.status == self.status;
        let (Test::Equals(mine), Test::Equals(theirs)) = (&self.test, &earlier.test) else {
            return None;
        };
        let token = mine.iter().find(|token| theirs.contains(token));
        token.filter(|_| covers && self.subject == earlier.subject).map(String::as_str)
    }

    /// The groups of the match, or `None` if the rule does not apply.
    pub(super) fn matches(&self, view: &View<'_>) -> Option<Captures> {
        if !self.status.is_empty() && !self.status.contains(&view.reply.status) {
            return None;
        }
        if let Test::Any = self.test {
            return Some(Captures::new());
        }
        let value: Option<Cow<'_, str>> = match &self.subject {
            Subject::Body if view.text.len() > TEXT_TEST_MAX => None,
            Subject::Body => Some(Cow::Borrowed(view.text.as_ref())),
            Subject::Header(name) => view.reply.header(name).map(Cow::Borrowed),
            Subject::Root => return self.matches_node(view.root.as_ref()),
            Subject::Path(path) => {
                return self.matches_node(view.root.as_ref().and_then(|n| n.at(path)).as_ref());
            }
        };
        self.test.matches(value.is_some(), value.as_deref())
    }

    fn matches_node(&self, node: Option<&Node<'_>>) -> Option<Captures> {
        let node = node.filter(|node| !node.is_null());
        let text = node.and_then(Node::scalar);
        self.test.matches(node.is_some(), text.as_deref())
    }
}

impl Test {
    fn matches(&self, exists: bool, text: Option<&str>) -> Option<Captures> {
        let plain = |holds: bool| holds.then(Captures::new);
        match self {
            Self::Any => plain(true),
            Self::Exists(expected) => plain(exists == *expected),
            Self::Equals(tokens) => plain(text.is_some_and(|t| tokens.iter().any(|k| k == t))),
            Self::Starts(prefix) => plain(text.is_some_and(|t| t.starts_with(prefix.as_str()))),
            Self::Matches(regex) => {
                let found = regex.captures(text?)?;
                let named = regex.capture_names().flatten();
                let pairs =
                    named.filter_map(|n| Some((n.to_owned(), found.name(n)?.as_str().to_owned())));
                Some(pairs.collect())
            }
        }
    }
}

fn compile_subject(
    at: Option<&str>,
    reply: ReplyKind,
    place: &Place,
) -> Result<Subject, DriverError> {
    let json = reply == ReplyKind::Json;
    match at {
        None => Ok(Subject::Body),
        Some(text) if text.starts_with('@') => Ok(Subject::Header(text[1..].to_owned())),
        Some(_) if !json => Err(place.field("at").error("needs a json reply")),
        Some(".") => Ok(Subject::Root),
        Some(text) if text.starts_with('/') => Ok(Subject::Path(compile_path(text))),
        Some(text) => Err(place.field("at").error(format!("`{text}` is none of /path . @header"))),
    }
}

/// Compiled size of one regex: patterns for tokens need a fraction of it.
const REGEX_BYTES_MAX: usize = 1 << 18;

fn compile_test(doc: &RuleDoc, subject: &Subject, place: &Place) -> Result<Test, DriverError> {
    let named =
        [doc.equals.is_some(), doc.starts.is_some(), doc.regex.is_some(), doc.exists.is_some()];
    match (named.iter().filter(|named| **named).count(), subject) {
        (0, Subject::Body) => return Ok(Test::Any),
        (0, _) => return Err(place.error("`at` needs one of equals, starts, regex, exists")),
        (1, _) => {}
        (_, _) => return Err(place.error("has more than one of equals, starts, regex, exists")),
    }
    if let Some(tokens) = &doc.equals {
        return Ok(Test::Equals(tokens.items().to_vec()));
    }
    if let Some(prefix) = &doc.starts {
        return Ok(Test::Starts(prefix.clone()));
    }
    if let Some(pattern) = &doc.regex {
        let built = regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build();
        return built.map(Test::Matches).map_err(|e| place.field("regex").error(e.to_string()));
    }
    match (doc.exists, subject) {
        (Some(_), Subject::Body) => {
            Err(place.field("exists").error("a body always exists; name `at`"))
        }
        (expected, _) => Ok(Test::Exists(expected.unwrap_or(true))),
    }
}

fn compile_consequence(
    doc: &RuleDoc,
    op: Option<Op>,
    scope: Scope<'_>,
    place: &Place,
) -> Result<Consequence, DriverError> {
    let only_with_error =
        [("in_doubt", doc.in_doubt), ("retry_after_s", doc.retry_after_s.is_some())];
    match (&doc.error, &doc.give, op) {
        (Some(_), Some(_), _) => Err(place.error("has both `error` and `give`")),
        (None, None, _) => Err(place.error("has neither `error` nor `give`")),
        (None, Some(_), None) => Err(place.error("a driver-wide rule can only be an `error`")),
        (None, Some(give), Some(op)) => {
            if let Some((name, _)) = only_with_error.iter().find(|(_, set)| *set) {
                return Err(place.field(name).error("belongs to an `error` rule"));
            }
            Give::compile(give, op, scope, &place.field("give")).map(Consequence::Give)
        }
        (Some(word), None, _) => {
            let Some(kind) = ErrorKind::parse(word) else {
                let words: Vec<_> = ErrorKind::WORDS.iter().map(|(word, _)| *word).collect();
                let known = words.join(", ");
                return Err(place.field("error").error(format!("`{word}` is none of {known}")));
            };
            let retry_after_s = Sources::compile_optional(
                doc.retry_after_s.as_ref(),
                scope,
                &place.field("retry_after_s"),
            )?;
            Ok(Consequence::Fail { kind, in_doubt: doc.in_doubt, retry_after_s })
        }
    }
}

/// The error a failing rule makes of a reply.
pub(super) fn fail(
    view: &View<'_>,
    consequence: &Consequence,
    captures: &Captures,
) -> ProviderError {
    let Consequence::Fail { kind, in_doubt, retry_after_s } = consequence else {
        return ProviderError::unmapped(view);
    };
    let read = |sources: &Option<Sources>| -> Option<String> {
        sources.as_ref()?.read(view, view.root.as_ref(), captures).map(Cow::into_owned)
    };
    let seconds = read(retry_after_s).and_then(|text| text.parse::<u64>().ok());
    ProviderError {
        kind: *kind,
        certain: !in_doubt,
        retry_after_ms: seconds.map(|s| s.saturating_mul(1000)).or(header_pause(view.reply)),
        excerpt: excerpt(&view.text),
    }
}

/// The error of a reply that no rule knows, or whose rule could not read it.
///
/// Only what HTTP itself settles is told apart: 429 was turned away before it did
/// anything, 5xx may have done anything.
pub(super) fn unknown(reply: &RawReply, text: &str) -> ProviderError {
    let (kind, certain) = match reply.status {
        429 => (ErrorKind::RateLimited, true),
        500..=599 => (ErrorKind::Temporary, false),
        _ => (ErrorKind::Unmapped, false),
    };
    let mut error = ProviderError::new(kind, certain, excerpt(text));
    error.retry_after_ms = header_pause(reply);
    error
}

fn header_pause(reply: &RawReply) -> Option<u64> {
    let seconds = reply.header("retry-after")?.parse::<u64>().ok()?;
    Some(seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_tokens_and_masks_keys_numbers_and_codes() {
        let check = |text: &str, expected: &str| assert_eq!(excerpt(text), expected);
        check("WRONG_MAX_PRICE:0.21", "WRONG_MAX_PRICE:0.21");
        check("STATUS_OK:12345", "STATUS_OK:***");
        check("ACCESS_NUMBER:635468024:+79584000000", "ACCESS_NUMBER:***:+***");
        check("key=abcdefghijklmnopqrstuvwxyzab rest", "key=*** rest");
        check("a\r\nb", "ab");
        assert_eq!(excerpt(&"é ".repeat(4000)).chars().count(), EXCERPT_MAX);
    }
}
