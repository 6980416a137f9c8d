//! Messages that are posted for numbers of own stock: whom they reach.

use nexnum::face::ops::metrics_page;
use nexnum_engine::command::ReceiveCallback;
use nexnum_engine::group::Origin;

use nexnum_engine::ids::CallbackId;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::harness::{Client, Market};
use crate::rig::texts::sealed_body;

pub(super) const NUMBER: u64 = 62_810_000_000;

impl Market {
    /// Posts a callback as it is.
    pub(super) async fn posted(&self, body: Value) -> super::harness::Answer {
        let path = self.running.hook_path.expose().to_owned();
        self.admin.post(&path, body).await
    }
}

/// An order for the one number of a service.
pub(super) async fn buy(buyer: &Client, service: &str) -> String {
    let placed = buyer.post("/api/v1/orders", json!({"country": "ID", "service": service})).await;
    placed.created()["id"].as_str().unwrap().to_owned()
}

async fn activation(buyer: &Client, id: &str) -> Value {
    buyer.get(&format!("/api/v1/activations/{id}")).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_message_of_one_service_does_not_reach_the_buyer_of_another() {
    let market = Market::start().await;
    let (ann, bob) = (market.customer("ann", "1").await, market.customer("bob", "1").await);
    for service in ["whatsapp", "telegram"] {
        market.stock("ID", service, "0.50", NUMBER, 1).await;
    }
    let first = buy(&ann, "whatsapp").await;
    ann.post(&format!("/api/v1/activations/{first}/cancel"), json!({})).await.ok();
    let second = buy(&bob, "telegram").await;

    // 1. It names the service that has ended: late for its buyer, and not for the other.
    let number = format!("+{NUMBER}");
    let named = json!({"number": number, "text": "Your WhatsApp code: 123-456"});
    assert_eq!(market.posted(named.clone()).await.ok()["status"], "late");
    assert_eq!(market.posted(named).await.ok()["status"], "duplicate");
    let unpaid = ("0.500000".to_owned(), "0.500000".to_owned());
    assert_eq!(activation(&bob, &second).await["state"], "ACTIVE");
    assert_eq!(bob.balance().await, unpaid);

    // 2. It names none: it may be for either.
    let unnamed = json!({"number": number, "text": "Your code: 123-457"});
    market.posted(unnamed).await.refused(409, "ambiguous_message");
    assert_eq!(activation(&bob, &second).await["state"], "ACTIVE");
    // An operator who says that it is for the one that has ended is told so.
    let kept = kept(&market).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/admin/callbacks/{kept}/process");
    let word = json!({"service": "whatsapp"});
    assert_eq!(market.admin.post(&path, word).await.ok()["status"], "late");

    // 3. It names the buyer's own, in the sender or as a field.
    let sender = json!({"number": number, "sender": "Telegram", "text": "Login code 77123"});
    assert_eq!(market.posted(sender).await.ok()["status"], "accepted");
    let field = json!({"number": number, "text": "Login code 77124", "service": "telegram"});
    assert_eq!(market.posted(field).await.ok()["status"], "accepted");
    let shown = activation(&bob, &second).await;
    let codes: Vec<_> =
        shown["messages"].as_array().unwrap().iter().map(|m| m["code"].clone()).collect();
    assert_eq!(codes, ["77123", "77124"]);
    market.running.stop().await.unwrap();
}

/// The codes that a buyer is shown, in the order in which they came.
pub(super) async fn codes(buyer: &Client, id: &str) -> Vec<String> {
    let shown = activation(buyer, id).await;
    let code = |message: &Value| message["code"].as_str().unwrap_or("none").to_owned();
    shown["messages"].as_array().unwrap().iter().map(code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_are_another_message_once_the_buyer_has_asked_for_one() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let resend = format!("/api/v1/activations/{order}/resend");
    let number = format!("+{NUMBER}");
    let plain = json!({"number": number, "text": "code 48213"});
    let numbered = json!({"number": number, "text": "code 48213", "id": "m7"});
    let other = json!({"number": number, "text": "code 48213", "id": "m8"});
    for (body, status, shown) in [
        (&plain, "accepted", 1),
        (&plain, "duplicate", 1),
        // The same message with its id, and another one.
        (&numbered, "duplicate", 1),
        (&other, "accepted", 2),
        (&numbered, "duplicate", 2),
    ] {
        assert_eq!(market.posted(body.clone()).await.ok()["status"], status, "{body}");
        assert_eq!(codes(&ann, &order).await.len(), shown, "{body}");
    }
    ann.post(&resend, json!({})).await.ok();
    assert_eq!(market.posted(numbered.clone()).await.ok()["status"], "duplicate");
    assert_eq!(market.posted(plain.clone()).await.ok()["status"], "accepted");
    assert_eq!(market.posted(plain.clone()).await.ok()["status"], "duplicate");
    assert_eq!(codes(&ann, &order).await, ["48213", "48213", "48213"]);

    // The next buyer of the number is shown none of them, also after a restart.
    ann.post(&format!("/api/v1/activations/{order}/finish"), json!({})).await.ok();
    let market = market.restart().await;
    let bob = market.customer("bob", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&bob, "telegram").await;
    for body in [&plain, &numbered] {
        assert_eq!(market.posted(body.clone()).await.ok()["status"], "duplicate", "{body}");
    }
    assert_eq!(activation(&bob, &order).await["state"], "ACTIVE");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_callbacks_that_come_at_once_are_one_message() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let body = json!({"number": format!("+{NUMBER}"), "text": "Welcome to Telegram"});
    let body = &body;
    let posts = (0..16).map(|_| market.posted(body.clone()));
    let answers = futures_all(posts).await;
    let accepted = answers.iter().filter(|answer| answer.body["status"] == "accepted").count();
    assert_eq!((accepted, codes(&ann, &order).await.len()), (1, 1));
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_on_sale_for_one_carrier_of_a_service() {
    let market = Market::start().await;
    let load = |service: &str, carrier: &str, numbers: Value| {
        let body = json!({"country": "ID", "service": service, "carrier": carrier,
            "cost": "0.10", "price": "0.50", "numbers": numbers});
        market.admin.post("/api/admin/stock", body)
    };
    let [number, other] = [NUMBER, NUMBER + 1].map(|number| format!("+{number}"));
    load("telegram", "telkomsel", json!([number])).await.created();
    let refused = load("telegram", "axis", json!([other, number])).await;
    let detail = refused.refused(409, "duplicate_number")["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with(&number), "{detail}");
    load("whatsapp", "telkomsel", json!([number])).await.created();
    // Nothing of the refused load is on sale.
    load("telegram", "axis", json!([other])).await.created();
    market.running.stop().await.unwrap();
}

/// All of them at once.
pub(super) async fn futures_all<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|next| match next.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

/// The callbacks that could not be processed, newest first.
pub(super) async fn kept(market: &Market) -> Vec<Value> {
    let shown = market.admin.get("/api/admin/callbacks").await.ok();
    shown["callbacks"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_could_not_be_processed_is_processed_again() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    let body = json!({"number": format!("+{NUMBER}"), "text": "code 48213", "id": "m1"});
    // 1. It came before its order: the sender is told, and it is kept once.
    for _ in 0..3 {
        market.posted(body.clone()).await.refused(404, "not_found");
    }
    let failed = kept(&market).await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["reason"], "unknown_number");
    assert_eq!(failed[0]["body"], body.to_string());
    // 2. It is there after a restart, and the operator's word brings it to its order.
    let market = market.restart().await;
    assert_eq!(kept(&market).await.len(), 1);
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let ann = Client::new(&market.running, &ann.key);
    let order = buy(&ann, "telegram").await;
    let path = format!("/api/admin/callbacks/{}/process", failed[0]["id"].as_str().unwrap());
    market.admin.post(&path, json!({})).await.refused(404, "not_found");
    let word = json!({"later_order": true});
    assert_eq!(market.admin.post(&path, word).await.ok()["status"], "accepted");
    assert_eq!(codes(&ann, &order).await, ["48213"]);
    assert!(kept(&market).await.is_empty());
    market.admin.post(&path, json!({})).await.refused(404, "not_found");
    // 3. The sender that repeats it changes nothing.
    assert_eq!(market.posted(body).await.ok()["status"], "duplicate");
    assert_eq!(codes(&ann, &order).await, ["48213"]);
    let page = metrics_page::render(&market.running.rooms.orders, &market.running.routes.router);
    for line in [
        "nexnum_callbacks_failed 0",
        "nexnum_callbacks_waiting 0",
        "nexnum_callbacks_total{outcome=\"accepted\"} 1",
        "nexnum_callbacks_total{outcome=\"duplicate\"} 1",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line}: {page}");
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_callback_reaches_the_service_that_the_operator_names() {
    let market = Market::start().await;
    let (ann, bob) = (market.customer("ann", "5").await, market.customer("bob", "5").await);
    for service in ["whatsapp", "telegram"] {
        market.stock("ID", service, "0.50", NUMBER, 1).await;
    }
    let (first, second) = (buy(&ann, "whatsapp").await, buy(&bob, "telegram").await);
    let body = json!({"number": format!("+{NUMBER}"), "text": "Your code: 123-456"});
    market.posted(body).await.refused(409, "ambiguous_message");
    let failed = kept(&market).await;
    assert_eq!((failed.len(), &failed[0]["reason"]), (1, &json!("ambiguous")));
    let path = format!("/api/admin/callbacks/{}/process", failed[0]["id"].as_str().unwrap());
    market.admin.post(&path, json!({})).await.refused(409, "ambiguous_message");
    let named = json!({"service": "telegram"});
    assert_eq!(market.admin.post(&path, named).await.ok()["status"], "accepted");
    assert_eq!(codes(&bob, &second).await, ["123456"]);
    assert!(codes(&ann, &first).await.is_empty());
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_a_crash_left_is_processed_after_the_restart() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    // It is stored, and the process ends before anything is made of it.
    let body = json!({"number": format!("+{NUMBER}"), "text": "code 48213"}).to_string();
    let own = market.running.rooms.market.read_model.directory().providers()[0].0;
    let stored = ReceiveCallback {
        provider: own,
        key: 7,
        content_type: "application/json".into(),
        sealed: sealed_body(&market.running.rooms.market, body.as_bytes()).await,
        failure: None,
    };
    market.running.rooms.market.execute(&Origin::SYSTEM, stored).await.unwrap();
    let waiting = market.admin.get("/api/admin/callbacks?state=waiting").await.ok();
    assert_eq!(waiting["callbacks"][0]["state"], "waiting", "{waiting}");
    let market = market.restart().await;
    let ann = Client::new(&market.running, &ann.key);
    ann.get(&format!("/api/v1/activations/{order}?wait=30")).await.ok();
    assert_eq!(codes(&ann, &order).await, ["48213"]);
    let waiting = market.admin.get("/api/admin/callbacks?state=waiting").await.ok();
    assert_eq!((&waiting["waiting"], &waiting["callbacks"]), (&json!(0), &json!([])));
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_after_the_last_that_an_order_takes_is_kept_and_not_refused() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let number = format!("+{NUMBER}");
    for at in 0..100 {
        let body = json!({"number": number, "text": format!("code {}", 10_000 + at)});
        assert_eq!(market.posted(body).await.ok()["status"], "accepted");
    }
    let over = json!({"number": number, "text": "code 99999"});
    for _ in 0..2 {
        assert_eq!(market.posted(over.clone()).await.ok()["status"], "kept");
    }
    assert_eq!(codes(&ann, &order).await.len(), 100);
    let failed = kept(&market).await;
    assert_eq!((failed.len(), &failed[0]["reason"]), (1, &json!("too_many_messages")));
    assert_eq!(
        (&failed[0]["body"], &failed[0]["provider"]),
        (&json!(over.to_string()), &json!("own"))
    );
    let told = market.admin.get("/api/admin/attention").await.ok();
    assert_eq!(told["rows"][0]["kind"], "callbacks_failed");
    // It stays where it is if it is tried again, and the order goes on.
    let path = format!("/api/admin/callbacks/{}/process", failed[0]["id"].as_str().unwrap());
    assert_eq!(market.admin.post(&path, json!({})).await.ok()["status"], "kept");
    assert_eq!(kept(&market).await.len(), 1);
    ann.post(&format!("/api/v1/activations/{order}/finish"), json!({})).await.ok();
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_any_charset_form_or_length_arrives_with_its_code() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let hook = market.running.hook_path.expose().to_owned();
    let spaced = "+62 (810) 000.00-0";
    let filler = "请".repeat(700);
    let json = |text: &str| json!({"number": spaced, "text": text}).to_string().into_bytes();
    let mut latin = json("Login code 11111. Codigo de acceso.");
    let at = latin.windows(2).position(|pair| pair == b"Co").unwrap();
    latin[at + 1] = 0xf3;
    let form = format!("number=%2B{NUMBER}&text=code+33333&sender=Bank");
    for (content_type, body) in [
        ("application/json", latin.clone()),
        ("application/json; charset=iso-8859-1", json("Votre code : 22222")),
        ("application/x-www-form-urlencoded", form.into_bytes()),
        ("application/x-www-form-urlencoded", json("code 44444")),
        ("", ["\u{feff}".as_bytes(), &json("code 55555")].concat()),
        ("application/json", json(&format!("code 66666 {filler}"))),
        ("application/json", json(&format!("{filler} code 77777"))),
        ("application/json", json(&"x".repeat(50_000))),
    ] {
        let request = market.admin.request(reqwest::Method::POST, &hook).body(body);
        let request = if content_type.is_empty() {
            request
        } else {
            request.header("content-type", content_type)
        };
        let status = super::harness::answer(request).await.ok()["status"].clone();
        assert_eq!(status, "accepted", "{content_type}");
    }
    let expected = ["11111", "22222", "33333", "44444", "55555", "66666", "77777", "none"];
    assert_eq!(codes(&ann, &order).await, expected);
    let shown = activation(&ann, &order).await;
    for message in shown["messages"].as_array().unwrap() {
        let (text, code) = (message["text"].as_str().unwrap(), &message["code"]);
        assert!(text.len() <= 2_000, "{}", text.len());
        assert!(code.is_null() || text.contains(code.as_str().unwrap()), "{text}");
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_keeps_the_link_or_the_code_at_its_end() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let filler = "กรุณาอ่านข้อกำหนดและเงื่อนไขการใช้บริการก่อนดำเนินการ ".repeat(14);
    let ends = ["https://app.example.com/magic/Zk9dQpLm28dksl", "รหัสของคุณคือ aB3xZ9"];
    for end in ends {
        let body = json!({"number": format!("+{NUMBER}"), "text": format!("{filler}{end}")});
        assert_eq!(market.posted(body.clone()).await.ok()["status"], "accepted");
        assert_eq!(market.posted(body).await.ok()["status"], "duplicate");
    }
    let shown = activation(&ann, &order).await;
    for (message, end) in shown["messages"].as_array().unwrap().iter().zip(ends) {
        let text = message["text"].as_str().unwrap();
        assert!(text.ends_with(end) && text.starts_with("กรุณา") && text.len() <= 2_000, "{text}");
    }
    assert_eq!(shown["messages"].as_array().unwrap().len(), 2);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_signed_where_it_has_to_be_and_its_secrets_change() {
    let market = Market::with_signed_callbacks().await;
    let post = async |path: &str, key: Option<&str>| {
        let body = json!({"number": format!("+{NUMBER}"), "text": "code 48213"}).to_string();
        let mut request = market.admin.request(reqwest::Method::POST, path).body(body.clone());
        if let Some(key) = key {
            let hmac = nexnum::digest::hmac_sha256(key.as_bytes(), body.as_bytes());
            let hex: String = hmac.iter().map(|byte| format!("{byte:02x}")).collect();
            request = request.header("x-nexnum-signature", format!("sha256={hex}"));
        }
        super::harness::answer(request).await
    };
    let old = market.running.hook_path.expose().to_owned();
    post(&old, None).await.refused(403, "invalid_signature");
    post(&old, Some("wrong")).await.refused(403, "invalid_signature");
    let rotate = async |grace_s: u64| {
        let body = json!({"grace_s": grace_s});
        market.admin.post("/api/admin/callback/rotate", body).await.ok()
    };
    let first = rotate(3_600).await;
    let text = |shown: &Value, name: &str| shown[name].as_str().unwrap().to_owned();
    let (path, key) = (text(&first, "path"), text(&first, "signing_key"));
    assert_ne!(path, old);
    post(&path, Some(&key)).await.refused(404, "not_found");
    post(&old, Some(&key)).await.refused(404, "not_found");
    // The second change ends the first ones, and without grace those before at once.
    let second = rotate(0).await;
    let stranger = post(&path, Some(&key)).await.refused(404, "not_found");
    assert_eq!(stranger["detail"], "no such callback address");
    let (path, key) = (text(&second, "path"), text(&second, "signing_key"));
    let known = post(&path, Some(&key)).await.refused(404, "not_found");
    assert_eq!(known["detail"], "no activation holds this number");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_clearly_of_another_service_waits_for_the_operator() {
    let market = Market::start().await;
    let ann = market.customer("ann", "5").await;
    market.stock("ID", "telegram", "0.50", NUMBER, 1).await;
    let order = buy(&ann, "telegram").await;
    let number = format!("+{NUMBER}");
    // 1. No other order has the number, and the message is another service's all the same.
    let foreign = json!({"number": number, "text": "Your WhatsApp code: 123-456"});
    market.posted(foreign).await.refused(409, "other_service");
    let unpaid = ("4.500000".to_owned(), "0.500000".to_owned());
    assert_eq!(
        (activation(&ann, &order).await["state"].clone(), ann.balance().await),
        (json!("ACTIVE"), unpaid)
    );
    // 2. One that names none is the buyer's, as one whose gateway names the service.
    let plain = json!({"number": number, "text": "Your code: 48213"});
    assert_eq!(market.posted(plain).await.ok()["status"], "accepted");
    let stated = json!({"number": number, "text": "WhatsApp code 48214", "service": "telegram"});
    assert_eq!(market.posted(stated).await.ok()["status"], "accepted");
    // 3. The operator lets the first one through.
    let failed = kept(&market).await;
    assert_eq!((failed.len(), &failed[0]["reason"]), (1, &json!("other_service")));
    let path = format!("/api/admin/callbacks/{}/process", failed[0]["id"].as_str().unwrap());
    market.admin.post(&path, json!({})).await.refused(409, "other_service");
    let named = json!({"service": "telegram"});
    assert_eq!(market.admin.post(&path, named).await.ok()["status"], "accepted");
    assert_eq!(codes(&ann, &order).await, ["48213", "48214", "123456"]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_came_before_an_order_is_never_delivered_to_it() {
    let market = Market::start().await;
    let bob = market.customer("bob", "5").await;
    let number = format!("+{NUMBER}");
    let plain = json!({"number": number, "text": "Your WhatsApp code: 777-888"});
    let numbered = json!({"number": number, "text": "Your WhatsApp code: 777-889", "id": "m1"});
    let link = json!({"number": number, "text": "Tap to verify: https://wa.me/verify"});
    for body in [&plain, &numbered, &link] {
        market.posted(body.clone()).await.refused(404, "not_found");
    }
    market.stock("ID", "whatsapp", "0.50", NUMBER, 1).await;
    let order = buy(&bob, "whatsapp").await;
    for body in [&plain, &numbered, &link] {
        market.posted(body.clone()).await.refused(404, "not_found");
    }
    for failed in kept(&market).await {
        let path = format!("/api/admin/callbacks/{}/process", failed["id"].as_str().unwrap());
        let named = json!({"service": "whatsapp"});
        market.admin.post(&path, named).await.refused(404, "not_found");
    }
    assert!(codes(&bob, &order).await.is_empty());
    assert_eq!(bob.balance().await, ("4.500000".to_owned(), "0.500000".to_owned()));
    let new = json!({"number": number, "text": "Your WhatsApp code: 482-913"});
    assert_eq!(market.posted(new).await.ok()["status"], "accepted");
    assert_eq!(codes(&bob, &order).await, ["482913"]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_stored_whose_gateway_closes_behind_its_last_byte() {
    const POSTS: usize = 60;
    let market = Market::start().await;
    let path = market.running.hook_path.expose().to_owned();
    let address = market.running.address;
    let posts = (0..POSTS).map(|at| {
        let body = json!({"number": "+19995550000", "text": format!("code {}", 100_000 + at)});
        let body = body.to_string();
        let head = "Host: nexnum\r\nContent-Type: application/json\r\nContent-Length";
        format!("POST {path} HTTP/1.1\r\n{head}: {}\r\n\r\n{body}", body.len())
    });
    for (at, post) in posts.enumerate() {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(post.as_bytes()).await.unwrap();
        // Some close their side alone, and read.
        if at % 2 == 0 {
            stream.shutdown().await.unwrap();
        }
        drop(stream);
    }
    let read_model = &market.running.rooms.orders.market.read_model;
    let stored = || read_model.callbacks(|all| all.before(CallbackId(u64::MAX)).count());
    for _ in 0..200 {
        if stored() == POSTS {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(stored(), POSTS);
    market.running.stop().await.unwrap();
}
