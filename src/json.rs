//! JSON into structs, with refusals that name the field and the reason.
//!
//! A struct of the wire derives `Deserialize` with `deny_unknown_fields`. Leaves to others:
//! how a refusal is answered.

use nexnum_driver::in_words;
use serde::Deserialize;

/// What a refusal calls the body where no single field is at fault.
pub(crate) const WHOLE: &str = "body";

/// What a group of fields is called.
const OBJECT: &str = "a JSON object";

/// Why a body does not fit its struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// What kind of fault it is.
    pub kind: JsonFaultKind,
    /// The field, by its path; empty where the body is no JSON.
    pub field: String,
    /// What is wrong, for a person.
    pub detail: String,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFaultKind {
    /// It is no JSON.
    Malformed,
    /// It has a field that the struct does not have.
    UnknownField,
    /// A field comes twice.
    RepeatedField,
    /// A field is missing, or has a value that cannot be used.
    InvalidField,
}

impl JsonFault {
    /// A field has a value that cannot be used.
    #[must_use]
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind: JsonFaultKind::InvalidField, field: field.into(), detail: detail.into() }
    }

    /// A field comes twice, and may say two things.
    #[must_use]
    pub fn repeated(field: impl Into<String>) -> Self {
        let kind = JsonFaultKind::RepeatedField;
        Self { kind, field: field.into(), detail: "is given twice".to_owned() }
    }

    fn malformed(error: &serde_json::Error) -> Self {
        let kind = JsonFaultKind::Malformed;
        let text = error.to_string();
        let (said, place) = text.split_once(" at line ").unwrap_or((&text, ""));
        let said = match said {
            _ if error.is_eof() => "the JSON ends too early",
            "expected value" | "expected ident" => "a value is expected",
            said => said,
        };
        let detail = if place.is_empty() { said.into() } else { format!("{said} at line {place}") };
        Self { kind, field: String::new(), detail }
    }
}

/// Decodes a JSON object.
///
/// # Errors
/// Why it does not fit: no JSON, with line and column, or the field.
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, JsonFault> {
    // serde would take a list of a struct's fields for the struct.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(JsonFault::invalid(WHOLE, format!("must be {OBJECT}, not an array")));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => name_field::<T>(body, &error),
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof
        | serde_json::error::Category::Io => JsonFault::malformed(&error),
    })
}

/// Decodes again with track kept of the path: only refused bodies pay for it.
fn name_field<'a, T: Deserialize<'a>>(body: &'a [u8], first: &serde_json::Error) -> JsonFault {
    let reader = &mut serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(reader) else {
        return JsonFault::malformed(first);
    };
    let path = error.path().to_string();
    let reason = without_place(&error.inner().to_string());
    // serde's own words; a test holds them fixed.
    if let Some(name) = quoted(&reason, "unknown field `") {
        let (kind, field) = (JsonFaultKind::UnknownField, within(&path, name));
        return JsonFault { kind, field, detail: reason };
    }
    if let Some(name) = quoted(&reason, "duplicate field `") {
        return JsonFault::repeated(within(&path, name));
    }
    if let Some(name) = quoted(&reason, "missing field `") {
        return JsonFault::invalid(within(&path, name), "is missing");
    }
    let field = if path == "." { WHOLE.to_owned() } else { path };
    JsonFault::invalid(field, in_words(&reason, OBJECT))
}

/// `path` where it already ends in the field, else the field below `path`.
fn within(path: &str, field: &str) -> String {
    // Bounded: the name comes from the caller.
    let field: String = field.chars().take(64).collect();
    match path {
        "." => field,
        path if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        path => format!("{path}.{field}"),
    }
}

fn quoted<'a>(reason: &'a str, lead: &str) -> Option<&'a str> {
    let rest = reason.strip_prefix(lead)?;
    rest.split_once('`').map(|(name, _)| name)
}

/// The field is named, so the line and column say nothing more; the rest is bounded.
fn without_place(reason: &str) -> String {
    let reason = reason.rsplit_once(" at line ").map_or(reason, |(words, _)| words);
    reason.chars().take(300).collect()
}
