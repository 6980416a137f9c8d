//! The fields of a form: `application/x-www-form-urlencoded`, or `multipart/form-data`.
//!
//! A callback is a message, so what is not escaped or framed as it should be is read as well as
//! it can be. Leaves to others: what the fields mean.

use memchr::memmem;
use nexnum_driver::decoded;

use crate::message::transfer;

/// Parts of a form that are looked at: a message has five.
const PARTS_MAX: usize = 100;

/// A field's name and its value.
type Field = (String, String);

/// The fields of a body of this type, in their order; `None` if the type is no form's. `names`
/// are those that say something to its reader.
pub(super) fn fields(content_type: &str, body: &[u8], names: &[&str]) -> Option<Vec<Field>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Some(pairs(content_type, body, names));
    }
    let is_multipart = kind.eq_ignore_ascii_case("multipart/form-data");
    is_multipart.then(|| parts(parameter(content_type, "boundary")?, body)).flatten()
}

/// The fields of `name=value&name=value`. What follows a `&` and begins no field belongs to the
/// value before it, whose `&` was not escaped.
pub(super) fn pairs(content_type: &str, body: &[u8], names: &[&str]) -> Vec<Field> {
    let mut found: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for piece in body.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        match found.last_mut() {
            Some((_, value)) if !begins_field(piece, value, names) => {
                value.push(b'&');
                value.extend_from_slice(piece);
            }
            _ => {
                let mut halves = piece.splitn(2, |byte| *byte == b'=');
                let name = halves.next().unwrap_or_default();
                found.push((name, halves.next().unwrap_or_default().to_vec()));
            }
        }
    }
    let said = |part: &[u8]| decoded(content_type, &unescaped(part)).into_owned();
    found.iter().map(|(name, value)| (said(name), said(value))).collect()
}

/// Whether a piece behind a value is a field of its own, not the rest of a text or of a link.
fn begins_field(piece: &[u8], before: &[u8], names: &[&str]) -> bool {
    let Some(at) = memchr::memchr(b'=', piece) else { return before.is_empty() };
    let name = &piece[..at];
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]%".contains(byte);
    let is_known = names.iter().any(|known| known.as_bytes() == name);
    let is_name = at > 0 && name.iter().all(is_of_name);
    is_known || is_name && !ends_in_query(before)
}

/// Whether a value ends in a link with a query, neither of them escaped.
fn ends_in_query(value: &[u8]) -> bool {
    let word = value.rsplit(|byte| matches!(byte, b'+' | b' ' | b'\n')).next().unwrap_or_default();
    memmem::find(word, b"://").is_some_and(|at| word[at..].contains(&b'?'))
}

/// A type without the charset that it names.
pub(super) fn without_charset(content_type: &str) -> String {
    let is_other = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        !name.trim().eq_ignore_ascii_case("charset")
    };
    content_type.split(';').filter(is_other).collect::<Vec<_>>().join(";")
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

/// The named parts between boundaries (RFC 7578); files are passed over as other fields are.
fn parts(boundary: &str, body: &[u8]) -> Option<Vec<Field>> {
    let boundary = format!("--{boundary}");
    let marks: Vec<usize> = memmem::find_iter(body, boundary.as_bytes()).take(PARTS_MAX).collect();
    let part = |at: usize| {
        let start = marks[at] + boundary.len();
        let end = marks.get(at + 1).copied().unwrap_or(body.len());
        let part = &body[start..end];
        let (at, len) = match memmem::find(part, b"\r\n\r\n") {
            Some(at) => (at, 4),
            None => (memmem::find(part, b"\n\n")?, 2),
        };
        let (head, value) = (String::from_utf8_lossy(&part[..at]), &part[at + len..]);
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        let header = |wanted: &str| {
            let of = |line: &str| {
                let (name, value) = line.split_once(':')?;
                name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
            };
            head.lines().find_map(of)
        };
        let disposition = header("content-disposition")?;
        let name = parameter(&disposition, "name")?.to_owned();
        let [kind, encoding] = ["content-type", "content-transfer-encoding"]
            .map(|wanted| header(wanted).unwrap_or_default());
        let value = transfer::plain(&encoding, value);
        Some((name, decoded(&kind, &value).into_owned()))
    };
    (!marks.is_empty()).then(|| (0..marks.len()).filter_map(part).collect())
}

/// A parameter of a header's value, without its quotes.
fn parameter<'a>(value: &'a str, wanted: &str) -> Option<&'a str> {
    let mut parameters = value.split(';').skip(1).filter_map(|part| part.split_once('='));
    let (_, found) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    Some(found.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, body: &[u8], expected: &[(&str, &str)]) {
        let found = fields(content_type, body, &["text"]).unwrap_or_default();
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(found, expected, "{content_type}");
    }

    #[test]
    fn fields_are_read_from_both_kinds_of_forms() {
        let plain = "application/x-www-form-urlencoded";
        check(
            plain,
            b"a=%2B1+2&&b=&c&d=100%&e=%zz",
            &[("a", "+1 2"), ("b", ""), ("c", ""), ("d", "100%"), ("e", "%zz")],
        );
        let body = "--XX\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nline 1\r\nline 2\
                    \r\n--XX\r\ncontent-disposition: form-data; name=number\r\n\
                    Content-Type: text/plain; charset=utf-8\r\n\r\n+62\r\n--XX\r\n\
                    Content-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\n\
                    \u{1}\r\n--XX--\r\n";
        let expected = [("text", "line 1\r\nline 2"), ("number", "+62"), ("photo", "\u{1}")];
        check("multipart/form-data; boundary=XX", body.as_bytes(), &expected);
        check("Multipart/Form-Data; charset=utf-8; boundary=\"XX\"", body.as_bytes(), &expected);
        let bare = body.replace('\r', "");
        let of_bare = [("text", "line 1\nline 2"), ("number", "+62"), ("photo", "\u{1}")];
        check("multipart/form-data; boundary=XX", bare.as_bytes(), &of_bare);
        let cyrillic = b"--X\r\nContent-Disposition: form-data; name=\"text\"\r\n\
                         Content-Type: text/plain; charset=windows-1251\r\n\r\n\xea\xee\xe4\r\n--X--";
        check("multipart/form-data; boundary=X", cyrillic, &[("text", "код")]);
    }

    #[test]
    fn what_follows_an_ampersand_that_is_not_escaped_is_not_lost() {
        let plain = "application/x-www-form-urlencoded";
        for (body, text) in [
            (&b"text=AT&T code: 482914"[..], "AT&T code: 482914"),
            (b"text=Your+AT&T+code+is+482914&port=3", "Your AT&T code is 482914"),
            (b"text=a+&+b=c", "a & b=c"),
            (
                b"text=open https://a.b/v?u=1&code=482914&x=2",
                "open https://a.b/v?u=1&code=482914&x=2",
            ),
            (b"text=https%3A%2F%2Fa.b%2Fv%3Fu%3D1&port=3", "https://a.b/v?u=1"),
            (b"text=see https://a.b/v?u=1 now&port=3", "see https://a.b/v?u=1 now"),
        ] {
            let found = fields(plain, body, &["text", "number"]).unwrap();
            assert_eq!(found[0], ("text".into(), text.into()));
        }
        check(
            plain,
            b"link=http://a/?b=1&text=code 1",
            &[("link", "http://a/?b=1"), ("text", "code 1")],
        );
    }

    #[test]
    fn what_is_no_form_has_no_fields() {
        for (content_type, body) in [
            ("application/json", &b"a=1"[..]),
            ("multipart/form-data", b"--X\r\n\r\n"),
            ("multipart/form-data; boundary=Y", b"--X\r\n\r\n"),
        ] {
            assert_eq!(fields(content_type, body, &[]), None, "{content_type}");
        }
        check("multipart/form-data; boundary=X", b"--X", &[]);
        let many = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n".repeat(5_000);
        let found = fields("multipart/form-data; boundary=X", many.as_bytes(), &[]).unwrap();
        assert_eq!(found.len(), PARTS_MAX);
    }
}
