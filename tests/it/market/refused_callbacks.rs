//! Callbacks that are refused for their address, signature or size: none without a trace, and
//! those of a known gateway are not lost.

use nexnum::clock::rfc3339;
use nexnum::digest;
use nexnum::face::ops::metrics_page;
use nexnum_engine::callback::CallbackFailure;
use nexnum_engine::limits::CALLBACKS_REFUSED_A_MINUTE;
use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Client, Market, answer};
use super::messages::{NUMBER, buy, codes};

/// A message with a code for the number.
fn message(code: u32) -> Value {
    json!({"number": format!("+{NUMBER}"), "text": format!("code {code}")})
}

/// The callbacks that were refused and are kept, newest first.
async fn refused(market: &Market) -> Vec<Value> {
    let shown = market.admin.get("/api/admin/callbacks?state=refused").await.ok();
    let refused = shown["callbacks"].as_array().unwrap().clone();
    assert_eq!(shown["refused"], refused.len(), "{shown}");
    refused
}

/// What the attention list says of refused callbacks: the provider, the text, how often.
async fn noticed(market: &Market) -> Vec<String> {
    let shown = market.admin.get("/api/admin/attention").await.ok();
    let rows = shown["rows"].as_array().unwrap().iter();
    let of_kind = rows.filter(|row| row["kind"] == "callbacks_refused");
    let line = |row: &Value| {
        let text = row["text"].as_str().unwrap();
        format!("{} x{}: {text}", row["provider"].as_str().unwrap_or("-"), row["count"])
    };
    let mut lines: Vec<_> = of_kind.map(line).collect();
    lines.sort();
    lines
}

/// The lines of the metrics page about refused callbacks.
fn measured(market: &Market) -> Vec<String> {
    let page = metrics_page::render(&market.running.rooms.orders, &market.running.routes.router);
    let lines = page.lines().filter(|line| line.starts_with("nexnum_callbacks_refused"));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

async fn process(market: &Market, callback: &Value) -> Answer {
    let id = callback["id"].as_str().unwrap();
    market.admin.post(&format!("/api/admin/callbacks/{id}/process"), json!({})).await
}

async fn signed(market: &Market, path: &str, key: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let hmac = digest::hmac_sha256(key.as_bytes(), body.as_bytes());
    let hex: String = hmac.iter().map(|byte| format!("{byte:02x}")).collect();
    let request = market.admin.request(Method::POST, path);
    answer(request.header("x-nexnum-signature", format!("sha256={hex}")).body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_a_wrong_secret_loses_no_message() {
    let market = Market::with_signed_callbacks().await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let ann = market.customer("ann", "5").await;
    let order = buy(&ann, "telegram").await;
    let rotated = market.admin.post("/api/admin/callback/rotate", json!({})).await.ok();
    let [path, key] = ["path", "signing_key"].map(|name| rotated[name].as_str().unwrap());
    // 1. It signs wrongly: each message is refused, kept once, and not delivered.
    for code in [48_213, 48_213, 48_214] {
        signed(&market, path, "wrong", &message(code)).await.refused(403, "invalid_signature");
    }
    market.posted(message(48_215)).await.refused(403, "invalid_signature");
    let kept = refused(&market).await;
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[2]["reason"], "invalid_signature");
    assert_eq!(kept[2]["body"], message(48_213).to_string());
    // 2. The operator is told.
    let told = "own x4: callbacks were refused: invalid_signature; 3 are kept: `nexnum callback \
                list --state refused`";
    assert_eq!(noticed(&market).await, [told]);
    let counted = "nexnum_callbacks_refused_total{source=\"own\",reason=\"invalid_signature\"} 4";
    assert_eq!(measured(&market), ["nexnum_callbacks_refused_kept 3", counted]);
    // 3. The gateway that is set right and repeats a message delivers it.
    let again = signed(&market, path, key, &message(48_214)).await;
    assert_eq!(again.ok()["status"], "accepted");
    assert_eq!(codes(&ann, &order).await, ["48214"]);
    assert_eq!(refused(&market).await.len(), 2, "what has come is kept no longer");
    // 4. No restart processes the others: an operator's word does.
    let market = market.restart().await;
    let ann = Client::new(&market.running, &ann.key);
    let kept = refused(&market).await;
    assert_eq!(kept.len(), 2);
    let told = "own x1: callbacks were refused: invalid_signature; 2 are kept: `nexnum callback \
                list --state refused`";
    assert_eq!(noticed(&market).await, [told]);
    assert_eq!(process(&market, &kept[1]).await.ok()["status"], "accepted");
    assert_eq!(codes(&ann, &order).await, ["48214", "48213"]);
    assert_eq!(refused(&market).await.len(), 1);
    assert!(noticed(&market).await[0].contains("; 1 is kept: `"));
    // 5. Once none is left, that is over, also after a restart.
    assert_eq!(process(&market, &kept[0]).await.ok()["status"], "accepted");
    assert!(noticed(&market).await.is_empty());
    let market = market.restart().await;
    assert!(noticed(&market).await.is_empty());
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_was_not_set_to_the_new_address_loses_no_message() {
    let market = Market::start().await;
    let old = market.running.hook_path.expose().to_owned();
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let ann = market.customer("ann", "5").await;
    let order = buy(&ann, "telegram").await;
    market.admin.post("/api/admin/callback/rotate", json!({"grace_s": 0})).await.ok();
    let reply = market.admin.post(&old, message(48_213)).await.refused(404, "not_found");
    assert_eq!(reply["detail"], "no such callback address");
    let kept = refused(&market).await;
    assert_eq!((kept.len(), &kept[0]["reason"]), (1, &json!("expired_token")));
    assert!(codes(&ann, &order).await.is_empty());
    assert_eq!(noticed(&market).await.len(), 1);
    assert_eq!(process(&market, &kept[0]).await.ok()["status"], "accepted");
    assert_eq!(codes(&ann, &order).await, ["48213"]);
    // It is known after the next change too, and after a restart.
    market.admin.post("/api/admin/callback/rotate", json!({"grace_s": 0})).await.ok();
    let market = market.restart().await;
    market.admin.post(&old, message(48_214)).await.refused(404, "not_found");
    assert_eq!(refused(&market).await.len(), 1);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_early_refusal_of_a_callback_is_counted_and_told() {
    let market = Market::start().await;
    let hook = market.running.hook_path.expose().to_owned();
    let post = |path: &str| market.admin.request(Method::POST, path);
    let stranger = "/hooks/providers/own/0123456789abcdef0123456789abcdef";
    // 1. Refused without being read; of a stranger nothing is kept.
    answer(post(&hook).body(vec![b' '; 300_000])).await.refused(413, "body_too_large");
    answer(market.admin.request(Method::GET, &hook)).await.refused(405, "method_not_allowed");
    for path in [stranger, "/hooks/providers/nope/x"] {
        market.admin.post(path, message(48_213)).await.refused(404, "not_found");
    }
    answer(market.admin.request(Method::PUT, stranger)).await.refused(405, "method_not_allowed");
    assert!(refused(&market).await.is_empty());
    let lines = [
        "- x1: posts without a token of a callback are refused: method_not_allowed",
        "- x2: posts without a token of a callback are refused: not_found",
        "own x1: callbacks are refused: body_too_large",
        "own x1: callbacks are refused: method_not_allowed",
    ];
    assert_eq!(noticed(&market).await, lines);
    let count = |source: &str, reason: &str, count: u32| {
        let labels = format!("source=\"{source}\",reason=\"{reason}\"");
        format!("nexnum_callbacks_refused_total{{{labels}}} {count}")
    };
    for line in [
        count("own", "body_too_large", 1),
        count("own", "method_not_allowed", 1),
        count("unknown", "not_found", 2),
        count("unknown", "method_not_allowed", 1),
    ] {
        assert!(measured(&market).contains(&line), "{line}: {:?}", measured(&market));
    }
    // 2. What a token proves is not refused for a query, nor for what stands beside a message.
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let ann = market.customer("ann", "5").await;
    let order = buy(&ann, "telegram").await;
    let query = market.admin.post(&format!("{hook}?gateway=7"), message(48_213)).await;
    assert_eq!(query.ok()["status"], "accepted");
    let mut large = message(48_214);
    large["picture"] = json!("x".repeat(200_000));
    assert_eq!(market.admin.post(&hook, large.clone()).await.ok()["status"], "accepted");
    assert_eq!(codes(&ann, &order).await, ["48213", "48214"]);
    // 3. One of that size that cannot be delivered is stored by its fields.
    large["number"] = json!("+4912345678");
    market.admin.post(&hook, large).await.refused(404, "not_found");
    let failed = super::messages::kept(&market).await;
    let stored: Value = serde_json::from_str(failed[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&stored["text"], &stored["number"]), (&json!("code 48214"), &json!("+4912345678")));
    assert_eq!(failed[0]["content_type"], "application/json");
    // 3. Of one that is too long nothing is kept either, though another is.
    let wrong = post(&hook).header("x-nexnum-signature", "sha256=00").json(&message(48_214));
    answer(wrong).await.refused(403, "invalid_signature");
    answer(post(&hook).body(vec![b' '; 300_000])).await.refused(413, "body_too_large");
    let lines = noticed(&market).await;
    assert!(
        lines.contains(&"own x2: callbacks are refused: body_too_large".to_owned()),
        "{lines:?}"
    );
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_throws_away_what_is_no_message() {
    let market = Market::with_signed_callbacks().await;
    let hook = market.running.hook_path.expose().to_owned();
    answer(market.admin.request(Method::POST, &hook).body("ping"))
        .await
        .refused(403, "invalid_signature");
    let key = market.admin.post("/api/admin/callback/rotate", json!({})).await.ok();
    let key = key["signing_key"].as_str().unwrap();
    for _ in 0..2 {
        signed(&market, &hook, key, &json!("pong")).await.refused(400, "invalid_field");
    }
    let failed = super::messages::kept(&market).await;
    let all = [refused(&market).await, failed].concat();
    assert_eq!(all.len(), 2, "{all:?}");
    for callback in &all {
        let path = format!("/api/admin/callbacks/{}", callback["id"].as_str().unwrap());
        assert_eq!(answer(market.admin.request(Method::DELETE, &path)).await.status, 204);
        answer(market.admin.request(Method::DELETE, &path)).await.refused(404, "not_found");
    }
    let told = market.admin.get("/api/admin/attention").await.ok();
    assert_eq!(told["rows"], json!([]), "none is kept");
    // The same again is known, and does not come back.
    signed(&market, &hook, key, &json!("pong")).await.refused(400, "invalid_field");
    assert!(super::messages::kept(&market).await.is_empty());
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_refused_before_an_order_is_not_delivered_to_it() {
    let with_id = |id: &str, port: u32| {
        let mut body = message(48_214);
        (body["id"], body["port"]) = (json!(id), json!(port));
        body
    };
    for is_signed in [true, false] {
        let market = match is_signed {
            true => Market::with_signed_callbacks().await,
            false => Market::start().await,
        };
        market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
        let old = market.running.hook_path.expose().to_owned();
        let rotated = market.admin.post("/api/admin/callback/rotate", json!({"grace_s": 0})).await;
        let rotated = rotated.ok();
        let [path, key] = ["path", "signing_key"].map(|name| rotated[name].as_str().unwrap());
        let refusing = if is_signed { path } else { &old };
        for body in [message(48_213), with_id("m-1", 1)] {
            let status = market.admin.post(refusing, body).await.status.as_u16();
            assert_eq!(status, if is_signed { 403 } else { 404 });
        }
        assert_eq!(refused(&market).await.len(), 2);
        let bob = market.customer("bob", "5").await;
        let order = buy(&bob, "telegram").await;
        // As it should be, the same body, or another with the same id.
        for body in [message(48_213), with_id("m-1", 1), with_id("m-1", 2), message(48_213)] {
            signed(&market, path, key, &body).await.refused(404, "not_found");
        }
        assert!(codes(&bob, &order).await.is_empty());
        // What was not refused is delivered.
        for body in [message(48_215), with_id("m-2", 1)] {
            assert_eq!(signed(&market, path, key, &body).await.ok()["status"], "accepted");
        }
        market.running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_callbacks_are_told_for_each_provider_until_none_is_kept() {
    let market = Market::with_silent_provider("sim").await;
    let old = market.running.hook_path.expose().to_owned();
    let providers = market.running.rooms.market.read_model.directory().providers();
    let sim = providers.iter().find(|(_, provider)| &*provider.name == "sim").unwrap().0;
    let refuse = async |code: u32, failure| {
        let (orders, body) = (&market.running.rooms.orders, message(code).to_string());
        orders.keep_refused_callback(sim, "", body.as_bytes(), failure).await;
    };
    refuse(48_213, CallbackFailure::InvalidSignature).await;
    refuse(48_214, CallbackFailure::ExpiredToken).await;
    market.admin.post("/api/admin/callback/rotate", json!({"grace_s": 0})).await.ok();
    market.admin.post(&old, message(48_215)).await.refused(404, "not_found");
    let list = "kept: `nexnum callback list --state refused`";
    let own = format!("own x1: callbacks were refused: expired_token; 1 is {list}");
    let both =
        format!("sim x1: callbacks were refused: expired_token, invalid_signature; 2 are {list}");
    assert_eq!(noticed(&market).await, [own.clone(), both]);
    for (at, left) in [(1, "expired_token"), (0, "")] {
        let kept = refused(&market).await;
        let of_sim = kept.iter().filter(|callback| callback["provider"] == "sim");
        let id = of_sim.map(|callback| callback["id"].as_str().unwrap()).nth(at).unwrap();
        let path = format!("/api/admin/callbacks/{id}");
        assert_eq!(answer(market.admin.request(Method::DELETE, &path)).await.status, 204);
        let lines = noticed(&market).await;
        let sim = lines.iter().find(|line| line.starts_with("sim"));
        match left {
            "" => assert_eq!(sim, None, "none of its is left"),
            left => assert!(sim.unwrap().ends_with(&format!("{left}; 1 is {list}")), "{lines:?}"),
        }
        assert!(lines.iter().any(|line| line.starts_with("own")), "{lines:?}");
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_callbacks_that_are_not_kept_are_counted_and_told() {
    let market = Market::with_signed_callbacks().await;
    let now = || rfc3339(market.running.rooms.market.clock.now());
    let before = now();
    let more = 7;
    for code in 0..CALLBACKS_REFUSED_A_MINUTE + more {
        let body = message(100_000 + u32::try_from(code).unwrap());
        market.posted(body).await.refused(403, "invalid_signature");
    }
    let unkept = format!("nexnum_callbacks_refused_unkept_total{{provider=\"own\"}} {more}");
    assert!(measured(&market).contains(&unkept), "{:?}", measured(&market));
    let lines = noticed(&market).await;
    let (told, since) = lines[0].split_once(" more were not kept since ").unwrap();
    let kept = "callbacks were refused: invalid_signature; 120 are kept: `nexnum callback list \
                --state refused`";
    assert_eq!((told, lines.len()), (&*format!("own x127: {kept}; {more}"), 1));
    assert!(*before <= *since && since <= &*now(), "{since}");
    market.running.stop().await.unwrap();
}

/// Gateways post while the secrets change again and again: those of the last change are taken,
/// so that each message is delivered or kept, and none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_lost_while_the_secrets_change() {
    let market = Market::start().await;
    let count = 60_u64;
    market.stock("ID", "telegram", "0.01", NUMBER, count).await;
    let ann = market.customer("ann", "50").await;
    for _ in 0..count {
        buy(&ann, "telegram").await;
    }
    let mut path = market.running.hook_path.expose().to_owned();
    let (mut delivered, mut expired) = (0, 0);
    for at in 0..count {
        let body =
            json!({"number": format!("+{}", NUMBER + at), "text": format!("code {at}48213")});
        let grace = if at % 3 == 0 { 0 } else { 60 };
        let rotate = market.admin.post("/api/admin/callback/rotate", json!({"grace_s": grace}));
        let (posted, rotated) = tokio::join!(market.admin.post(&path, body), rotate);
        match posted.status.as_u16() {
            200 => delivered += 1,
            404 => expired += 1,
            status => panic!("{status}: {}", posted.body),
        }
        path = rotated.ok()["path"].as_str().unwrap().to_owned();
    }
    assert_eq!(refused(&market).await.len(), expired);
    assert_eq!(delivered + expired, count as usize);
    let shown = market.admin.get("/api/admin/callbacks?state=refused&limit=100").await.ok();
    for callback in shown["callbacks"].as_array().unwrap() {
        assert_eq!(process(&market, callback).await.ok()["status"], "accepted");
    }
    let orders = ann.get("/api/v1/orders?limit=100").await.ok();
    let heard = |order: &&Value| order["activation"]["state"] == "RECEIVED";
    assert_eq!(orders["orders"].as_array().unwrap().iter().filter(heard).count(), count as usize);
    market.running.stop().await.unwrap();
}
