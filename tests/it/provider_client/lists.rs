//! Lists of open activations.

use super::*;

#[test]
fn a_list_says_what_the_providers_clock_showed() {
    let date = "Date: Sat, 28 Nov 2026 01:00:00 GMT\r\nAge: 5\r\n";
    let none = r#"{"status":"error","error":"NO_ACTIVATIONS"}"#;
    let server = serve(vec![http("200 OK", date, none), ok("NO_ACTIVATIONS")]);
    let client = handler(&server);
    let list = |_| run(client.list_active(Time(0))).unwrap().list.server_now;
    assert_eq!([1, 2].map(list), [Some(Time(1_795_827_605_000)), None]);
}

#[test]
fn a_list_of_a_busy_account_is_read_whole() {
    let row = |id: u32| {
        format!(
            r#"{{"activationId":"{id}","serviceCode":"tg","phoneNumber":"62811{id:07}","smsText":"{}"}}"#,
            "x".repeat(300)
        )
    };
    let rows: Vec<String> = (0..5_000).map(row).collect();
    let body = format!(r#"{{"status":"success","activeActivations":[{}]}}"#, rows.join(","));
    let server = serve(vec![ok(&body)]);
    assert_eq!(run(handler(&server).list_active(Time(0))).unwrap().list.rows.len(), 5_000);
}
