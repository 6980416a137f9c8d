//! `nexnum message extract` as it is typed: a line in, a line out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Output, Stdio};

use crate::rig::process::nexnum;

/// Runs the command on this input.
fn extract(input: &[u8]) -> Output {
    let mut command = nexnum();
    let command = command.args(["message", "extract"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let done = child.wait_with_output().unwrap();
    writing.join().unwrap().expect("it reads to the end");
    done
}

#[track_caller]
fn check(input: &str, status: i32, out: &str, err: &str) {
    let done = extract(input.as_bytes());
    assert_eq!(String::from_utf8_lossy(&done.stdout), out);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.starts_with(err) && said.lines().count() <= 1, "{said}");
    assert_eq!(done.status.code(), Some(status));
}

#[test]
fn each_line_has_its_code_or_null() {
    let lines = [
        r#"{"text":"Your code is 482913","sender":"Example"}"#,
        "",
        r#"{"text":"Hello","id":7}"#,
        r#"{"text":"您的验证码是636246","sender":null}"#,
    ];
    let found = [
        r#"{"code":"482913","confidence":0.99}"#,
        r#"{"code":null,"confidence":0}"#,
        r#"{"code":"636246","confidence":0.99}"#,
        "",
    ];
    check(&lines.join("\n"), 0, &found.join("\n"), "");
    check("", 0, "", "");
}

#[test]
fn a_line_that_is_no_message_is_named_with_its_field_and_the_others_are_answered() {
    let good = r#"{"text":"Your code is 482913"}"#;
    let found = r#"{"code":"482913","confidence":0.99}"#;
    let endless = format!("{{\"text\":\"{}\"}}", "x".repeat(900_000));
    for (bad, why) in [
        (r#"{"sender":"x"}"#, "text is missing"),
        (r#"{"text":null}"#, "text must be a string, not null"),
        (r#"{"text":7}"#, "text must be a string, not a number"),
        (r#"{"text":"x","text":"y"}"#, "text is given twice"),
        (r#"{"text":"x","sender":[]}"#, "sender must be a string, not an array"),
        (r#"{"text":"x","sender":{"a":true}}"#, "sender must be a string, not a JSON object"),
        ("[]", "must be a JSON object, not an array"),
        (r#"["Your code is 482913"]"#, "must be a JSON object, not an array"),
        ("7", "must be a JSON object, not a number"),
        (r#""text""#, "must be a JSON object, not a string"),
        ("text", "is no JSON: a value is expected at byte 2"),
        (r#"{"text":"x"} {}"#, "is no JSON: trailing characters at byte 14"),
        (r#"{"text":"x""#, "is no JSON: the JSON ends too early at byte 11"),
        (&endless, "above 262144 bytes"),
    ] {
        let done = extract(format!("{good}\n\n{bad}\n{good}\n{bad}").as_bytes());
        let out = String::from_utf8(done.stdout).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[2]), (4, found, found), "{out}");
        for (at, number) in [(1, 3), (3, 5)] {
            let told: serde_json::Value = serde_json::from_str(lines[at]).unwrap();
            assert_eq!(told["line"], number, "{told}");
            let said = told["error"].as_str().unwrap();
            assert!(said.starts_with(why), "{told}: {why}");
            for word in ["struct", "invalid type", " line ", "EOF", "`"] {
                assert!(!said.contains(word), "{told}: {word}");
            }
        }
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.starts_with(&format!("nexnum: line 3: {why}")), "{said}");
        assert!(said.ends_with("(2 of 4 lines could not be read)\n"), "{said}");
        assert_eq!(done.status.code(), Some(1));
    }
}

#[test]
fn a_line_with_broken_characters_is_read_as_well_as_it_can_be() {
    for line in [
        &b"\xef\xbb\xbf{\"text\":\"Your code is 482913\"}\r\n"[..],
        b"{\"text\":\"Your code is 482913 \xff\"}",
        b"{\"text\":\"Your code is 482913 \\ud83d\"}",
        b"{\"text\":\"Your\tcode is 482913\"}",
    ] {
        let done = extract(line);
        let out = String::from_utf8(done.stdout).unwrap();
        assert!(out.starts_with(r#"{"code":"482913""#) && done.status.success(), "{out}");
    }
}

#[test]
fn a_code_is_printed_before_the_next_line_comes() {
    let mut command = nexnum();
    let command = command.args(["message", "extract"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut stdout = BufReader::new(stdout);
    for code in ["4821", "9034"] {
        writeln!(stdin, r#"{{"text":"Your code is {code}"}}"#).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(code), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
