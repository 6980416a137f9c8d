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
        ("application/json; charset=utf-16", "\u{feff}", u16::to_le_bytes as fn(u16) -> [u8; 2]),
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
fn a_charset_that_no_header_names_is_guessed() {
    let text = "您的验证码是48291，请勿泄露给他人。";
    let body = b"\xc4\xfa\xb5\xc4\xd1\xe9\xd6\xa4\xc2\xeb\xca\xc748291\xa3\xac\xc7\xeb\xce\xf0\xd0\xb9\xc2\xb6\xb8\xf8\xcb\xfb\xc8\xcb\xa1\xa3";
    let escaped: String = body.iter().map(|byte| format!("%{byte:02X}")).collect();
    let json = [br#"{"number": "62812345", "text": ""#, &body[..], br#""}"#].concat();
    let form = [&b"number=62812345&text="[..], &body[..]].concat();
    let escaped = format!("number=62812345&text={escaped}").into_bytes();
    let form_type = "application/x-www-form-urlencoded";
    for (content_type, body) in [
        ("", &json),
        ("application/json", &json),
        (form_type, &form),
        (form_type, &escaped),
        ("", &form),
    ] {
        assert_eq!(read(content_type, body).unwrap().text, text, "{content_type}");
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
        assert_eq!((fault.kind, &*fault.field), (JsonFaultKind::RepeatedField, "text"), "{twice}");
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
    for whole in ["628133600001.0", "628133600001.00", "6.28133600001e11", "6.28133600001E+11"] {
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

/// A form of parts whose text is encoded for its transfer.
fn encoded(encoding: &str, text: &str) -> Vec<u8> {
    let text = format!("\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{text}");
    let part = |name: &str, rest: &str| {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n")
    };
    let number = part("number", "\r\n\r\n+62810");
    format!("{number}{}--X--\r\n", part("text", &text)).into_bytes()
}

#[test]
fn a_part_of_a_form_is_decoded_from_what_it_is_encoded_in() {
    let read = |encoding: &str, text: &str| {
        let read = read("multipart/form-data; boundary=X", &encoded(encoding, text));
        read.map(|posted| posted.text).map_err(|fault| fault.detail.to_string())
    };
    for (encoding, text, expected) in [
        ("base64", "WW91ciBjb2RlIDQ4MjEz", "Your code 48213"),
        ("BASE64", "WW91ciBj\r\nb2RlIDQ4MjE=\r\n", "Your code 4821"),
        ("base64", "WW91ciBjb2RlIDQ4MjE", "Your code 4821"),
        ("quoted-printable", "Your code =3D 482=\r\n13 =C3=A9 =zz", "Your code = 48213 é =zz"),
        ("7bit", "Your code 48213=", "Your code 48213="),
        ("8bit", "Your code 48213", "Your code 48213"),
        ("binary", "Your code 48213", "Your code 48213"),
        ("", "Your code 48213", "Your code 48213"),
        ("\"base64\"", "WW91ciBjb2RlIDQ4MjEz", "Your code 48213"),
        ("quoted-printable", "Your code 48= \t\r\n213", "Your code 48213"),
        // What it is not, or is not known, is read as it stands.
        ("base64", "Your code: 48213", "Your code: 48213"),
        ("base64", "Your code is 48213", "Your code is 48213"),
        ("base64", "48213", "48213"),
        ("us-ascii", "Your code 48213", "Your code 48213"),
        ("x-uuencode", "Your code 48213", "Your code 48213"),
    ] {
        assert_eq!(read(encoding, text).as_deref(), Ok(expected), "{encoding}");
    }
}
