//! Parts of a form as they are encoded for their transfer (RFC 2045, section 6): `base64` and
//! `quoted-printable` are decoded.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Digits that are a code or a number themselves, and no base64 of a text.
const CODE_LEN_MAX: usize = 16;
/// What ends it may be left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that an encoded part stands for. Gateways name what they do not do: a part that is not
/// what it is said to be, or is said to be something unknown, is taken as it is, so that no message
/// is lost for its label.
pub(super) fn plain<'a>(encoding: &str, part: &'a [u8]) -> Cow<'a, [u8]> {
    let encoding = encoding.trim_matches(|c: char| c == '"' || c.is_whitespace());
    if encoding.eq_ignore_ascii_case("base64") {
        // Lines are broken; words are not.
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let whole: Vec<u8> = part.iter().copied().filter(|byte| !is_break(byte)).collect();
        let is_code = whole.len() <= CODE_LEN_MAX && whole.iter().all(u8::is_ascii_digit);
        let decoded = BASE64.decode(whole).ok().filter(|_| !is_code);
        return decoded.map_or(part.into(), Cow::from);
    }
    if encoding.eq_ignore_ascii_case("quoted-printable") {
        return unquoted(part).into();
    }
    part.into()
}

/// What is no escape stands for itself.
fn unquoted(part: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'=' {
            bytes.push(*byte);
            continue;
        }
        // A line that goes on, blanks before its end or not.
        let blanks = tail.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let end = &tail[blanks..];
        if let Some(next) = end.strip_prefix(b"\r\n").or_else(|| end.strip_prefix(b"\n")) {
            rest = next;
        } else if let (Some(high), Some(low)) = (digit(tail.first()), digit(tail.get(1))) {
            bytes.push((high * 16 + low) as u8);
            rest = &tail[2..];
        } else {
            bytes.push(b'=');
        }
    }
    bytes
}
