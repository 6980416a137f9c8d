//! Parts of a form as they are encoded for their transfer (RFC 2045, section 6): `base64` and
//! `quoted-printable` are decoded.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What ends it may be left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that an encoded part stands for.
///
/// # Errors
/// What is wrong with it, in words for a person.
pub(super) fn plain<'a>(encoding: &str, part: &'a [u8]) -> Result<Cow<'a, [u8]>, &'static str> {
    let is = |known: &str| encoding.eq_ignore_ascii_case(known);
    if is("base64") {
        let is_blank = |byte: &u8| byte.is_ascii_whitespace();
        let part: Vec<u8> = part.iter().copied().filter(|byte| !is_blank(byte)).collect();
        let decoded = BASE64.decode(part);
        return decoded.map(Cow::from).map_err(|_| "is not the base64 that its part says it is");
    }
    if is("quoted-printable") {
        return Ok(unquoted(part).into());
    }
    // What is sent as it is; some gateways name its charset here.
    if ["", "7bit", "8bit", "binary", "utf-8", "utf8", "none", "identity"].into_iter().any(is) {
        return Ok(part.into());
    }
    Err("has a transfer encoding that is not known")
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
        // A line that goes on.
        if let Some(next) = tail.strip_prefix(b"\r\n").or_else(|| tail.strip_prefix(b"\n")) {
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
