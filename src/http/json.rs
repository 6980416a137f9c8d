//! A JSON writer for replies on hot paths: appends to one buffer, no tree, no serde.
//!
//! It writes what it is told in the order it is told; that names do not repeat and need no
//! escape is the caller's care. Replies that are not hot go through serde.

use std::io::Write as _;

use nexnum_engine::money::Micros;

/// A JSON text under construction.
#[derive(Debug)]
pub struct Json {
    buffer: Vec<u8>,
}

/// An object under construction; fields are separated as they are added.
#[derive(Debug)]
pub struct Object<'a> {
    buffer: &'a mut Vec<u8>,
    empty: bool,
}

/// An array under construction.
#[derive(Debug)]
pub struct Array<'a> {
    buffer: &'a mut Vec<u8>,
    empty: bool,
}

impl Json {
    /// An empty text with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buffer: Vec::with_capacity(bytes) }
    }

    /// Writes one object, filled by `fill`.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(&mut self.buffer, fill);
    }

    /// Writes one array, filled by `fill`.
    pub fn array(&mut self, fill: impl FnOnce(&mut Array<'_>)) {
        array(&mut self.buffer, fill);
    }

    /// The finished text.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.buffer
    }
}

impl Object<'_> {
    /// A string field.
    pub fn text(&mut self, name: &str, value: &str) {
        self.text_parts(name, &[value]);
    }

    /// A string field whose value is the parts joined.
    pub fn text_parts(&mut self, name: &str, parts: &[&str]) {
        self.name(name);
        push_text(self.buffer, parts);
    }

    /// A string field that holds a number in decimal: an id, an amount of whole units.
    pub fn number_text(&mut self, name: &str, value: u64) {
        self.name(name);
        self.buffer.push(b'"');
        push_number(self.buffer, value);
        self.buffer.push(b'"');
    }

    /// An amount of money: a decimal string with six places.
    pub fn amount(&mut self, name: &str, amount: Micros) {
        self.name(name);
        write!(self.buffer, "\"{amount}\"").expect("a vector takes everything");
    }

    /// A number field.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        push_number(self.buffer, value);
    }

    /// A boolean field.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.buffer.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A field that is `null`.
    pub fn null(&mut self, name: &str) {
        self.name(name);
        self.buffer.extend_from_slice(b"null");
    }

    /// A field that holds an object.
    pub fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        object(self.buffer, fill);
    }

    /// A field that holds an array.
    pub fn array(&mut self, name: &str, fill: impl FnOnce(&mut Array<'_>)) {
        self.name(name);
        array(self.buffer, fill);
    }

    fn name(&mut self, name: &str) {
        debug_assert!(name.bytes().all(|b| !needs_escape(b)), "{name} needs an escape");
        separate(self.buffer, &mut self.empty);
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
    }
}

impl Array<'_> {
    /// A string element.
    pub fn text(&mut self, value: &str) {
        separate(self.buffer, &mut self.empty);
        push_text(self.buffer, &[value]);
    }

    /// An object element.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        separate(self.buffer, &mut self.empty);
        object(self.buffer, fill);
    }
}

fn object(buffer: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    buffer.push(b'{');
    fill(&mut Object { buffer, empty: true });
    buffer.push(b'}');
}

fn array(buffer: &mut Vec<u8>, fill: impl FnOnce(&mut Array<'_>)) {
    buffer.push(b'[');
    fill(&mut Array { buffer, empty: true });
    buffer.push(b']');
}

fn separate(buffer: &mut Vec<u8>, empty: &mut bool) {
    if !std::mem::take(empty) {
        buffer.push(b',');
    }
}

fn push_text(buffer: &mut Vec<u8>, parts: &[&str]) {
    buffer.push(b'"');
    for part in parts {
        push_escaped(buffer, part);
    }
    buffer.push(b'"');
}

fn push_escaped(buffer: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| needs_escape(*b)) {
        buffer.extend_from_slice(&rest[..at]);
        push_escape(buffer, rest[at]);
        rest = &rest[at + 1..];
    }
    buffer.extend_from_slice(rest);
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\')
}

fn push_escape(buffer: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        control => {
            buffer.extend_from_slice(b"\\u00");
            buffer.push(HEX[usize::from(control >> 4)]);
            buffer.push(HEX[usize::from(control & 15)]);
            return;
        }
    };
    buffer.extend_from_slice(&[b'\\', short]);
}

/// Appends `value` in decimal.
pub(super) fn push_number(buffer: &mut Vec<u8>, value: u64) {
    buffer.extend_from_slice(decimal(value, &mut [0; DIGITS_MAX]));
}

/// The digits of `u64::MAX`.
pub(super) const DIGITS_MAX: usize = 20;

/// `value` in decimal, at the end of `digits`.
pub(super) fn decimal(mut value: u64, digits: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    &digits[at..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_parses_to_what_was_meant() {
        let nasty = "quote \" slash \\ line \n\r\t bell \u{7} tail \u{1f} é 電話";
        let mut out = Json::with_capacity(64);
        out.object(|o| {
            o.text("nasty", nasty);
            o.amount("amount", Micros(-400_000));
            o.number("zero", 0);
            o.number("max", u64::MAX);
            o.number_text("id", 907);
            o.boolean("yes", true);
            o.null("none");
            o.array("list", |a| {
                a.text("x");
                a.object(|_| {});
            });
            o.object("inner", |i| i.text("k", ""));
        });
        let parsed: serde_json::Value = serde_json::from_slice(&out.into_vec()).unwrap();
        let meant = json!({
            "nasty": nasty, "amount": "-0.400000", "zero": 0, "max": u64::MAX, "id": "907", "yes": true, "none": null,
            "list": ["x", {}], "inner": {"k": ""}
        });
        assert_eq!(parsed, meant);
    }

    #[test]
    fn an_array_may_be_the_whole_text() {
        let mut out = Json::with_capacity(8);
        out.array(|a| {
            a.text("a");
            a.text("b");
        });
        assert_eq!(out.into_vec(), br#"["a","b"]"#);
    }
}
