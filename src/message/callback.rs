//! The body of a callback: what it says, and what is stored of it.
//!
//! Leaves to others: what makes it the same when it comes again (`repeated.rs`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use nexnum_driver::{decoded, is_utf16, mended};
use nexnum_engine::ids::Number;
use nexnum_engine::limits::NAME_LEN_MAX;
use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::json::{self, JsonFault};
use crate::message::fit::fit;
use crate::message::unseen::is_blank;
use crate::message::{extract, form, number};

/// Digits of a number, as E.164 has it.
const DIGITS_MAX: usize = 15;

/// A message as a SIM bank posts it. Numbers are taken for strings; `null`, what is empty, and a
/// field beside number and text that is of another kind or given twice with two values, for what
/// is left out; further fields are passed over.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(rename = "Callback")]
pub struct PostedMessage {
    /// The number that received the message, as E.164 has it, with or without the plus sign.
    /// Blanks, hyphens, parentheses, dots and marks that are not seen are ignored in it, and its
    /// digits may be of any script.
    pub number: String,
    /// The sender, as the phone network states it: its first 100 bytes of UTF-8 are kept.
    #[serde(default)]
    pub sender: String,
    /// The text, which shows something. Of one above 2,000 bytes of UTF-8 so many are kept: those
    /// with the code, links and what else may be a code, the end and the beginning; `…` stands for
    /// what is left out.
    #[schemars(length(min = 1))]
    pub text: String,
    /// The SIM bank's own id of the message: messages with the same id are the same.
    #[serde(default)]
    pub id: Option<String>,
    /// The service that the message is for, by slug or short code, if the SIM bank knows it.
    #[serde(default)]
    pub service: Option<String>,
}

/// Prints no text: messages stay out of logs.
impl fmt::Debug for PostedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedMessage").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reads a body: a JSON object, or a form with the same names, in its charset, or else in one in
/// which it can be read: no charset alone keeps a message away.
///
/// # Errors
/// Why it cannot be read, or which field cannot be used.
pub fn read(content_type: &str, body: &[u8]) -> Result<PostedMessage, JsonFault> {
    let read = read_as(content_type, body);
    if read.is_ok() || body.is_ascii() {
        return read;
    }
    let unnamed = form::without_charset(content_type);
    let others = OTHER_CHARSETS.iter().map(|charset| format!("{unnamed}; charset={charset}"));
    others.into_iter().find_map(|other| read_as(&other, body).ok()).map_or(read, Ok)
}

/// What bodies are tried as that cannot be read: in the eastern ones a backslash or a brace may be
/// half of a character.
const OTHER_CHARSETS: [&str; 5] = ["utf-8", "shift_jis", "gb18030", "big5", "euc-kr"];

fn read_as(content_type: &str, body: &[u8]) -> Result<PostedMessage, JsonFault> {
    let text = decoded(content_type, body);
    // A form is split at its bytes, which are two for a character of UTF-16: as text it is UTF-8.
    let (form_type, form_body) = if is_utf16(content_type, body) {
        (form::without_charset(content_type), text.as_bytes())
    } else {
        (content_type.to_owned(), body)
    };
    // Some gateways end what they send as C ends a string.
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\0', ' ', '\r', '\n']);
    // Some clients call whatever they send a form, and others call a form whatever they like.
    let is_json = text.trim_start().starts_with(['{', '[']);
    let form = (!is_json).then(|| form::fields(&form_type, form_body, &FIELDS)).flatten();
    let said = match (form, object(text)) {
        (Some(form), _) => form.into_iter().map(|(name, value)| (name, Ok(value))).collect(),
        (None, Ok(said)) => said,
        (None, Err(fault)) => {
            let form = form::pairs(&form_type, form_body, &FIELDS);
            let has = |wanted: &str| form.iter().any(|(name, _)| name == wanted);
            if is_json || !has("number") || !has("text") {
                return Err(fault);
            }
            form.into_iter().map(|(name, value)| (name, Ok(value))).collect()
        }
    };
    let mut fields = BTreeMap::new();
    for (name, value) in said {
        let Some(name) = FIELDS.into_iter().find(|known| *known == name) else { continue };
        if !REQUIRED.contains(&name) {
            // One that cannot be used, or is said to be two things, is left out.
            let value = value.unwrap_or_default();
            let known = fields.entry(name).or_insert_with(|| value.clone());
            if *known != value {
                known.clear();
            }
            continue;
        }
        let value = value.map_err(|detail| JsonFault::invalid(name, detail))?;
        if fields.insert(name, value).is_some() {
            return Err(JsonFault::repeated(name));
        }
    }
    let mut required = |name| {
        let value = fields.remove(name).filter(|value| !is_blank(value));
        value.ok_or_else(|| JsonFault::invalid(name, "is missing or empty"))
    };
    let (number, text) = (required("number")?, required("text")?);
    let mut stated = |name| fields.remove(name).filter(|value| !value.is_empty());
    let [sender, id, service] = ["sender", "id", "service"].map(&mut stated);
    Ok(PostedMessage { number, sender: sender.unwrap_or_default(), text, id, service })
}

/// The fields that say something here; no message is lost for what stands beside them.
const FIELDS: [&str; 5] = ["number", "sender", "text", "id", "service"];

/// Those without which there is no message; no other one keeps it from being read.
const REQUIRED: [&str; 2] = ["number", "text"];

/// A field as a body has it: its name, and its value or what is wrong with it.
type Said = (String, Result<String, &'static str>);

/// The fields of a JSON object, also where it is the one item of an array. Strings that are not written as JSON wants it are read as well
/// as they can be, and numbers by their digits.
fn object(text: &str) -> Result<Vec<Said>, JsonFault> {
    let mended = mended(text);
    let text = mended.as_deref().unwrap_or(text);
    let items: Option<Vec<&RawValue>> =
        text.trim_start().starts_with('[').then(|| serde_json::from_str(text).ok()).flatten();
    let text = match items.as_deref() {
        Some([one]) => one.get(),
        Some(several @ [_, _, ..]) => {
            let detail = format!("must be one message, not an array of {}", several.len());
            return Err(JsonFault::invalid(json::WHOLE, detail));
        }
        Some([]) | None => text,
    };
    let members: Members<'_> = json::decode(text.as_bytes())?;
    let said = |(name, raw): (String, &RawValue)| {
        let raw = raw.get();
        let value = match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw).map_err(|_| "is no string"),
            Some(b'n') => return None,
            Some(b'-' | b'0'..=b'9') if name == "number" => {
                whole(raw).ok_or("must be a string or a whole number")
            }
            Some(b'-' | b'0'..=b'9') => Ok(raw.to_owned()),
            _ => Err("must be a string"),
        };
        Some((name, value))
    };
    Ok(members.0.into_iter().filter_map(said).collect())
}

/// The digits of a number that is whole and not negative, also where it is written as a float.
fn whole(raw: &str) -> Option<String> {
    let (mantissa, exponent) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let zeros = exponent.checked_sub(fraction.len()).filter(|zeros| *zeros <= DIGITS_MAX)?;
    let digits = format!("{integer}{fraction}{}", "0".repeat(zeros));
    digits.bytes().all(|digit| digit.is_ascii_digit()).then_some(digits)
}

/// The members of an object, as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The number that received the message.
#[must_use]
pub fn number(posted: &PostedMessage) -> Option<Number> {
    number::parse(&posted.number)
}

/// What is stored of a callback, and as what: its body as it came; of a longer one its fields
/// alone, with its text cut where that is too long, or its beginning.
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
    let fields = read.as_ref().ok().and_then(|posted| {
        // What JSON makes of a character may take more bytes than it.
        let mut lens = [usize::MAX, len_max / 2, len_max / 12].into_iter();
        lens.find_map(|len| fields_of(posted, len).filter(|fields| fields.len() <= len_max))
    });
    match fields {
        Some(fields) => ("application/json", fields.into()),
        None => (content_type, body[..len_max].into()),
    }
}

/// A message as JSON, with so many bytes of its text at most.
fn fields_of(posted: &PostedMessage, len_max: usize) -> Option<Vec<u8>> {
    if posted.text.len() <= len_max {
        return serde_json::to_vec(posted).ok();
    }
    let code = extract::extract(&posted.text, &posted.sender).map(|found| found.code);
    let text = fit(&posted.text, len_max, code.as_deref().unwrap_or_default(), &posted.sender);
    serde_json::to_vec(&PostedMessage { text: text.into_owned(), ..posted.clone() }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonFaultKind;

    #[test]
    fn what_is_stored_of_a_long_callback_can_be_read_and_has_its_code() {
        let said = |text: &str| serde_json::json!({"number": "62812345", "id": "7", "text": text});
        let (words, breaks) = ("请".repeat(20_000), "\u{1}".repeat(20_000));
        for filler in [&words, &breaks] {
            let body = said(&format!("{filler} code 48291 {filler}")).to_string();
            let sent = read("", body.as_bytes());
            for len_max in [8 * 1024, 64 * 1024] {
                let (content_type, stored) = stored("", body.as_bytes(), &sent, len_max);
                let posted = read(content_type, &stored).expect("it can be read");
                assert!(posted.text.contains("code 48291") && stored.len() <= len_max);
                assert_eq!((posted.id.as_deref(), &*posted.number), (Some("7"), "62812345"));
            }
        }
        let short = said("code 48291").to_string();
        let whole = stored("a/b", short.as_bytes(), &read("", short.as_bytes()), 1_024);
        assert_eq!(whole, ("a/b", short.as_bytes().into()));
        assert_eq!(stored("a/b", b"no JSON", &read("", b"no JSON"), 2).1.as_ref(), b"no");
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
        for unnamed in ["application/json", "application/json; charset=nope", ""] {
            assert_eq!(text_of(unnamed, &latin), "Tu código: 48291", "{unnamed}");
        }
        let wide = |text: &str, swap: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(swap).collect()
        };
        let cyrillic = String::from_utf8(body("код 48291".as_bytes())).unwrap();
        for (content_type, mark, swap) in [
            (
                "application/json; charset=utf-16",
                "\u{feff}",
                u16::to_le_bytes as fn(u16) -> [u8; 2],
            ),
            ("application/json; charset=utf-8", "\u{feff}", u16::to_be_bytes),
            ("application/json", "", u16::to_le_bytes),
            ("", "", u16::to_be_bytes),
        ] {
            let body = wide(&format!("{mark}{cyrillic}"), swap);
            assert_eq!(text_of(content_type, &body), "код 48291", "{content_type}");
        }
        let form = "number=%2B6281&text=код+48291&sender=A%C3%BC";
        for (charset, swap) in
            [("utf-16le", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("UTF-16BE", u16::to_be_bytes)]
        {
            let json = wide(&format!("\n{cyrillic}"), swap);
            let named = format!("application/json; charset={charset}");
            assert_eq!(text_of(&named, &json), "код 48291", "{charset}");
            let named = format!("{FORM}; charset=\"{charset}\"");
            let read = read(&named, &wide(form, swap)).unwrap();
            assert_eq!((&*read.text, &*read.sender), ("код 48291", "Aü"), "{charset}");
        }
        // All its bytes are of ASCII.
        let japanese = body(b"\x1b$B%3!<%I\x1b(B 48291");
        let named = "application/json; charset=iso-2022-jp";
        assert_eq!(text_of(named, &japanese), "コード 48291");
        for (charset, bytes) in [
            ("shift_jis", &b"\x83R\x81[\x83h 48291"[..]),
            ("cp932", b"\x83R\x81[\x83h 48291"),
            ("Windows-932", b"\x83R\x81[\x83h 48291"),
            ("ms936", b"\xa5\xb3\xa9`\xa5\xc9 48291"),
            ("gb18030", b"\xa5\xb3\xa9`\xa5\xc9 48291"),
        ] {
            let named = format!("application/json; charset={charset}");
            assert_eq!(text_of(&named, &body(bytes)), "コード 48291", "{charset}");
        }
        let marked = [&b"\xef\xbb\xbf"[..], &body("код".as_bytes())].concat();
        assert_eq!(text_of("application/json", &marked), "код");
        assert_eq!(text_of("", &marked), "код");
    }

    #[test]
    fn a_body_in_a_charset_that_it_does_not_name_is_read() {
        let json = |text: &[u8]| [br#"{"number": "62812345", "text": ""#, text, br#""}"#].concat();
        let form = |text: &[u8]| [b"number=62812345&text=", text].concat();
        let utf8 = "Tu código está aquí: 48291";
        for charset in ["iso-8859-1", "windows-1251", "shift_jis", "gbk", "utf-16", "iso-2022-kr"] {
            let named = format!("application/json; charset={charset}");
            assert_eq!(text_of(&named, &json(utf8.as_bytes())), utf8, "{charset}");
            let named = format!("{FORM}; charset={charset}");
            assert_eq!(text_of(&named, &form(utf8.as_bytes())), utf8, "{charset}");
        }
        let wrong = [
            // A mark of JSON is half of their last characters.
            (&b"48291 \x95\\"[..], "48291"),
            (b"48291 \xa6\\", "48291"),
            // A quote that is written as JSON wants it, behind a letter.
            (b"48291 \xe9\\\"", "48291"),
            (b"Tu c\xf3digo: 48291", "48291"),
            (b"\xea\xee\xe4 48291", "48291"),
            (b"\xd1\xe9\xd6\xa4\xc2\xeb48291", "48291"),
            (b"\x83R\x81[\x83h48291", "48291"),
        ];
        for charset in ["utf-8", "shift_jis", "gbk", "big5", "utf-16", "iso-8859-1", "nope"] {
            for (text, code) in wrong {
                let named = format!("application/json; charset={charset}");
                let shown = text_of(&named, &json(text));
                assert!(shown.contains(code), "{charset}: {shown}");
                let shown = text_of(&format!("{FORM}; charset={charset}"), &form(text));
                assert!(shown.contains(code), "{charset}: {shown}");
            }
        }
    }

    #[test]
    fn a_form_is_read_by_the_same_names() {
        let form = b"number=%2B62+812-345&text=code+1234%21%26&id=&sender=A%FFB&service=";
        let posted = read(FORM, form).unwrap();
        assert_eq!(number(&posted), Some(Number(62_812_345)));
        assert_eq!((&*posted.text, posted.id, posted.service), ("code 1234!&", None, None));
        assert_eq!(posted.sender, "AÿB");
        let cyrillic = b"number=62812345&text=%EA%EE%E4+48291";
        assert_eq!(text_of(&format!("{FORM}; charset=windows-1251"), cyrillic), "код 48291");
        let broken = b"number=62812345&text=100%&id=7";
        assert_eq!(text_of(FORM, broken), "100%");
        // A form that is called something else.
        for content_type in ["application/json", "text/plain", ""] {
            assert_eq!(text_of(content_type, b"number=62812345&text=code+1"), "code 1");
        }
        let parts = "--X\r\nContent-Disposition: form-data; name=\"number\"\r\n\r\n62812345\r\n--X\r\n\
                     Content-Disposition: form-data; name=\"text\"\r\n\r\ncode 1\r\n--X--\r\n";
        assert_eq!(text_of("multipart/form-data; boundary=X", parts.as_bytes()), "code 1");
        // What a client sends as a form that is none.
        assert_eq!(text_of(FORM, br#" {"number": "62812345", "text": "code 1"}"#), "code 1");
        let ended = b"{\"number\": \"62812345\", \"text\": \"code 1\"}\r\n\0";
        assert_eq!(text_of("application/json", ended), "code 1");
        for (body, field) in [
            (&b"number=1&text=a&text=b"[..], "text"),
            (b"number=1&text=+%E2%80%8B+", "text"),
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
        for twice in [
            r#"{"number": "62812345", "text": "a", "text": "b"}"#,
            r#"{"port": 3, "number": 62812345, "text": "a\nb", "text": "b"}"#,
            r#"{"port": 3, "port": 4, "number": 62812345, "text": 4821, "text": 4821}"#,
        ] {
            let fault = read("", twice.as_bytes()).unwrap_err();
            assert_eq!(
                (fault.kind, &*fault.field),
                (JsonFaultKind::RepeatedField, "text"),
                "{twice}"
            );
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        let body = |id: &str| format!(r#"{{"number": 62812345, "text": 48291, "id": {id}}}"#);
        let id = |of: &str| read("", body(of).as_bytes()).unwrap().id;
        let (one, other) = ("12345678901234567890123", "12345678901234567890124");
        assert_eq!(id(one).as_deref(), Some(one));
        assert_ne!(id(one), id(other));
        assert_eq!(id("null"), None);
        for value in ["\"\"", "{}", "[\"7\"]", "true", "false", "7, \"id\": 8"] {
            assert_eq!(id(value), None, "{value}");
        }
        assert_eq!(id("7, \"id\": \"7\"").as_deref(), Some("7"));
        for other in ["\"sender\": {}", "\"sender\": \"a\", \"sender\": \"b\", \"service\": true"] {
            let posted = read("", body(&format!("7, {other}")).as_bytes()).unwrap();
            assert_eq!((&*posted.sender, posted.service), ("", None), "{other}");
        }
        let twice = read(FORM, b"number=62812345&text=code+1&id=7&id=8&sender=a&sender=a").unwrap();
        assert_eq!((twice.id, &*twice.sender), (None, "a"));
        let said = r#"{"number": "62812345", "text": "код 48291"}"#;
        for charset in ["utf-16", "utf-16be", "ucs2"] {
            let named = format!("application/json; charset={charset}");
            assert_eq!(text_of(&named, said.as_bytes()), "код 48291", "{charset}");
            let named = format!("{FORM}; charset={charset}");
            assert_eq!(text_of(&named, b"number=62812345&text=code+1"), "code 1", "{charset}");
        }
        let (open, close) = ("[".repeat(20_000), "]".repeat(20_000));
        let nested = format!("{{\"deep\": {open}1{close}, {}", &body("7")[1..]);
        assert_eq!(read("", nested.as_bytes()).unwrap().id.as_deref(), Some("7"));
    }

    #[test]
    fn a_number_that_was_written_as_a_float_is_the_same_or_none() {
        let said = |number: &str| {
            let body = format!(r#"{{"number": {number}, "text": "code 48291"}}"#);
            read("", body.as_bytes()).ok().and_then(|posted| super::number(&posted))
        };
        for whole in ["628133600001.0", "628133600001.00", "6.28133600001e11", "6.28133600001E+11"]
        {
            assert_eq!(said(whole), Some(Number(628_133_600_001)), "{whole}");
        }
        for none in ["628133600001.5", "6.28133600001e10", "-628133600001", "6e400", "0.0"] {
            assert_eq!(said(none), None, "{none}");
        }
        assert_eq!(said("\"628133600001.0\""), Some(Number(628_133_600_001)));
        assert_eq!(said("\"628133600001.5\""), None);
    }

    #[test]
    fn an_array_of_one_message_is_that_message() {
        let one = r#"{"number": "62812345", "text": "code 48291"}"#;
        assert_eq!(text_of("application/json", format!(" [{one}]\n").as_bytes()), "code 48291");
        for (body, detail) in [
            (format!("[{one},{one}]"), "must be one message, not an array of 2"),
            ("[]".to_owned(), "must be a JSON object, not an array"),
            (format!("[[{one}]]"), "must be a JSON object, not an array"),
        ] {
            let fault = read("", body.as_bytes()).unwrap_err();
            assert_eq!((&*fault.field, &*fault.detail), ("body", detail), "{body}");
        }
    }
}
