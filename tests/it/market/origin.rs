//! The ledger says of each command who had it carried out, and which request brought it.

use nexnum_engine::group::{Actor, Head, Origin};
use nexnum_engine::ids::{AddressNumber, KeyId, ProviderId};
use reqwest::Method;
use serde_json::json;

use super::harness::{Market, answer};

/// Own stock, the only provider.
const OWN: Actor = Actor::Worker(ProviderId(1));
const OPERATOR: Actor = Actor::Key(KeyId(1));
const BUYER: Actor = Actor::Key(KeyId(2));

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
