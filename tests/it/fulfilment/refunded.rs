//! What the buyer of an order is told that no provider had a number for.

use nexnum_engine::group::Origin;
use nexnum_engine::ids::OrderId;
use nexnum_sandbox::FaultKind;
use serde_json::{Value, json};

use super::{HANDLER, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn a_refunded_order_is_named_as_its_buyer_sees_it() {
    let rig = Rig::start(&[(HANDLER, 100_000)]).await;
    rig.sandbox.faults(HANDLER).set(FaultKind::NoNumbers, 1.0);
    let access = &rig.running.rooms.access;
    let issued = access.issue_key(&Origin::SYSTEM, Some(rig.customer)).await.unwrap();
    let (client, key) = (reqwest::Client::new(), issued.key.reveal());
    let orders = format!("http://{}/api/v1/orders", rig.running.address);
    let wish = json!({"country": "ID", "service": "telegram"});
    let reply = client.post(&orders).bearer_auth(key).json(&wish).send().await.unwrap();
    assert_eq!(reply.status(), 409);
    let problem: Value = reply.json().await.unwrap();
    let id = rig.orders().market.ids.order(OrderId(1));
    assert_eq!(problem["detail"], format!("order {id} was refunded"), "{problem}");
    assert_eq!((&problem["code"], &problem["retryable"]), (&json!("no_numbers"), &json!(false)));
    let shown = client.get(format!("{orders}/{id}")).bearer_auth(key).send().await.unwrap();
    assert_eq!(shown.json::<Value>().await.unwrap()["status"], "FAILED");
    rig.stop().await;
}
