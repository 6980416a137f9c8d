//! Bodies as text: in the charset that they show, name, or are taken for.
//!
//! Promises: a body without a charset loses nothing, since what is not UTF-8 in it is read as
//! the charset that its bytes show without a fault, else as windows-1252, which gives every byte
//! a character. A wrong charset costs no ASCII of a body that has it as it is, as digits and
//! marks of JSON. Leaves to others: what the text means.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

/// A body as text: in the charset that its mark or its first bytes show, else in the one that
/// its `Content-Type` names, else in UTF-8. What is not UTF-8 there is guessed; what another
/// charset cannot decode becomes U+FFFD, and the digits beside it stay. A body that is UTF-8 with
/// more than ASCII is UTF-8 whatever it is called, but where it has few such characters and is
/// without a fault in an eastern charset that it names. A mark at the start is left out.
#[must_use]
pub fn decoded<'a>(content_type: &str, body: &'a [u8]) -> Cow<'a, str> {
    let (encoding, mark_len) = encoding_of(content_type, body);
    let body = &body[mark_len..];
    // Bytes of ASCII are other letters in ISO-2022-JP and in UTF-16.
    if encoding == UTF_8 || (body.is_ascii() && encoding.is_ascii_compatible()) {
        return utf8_or_guessed(body);
    }
    encoding.decode_without_bom_handling(body).0
}

/// True for a body in UTF-16: the marks of a form or of a line are two bytes each in it.
#[must_use]
pub fn is_utf16(content_type: &str, body: &[u8]) -> bool {
    let (encoding, _) = encoding_of(content_type, body);
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// The encoding of a body, and the length of the mark that it begins with.
fn encoding_of(content_type: &str, body: &[u8]) -> (&'static Encoding, usize) {
    Encoding::for_bom(body).unwrap_or_else(|| {
        let named = || charset(content_type).and_then(labelled);
        let named = || named().filter(|named| !is_mislabelled(named, body));
        (wide(body).or_else(named).unwrap_or(UTF_8), 0)
    })
}

/// A body that is said to be in another charset than it is.
fn is_mislabelled(named: &'static Encoding, body: &[u8]) -> bool {
    let utf8 = std::str::from_utf8(body).ok();
    if named == UTF_16LE || named == UTF_16BE {
        // Whatever has a digit or a sign of ASCII has a zero in UTF-16.
        let has_digits = || body.windows(3).any(|three| three.iter().all(u8::is_ascii_digit));
        let is_narrow = utf8.is_some() || body.iter().take(2).all(u8::is_ascii) || has_digits();
        return !body.contains(&0) && is_narrow;
    }
    // By chance, bytes of another charset are UTF-8 in very short texts alone.
    utf8.filter(|text| !text.is_ascii()).is_some_and(|text| {
        let is_sure = named.is_single_byte()
            || text.chars().any(|c| c.len_utf8() > 2)
            || text.chars().filter(|c| !c.is_ascii()).count() >= SURE_LEN;
        is_sure || named.decode_without_bom_handling_and_without_replacement(body).is_none()
    })
}

/// Characters of two bytes that make a body UTF-8 whichever eastern charset it names.
const SURE_LEN: usize = 3;

/// UTF-16 without a mark: every body begins with a character of ASCII, and none with a zero
/// beside it.
fn wide(body: &[u8]) -> Option<&'static Encoding> {
    match body {
        [1..=0x7f, 0, ..] => Some(UTF_16LE),
        [0, 1..=0x7f, ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// UTF-8, else what the bytes are guessed to be, else UTF-8 with windows-1252 where it is not: a
/// list may have rows of both.
fn utf8_or_guessed(body: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Borrowed(text);
    }
    if let Some(text) = guessed(body) {
        return text;
    }
    let mut text = String::with_capacity(body.len() + body.len() / 8);
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    Cow::Owned(text)
}

/// Bytes that are not UTF-8 which a guess needs: a few letters with accents are windows-1252.
const GUESSED_LEN: usize = 4;

/// Bytes of a body that a guess is made from, at most: each is looked at once for each charset.
const LOOKED_AT: usize = 16 * 1024;

/// A body in the charset that its bytes are likely to be in, if all of it can be read so and
/// it is another than windows-1252, which is read beside UTF-8. One that is UTF-8 for the most
/// part is UTF-8 with a fault, as where a text was cut in a character.
fn guessed(body: &[u8]) -> Option<Cow<'_, str>> {
    let (mut read, mut unread) = (0, 0);
    for chunk in body.utf8_chunks() {
        read += chunk.valid().bytes().filter(|byte| !byte.is_ascii()).count();
        unread += chunk.invalid().len();
    }
    if unread < GUESSED_LEN || read > unread {
        return None;
    }
    // ASCII tells nothing, but what stands before the first letter may be a part of its word.
    let first = body.iter().position(|byte| !byte.is_ascii())?.saturating_sub(1);
    let looked_at = &body[first..body.len().min(first + LOOKED_AT)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(looked_at, first + looked_at.len() == body.len());
    let encoding = detector.guess(None, Utf8Detection::Deny);
    if encoding == WINDOWS_1252 {
        return None;
    }
    encoding.decode_without_bom_handling_and_without_replacement(body)
}

/// The encoding of a label: those of the WHATWG, Windows' own numbers for the eastern ones, and
/// UTF-16 without its hyphen.
fn labelled(label: &[u8]) -> Option<&'static Encoding> {
    let number = ["windows-", "cp", "ms"].iter().find_map(|lead| {
        let (start, rest) = label.split_at_checked(lead.len())?;
        start.eq_ignore_ascii_case(lead.as_bytes()).then_some(rest)
    });
    let by_number = || match number? {
        b"932" => Some(SHIFT_JIS),
        b"936" => Some(GBK),
        b"949" => Some(EUC_KR),
        b"950" => Some(BIG5),
        b"1200" => Some(UTF_16LE),
        b"1201" => Some(UTF_16BE),
        b"65001" => Some(UTF_8),
        _ => None,
    };
    let unhyphened = || match label.to_ascii_lowercase().as_slice() {
        b"utf16" | b"utf16le" | b"ucs2" => Some(UTF_16LE),
        b"utf16be" | b"ucs-2be" | b"ucs2be" => Some(UTF_16BE),
        _ => None,
    };
    // A label for which the standard reads nothing at all names none.
    Encoding::for_label_no_replacement(label).or_else(by_number).or_else(unhyphened)
}

/// The charset in a `Content-Type`: `text/html; charset="windows-1251"`.
fn charset(content_type: &str) -> Option<&[u8]> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|it| it.split_once('='));
    let (_, label) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(label.trim().trim_matches(['"', '\'']).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf8_and_names_no_charset_loses_no_byte() {
        for content_type in ["", "text/html", "text/html; charset=utf-8", "a/b; charset=nope"] {
            let of = |body: &[u8]| decoded(content_type, body).into_owned();
            assert_eq!(of(b"Tu c\xf3digo: 48291"), "Tu código: 48291");
            assert_eq!(of("código — ".as_bytes()), "código — ");
            let mixed = ["код 1\n".as_bytes(), b"c\xf3digo 2 \x80\x93"].concat();
            assert_eq!(of(&mixed), "код 1\ncódigo 2 €“");
            let every: Vec<u8> = (1..=255).collect();
            assert!(!of(&every).contains('\u{fffd}'));
            assert_eq!(of(&every).chars().count(), 255);
        }
    }

    #[test]
    fn a_wrong_charset_costs_no_digit() {
        let of = |charset: &str, body: &[u8]| {
            decoded(&format!("text/plain; charset={charset}"), body).into_owned()
        };
        let utf8 = "Tu código está aquí: 48291".as_bytes();
        for charset in [
            "iso-8859-1",
            "windows-1252",
            "windows-1251",
            "koi8-r",
            "iso-8859-5",
            "tis-620",
            "shift_jis",
            "gbk",
            "euc-kr",
            "iso-2022-jp",
            "utf-16",
            "utf-16be",
            "iso-2022-kr",
            "us-ascii",
        ] {
            assert_eq!(of(charset, utf8), "Tu código está aquí: 48291", "{charset}");
            assert_eq!(of(charset, "验证码 48291".as_bytes()), "验证码 48291", "{charset}");
            assert_eq!(of(charset, b"code 48291"), "code 48291", "{charset}");
        }
        // Two characters that are both.
        assert_eq!(of("gbk", b"\xc4\xa7\xca\xbc 48291"), "魔始 48291");
        assert_eq!(of("iso-8859-1", b"\xc4\xa7 48291"), "ħ 48291");
        let latin = &b"Tu c\xf3digo:\xe948291\xe9 \x8048291"[..];
        let chinese = &b"\xd1\xe9\xd6\xa4\xc2\xeb48291"[..];
        let japanese = &b"\x83R\x81[\x83h48291"[..];
        for charset in [
            "utf-8",
            "gbk",
            "shift_jis",
            "big5",
            "euc-kr",
            "euc-jp",
            "iso-2022-jp",
            "gb18030",
            "utf-16",
            "iso-8859-1",
            "windows-1251",
            "iso-2022-kr",
        ] {
            for body in [latin, chinese, japanese] {
                assert!(of(charset, body).contains("48291"), "{charset}: {}", of(charset, body));
            }
        }
    }

    #[test]
    fn utf_16_is_known_by_its_mark_its_first_bytes_or_its_name() {
        let text = "código 码 1";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (name, body) in [("utf-16le", &le), ("UTF-16BE", &be), ("utf16be", &be), ("x", &le)] {
            let content_type = format!("text/plain; charset={name}");
            assert!(is_utf16(&content_type, body), "{name}");
            assert_eq!(decoded(&content_type, body), text, "{name}");
        }
        let eastern: Vec<u8> = "码 1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decoded("text/plain; charset=\"utf-16be\"", &eastern), "码 1");
        assert_eq!(decoded("", &[&b"\xfe\xff"[..], &eastern].concat()), "码 1");
        assert!(!is_utf16("text/plain", b"1"));
    }

    #[test]
    fn a_charset_that_is_not_named_is_guessed_from_the_text() {
        let texts = [
            (GBK, "您的验证码是48291，请勿泄露给他人。"),
            (BIG5, "您的驗證碼是48291，請勿告訴他人。"),
            (SHIFT_JIS, "あなたの認証コードは48291です。"),
            (EUC_KR, "인증번호는 48291 입니다. 타인에게 알려주지 마세요."),
            (encoding_rs::WINDOWS_1251, "Ваш код подтверждения: 48291. Никому его не сообщайте."),
        ];
        for (encoding, text) in texts {
            let json = format!(r#"{{"id":17,"status":"RECEIVED","sms":[{{"text":"{text}"}}]}}"#);
            for whole in [text.to_owned(), format!("STATUS_OK:{text}"), json] {
                let body = encoding.encode(&whole).0;
                for content_type in ["", "application/json", "text/plain; charset=utf-8"] {
                    assert_eq!(decoded(content_type, &body), whole, "{}", encoding.name());
                }
            }
        }
    }

    #[test]
    fn western_texts_are_read_as_they_are() {
        for text in [
            "Tu código de verificación es 48291. Válido por 10 minutos. ¡No lo compartas!",
            "Votre code de sécurité à usage unique est 48291, valable une journée entière.",
            "Ihr Bestätigungscode für die Überprüfung lautet 48291. Gültig für fünf Minuten.",
            "Seu código de verificação é 48291. Não o compartilhe com ninguém.",
            "Din bekräftelsekod är 48291. Den gäller i några få minuter, dela den inte på nätet.",
            "Vahvistuskoodisi on 48291. Älä jaa tätä koodia kenenkään kanssa, pidä se itselläsi.",
            "Přihlašovací kód",
        ] {
            let (body, _, is_lost) = WINDOWS_1252.encode(text);
            assert_eq!(decoded("", &body) == text, !is_lost, "{}", decoded("", &body));
        }
    }

    #[test]
    fn a_text_of_utf8_with_a_fault_is_not_guessed_at() {
        let cut = &"Ваш код подтверждения: 48291. Никому".as_bytes()[..60];
        let lone = ["您的验证码是48291".as_bytes(), b"\xff"].concat();
        for body in [cut, &lone] {
            let valid = body.utf8_chunks().next().map_or("", |it| it.valid());
            assert!(decoded("", body).starts_with(valid), "{}", decoded("", body));
        }
        assert_eq!(decoded("", b"Tu c\xf3digo: 48291"), "Tu código: 48291");
    }
}
