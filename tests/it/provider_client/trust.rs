//! What a server says with a status that speaks against its words.

use super::*;

#[test]
fn a_server_that_fails_or_refuses_is_not_believed_in_its_good_words() {
    for status in ["500 Internal Server Error", "503 Service Unavailable", "403 Forbidden"] {
        let answers = |body: &str| serve(vec![http(status, "", body)]);
        let server = answers("STATUS_CANCEL");
        let error = run(handler(&server).status("1")).unwrap_err();
        assert!(!error.certain, "{status}");
        let server = answers("ACCESS_CANCEL");
        let error = run(handler(&server).cancel("1")).unwrap_err();
        assert!(!error.certain, "{status}");
        let server = answers("NO_ACTIVATIONS");
        assert!(run(handler(&server).list_active(Time(0))).is_err(), "{status}: no list");
        let server = answers("ACCESS_NUMBER:1:12025550123");
        let outcome = run(handler(&server).buy(&order(), None));
        assert!(matches!(outcome, BuyOutcome::InDoubt(_)), "{status}: {outcome:?}");
    }
}

#[test]
fn a_reply_about_another_activation_ends_none() {
    let fivesim = |body: &str| {
        let server = serve(vec![ok(body)]);
        (client("fivesim", &server.address, Decimal::ONE), server)
    };
    for (op, word) in [("cancel", "CANCELED"), ("finish", "FINISHED")] {
        let change = async |client: &ProviderClient| match op {
            "cancel" => client.cancel("7").await,
            _ => client.finish("7").await,
        };
        let body = |id| format!(r#"{{"id":{id},"status":"{word}","sms":[]}}"#);
        let (client, _server) = fivesim(&body(8));
        let error = run(change(&client)).unwrap_err();
        assert!(error.kind == ErrorKind::Unmapped && !error.certain, "{op}: {error:?}");
        let (client, _server) = fivesim(&body(7));
        run(change(&client)).unwrap();
    }
}
