//! A borrowed view of a JSON text: numbers keep their digits, nothing is copied early.
//!
//! Prices must be read exactly, so a number is never turned into a float: each value
//! stays the slice of the reply it was written in, and only the levels a mapping
//! walks through are split. Depth costs nothing, since what is not asked for is
//! skipped without recursion.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value and, once asked for, its members.
pub(crate) struct Node<'a> {
    raw: &'a RawValue,
    members: OnceCell<Vec<(Cow<'a, str>, &'a RawValue)>>,
}

impl<'a> Node<'a> {
    /// Parses a whole text; `None` if it is not JSON.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self::new)
    }

    fn new(raw: &'a RawValue) -> Self {
        Self { raw, members: OnceCell::new() }
    }

    /// The same value.
    pub(crate) fn same(&self) -> Self {
        Self::new(self.raw)
    }

    fn first_byte(&self) -> u8 {
        self.raw.get().as_bytes().first().copied().unwrap_or(b'n')
    }

    pub(crate) fn is_null(&self) -> bool {
        self.first_byte() == b'n'
    }

    pub(crate) fn is_map(&self) -> bool {
        self.first_byte() == b'{'
    }

    pub(crate) fn is_list(&self) -> bool {
        self.first_byte() == b'['
    }

    /// The members of a map in their order; none for any other value.
    pub(crate) fn members(&self) -> &[(Cow<'a, str>, &'a RawValue)] {
        self.members.get_or_init(|| split_map(self.raw.get()).unwrap_or_default())
    }

    /// The elements of a list; none for any other value.
    pub(crate) fn elements(&self) -> Vec<Node<'a>> {
        let raws: Vec<&RawValue> = serde_json::from_str(self.raw.get()).unwrap_or_default();
        raws.into_iter().map(Node::new).collect()
    }

    /// The children of a map with their keys.
    pub(crate) fn children(&self) -> impl Iterator<Item = (&str, Node<'a>)> {
        self.members().iter().map(|(key, raw)| (key.as_ref(), Node::new(raw)))
    }

    /// The child a pointer segment names: a map's member, or a list's element by its
    /// index (`-1` is the last).
    pub(crate) fn child(&self, segment: &str) -> Option<Node<'a>> {
        if self.is_map() {
            let mut found = self.members().iter().filter(|(key, _)| key == segment);
            return found.next().map(|(_, raw)| Node::new(raw));
        }
        if !self.is_list() {
            return None;
        }
        let mut elements = self.elements();
        let index = match segment {
            "-1" => elements.len().checked_sub(1)?,
            digits => digits.parse().ok()?,
        };
        (index < elements.len()).then(|| elements.swap_remove(index))
    }

    /// The value below this one that a path of segments leads to.
    pub(crate) fn at(&self, path: &[String]) -> Option<Node<'a>> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self.same());
        };
        let mut node = self.child(first)?;
        for segment in rest {
            node = node.child(segment)?;
        }
        Some(node)
    }

    /// The text of a string, or of a number or boolean as it is written; `None` for
    /// null, maps and lists.
    pub(crate) fn scalar(&self) -> Option<Cow<'a, str>> {
        match self.first_byte() {
            b'"' => serde_json::from_str::<Text<'a>>(self.raw.get()).ok().map(|text| text.0),
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(self.raw.get())),
        }
    }
}

/// A text in which the strings are written as JSON wants it: control characters escaped,
/// backslashes that begin no escape left out, halves of a surrogate pair replaced. `None` if
/// there is nothing to mend.
#[must_use]
pub fn mended(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut in_string, mut changed) = (false, false);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                if let Some(length) = surrogate(rest.as_str()) {
                    // A pair stays, and half of one is no character.
                    let whole = length > HALF;
                    out.push_str(if whole { "\\" } else { "\\ufffd" });
                    let escape = rest.by_ref().take(length);
                    if whole {
                        out.extend(escape);
                    } else {
                        escape.for_each(drop);
                        changed = true;
                    }
                } else if escapes(rest.as_str()) {
                    out.push(c);
                    out.extend(rest.next());
                } else {
                    changed = true;
                }
                continue;
            }
            '\0'..='\x1f' if in_string => {
                changed = true;
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    changed.then_some(out)
}

/// Characters of half a surrogate pair behind its backslash, as in `\\ud83d`.
const HALF: usize = 5;

/// How long a surrogate is that follows a backslash: a pair, or half of one.
fn surrogate(rest: &str) -> Option<usize> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 4).filter(|_| rest[..at].ends_with('u'))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(1).filter(|unit| (0xd800..0xe000).contains(unit))?;
    let second = rest.get(5..7).filter(|between| *between == "\\u").and_then(|_| unit(7));
    let is_pair = first < 0xdc00 && second.is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
    Some(if is_pair { 2 * HALF + 1 } else { HALF })
}

/// True if what follows a backslash makes an escape of it.
fn escapes(rest: &str) -> bool {
    match rest.as_bytes() {
        [b'u', digits @ ..] => digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit),
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
        _ => false,
    }
}

fn split_map(text: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((key, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                members.push((key.0, value));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Members).ok()
}

/// A string, borrowed unless it has escapes; half a surrogate pair becomes U+FFFD.
struct Text<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Text(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }
        }
        // As bytes, since a string with half a surrogate pair is no string for the parser.
        deserializer.deserialize_bytes(Borrowing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(text: &str, at: &str, expected: Option<&str>) {
        let root = Node::parse(text).unwrap();
        let found = root.at(&path(at)).and_then(|node| node.scalar());
        assert_eq!(found.as_deref(), expected, "{at} in {text}");
    }

    #[test]
    fn a_number_keeps_the_digits_it_was_written_with() {
        check(r#"{"a":{"b":0.1000000000000000055}}"#, "a/b", Some("0.1000000000000000055"));
        check(r#"{"a":15.0}"#, "a", Some("15.0"));
        check(r#"{"a":1e-3}"#, "a", Some("1e-3"));
    }

    #[test]
    fn a_path_leads_through_maps_and_lists() {
        check(r#"{"sms":[{"c":"1"},{"c":"2\u00e9"}]}"#, "sms/-1/c", Some("2é"));
        check(r#"{"sms":[{"c":"1"},{"c":"2"}]}"#, "sms/0/c", Some("1"));
        check(r#"{"sms":[]}"#, "sms/-1/c", None);
        check(r#"{"sms":null}"#, "sms/0", None);
        check(r#"{"a":{"b":1}}"#, "a", None);
        check(r#""x""#, "a", None);
        check(r#"{"k\"ey":true}"#, "k\"ey", Some("true"));
    }

    #[test]
    fn half_a_surrogate_pair_does_not_hide_the_text_around_it() {
        check(r#"{"t":"code \ud83d 48213"}"#, "t", Some("code \u{fffd}\u{fffd}\u{fffd} 48213"));
        check(r#"{"t":"\ud83d\ude00 48213"}"#, "t", Some("😀 48213"));
    }

    #[test]
    fn strings_are_mended_where_json_does_not_allow_what_they_hold() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(mended(text).as_deref(), expected, "{text}");
            assert!(expected.is_none_or(|it| Node::parse(it).is_some()), "{text}");
        };
        check("{\"t\":\"one\r\ntwo\"}\n", Some("{\"t\":\"one\\u000d\\u000atwo\"}\n"));
        check(r#"{"t":"it\'s \x41 \u12 \\"}"#, Some(r#"{"t":"it's x41 u12 \\"}"#));
        check(r#"{"t":"\"\u0041\n"}"#, None);
        check("{\n\"a\": 1}", None);
        assert_eq!(mended("\"\\"), Some("\"".to_owned()), "an end in the middle");
    }

    #[test]
    fn a_deep_text_is_refused_or_skipped_but_never_overflows() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        if let Some(root) = Node::parse(&deep) {
            assert!(root.at(&path("0/0/0")).is_some());
        }
        assert!(Node::parse("{\"a\":").is_none());
    }
}
