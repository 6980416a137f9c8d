//! What can go wrong at a provider, in the same words for every provider.
//!
//! What no rule knows is `Unmapped`, with an excerpt for the operator in which keys, numbers
//! and codes are masked, and never a guess.

use std::fmt;

use nexnum_engine::money::Micros;

use crate::reply::RawReply;

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
    /// The provider counts in another currency than it is set up for.
    WrongCurrency,
    /// Too many calls.
    RateLimited,
    /// The provider is unwell; later may work.
    Temporary,
    /// The provider cannot do what was asked: its driver lacks the operation, and nothing was
    /// sent, or it answered that it does not know the call.
    Unsupported,
    /// The reply fits no rule, or does not fit the rule it met.
    Unmapped,
    /// Our own count of the provider's limits allowed no call in time; nothing was sent.
    NoTurn,
    /// The call could not be made: the key is missing, or a value fits in no request. Nothing was
    /// sent, and the provider has said nothing.
    NotSent,
}

impl ErrorKind {
    pub(crate) const WORDS: [(&'static str, Self); 15] = [
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
        ("wrong_currency", Self::WrongCurrency),
        ("rate_limited", Self::RateLimited),
        ("temporary", Self::Temporary),
        ("unsupported", Self::Unsupported),
    ];

    /// No document can name these.
    const OWN: [(&'static str, Self); 3] =
        [("no_turn", Self::NoTurn), ("not_sent", Self::NotSent), ("unmapped", Self::Unmapped)];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }

    /// The kind as drivers spell it.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter().chain(&Self::OWN);
        words.find(|(_, kind)| *kind == self).map_or("unmapped", |(name, _)| name)
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
    /// The least price that would do, in the provider's currency, where the reply names one.
    pub price: Option<Micros>,
    /// The beginning of the reply or what failed, at most [`EXCERPT_MAX`] characters;
    /// long words and runs of digits are masked.
    pub excerpt: String,
    /// Of a reply that fits no rule, its beginning as it came, at most 8 KiB:
    /// a message may be in it. It is for the operator alone, and never logged.
    pub reply: Option<Box<str>>,
}

/// Characters of a reply kept for the operator: enough for any error token or title.
pub const EXCERPT_MAX: usize = 200;
/// Bytes of a reply that are kept because no rule reads it.
pub(crate) const REPLY_KEPT_MAX: usize = 8 * 1024;

impl ProviderError {
    /// An error that no reply stands behind.
    #[must_use]
    pub fn new(kind: ErrorKind, certain: bool, excerpt: impl Into<String>) -> Self {
        let excerpt = excerpt.into();
        Self { kind, certain, retry_after_ms: None, price: None, excerpt, reply: None }
    }
}

/// Shows the kind and the figures; the excerpt stays out of logs.
impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.kind)
            .field("certain", &self.certain)
            .field("retry_after_ms", &self.retry_after_ms)
            .field("price", &self.price)
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
/// Bytes of a reply that an excerpt is made from.
const EXCERPT_SOURCE_MAX: usize = 1024;

/// The beginning of a text with what may be a key, a number or a code masked.
pub(crate) fn excerpt(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut masked = String::new();
    let mut rest = &text[..text.floor_char_boundary(EXCERPT_SOURCE_MAX)];
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length);
        let is_masked = || run.chars().count() > WORD_MAX || has_digits(run) && !is_date(run);
        let secret = is_word(first) && is_masked();
        masked.push_str(if secret { "***" } else { run });
        rest = after;
    }
    masked.chars().filter(|c| !c.is_control()).take(EXCERPT_MAX).collect()
}

/// A date in ISO form, as a ban's end has it, and the hour behind it.
fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    let fits = |(at, byte): (usize, &u8)| match at {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T',
        _ => byte.is_ascii_digit(),
    };
    matches!(bytes.len(), 10 | 13) && bytes.starts_with(b"20") && bytes.iter().enumerate().all(fits)
}

fn has_digits(word: &str) -> bool {
    let mut run = 0;
    word.chars().any(|c| {
        run = if c.is_numeric() { run + 1 } else { 0 };
        run > DIGITS_MAX
    })
}

/// The error of a reply that no rule knows, or whose rule could not read it.
///
/// Only what HTTP itself settles is told apart: see [`of_status`].
pub(crate) fn unknown(reply: &RawReply, text: &str) -> ProviderError {
    let (kind, certain) = of_status(reply.status);
    let mut error = ProviderError::new(kind, certain, with_status(reply, &excerpt(text)));
    error.retry_after_ms = header_pause(reply);
    let is_unread = kind == ErrorKind::Unmapped && !text.is_empty();
    error.reply = is_unread.then(|| text[..text.floor_char_boundary(REPLY_KEPT_MAX)].into());
    error
}

/// The error of a reply that is read but for something in it; `why` says what, if anything does.
pub(crate) fn unread(reply: &RawReply, text: &str, why: Option<String>) -> ProviderError {
    let unknown = unknown(reply, text);
    let excerpt = why.map(|why| with_status(reply, &why)).unwrap_or(unknown.excerpt);
    ProviderError { kind: ErrorKind::Unmapped, certain: false, excerpt, ..unknown }
}

/// What the operator is told, behind what the status says.
fn with_status(reply: &RawReply, what: &str) -> String {
    let mut what = format!("{}{what}", status_word(reply));
    if let Some((end, _)) = what.char_indices().nth(EXCERPT_MAX) {
        what.truncate(end);
    }
    what
}

/// The beginning of a value for the operator, so short, masked as an excerpt is.
pub(crate) fn glimpse(value: &str, most: usize) -> String {
    excerpt(value).chars().take(most).collect()
}

/// What a status alone says: the kind of error, and true if nothing was done for certain.
///
/// A wrong "certain" buys twice, a wrong doubt costs half a minute; so a status is certain only
/// if whatever sends it has turned the request away.
const fn of_status(status: u16) -> (ErrorKind, bool) {
    match status {
        429 => (ErrorKind::RateLimited, true),
        401 => (ErrorKind::BadKey, true),
        // Sent elsewhere, and not followed; not found, not let through, not of this method.
        301 | 302 | 307 | 308 | 403 | 404 | 405 | 407 | 410 => (ErrorKind::Unmapped, true),
        // Not understood or not valid (5sim and HeroSMS refuse purchases so), not paid for.
        400 | 402 | 422 => (ErrorKind::Unmapped, true),
        // Not read to its end: too long, or of a type that is not taken.
        411 | 413 | 414 | 415 | 431 => (ErrorKind::Unmapped, true),
        // A failure at whatever point, that of the purchase or one behind it.
        500..=599 => (ErrorKind::Temporary, false),
        // Among them 300 and 303, which may follow upon what was done; 408 and 499, after which
        // the server may be at work; 409, the conflict of which may be with a purchase that the
        // same request has made; and success that no rule knows.
        _ => (ErrorKind::Unmapped, false),
    }
}

/// What the status says to an operator: nothing for 200; a redirect with the host that it
/// leads to, without the rest of the address, which may repeat a key.
fn status_word(reply: &RawReply) -> String {
    let to = reply.header("location").and_then(|to| url::Url::parse(to).ok());
    match (reply.status, to.as_ref().and_then(url::Url::host_str)) {
        (200, _) => String::new(),
        (status @ 300..=399, Some(host)) => format!("HTTP {status} to {host}: "),
        (status, _) => format!("HTTP {status}: "),
    }
}

/// True for a status that says that what was asked was done.
pub(crate) const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

/// True for a status that says that the server failed, at whatever point.
pub(crate) const fn is_server_failure(status: u16) -> bool {
    matches!(status, 500..=599)
}

pub(crate) fn header_pause(reply: &RawReply) -> Option<u64> {
    pause_ms(reply.header("retry-after")?)
}

/// A pause of so many seconds, whole or not, in milliseconds.
pub(crate) fn pause_ms(seconds: &str) -> Option<u64> {
    let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let seconds: f64 =
        seconds.trim().parse().ok().filter(|_| seconds.trim().bytes().all(is_number))?;
    // Above 2^53 a float is not exact, and such a pause is none.
    Some((seconds * 1000.0).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_tokens_and_masks_keys_numbers_and_codes() {
        let check = |text: &str, expected: &str| assert_eq!(excerpt(text), expected);
        check("WRONG_MAX_PRICE:0.21", "WRONG_MAX_PRICE:0.21");
        check("STATUS_OK:12345", "STATUS_OK:***");
        check("BANNED:2026-12-30 10:00:00", "BANNED:2026-12-30 10:00:00");
        check("until 2026-12-30T10:00:00Z", "until 2026-12-30T10:00:00Z");
        check("2026-12-301 4482-10-20 20261230", "*** *** ***");
        check("ACCESS_NUMBER:635468024:+79584000000", "ACCESS_NUMBER:***:+***");
        check("key=abcdefghijklmnopqrstuvwxyzab rest", "key=*** rest");
        check("a\r\nb", "ab");
        assert_eq!(excerpt(&"é ".repeat(4000)).chars().count(), EXCERPT_MAX);
    }

    #[test]
    fn a_reply_that_no_rule_knows_is_told_with_its_status() {
        let of = |status, location: &str, text: &str| {
            let headers = vec![("Location".to_owned(), location.to_owned())];
            unknown(&RawReply { status, headers, body: Vec::new() }, text).excerpt
        };
        assert_eq!(of(200, "", "odd"), "odd");
        assert_eq!(of(405, "", ""), "HTTP 405: ");
        assert_eq!(
            of(301, "https://new.example/h?api_key=K", "moved"),
            "HTTP 301 to new.example: moved"
        );
        assert_eq!(of(302, "/404.html", ""), "HTTP 302: ");
        assert_eq!(of(502, "", &"é ".repeat(4000)).chars().count(), EXCERPT_MAX);
    }

    #[test]
    fn a_pause_is_of_seconds_whole_or_not() {
        let known = [("30", 30_000), (" 0.5 ", 500), ("1.0001", 1_001), ("0", 0)];
        known.iter().for_each(|(text, ms)| assert_eq!(pause_ms(text), Some(*ms), "{text}"));
        for none in ["", ".", "-1", "1e3", "inf", "nan", "soon", "1.2.3"] {
            assert_eq!(pause_ms(none), None, "{none}");
        }
        assert_eq!(pause_ms(&"9".repeat(400)), Some(u64::MAX));
    }

    #[test]
    fn a_status_is_a_certain_refusal_only_if_the_request_was_turned_away() {
        let certain: Vec<u16> = (0..=999).filter(|status| of_status(*status).1).collect();
        let expected = [
            301, 302, 307, 308, 400, 401, 402, 403, 404, 405, 407, 410, 411, 413, 414, 415, 422,
            429, 431,
        ];
        assert_eq!(certain, expected);
    }
}
