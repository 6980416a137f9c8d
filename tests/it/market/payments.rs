//! Payments: by whom, over which rail, once; what statements say of them, and what the disk does.

use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::command_line::run;
use super::harness::{Client, Market};
use crate::rig::plain::{files_with, ways_of_text};

const DEPOSITS: &str = "/api/admin/accounts/1/deposits";
const REFERENCE: &str = "Anna Müller, invoice 2026-117";

/// Where a text is found in the files of a folder.
fn found(dir: &Path, text: &str) -> Vec<String> {
    files_with(dir, &ways_of_text(text))
}

fn key_files(market: &Market) -> usize {
    // Beside the one that numbers are found by, and the one of operators' addresses.
    fs::read_dir(market.dir().join("keys")).unwrap().count() - 2
}

async fn transactions(buyer: &Client) -> Vec<Value> {
    let page = buyer.get("/api/v1/wallet/transactions").await.ok();
    page["transactions"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_tells_its_rail_currency_and_reference_and_the_reference_is_sealed() {
    let market = Market::start().await;
    let buyer = market.customer("ann", "1").await;
    assert_eq!(key_files(&market), 2, "the customer's key for money, and for its identity");
    let paid = json!({"amount": "92.00", "currency": "EUR", "rate": "1.0869"});
    let body = json!({"amount": "99.99", "reference": REFERENCE, "rail": "sepa", "paid": paid});
    let first = market.admin.post(DEPOSITS, body.clone()).await.created();
    assert_eq!(first, json!({"balance": "100.990000", "repeated": false}));
    let again = market.admin.post(DEPOSITS, body).await.created();
    assert_eq!(again, json!({"balance": "100.990000", "repeated": true}));

    let shown = transactions(&buyer).await;
    let payment = json!({"rail": "sepa", "reference": REFERENCE, "paid": paid});
    assert_eq!((&shown[0]["kind"], &shown[0]["payment"]), (&json!("DEPOSIT"), &payment));
    assert_eq!(shown[1]["payment"]["rail"], "manual");
    assert_eq!(shown[1]["payment"]["paid"], Value::Null);

    // The same after a start; the customer has one key, which the start found.
    let key = buyer.key.clone();
    let market = market.restart().await;
    let buyer = Client::new(&market.running, &key);
    assert_eq!(transactions(&buyer).await, shown);
    market.admin.post(DEPOSITS, json!({"amount": "1", "reference": "next"})).await.created();
    assert_eq!(key_files(&market), 2);
    assert_eq!(
        found(&market.dir(), "sepa").len(),
        1,
        "a rail's name is no secret: the search finds it"
    );
    assert_eq!(found(&market.dir(), REFERENCE), Vec::<String>::new());
    let dir = market.dir();
    market.running.stop().await.unwrap();
    assert_eq!(found(&dir, REFERENCE), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_of_a_rail_is_one_payment() {
    let market = Market::start().await;
    market.customer("ann", "1").await;
    market.customer("bob", "1").await;
    let body = |rail: &str, amount: &str| json!({"amount": amount, "reference": "7", "rail": rail});
    market.admin.post(DEPOSITS, body("bank", "5")).await.created();
    let other = "/api/admin/accounts/2/deposits";
    for (path, body) in [(DEPOSITS, body("bank", "6")), (other, body("bank", "5"))] {
        let problem = market.admin.post(path, body).await.refused(422, "idempotency_mismatch");
        assert_eq!(problem["param"], "reference");
    }
    market.admin.post(other, body("card", "5")).await.created();
    for (field, body) in [
        ("rail", body("Bank", "5")),
        ("rail", body("", "5")),
        ("reference", json!({"amount": "5", "reference": "a\nb"})),
        ("paid", paid("92", "EUR", "1.2")),
        ("paid.amount", paid("9e2", "EUR", "1.0")),
        ("paid.amount", paid("-92", "EUR", "1.0")),
        ("paid.rate", paid("92", "EUR", "")),
        ("paid.currency", paid("92", "eur", "1.0")),
    ] {
        let problem = market.admin.post(DEPOSITS, body).await.refused(400, "invalid_field");
        assert_eq!(problem["param"], field);
    }
    market
        .admin
        .post("/api/admin/accounts/9/deposits", body("bank", "5"))
        .await
        .refused(404, "unknown_account");
    assert_eq!(key_files(&market), 4, "an account that is not there gets no key");
    market.running.stop().await.unwrap();
}

fn paid(amount: &str, currency: &str, rate: &str) -> Value {
    let paid = json!({"amount": amount, "currency": currency, "rate": rate});
    json!({"amount": "92", "reference": "8", "paid": paid})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_was_paid_stands_in_its_books() {
    let market = Market::start().await;
    let pay = "/api/admin/providers/own/payments";
    let body = json!({"amount": "40", "reference": "sim cards, May", "rail": "bank"});
    let first = market.admin.post(pay, body.clone()).await.created();
    assert_eq!(first, json!({"prepaid": "0.000000", "payable": "0.000000", "repeated": false}));
    assert_eq!(market.admin.post(pay, body).await.created()["repeated"], true);
    let missing = json!({"amount": "1", "reference": "x"});
    market
        .admin
        .post("/api/admin/providers/other/payments", missing)
        .await
        .refused(404, "not_found");
    market.running.stop().await.unwrap();

    let market = Market::with_silent_provider("up").await;
    let done = run(&market, &["provider", "pay", "up", "12.50", "--reference", "top-up 1"]).await;
    let told = String::from_utf8(done.stdout).unwrap();
    assert_eq!(told, "payable=0.000000 prepaid=12.500000 repeated=false\n");
    let providers = market.admin.get("/api/admin/providers").await.ok();
    let up = providers["providers"].as_array().unwrap().iter().find(|it| it["name"] == "up");
    let up = up.unwrap();
    let books = ["prepaid", "payable", "receivable", "written_off"].map(|book| up[book].clone());
    assert_eq!(books, ["12.500000", "0.000000", "0.000000", "0.000000"].map(|it| json!(it)));
    let page = market.admin.request(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("nexnum_provider_prepaid_micros{provider=\"up\"} 12500000"), "{page}");
    market.customer("ann", "1").await;
    let deposit =
        ["deposit", "1", "99.99", "--reference", "7", "--rail", "sepa", "--paid", "92.00"];
    let deposit = [&deposit[..], &["--currency", "EUR", "--rate", "1.0869"]].concat();
    let done = run(&market, &deposit).await;
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "balance=100.990000 repeated=false\n");
    market.running.stop().await.unwrap();
}
