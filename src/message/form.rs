//! The fields of a form: `application/x-www-form-urlencoded`, or `multipart/form-data`.
//!
//! A callback is a message, so what is not escaped or framed as it should be is read as well as
//! it can be. Leaves to others: what the fields mean.

use memchr::memmem;
use nexnum_driver::decoded;

/// Parts of a form that are looked at: a message has five.
const PARTS_MAX: usize = 100;

/// The fields of a body of this type, in their order; `None` if the type is no form's.
pub(super) fn fields(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Some(pairs(content_type, body));
    }
    let is_multipart = kind.eq_ignore_ascii_case("multipart/form-data");
    is_multipart.then(|| parts(parameter(content_type, "boundary")?, body)).flatten()
}

/// The fields of `name=value&name=value`.
pub(super) fn pairs(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let said = |pair: &[u8]| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || {
            let bytes = unescaped(halves.next().unwrap_or_default());
            decoded(content_type, &bytes).into_owned()
        };
        (half(), half())
    };
    pairs.map(said).collect()
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
fn parts(boundary: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
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
        Some((name, decoded(&header("content-type").unwrap_or_default(), value).into_owned()))
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
        let found = fields(content_type, body).unwrap_or_default();
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
    fn what_is_no_form_has_no_fields() {
        for (content_type, body) in [
            ("application/json", &b"a=1"[..]),
            ("multipart/form-data", b"--X\r\n\r\n"),
            ("multipart/form-data; boundary=Y", b"--X\r\n\r\n"),
        ] {
            assert_eq!(fields(content_type, body), None, "{content_type}");
        }
        check("multipart/form-data; boundary=X", b"--X", &[]);
        let many = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n".repeat(5_000);
        let found = fields("multipart/form-data; boundary=X", many.as_bytes()).unwrap();
        assert_eq!(found.len(), PARTS_MAX);
    }
}
