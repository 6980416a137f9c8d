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
    // It stops reading where a line is no message.
    let _closed = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
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
        r#"{"code":"482913","confidence":0.95}"#,
        r#"{"code":null,"confidence":0}"#,
        r#"{"code":"636246","confidence":0.98}"#,
        "",
    ];
    check(&lines.join("\n"), 0, &found.join("\n"), "");
    check("", 0, "", "");
}

#[test]
fn a_line_that_is_no_message_is_named_with_its_field() {
    let good = r#"{"text":"Your code is 482913"}"#;
    let found = "{\"code\":\"482913\",\"confidence\":0.95}\n";
    for (bad, why) in [
        (r#"{"sender":"x"}"#, "nexnum: line 2: missing field `text`"),
        (r#"{"text":7}"#, "nexnum: line 2: text: invalid type"),
        (r#"{"text":"x","sender":[]}"#, "nexnum: line 2: sender: invalid type"),
        ("text", "nexnum: line 2: expected"),
        (r#"{"text":"x"} {}"#, "nexnum: line 2: trailing characters"),
    ] {
        check(&format!("{good}\n{bad}\n{good}\n"), 1, found, why);
    }
    let endless = format!("{{\"text\":\"{}\"}}", "x".repeat(300_000));
    check(&endless, 1, "", "nexnum: line 1: above 262144 bytes");
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
