//! The body of a callback: what it says, and what makes it the same when it comes again.

use std::borrow::Cow;

use nexnum_driver::{decoded, mended};
use nexnum_engine::ids::Number;
use nexnum_engine::limits::NAME_LEN_MAX;
use nexnum_engine::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest;
use crate::json::{self, JsonFault};

/// How long a callback without an id is the same.
const MINUTE_MS: u64 = 60_000;

/// A message as a SIM bank posts it.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Callback")]
pub struct PostedMessage {
    /// The number that received the message, as E.164 has it, with or without the plus sign.
    /// Blanks, hyphens, parentheses and dots in it are ignored.
    pub number: String,
    /// The sender, as the phone network states it: its first 100 bytes of UTF-8 are kept.
    #[serde(default)]
    pub sender: String,
    /// The text, not empty: 2,000 bytes of UTF-8 are kept, those with the code.
    #[schemars(length(min = 1))]
    pub text: String,
    /// The SIM bank's own id of the message: messages with the same id are the same.
    #[serde(default)]
    #[schemars(length(min = 1))]
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

/// Reads a body: JSON, or a form with the same names. Its charset is the one that its type
/// names, else UTF-8; what cannot be decoded is U+FFFD, since one foreign byte is no reason to
/// lose the rest.
///
/// # Errors
/// Why it cannot be read, or which field cannot be used.
pub fn read(content_type: &str, body: &[u8]) -> Result<PostedMessage, JsonFault> {
    let text = decoded(content_type, body);
    let text = text.trim_start_matches('\u{feff}');
    // Some clients call whatever they send a form.
    let is_form = is_form(content_type) && !text.trim_start().starts_with(['{', '[']);
    let posted = if is_form { decode(&form(content_type, body)?)? } else { decode(text)? };
    if posted.id.as_deref() == Some("") {
        return Err(JsonFault::invalid("id", "must not be empty; it may be left out"));
    }
    if posted.text.is_empty() {
        return Err(JsonFault::invalid("text", "must not be empty"));
    }
    Ok(posted)
}

/// A message from JSON. What does not fit word by word is read as well as it can be: strings
/// that are not written as JSON wants it, numbers in the place of strings, fields that say
/// nothing here. No message is lost for what stands beside it.
fn decode(text: &str) -> Result<PostedMessage, JsonFault> {
    let fault = match json::decode(text.as_bytes()) {
        Ok(posted) => return Ok(posted),
        Err(fault) => fault,
    };
    let mended = mended(text);
    let whole = serde_json::from_str(mended.as_deref().unwrap_or(text));
    let Ok(Value::Object(fields)) = whole else { return Err(fault) };
    let known = ["number", "sender", "text", "id", "service"];
    let stated = fields.into_iter().filter(|(name, _)| known.contains(&&**name));
    let text_of = |(name, value): (String, Value)| match value {
        Value::Null => None,
        Value::Number(number) => Some((name, Value::String(number.to_string()))),
        Value::String(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Some((name, value))
        }
    };
    let loosened = Value::Object(stated.filter_map(text_of).collect()).to_string();
    // A field that comes twice may say two things: that stays a fault.
    if fault.detail.starts_with("duplicate") {
        return Err(fault);
    }
    json::decode(loosened.as_bytes())
}

fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// A form as JSON; what may be left out may be empty.
fn form(content_type: &str, body: &[u8]) -> Result<String, JsonFault> {
    let mut fields = Map::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || unescaped(halves.next().unwrap_or_default());
        let (name, value) = (half(), half());
        let name = decoded(content_type, &name).into_owned();
        let value = decoded(content_type, &value).into_owned();
        if value.is_empty() && matches!(&*name, "id" | "service") {
            continue;
        }
        if fields.insert(name.clone(), Value::String(value)).is_some() {
            return Err(JsonFault::invalid(name, "is given twice"));
        }
    }
    Ok(Value::Object(fields).to_string())
}

/// The bytes that a part of a form stands for; what is no escape stands for itself.
fn unescaped(part: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut bytes = Vec::with_capacity(part.len());
    let mut at = 0;
    while let Some(&byte) = part.get(at) {
        let escape = (byte == b'%').then(|| digit(part.get(at + 1)).zip(digit(part.get(at + 2))));
        match escape.flatten() {
            Some((high, low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            None => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    bytes
}

/// The number that received the message: what people put between its digits means nothing.
#[must_use]
pub fn number(posted: &PostedMessage) -> Option<Number> {
    let between =
        |c: char| c.is_whitespace() || matches!(c, '-' | '(' | ')' | '.' | '\u{2010}'..='\u{2015}');
    let digits: String = posted.number.chars().filter(|c| !between(*c)).collect();
    Number::parse(&digits)
}

/// What is stored of a callback, and as what: its body as it came; of a longer one its fields
/// alone, or its beginning.
#[must_use]
pub fn stored<'a>(
    content_type: &'a str,
    body: &'a [u8],
    read: &Result<PostedMessage, JsonFault>,
    len_max: usize,
) -> (&'a str, Cow<'a, [u8]>) {
    let content_type = &content_type[..content_type.floor_char_boundary(NAME_LEN_MAX)];
    if body.len() <= len_max {
        return (content_type, body.into());
    }
    let fields = read.as_ref().ok().and_then(|posted| serde_json::to_vec(posted).ok());
    match fields.filter(|fields| fields.len() <= len_max) {
        Some(fields) => ("application/json", fields.into()),
        None => (content_type, body[..len_max].into()),
    }
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
        key(&read("", body.as_bytes()), body.as_bytes(), Time(now))
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

    const FORM: &str = "application/x-www-form-urlencoded";

    fn text_of(content_type: &str, body: &[u8]) -> String {
        read(content_type, body).map(|posted| posted.text).unwrap_or_else(|fault| fault.detail)
    }

    #[test]
    fn a_body_is_read_in_the_charset_that_it_names() {
        let body = |text: &[u8]| [br#"{"number": "+6281", "text": ""#, text, br#""}"#].concat();
        let cyrillic = body(b"\xea\xee\xe4 48291");
        assert_eq!(text_of("application/json; charset=windows-1251", &cyrillic), "код 48291");
        let latin = body(b"Tu c\xf3digo: 48291");
        assert_eq!(text_of("text/plain;charset=\"ISO-8859-1\"", &latin), "Tu código: 48291");
        assert_eq!(text_of("application/json", &latin), "Tu c\u{fffd}digo: 48291");
        assert_eq!(text_of("application/json; charset=nope", &latin), "Tu c\u{fffd}digo: 48291");
        let marked = [&b"\xef\xbb\xbf"[..], &body("код".as_bytes())].concat();
        assert_eq!(text_of("application/json", &marked), "код");
        assert_eq!(text_of("", &marked), "код");
    }

    #[test]
    fn a_form_is_read_by_the_same_names() {
        let form = b"number=%2B62+812-345&text=code+1234%21%26&id=&sender=A%FFB&service=";
        let posted = read(FORM, form).unwrap();
        assert_eq!(number(&posted), Some(Number(62_812_345)));
        assert_eq!((&*posted.text, posted.id, posted.service), ("code 1234!&", None, None));
        assert_eq!(posted.sender, "A\u{fffd}B");
        let cyrillic = b"number=62812345&text=%EA%EE%E4+48291";
        assert_eq!(text_of(&format!("{FORM}; charset=windows-1251"), cyrillic), "код 48291");
        let broken = b"number=62812345&text=100%&id=7";
        assert_eq!(text_of(FORM, broken), "100%");
        // What a client sends as a form that is none.
        assert_eq!(text_of(FORM, br#" {"number": "62812345", "text": "code 1"}"#), "code 1");
        for (body, field) in [
            (&b"number=1&text=a&text=b"[..], "text"),
            (b"text=a", "number"),
            (b"number=1&text=", "text"),
        ] {
            assert_eq!(read(FORM, body).unwrap_err().field, field);
        }
    }

    #[test]
    fn what_stands_beside_a_message_does_not_lose_it() {
        for body in [
            "{\"number\": \"62812345\", \"text\": \"code\n48291\"}",
            r#"{"number": "62812345", "text": "code 48291 \ud83d"}"#,
            r#"{"number": "62812345", "text": "code 48291", "port": 3, "sender": null}"#,
            r#"{"number": 62812345, "text": "code 48291", "id": 77}"#,
            r#"{"number": "62812345", "text": 48291}"#,
        ] {
            let posted = read("application/json", body.as_bytes());
            let posted = posted.unwrap_or_else(|fault| panic!("{body}: {fault:?}"));
            assert!(posted.text.contains("48291"), "{body}");
            assert_eq!(number(&posted), Some(Number(62_812_345)));
        }
        let extra = read(FORM, b"number=62812345&text=code+48291&port=3").unwrap();
        assert_eq!(extra.text, "code 48291");
        let long = format!(r#"{{"number": "62812345", "text": "a", "id": "{}"}}"#, "i".repeat(400));
        assert!(read("", long.as_bytes()).is_ok());
        let twice = br#"{"number": "62812345", "text": "a", "text": "b"}"#;
        assert_eq!(read("", twice).unwrap_err().field, "text");
    }

    #[test]
    fn what_stands_between_the_digits_of_a_number_is_ignored() {
        let number_of = |text: &str| {
            let body = serde_json::json!({"number": text, "text": "t"}).to_string();
            number(&read("", body.as_bytes()).unwrap()).map(|number| number.0)
        };
        for text in [
            "+62 813 0000 0001",
            "62-813-0000-0001",
            "+62 (813) 0000.0001",
            "\u{a0}+62813\u{2011}00000001",
        ] {
            assert_eq!(number_of(text), Some(6_281_300_000_001), "{text}");
        }
        for text in ["", "+", "0062813", "62813000000x", "+62+813000"] {
            assert_eq!(number_of(text), None, "{text}");
        }
    }
}
