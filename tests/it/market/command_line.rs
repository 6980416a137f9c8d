//! Commands that ask a running server: the real binary against a server of this process.

use std::process::Output;

use serde_json::json;

use super::harness::Market;
use crate::rig::process::nexnum;

/// Runs the binary as this market's operator.
pub(crate) async fn run(market: &Market, arguments: &[&str]) -> Output {
    let mut command = nexnum();
    command.args(arguments).env("NEXNUM_ADMIN_KEY", &market.admin.key);
    command.env("NEXNUM_URL", format!("http://{}", market.running.address));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_any_name_can_be_synced() {
    let name = "My SMS/50% é+?#";
    let market = Market::with_silent_provider(name).await;
    let done = run(&market, &["provider", "sync", name]).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(done.stdout, b"status=started\n");
    let refused = run(&market, &["provider", "sync", "My SMS"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("no provider of this name"), "{told}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_of_callbacks_is_printed_as_a_whole_url() {
    let market = Market::start().await;
    let printed = run(&market, &["provider", "callback", "--rotate"]).await;
    let text = String::from_utf8(printed.stdout).unwrap();
    let url = format!("url=http://{}/hooks/providers/own/", market.running.address);
    assert!(text.contains(&url) && text.contains("signing_key="), "{text}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_that_failed_are_listed_and_processed_again() {
    let market = Market::start().await;
    market.message("+62810000000", "code 12345").await.refused(404, "not_found");
    let listed = run(&market, &["callback", "list"]).await;
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(text.contains("id=1") && text.contains("reason=unknown_number"), "{text}");
    let again = run(&market, &["callback", "process", "1"]).await;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    market.stock("ID", "telegram", "0.50", 62_810_000_000, 1).await;
    let buyer = market.customer("ann", "1").await;
    let wish = json!({"country": "ID", "service": "telegram"});
    buyer.post("/api/v1/orders", wish).await.created();
    // It came before the order, which takes it at the operator's word alone.
    let named = ["callback", "process", "1", "--service", "telegram"];
    assert_eq!(run(&market, &named).await.status.code(), Some(1));
    let again = run(&market, &["callback", "process", "1", "--later-order"]).await;
    assert_eq!(String::from_utf8(again.stdout).unwrap(), "status=accepted\n");
    let listed = run(&market, &["callback", "list"]).await;
    assert_eq!((listed.status.code(), listed.stdout.len()), (Some(0), 0));
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_of_several_that_is_refused_is_named_and_the_others_are_dealt_with() {
    let market = Market::start().await;
    for number in ["+62810000000", "+62810000001", "+62810000002"] {
        market.message(number, "code 12345").await.refused(404, "not_found");
    }
    let discarded = "id=1 status=discarded\nid=2 status=discarded\n";
    for (command, refused, told) in
        [("process", &["1", "999", "2"][..], ""), ("discard", &["999"], discarded)]
    {
        let done = run(&market, &["callback", command, "1", "999", "2"]).await;
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert_eq!(String::from_utf8(done.stdout).unwrap(), told);
        let said = String::from_utf8(done.stderr).unwrap();
        let named: Vec<_> = said.lines().filter_map(|line| line.split_once(": refused")).collect();
        let named: Vec<_> =
            named.iter().map(|(lead, _)| lead.rsplit(' ').next().unwrap()).collect();
        assert_eq!(named, refused, "{said}");
        assert!(said.ends_with(&format!("{} of 3 were refused\n", refused.len())), "{said}");
    }
    let listed = run(&market, &["callback", "list"]).await;
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(text.contains(" id=3 ") && text.lines().count() == 1, "{text}");
    let refused = market.admin.key.replace("nx", "ny");
    let done = run(&market, &["callback", "discard", "3", "4", "--admin-key", &refused]).await;
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    let done = run(&market, &["callback", "discard", "3"]).await;
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "done\n");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_an_operator_names_is_not_for_a_callback_that_names_another() {
    let market = Market::start().await;
    let path = market.running.hook_path.expose().to_owned();
    for (number, service) in
        [("+62810000000", "whatsapp"), ("+62810000001", ""), ("+62810000002", "nope")]
    {
        let body = json!({"number": number, "text": "code 12345", "service": service});
        let status = market.admin.post(&path, body).await.status.as_u16();
        assert!([404, 422].contains(&status), "{status}");
    }
    market.stock("ID", "telegram", "0.50", 62_810_000_000, 3).await;
    let buyer = market.customer("ann", "3").await;
    for _ in 0..3 {
        let wish = json!({"country": "ID", "service": "telegram"});
        buyer.post("/api/v1/orders", wish).await.created();
    }
    let process = ["callback", "process", "--service", "telegram", "--later-order", "1", "2", "3"];
    let done = run(&market, &process).await;
    let told = "id=2 status=accepted\nid=3 status=accepted\n";
    let (out, said) = [done.stdout, done.stderr].map(|it| String::from_utf8(it).unwrap()).into();
    assert_eq!(out, told, "{said}");
    assert!(said.contains("callback 1: ") && said.contains("names another service"), "{said}");
    // It stays as it was.
    let listed = run(&market, &["callback", "list"]).await;
    let text = String::from_utf8(listed.stdout).unwrap();
    assert!(text.contains("id=1 ") && text.contains("reason=unknown_number"), "{text}");
    market.running.stop().await.unwrap();
}

#[test]
fn the_shipped_drivers_are_listed_without_a_server() {
    let listed = nexnum().args(["provider", "drivers", "--json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let names: Vec<_> = listed["drivers"].as_array().unwrap().iter().map(|d| &d["name"]).collect();
    assert_eq!(names, ["fivesim", "handler", "smspool"]);
    let fivesim = &listed["drivers"][0];
    assert_eq!(fivesim["dialect"], "fivesim");
    assert!(fivesim["operations"].as_array().unwrap().contains(&"buy".into()), "{fivesim}");
    assert!(fivesim["limits"]["windows"][0]["calls"].as_u64() > Some(0), "{fivesim}");
    let listed = nexnum().args(["provider", "drivers"]).output().unwrap();
    let words = String::from_utf8(listed.stdout).unwrap();
    assert!(names.iter().all(|name| words.contains(name.as_str().unwrap())), "{words}");
}
