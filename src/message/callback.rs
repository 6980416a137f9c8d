//! The body of a callback: what it says, and what makes it the same when it comes again.

use nexnum_engine::ids::Number;
use nexnum_engine::time::Time;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::digest;
use crate::json::{self, JsonFault};

/// Longest id of a message: a UUID with a prefix fits many times.
const ID_LEN_MAX: usize = 255;
/// How long a callback without an id is the same.
const MINUTE_MS: u64 = 60_000;

/// A message as a SIM bank posts it.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Callback")]
pub struct PostedMessage {
    /// The number that received the message, as E.164 has it, with or without the plus sign.
    pub number: String,
    /// The sender, as the phone network states it: at most 100 bytes of UTF-8 are kept.
    #[serde(default)]
    pub sender: String,
    /// The text, not empty: at most 2,000 bytes of UTF-8 are kept.
    #[schemars(length(min = 1))]
    pub text: String,
    /// The SIM bank's own id of the message, 1 to 255 bytes: messages with the same id are the
    /// same.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub id: Option<String>,
    /// The service that the message is for, by slug or short code, if the SIM bank knows it.
    #[serde(default)]
    pub service: Option<String>,
}

/// Prints no text: messages stay out of logs.
impl std::fmt::Debug for PostedMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostedMessage").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reads a body.
///
/// # Errors
/// Why it cannot be read, or which field cannot be used.
pub fn read(body: &[u8]) -> Result<PostedMessage, JsonFault> {
    let posted: PostedMessage = json::decode(body)?;
    if posted.id.as_ref().is_some_and(|id| !(1..=ID_LEN_MAX).contains(&id.len())) {
        return Err(JsonFault::invalid("id", "must be 1 to 255 bytes, or left out"));
    }
    if posted.text.is_empty() {
        return Err(JsonFault::invalid("text", "must not be empty"));
    }
    Ok(posted)
}

/// The number that received the message.
#[must_use]
pub fn number(posted: &PostedMessage) -> Option<Number> {
    Number::parse(&posted.number)
}

/// What makes a callback the same when it comes again: the source's id at its number, else
/// what it says within the same minute.
#[must_use]
pub fn key(read: &Result<PostedMessage, JsonFault>, body: &[u8], now: Time) -> u128 {
    let minute = (now.0 / MINUTE_MS).to_le_bytes();
    let Ok(posted) = read else { return digest::of(&[b"callback body", body, &minute]) };
    let PostedMessage { number: said, sender, text, id, service: _ } = posted;
    let number = number(posted).map_or_else(|| said.clone(), |number| number.to_string());
    match id {
        Some(id) => digest::of(&[b"callback id", number.as_bytes(), id.as_bytes()]),
        None => {
            let (number, sender, text) = (number.as_bytes(), sender.as_bytes(), text.as_bytes());
            digest::of(&[b"callback", number, sender, text, &minute])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(body: &str, now: u64) -> u128 {
        key(&read(body.as_bytes()), body.as_bytes(), Time(now))
    }

    #[test]
    fn a_callback_is_the_same_by_its_id_or_within_its_minute() {
        let plain = r#"{"number": "+6281", "text": "code 1234"}"#;
        assert_eq!(key_of(plain, 0), key_of(plain, 59_999));
        assert_ne!(key_of(plain, 0), key_of(plain, 60_000));
        let numbered = |number, text| {
            key_of(&format!(r#"{{"number": "{number}", "text": "{text}", "id": "7"}}"#), 0)
        };
        let other = r#"{"number": "628100000", "text": "other", "id": "7"}"#;
        assert_eq!(numbered("+628100000", "code"), key_of(other, 900_000));
        assert_ne!(numbered("+628100000", "code"), numbered("+628100001", "code"));
        assert_eq!(key_of("{", 0), key_of("{", 1));
        assert_ne!(key_of("{", 0), key_of("[", 0));
    }
}
