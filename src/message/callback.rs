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
        (Some(form), _) => said_by(form),
        (None, Ok(said)) => said,
        (None, Err(fault)) => {
            let form = form::pairs(&form_type, form_body, &FIELDS);
            let has = |wanted: &str| form.iter().any(|(name, _)| name == wanted);
            if is_json || !has("number") || !has("text") {
                return Err(fault);
            }
            said_by(form)
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

/// The fields of a form: nothing is wrong with any.
fn said_by(form: impl IntoIterator<Item = (String, String)>) -> Vec<Said> {
    form.into_iter().map(|(name, value)| (name, Ok(value))).collect()
}

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
mod tests;
