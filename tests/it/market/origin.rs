//! The ledger says of each command who had it carried out, and which request brought it.

use std::sync::Arc;

use nexnum_engine::group::{Actor, Head, Origin};
use nexnum_engine::ids::{AccountId, AddressNumber, KeyId, ProviderId};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, Purpose};
use reqwest::Method;
use serde_json::json;

use super::command_line::run;
use super::harness::{Market, answer};
use crate::rig::plain::{files_with, ways_of_text};

/// Own stock, the only provider.
const OWN: Actor = Actor::Worker(ProviderId(1));
const OPERATOR: Actor = Actor::Key(KeyId(1));
const BUYER: Actor = Actor::Key(KeyId(2));

const REASON: &str = "по просьбе клиента";

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_s_reason_stands_sealed_in_the_head() {
    let market = Market::start().await;
    let _buyer = market.customer("ann", "1").await;
    let deposit = async |reason: &str| {
        let body = json!({"amount": "5", "reference": reason});
        let call = market.admin.request(Method::POST, "/api/admin/accounts/1/deposits").json(&body);
        answer(call.header("x-reason", reason)).await
    };
    deposit("a%0Ab").await.refused(400, "invalid_header");
    let encoded: String = REASON.bytes().map(|byte| format!("%{byte:02x}")).collect();
    deposit(&encoded).await.created();
    let told = ["--reason", REASON, "account", "create", "bob"];
    // Options of the server stand behind the command too.
    let told = [&told[2..], &told[..2]].concat();
    assert!(run(&market, &told).await.status.success());
    let rotated = market.admin.request(Method::POST, "/api/admin/callback/rotate").json(&json!({}));
    answer(rotated.header("x-reason", "leaked")).await.refused(400, "invalid_header");
    let body = json!({"name": "x"});
    let unknown = market.admin.request(Method::POST, "/api/admin/accounts/9/keys").json(&json!({}));
    answer(unknown.header("x-reason", "lost")).await.refused(404, "unknown_account");
    market.admin.post("/api/admin/accounts", body).await.created();

    let sealing = market.running.rooms.market.sealing.clone();
    let owners = market.seal_keys();
    let (dir, _folder) = (market.dir(), Arc::clone(&market.folder));
    let ledger = market.stop_and_read().await;
    let with_reason = ledger.iter().filter_map(|(head, kinds)| {
        let reason = head.origin.reason.as_ref()?;
        Some((kinds[0], reason.clone()))
    });
    let with_reason: Vec<_> = with_reason.collect();
    let kinds: Vec<_> = with_reason.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["Deposited", "AccountOpened"]);
    for (_, reason) in &with_reason {
        let opened = sealing.open_value(Purpose::Reason, None, reason).await.unwrap().unwrap();
        assert_eq!(opened.expose(), REASON.as_bytes());
    }
    // Under the account's key, and that of the day: with that the whole of it is forgotten.
    let owner = |at: usize| owners.iter().find(|(key, _)| *key == with_reason[at].1.handle);
    assert_eq!(owner(0).map(|it| it.1), Some(KeyOwner::Identity(AccountId(1))));
    assert!(matches!(owner(1).map(|it| it.1), Some(KeyOwner::Day(_))));
    let of_unknown = KeyOwner::Identity(AccountId(9));
    assert!(owners.iter().all(|(_, owner)| *owner != of_unknown), "there is no such account");
    assert_eq!(files_with(&dir, &ways_of_text(REASON)), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_group_says_who_had_it_carried_out_and_by_which_request() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
    let buyer = market.customer("a", "10").await;
    let order = |request: Option<&str>| {
        let body = json!({"country": "ID", "service": "telegram"});
        let call = buyer.request(Method::POST, "/api/v1/orders").json(&body);
        answer(request.into_iter().fold(call, |call, id| call.header("x-request-id", id)))
    };
    let mine = order(Some("my-own.1")).await;
    let made = order(None).await.headers["x-request-id"].to_str().unwrap().to_owned();
    let cancelled = order(Some("my-own.2")).await.created();
    market.message("+62810000000", "code 4821").await.ok();
    let path =
        |id: &serde_json::Value, end| format!("/api/v1/activations/{}/{end}", id.as_str().unwrap());
    buyer.post(&path(&mine.created()["id"], "finish"), json!({})).await.ok();
    buyer.post(&path(&cancelled["id"], "cancel"), json!({})).await.ok();

    let ledger = market.stop_and_read().await;
    let of = |kind: &str| -> Vec<Origin> {
        let with_kind = ledger.iter().filter(|(_, kinds)| kinds.contains(&kind));
        with_kind.map(|(head, _)| head.origin.clone()).collect()
    };
    let requests = |kind| of(kind).into_iter().map(|origin| origin.request).collect::<Vec<_>>();
    let actors = |kind| of(kind).into_iter().map(|origin| origin.actor).collect::<Vec<_>>();
    // 1. What a key asked for, with its request.
    for kind in ["AccountOpened", "Deposited", "StockLoaded"] {
        assert_eq!(actors(kind), [OPERATOR], "{kind}");
        assert!(requests(kind).iter().all(Option::is_some), "{kind}");
    }
    assert_eq!(actors("OrderPlaced"), [BUYER; 3]);
    let expected = ["my-own.1", &*made, "my-own.2"].map(|id| Some(id.into()));
    assert_eq!(requests("OrderPlaced"), expected);
    assert_eq!(actors("ActivationClosed"), [BUYER; 2]);
    // Of its account, in the order in which they came first.
    let addresses = |kind| of(kind).into_iter().map(|origin| origin.address).collect::<Vec<_>>();
    assert_eq!(addresses("AccountOpened"), [Some(AddressNumber(1))], "the operators'");
    assert_eq!(addresses("OrderPlaced"), [Some(AddressNumber(1)); 3], "the buyer's");
    assert_eq!(addresses("AddressSeen"), [None; 2]);
    assert_eq!(addresses("CallbackReceived"), [None]);
    // 2. What a provider brought, and what the market did by itself.
    assert_eq!(actors("CallbackReceived"), [OWN]);
    assert_eq!(actors("MessageReceived"), [OWN]);
    assert_eq!(actors("ProviderRegistered"), [Actor::System]);
    assert_eq!(actors("KeyIssued"), [Actor::System, OPERATOR]);
    // 3. Time never runs back from one group to the next.
    assert!(ledger.iter().is_sorted_by_key(|(Head { at, .. }, _)| *at));
}

/// The numbers of addresses in the heads of groups with events of a kind.
fn addresses(ledger: &[(Head, Vec<&'static str>)], kind: &str) -> Vec<Option<u32>> {
    let of_kind = ledger.iter().filter(|(_, kinds)| kinds.contains(&kind));
    of_kind.map(|(head, _)| head.origin.address.map(|number| number.0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_one_number_of_its_account_also_after_a_start() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 9).await;
    let ann = market.customer("ann", "10").await;
    let wish = || json!({"country": "ID", "service": "telegram"});
    let other = |market: &Market| ann.from(&market.running, [127, 0, 0, 2]);
    // 1. A read has no number and is not held up for one; what it records has.
    let order = ann.post("/api/v1/orders", wish()).await.created();
    other(&market).post("/api/v1/orders", wish()).await.created();
    market.message(order["activation"]["number"].as_str().unwrap(), "code 4821").await.ok();
    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    let third = ann.from(&market.running, [127, 0, 0, 3]);
    third.get("/api/v1/wallet").await.ok();
    third.get(&path).await.ok();
    // 2. After a start the same addresses have the same numbers.
    let market = market.restart().await;
    let again = ann.from(&market.running, [127, 0, 0, 1]);
    other(&market).post("/api/v1/orders", wish()).await.created();
    again.post("/api/v1/orders", wish()).await.created();
    let ledger = market.stop_and_read().await;
    assert_eq!(addresses(&ledger, "OrderPlaced"), [Some(1), Some(2), Some(2), Some(1)]);
    assert_eq!(addresses(&ledger, "MessageShown"), [Some(3)]);
    assert_eq!(addresses(&ledger, "AddressSeen").len(), 1 + 3, "the operator's, and ann's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_carried_out_also_where_its_address_gets_no_number() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 9).await;
    let ann = market.customer("ann", "10").await;
    // Its identity key is gone for good: as after an erasure that did not end its keys.
    let owners = market.seal_keys();
    let of_ann = |(_, owner): &&(KeyHandle, KeyOwner)| *owner == KeyOwner::Identity(AccountId(1));
    let (handle, _) = owners.iter().find(of_ann).unwrap();
    std::fs::remove_file(market.dir().join("keys").join(handle.to_string())).unwrap();
    let wish = json!({"country": "ID", "service": "telegram"});
    for _ in 0..2 {
        ann.post("/api/v1/orders", wish.clone()).await.created();
    }
    let ledger = market.stop_and_read().await;
    assert_eq!(addresses(&ledger, "OrderPlaced"), [None, None]);
}
