//! Messages as providers send them: long, broken, in foreign charsets, with the text where
//! the code should be. None is lost.

use nexnum_driver::{Driver, ExternalState, Op, Output, RawReply};

use crate::recorded::show;

fn reply(body: &str) -> RawReply {
    RawReply { status: 200, headers: vec![], body: body.as_bytes().to_vec() }
}

fn shipped(name: &str) -> Driver {
    let (_, text) = Driver::shipped().iter().find(|(known, _)| *known == name).unwrap();
    Driver::parse(text).unwrap()
}

fn messages(name: &str, reply: &RawReply) -> Vec<(Option<String>, Option<String>)> {
    match shipped(name).interpret(Op::Status, reply) {
        Ok(Output::Status(report)) => {
            report.messages.into_iter().map(|message| (message.code, message.text)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_longer_than_a_code_is_a_text() {
    let check = |code: &str, is_code: bool| {
        let [as_code, as_text] = [is_code, !is_code].map(|is| is.then(|| code.to_owned()));
        let read = messages("handler", &reply(&format!("STATUS_OK:{code}")));
        assert_eq!(read, [(as_code, as_text)], "{code}");
    };
    check("48213", true);
    check("RKJ-YP6", true);
    check("1234567890", true);
    check("12345678901", false);
    check("123 456", false);
    check("Никому не сообщайте этот код для входа в личный кабинет: 482913", false);
    check("123456 is your Example code\n@example.test #123456", false);
    check(&format!("{}482913", "word ".repeat(26)), false);
    check(&format!("{}482913", "請".repeat(20_000)), false);
    check(&format!("{}482913", "word ".repeat(100_000)), false);
    let both = |text: &str| {
        let body = format!(
            r#"{{"verificationType":0,"sms":{{"code":"go to a.test/482913","text":{text}}}}}"#
        );
        messages("handler", &reply(&body))[0].1.clone().unwrap()
    };
    assert_eq!(both("null"), "go to a.test/482913");
    assert_eq!(both(r#""Welcome""#), "Welcome\ngo to a.test/482913");
    assert_eq!(both(r#""Please go to a.test/482913 now""#), "Please go to a.test/482913 now");
}

#[test]
fn a_message_is_read_beside_a_state_that_no_driver_knows() {
    let check = |name: &str, body: &str, messages: usize| match shipped(name)
        .interpret(Op::Status, &reply(body))
    {
        Ok(Output::Status(report)) => {
            assert_eq!((report.state, report.by_word), (ExternalState::Received, false));
            assert_eq!((report.messages.len(), report.unread.is_some()), (messages, true));
        }
        other => assert!(messages == 0 && other.is_err(), "{body}: {other:?}"),
    };
    let sms = r#"[{"id":1,"sender":"X","text":"code 48213","code":"48213"}]"#;
    check("fivesim", &format!(r#"{{"id":1,"status":"DONE","sms":{sms}}}"#), 1);
    check("fivesim", r#"{"id":1,"status":"DONE","sms":[]}"#, 0);
    check("smspool", r#"{"status":9,"sms":"48213","full_sms":"code 48213"}"#, 1);
}

#[test]
fn an_id_that_tells_no_message_from_another_is_none() {
    let ids = |sms: &str| -> Vec<Option<String>> {
        let body = format!(r#"{{"id":1,"status":"RECEIVED","sms":[{sms}]}}"#);
        let Ok(Output::Status(report)) = shipped("fivesim").interpret(Op::Status, &reply(&body))
        else {
            panic!("{body}")
        };
        report.messages.into_iter().map(|message| message.external_id).collect()
    };
    let sms = |id: &str, code: &str| format!(r#"{{"id":{id},"text":"is {code}","code":"{code}"}}"#);
    let some = |id: &str| Some(id.to_owned());
    let (first, second, other) = (sms("7", "48213"), sms("7", "99171"), sms("8", "48213"));
    assert_eq!(ids(&[first.clone(), other.clone()].join(",")), [some("7"), some("8")]);
    assert_eq!(ids(&[first.clone(), first.clone()].join(",")), [some("7"), some("7")], "a repeat");
    assert_eq!(ids(&[first, second, other].join(",")), [None, None, some("8")]);
    for none in ["0", "null", "\"\"", "\"0\"", "false"] {
        assert_eq!(ids(&sms(none, "48213")), [None], "{none}");
    }
}

#[test]
fn a_state_is_by_word_where_words_tell_an_old_message_from_an_awaited_one() {
    let check = |name: &str, body: &str, expected: bool| {
        let read = shipped(name).interpret(Op::Status, &reply(body));
        let Ok(Output::Status(report)) = read else { panic!("{body}: {read:?}") };
        assert_eq!(report.by_word, expected, "{body}");
    };
    for body in ["STATUS_OK:48213", "STATUS_WAIT_RETRY:48213", "STATUS_WAIT_CODE"] {
        check("handler", body, true);
    }
    // Of the second version's replies only that a message exists is read.
    check("handler", r#"{"verificationType":0,"sms":{"code":"48213","text":"a 48213"}}"#, false);
    check("handler", r#"{"verificationType":0,"sms":null,"call":null}"#, false);
    check("handler", r#"{"sms":[{"code":"48213"}]}"#, false);
    // One word for both.
    check("fivesim", r#"{"id":1,"status":"RECEIVED","sms":[{"code":"48213"}]}"#, false);
    check("smspool", r#"{"status":3,"sms":"48213","full_sms":"a 48213"}"#, true);
    check("smspool", r#"{"status":8,"sms":"48213","full_sms":"a 48213"}"#, true);
    // The word is not believed: there is no message.
    check("smspool", r#"{"status":3,"sms":"0"}"#, false);
}

#[test]
fn no_field_of_a_message_is_too_long_for_the_others() {
    let long = "x".repeat(300);
    let body = format!(
        r#"{{"id":1,"status":"RECEIVED","sms":[{{"id":"{long}","sender":"{long}","text":"code 48213","code":"{long}"}},{{"sender":"A","code":"60712"}}]}}"#
    );
    let Ok(Output::Status(report)) = shipped("fivesim").interpret(Op::Status, &reply(&body)) else {
        panic!("not read");
    };
    let first = &report.messages[0];
    assert_eq!(first.text.as_deref(), Some(&*format!("code 48213\n{long}")));
    assert_eq!((&first.code, &first.external_id), (&None, &None));
    assert_eq!(first.sender.as_deref(), Some(&long[..128]));
    assert_eq!(report.messages[1].code.as_deref(), Some("60712"));
    let many = r#"{"code":"1"},"#.repeat(3_000);
    let many = format!(r#"{{"id":1,"status":"RECEIVED","sms":[{many}{{"code":"2"}}]}}"#);
    assert_eq!(messages("fivesim", &reply(&many)).len(), 3_001);
    let bought =
        format!(r#"{{"id":1,"phone":"+447350690992","operator":"{long}","price":"dear"}}"#);
    let read = show(shipped("fivesim").interpret(Op::Buy, &reply(&bought)));
    assert_eq!(read, "bought 1 +447350690992 cost=- operator=-", "a number that is ours");
    let row = format!(
        r#"{{"Data":[{{"id":1,"phone":"+447350690992","status":"PENDING","country":"{long}","product":"tg"}}],"Total":1}}"#
    );
    let read = show(shipped("fivesim").interpret(Op::ListActive, &reply(&row)));
    assert!(read.contains("1 +447350690992 - tg"), "{read}");
}

#[test]
fn a_reply_is_read_in_its_charset_and_past_what_is_broken() {
    let of = |content_type: &str, body: &[u8]| {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        let reply = RawReply { status: 200, headers, body: body.to_vec() };
        let (code, text) = messages("handler", &reply).remove(0);
        code.or(text).unwrap()
    };
    let cyrillic = b"STATUS_OK:\xcf\xe0\xf0\xee\xeb\xfc 48213";
    assert_eq!(of("text/html; charset=windows-1251", cyrillic), "Пароль 48213");
    assert_eq!(of("text/html; Charset=\"CP1251\"; x=1", cyrillic), "Пароль 48213");
    let latin = b"STATUS_OK:Tu c\xf3digo: 48291";
    assert_eq!(of("text/html; charset=ISO-8859-1", latin), "Tu código: 48291");
    for unknown in ["text/html", "text/html; charset=klingon", "text/html; charset=utf-8", ""] {
        assert_eq!(of(unknown, latin), "Tu código: 48291", "{unknown}");
    }
    let marked = "\u{feff}STATUS_OK:Tu código: 48291";
    assert_eq!(of("text/html; charset=utf-8", marked.as_bytes()), "Tu código: 48291");
    let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(of("text/html", &wide), "Tu código: 48291", "its mark tells UTF-16");
    let wide: Vec<u8> = marked.encode_utf16().skip(1).flat_map(u16::to_be_bytes).collect();
    assert_eq!(of("text/html", &wide), "Tu código: 48291", "its first bytes tell it");
    let broken = "{\"status\":\"RECEIVED\",\"sms\":[{\"text\":\"It\\'s one\nand \\ud83d 48213\"}]}";
    let read = messages("fivesim", &reply(broken));
    let text = "It's one\nand \u{fffd} 48213";
    assert_eq!(read, [(None, Some(text.to_owned()))]);
}

#[test]
fn what_stands_for_no_message_yet_is_none() {
    let (_, handler) = Driver::shipped().iter().find(|(name, _)| *name == "handler").unwrap();
    let driver = Driver::parse(handler).unwrap();
    for none in ["0", r#""0""#, "false", r#""null""#, r#""NULL""#, "null", "[]", r#""""#, "[0]"] {
        let row = format!(
            r#"{{"activationId":"7","phoneNumber":"62858000007","activationStatus":"4","smsCode":{none},"smsText":{none}}}"#
        );
        let body = format!(r#"{{"status":"success","activeActivations":[{row}]}}"#);
        let Ok(Output::Active(list)) = driver.interpret(Op::ListActive, &reply(&body)) else {
            panic!("{none}: no list")
        };
        let row = &list.rows[0];
        assert_ne!(row.state, Some(ExternalState::Received), "{none}");
        assert!(row.messages.as_ref().is_none_or(Vec::is_empty), "{none}: {row:?}");
    }
    for none in ["STATUS_OK:0", "STATUS_OK:'null'", "STATUS_OK:false"] {
        let read = driver.interpret(Op::Status, &reply(none));
        let Ok(Output::Status(report)) = read else { panic!("{none}: {read:?}") };
        assert_eq!((report.state, report.messages), (ExternalState::Waiting, vec![]), "{none}");
    }
}

#[test]
fn a_message_that_is_written_in_another_way_is_no_wait() {
    let unread = |name: &str, body: &str| {
        let read = shipped(name).interpret(Op::Status, &reply(body));
        let Ok(Output::Status(report)) = read else { panic!("{body}: {read:?}") };
        report.unread.map(|error| error.reply.map(String::from))
    };
    let kept = |body: &str| Some(Some(body.to_owned()));
    for sms in [
        r#"[{"id":7,"sender":"A","text":{"body":"code 48213"}}]"#,
        r#"[{"id":7,"text":["code 48213"],"code":null}]"#,
        r#"[{"id":7,"sender":"A","body":"code 48213"}]"#,
        r#"[{"id":7,"parts":["code 48213"]}]"#,
        r#"["code 48213"]"#,
        r#"[["code 48213"]]"#,
        r#"{"text":"code 48213"}"#,
        r#"[{"text":"code 60712","code":"60712"},{"message":"code 48213"}]"#,
    ] {
        let body = format!(r#"{{"id":1,"status":"RECEIVED","sms":{sms}}}"#);
        assert_eq!(unread("fivesim", &body), kept(&body));
    }
    for sms in [
        r#"[]"#,
        r#"null"#,
        r#"{}"#,
        r#"[null]"#,
        r#"[{}]"#,
        r#"["0"]"#,
        r#"[{"id":7,"sender":"A","text":"","code":""}]"#,
        r#"[{"id":7,"sender":"A","text":null}]"#,
        r#"[{"id":7000,"sender":"Example"}]"#,
        r#"[{"text":"code 48213","code":"48213","created_at":"2026-01-01"}]"#,
    ] {
        let body = format!(r#"{{"id":1,"status":"RECEIVED","sms":{sms}}}"#);
        assert_eq!(unread("fivesim", &body), None, "{body}");
    }
    for sms in [
        r#""code 48213""#,
        r#"["code 48213"]"#,
        r#"{"text":{"body":"code 48213"}}"#,
        r#"{"message":"code 48213","dateTime":"2026-01-01 10:00:00"}"#,
        "48213",
    ] {
        let body = format!(r#"{{"verificationType":0,"sms":{sms},"call":null}}"#);
        assert_eq!(unread("handler", &body), kept(&body));
    }
    for sms in ["null", "false", "0", r#""""#, "{}", r#"{"code":"","text":"","dateTime":"now"}"#] {
        let body = format!(r#"{{"verificationType":0,"sms":{sms},"call":null}}"#);
        assert_eq!(unread("handler", &body), None, "{body}");
    }
    for (body, is_read) in [
        (r#"{"status":3,"message":"code 48213"}"#, false),
        (r#"{"status":3,"sms":{"code":"48213"}}"#, false),
        (r#"{"status":3,"sms":"0"}"#, true),
        (r#"{"status":1,"message":"pending"}"#, true),
    ] {
        assert_eq!(unread("smspool", body), if is_read { None } else { kept(body) }, "{body}");
    }
    // A list does not say that nothing is there: the activation is asked about singly.
    let row = r#"{"id":1,"phone":"+6281","status":"RECEIVED","sms":[{"body":"code 48213"}]}"#;
    let body = format!(r#"{{"Data":[{row}],"Total":1}}"#);
    let read = shipped("fivesim").interpret(Op::ListActive, &reply(&body));
    let Ok(Output::Active(list)) = read else { panic!("{read:?}") };
    assert_eq!(list.rows[0].messages, None);
}
