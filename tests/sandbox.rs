//! The simulated providers over real HTTP: the exact words of three wire formats, and every fault.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails ends the test")]

use std::time::Duration;

use nexnum::provider::sandbox::{FaultKind, Sandbox, SandboxConfig};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Product;
use nexnum_engine::money::Micros;
use serde_json::{Value, json};

const HANDLER: usize = 0;
const FIVESIM: usize = 1;
const SMSPOOL: usize = 2;

/// Longer than a loopback call takes on a very busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a call is awaited whose reply will not come.
const IMPATIENCE: Duration = Duration::from_millis(500);

struct Rig {
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// A reply as a client sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    content_type: String,
    body: String,
}

impl Rig {
    async fn start(config: SandboxConfig) -> Self {
        // Another test of this binary may have installed it first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(config).await.unwrap();
        Self {
            sandbox,
            client: reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap(),
        }
    }

    async fn small() -> Self {
        Self::start(SandboxConfig::small(1)).await
    }

    fn key(&self, provider: usize) -> &str {
        &self.sandbox.providers()[provider].key
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Seen> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        Ok(Seen { status, content_type, body: response.text().await? })
    }

    fn get(&self, provider: usize, path: &str) -> reqwest::RequestBuilder {
        let base = &self.sandbox.providers()[provider].base_url;
        self.client.get(format!("{base}{path}"))
    }

    /// A handler call with the right key; its body.
    async fn handler(&self, query: &str) -> String {
        let key = self.key(HANDLER);
        let path = format!("?api_key={key}&{query}");
        let seen = self.send(self.get(HANDLER, &path)).await.unwrap();
        assert_eq!(seen.status, 200);
        seen.body
    }

    async fn fivesim(&self, path: &str) -> Seen {
        let request = self.get(FIVESIM, &format!("/{path}")).bearer_auth(self.key(FIVESIM));
        self.send(request).await.unwrap()
    }

    async fn fivesim_json(&self, path: &str) -> Value {
        let seen = self.fivesim(path).await;
        assert_eq!((seen.status, seen.content_type.as_str()), (200, "application/json"));
        serde_json::from_str(&seen.body).unwrap()
    }

    async fn smspool(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let base = &self.sandbox.providers()[SMSPOOL].base_url;
        let mut form = vec![("key", self.key(SMSPOOL))];
        form.extend(fields);
        let request = self.client.post(format!("{base}{path}")).form(&form);
        let seen = self.send(request).await.unwrap();
        assert_eq!((seen.status, seen.content_type.as_str()), (200, "application/json"));
        serde_json::from_str(&seen.body).unwrap()
    }

    async fn buy_handler(&self) -> (String, String) {
        let reply = self.handler("action=getNumber&service=tg&country=6").await;
        let mut parts = reply.split(':');
        assert_eq!(parts.next(), Some("ACCESS_NUMBER"), "{reply}");
        (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned())
    }

    async fn buy_smspool(&self) -> String {
        let bought = self.smspool("/purchase/sms", &[("country", "9"), ("service", "907")]).await;
        assert_eq!(bought["success"], 1, "{bought}");
        bought["order_id"].as_str().unwrap().to_owned()
    }
}

fn staple() -> Product {
    let catalog = Catalog::load();
    Product {
        country: catalog.country_by_iso("ID").unwrap(),
        service: catalog.service_by_slug("telegram").unwrap(),
    }
}

/// Messages come after a minute, cancels are allowed after two: time moves by hand.
fn slow() -> SandboxConfig {
    SandboxConfig { sms_delay_ms: 60_000..=60_000, ..SandboxConfig::small(1) }
}

#[tokio::test]
async fn the_handler_protocol_speaks_in_bare_words() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(HANDLER, staple(), Micros(250_000), 2));
    let call = |path: &str| rig.send(rig.get(HANDLER, path));
    for (path, body) in [
        ("?action=getBalance", "NO_KEY"),
        ("?action=getBalance&api_key=", "NO_KEY"),
        ("?action=getBalance&api_key=x", "BAD_KEY"),
    ] {
        let seen = call(path).await.unwrap();
        let expected = Seen { status: 200, content_type: "text/plain".into(), body: body.into() };
        assert_eq!(seen, expected, "{path}");
    }
    for (query, body) in [
        ("action=getBalance", "ACCESS_BALANCE:100000.00"),
        ("action=nonsense", "BAD_ACTION"),
        (
            "action=getPrices&service=tg&country=6",
            r#"{"6":{"tg":{"cost":0.25,"count":2,"physicalCount":0}}}"#,
        ),
        ("action=getPrices&service=tg&country=999", "{}"),
        ("action=getActiveActivations", r#"{"error":"NO_ACTIVATIONS","status":"error"}"#),
        ("action=getNumber&service=nonsense&country=6", "BAD_SERVICE"),
        ("action=getNumber&country=6", "BAD_SERVICE"),
        ("action=getNumber&service=tg&country=999", "NO_NUMBERS"),
        ("action=getNumber&service=tg&country=6&maxPrice=0.21", "WRONG_MAX_PRICE:0.25"),
        ("action=getStatus&id=1", "NO_ACTIVATION"),
        ("action=setStatus&id=1&status=8", "NO_ACTIVATION"),
        ("action=setStatus&status=8", "WRONG_ACTIVATION_ID"),
    ] {
        assert_eq!(rig.handler(query).await, body, "{query}");
    }
}

#[tokio::test]
async fn a_handler_number_lives_through_wait_code_retry_and_finish() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(HANDLER, staple(), Micros(250_000), 2));
    let (id, phone) = rig.buy_handler().await;
    assert!(id.parse::<i32>().is_ok() && phone.starts_with("628"), "{id} {phone}");
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:99999.75");
    let status = async || rig.handler(&format!("action=getStatus&id={id}")).await;
    let set = async |to: u8| rig.handler(&format!("action=setStatus&id={id}&status={to}")).await;
    assert_eq!(status().await, "STATUS_WAIT_CODE");
    assert_eq!(set(1).await, "ACCESS_READY");
    assert_eq!(set(3).await, "BAD_STATUS");
    assert_eq!(set(6).await, "BAD_STATUS");
    assert_eq!(set(8).await, "EARLY_CANCEL_DENIED");
    rig.sandbox.advance_ms(60_000);
    let first = status().await;
    let code = first.strip_prefix("STATUS_OK:").unwrap();
    assert!(code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert_eq!(set(8).await, "BAD_STATUS");
    let v2: Value =
        serde_json::from_str(&rig.handler(&format!("action=getStatusV2&id={id}")).await).unwrap();
    assert_eq!(v2["sms"]["code"], code);
    assert!(v2["sms"]["text"].as_str().unwrap().contains(code));
    let full = rig.handler(&format!("action=getFullSms&id={id}")).await;
    assert!(full.starts_with("FULL_SMS:Telegram code: "), "{full}");
    assert_eq!(set(3).await, "ACCESS_RETRY_GET");
    assert_eq!(status().await, format!("STATUS_WAIT_RETRY:{code}"));
    rig.sandbox.advance_ms(60_000);
    let second = status().await;
    assert!(second.starts_with("STATUS_OK:") && second != first, "{second}");
    assert_eq!(set(6).await, "ACCESS_ACTIVATION");
    assert_eq!(status().await, second);
    rig.sandbox.advance_ms(60_000);
    assert_eq!(status().await, "STATUS_CANCEL");
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:99999.75");
}

#[tokio::test]
async fn a_handler_cancel_and_a_time_out_give_the_money_back() {
    let rig = Rig::start(SandboxConfig { silent: 1.0, ..slow() }).await;
    assert!(rig.sandbox.pin(HANDLER, staple(), Micros(250_000), 2));
    let (first, _) = rig.buy_handler().await;
    let (second, _) = rig.buy_handler().await;
    assert_eq!(rig.handler("action=getNumber&service=tg&country=6").await, "NO_NUMBERS");
    rig.sandbox.advance_ms(120_000);
    let cancel = format!("action=setStatus&id={first}&status=-1");
    assert_eq!(rig.handler(&cancel).await, "ACCESS_CANCEL");
    assert_eq!(rig.handler(&cancel).await, "BAD_STATUS");
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:99999.75");
    rig.sandbox.advance_ms(1_080_000);
    assert_eq!(rig.handler(&format!("action=getStatus&id={second}")).await, "STATUS_CANCEL");
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:100000.00");
}

#[tokio::test]
async fn the_handler_json_has_the_types_that_clients_parse() {
    let rig = Rig::small().await;
    assert!(rig.sandbox.pin(HANDLER, staple(), Micros(250_000), 9));
    let buy = "action=getNumberV2&service=tg&country=6&operator=&maxPrice=&orderId=r1";
    let bought: Value = serde_json::from_str(&rig.handler(buy).await).unwrap();
    let time = bought["activationTime"].as_str().unwrap();
    assert!(bought["activationId"].is_u64() && time.len() == 19, "{bought}");
    let expected = json!({
        "activationId": bought["activationId"], "phoneNumber": bought["phoneNumber"],
        "activationCost": 0.25, "currency": 840, "countryCode": "6", "canGetAnotherSms": "1",
        "activationTime": time, "activationOperator": bought["activationOperator"],
    });
    assert_eq!(bought, expected);
    assert_eq!(rig.handler(buy).await, "ORDER_ALREADY_EXISTS");
    let active: Value =
        serde_json::from_str(&rig.handler("action=getActiveActivations").await).unwrap();
    let row = &active["activeActivations"][0];
    assert_eq!(active["status"], "success");
    assert_eq!(row["activationId"], bought["activationId"].to_string());
    assert_eq!(row["smsCode"].as_array().unwrap().len(), 1);
    let countries: Value = serde_json::from_str(&rig.handler("action=getCountries").await).unwrap();
    assert_eq!(countries["6"]["eng"], "Indonesia");
    let top: Value =
        serde_json::from_str(&rig.handler("action=getTopCountriesByService&service=tg").await)
            .unwrap();
    assert!(top["0"]["count"].as_u64() >= top["1"]["count"].as_u64());
    let operators: Value =
        serde_json::from_str(&rig.handler("action=getOperators&country=6").await).unwrap();
    assert!(operators["countryOperators"]["6"].as_array().is_some_and(|names| !names.is_empty()));
}

#[tokio::test]
async fn fivesim_refuses_in_plain_text_and_guests_need_no_token() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(FIVESIM, staple(), Micros(206_400), 0));
    let open = rig.send(rig.get(FIVESIM, "/guest/countries").bearer_auth("bogus")).await.unwrap();
    assert_eq!((open.status, open.content_type.as_str()), (200, "application/json"));
    let closed = rig.send(rig.get(FIVESIM, "/user/profile").bearer_auth("bogus")).await.unwrap();
    assert_eq!((closed.status, closed.body.as_str()), (401, ""));
    for (path, status, body) in [
        ("user/buy/activation/indonesia/any/telegram", 200, "no free phones"),
        ("user/buy/activation/nowhere/any/telegram", 400, "bad country"),
        ("user/buy/activation/indonesia/nobody/telegram", 400, "bad operator"),
        ("user/buy/activation/indonesia/any/nothing", 400, "no product"),
        ("user/check/1", 404, "order not found"),
        ("user/cancel/1", 400, "order not found"),
        ("user/finish/x", 400, "order not found"),
        ("guest/prices?country=nowhere", 400, "country is incorrect"),
        ("guest/prices?product=nothing", 400, "product is incorrect"),
    ] {
        let seen = rig.fivesim(path).await;
        let expected = Seen { status, content_type: "text/plain".into(), body: body.into() };
        assert_eq!(seen, expected, "{path}");
    }
}

#[tokio::test]
async fn fivesim_prices_nest_by_country_and_swapped_by_product() {
    let rig = Rig::small().await;
    assert!(rig.sandbox.pin(FIVESIM, staple(), Micros(206_400), 77));
    let all = rig.fivesim_json("guest/prices").await;
    let offers = all["indonesia"]["telegram"].as_object().unwrap();
    assert!(offers.len() > 1, "{offers:?}");
    for offer in offers.values() {
        assert_eq!((&offer["cost"], &offer["count"]), (&json!(0.2064), &json!(77)));
    }
    let swapped = rig.fivesim_json("guest/prices?product=telegram").await;
    assert_eq!(swapped["telegram"]["indonesia"], all["indonesia"]["telegram"]);
    let both = rig.fivesim_json("guest/prices?country=indonesia&product=telegram").await;
    assert_eq!(both, json!({"indonesia": {"telegram": offers}}));
    assert_eq!(rig.fivesim_json("guest/prices?country=albania&product=1688").await, Value::Null);
    let products = rig.fivesim_json("guest/products/indonesia/any").await;
    let expected = json!({"Category": "activation", "Qty": 77 * offers.len(), "Price": 0.2064});
    assert_eq!(products["telegram"], expected);
}

#[tokio::test]
async fn a_fivesim_order_lives_through_check_and_finish() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(FIVESIM, staple(), Micros(206_400), 9));
    let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram/?maxPrice=0.3").await;
    assert_eq!((&bought["sms"], &bought["status"]), (&Value::Null, &json!("PENDING")));
    assert_eq!((&bought["price"], &bought["country"]), (&json!(0.2064), &json!("indonesia")));
    assert!(bought["phone"].as_str().unwrap().starts_with("+628"), "{bought}");
    assert!(bought["expires"].as_str().unwrap().ends_with("000000Z"), "{bought}");
    let id = bought["id"].as_u64().unwrap();
    let check = async || rig.fivesim_json(&format!("user/check/{id}")).await;
    assert_eq!(check().await["sms"], json!([]));
    let refused = async |verb: &str| {
        let seen = rig.fivesim(&format!("user/{verb}/{id}")).await;
        (seen.status, seen.body)
    };
    assert_eq!(refused("finish").await, (400, "order no sms".to_owned()));
    assert_eq!(refused("cancel").await, (400, "you need to wait time".to_owned()));
    rig.sandbox.advance_ms(60_000);
    let received = check().await;
    let sms = received["sms"].as_array().unwrap();
    assert_eq!((sms.len(), &received["status"]), (1, &json!("RECEIVED")));
    assert!(sms[0]["text"].as_str().unwrap().contains(sms[0]["code"].as_str().unwrap()));
    assert_eq!(refused("cancel").await, (400, "order has sms".to_owned()));
    rig.sandbox.advance_ms(300_000);
    assert_eq!(check().await["sms"].as_array().unwrap().len(), 2);
    let finished = rig.fivesim_json(&format!("user/finish/{id}")).await;
    assert_eq!(finished["status"], "FINISHED");
    assert_eq!(refused("ban").await, (400, "order has sms".to_owned()));
    let orders = rig.fivesim_json("user/orders?category=activation&limit=5").await;
    assert_eq!((&orders["Total"], &orders["Data"][0]["id"]), (&json!(1), &json!(id)));
    let profile = rig.fivesim_json("user/profile").await;
    assert_eq!(profile["balance"], json!(99_999.793_6));
    for field in ["did_order", "last_order", "last_top_orders", "last_top_idx", "rating"] {
        assert!(!profile[field].is_null(), "{field}");
    }
}

#[tokio::test]
async fn a_fivesim_order_is_cancelled_banned_or_expired_with_a_refund() {
    let rig = Rig::start(SandboxConfig { silent: 1.0, ..slow() }).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram").await;
        ids.push(bought["id"].as_u64().unwrap());
    }
    rig.sandbox.advance_ms(120_000);
    assert_eq!(rig.fivesim_json(&format!("user/cancel/{}", ids[0])).await["status"], "CANCELED");
    assert_eq!(rig.fivesim_json(&format!("user/ban/{}", ids[1])).await["status"], "BANNED");
    rig.sandbox.advance_ms(1_080_000);
    assert_eq!(rig.fivesim_json(&format!("user/check/{}", ids[2])).await["status"], "TIMEOUT");
    let late = rig.fivesim(&format!("user/cancel/{}", ids[2])).await;
    assert_eq!((late.status, late.body.as_str()), (400, "order expired"));
    assert_eq!(rig.fivesim_json("user/profile").await["balance"], json!(100_000.0));
}

#[tokio::test]
async fn smspool_answers_with_success_and_a_flat_list() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(SMSPOOL, staple(), Micros(250_000), 5));
    let wrong = rig.smspool("/request/balance", &[]).await;
    assert_eq!(wrong, json!({"balance": "100000.00"}));
    let base = &rig.sandbox.providers()[SMSPOOL].base_url;
    let seen = rig.send(rig.client.post(format!("{base}/request/balance"))).await.unwrap();
    assert_eq!(seen.body, r#"{"message":"Invalid API key","success":0}"#);
    let by_header = rig.get(SMSPOOL, "/request/balance").bearer_auth(rig.key(SMSPOOL));
    assert_eq!(rig.send(by_header).await.unwrap().body, r#"{"balance":"100000.00"}"#);
    let list = rig.smspool("/request/pricing", &[("country", "9"), ("service", "907")]).await;
    let row = json!({
        "service": 907, "service_name": "Telegram", "country": 9, "country_name": "Indonesia",
        "short_name": "ID", "pool": 1, "price": "0.25",
    });
    assert_eq!(list[0], row);
    let pools = list.as_array().unwrap().len();
    let stock = rig.smspool("/sms/stock", &[("country", "ID"), ("service", "Telegram")]).await;
    assert_eq!(stock, json!({"success": 1, "amount": 5 * pools}));
    let all = rig.smspool("/request/pricing", &[]).await;
    assert!(all.as_array().unwrap().len() > 100);
    let dear = [("country", "9"), ("service", "907"), ("max_price", "0.10")];
    let refused = rig.smspool("/purchase/sms", &dear).await;
    assert_eq!(refused["success"], 0);
    let unknown = rig.smspool("/sms/check", &[("orderid", "ABCDEFGH")]).await;
    assert_eq!(unknown, json!({"success": 0, "message": "We could not find this order!"}));
}

#[tokio::test]
async fn an_smspool_order_lives_through_check_resend_and_cancel() {
    let rig = Rig::start(slow()).await;
    let order = rig.buy_smspool().await;
    let form = [("orderid", order.as_str())];
    let check = async || rig.smspool("/sms/check", &form).await;
    assert_eq!(check().await["status"], 1);
    let early = rig.smspool("/sms/cancel", &form).await;
    let message = "Your order cannot be cancelled yet, please try again later.";
    assert_eq!(early, json!({"success": 0, "message": message}));
    rig.sandbox.advance_ms(60_000);
    let received = check().await;
    let code = received["sms"].as_str().unwrap();
    assert_eq!(received["status"], 3);
    assert!(received["full_sms"].as_str().unwrap().contains(code));
    assert_eq!(rig.smspool("/sms/resend", &form).await["success"], 1);
    assert_eq!(check().await["status"], 1);
    rig.sandbox.advance_ms(60_000);
    assert_ne!(check().await["sms"], code);
    let active = rig.smspool("/request/active", &[]).await;
    assert_eq!(
        (&active[0]["order_code"], &active[0]["status"]),
        (&json!(order), &json!("completed"))
    );
}

#[tokio::test]
async fn an_smspool_cancel_refunds_and_reads_as_six() {
    let rig = Rig::start(SandboxConfig { silent: 1.0, ..slow() }).await;
    let order = rig.buy_smspool().await;
    let form = [("orderid", order.as_str())];
    rig.sandbox.advance_ms(120_000);
    let message = "The order has been cancelled, and you have been refunded.";
    let cancelled = rig.smspool("/sms/cancel", &form).await;
    assert_eq!(cancelled, json!({"success": 1, "message": message}));
    assert_eq!(rig.smspool("/sms/check", &form).await["status"], 6);
    assert_eq!(rig.smspool("/request/balance", &[]).await["balance"], "100000.00");
}

#[tokio::test]
async fn a_front_end_fault_does_nothing_and_shows_as_what_it_is() {
    let rig = Rig::small().await;
    let faults = rig.sandbox.faults(HANDLER);
    let path = format!("?action=getNumber&service=tg&country=6&api_key={}", rig.key(HANDLER));
    let call = async || rig.get(HANDLER, &path).send().await;
    faults.next(FaultKind::Http500);
    assert_eq!(call().await.unwrap().status(), 500);
    faults.next(FaultKind::Http429RetryAfter);
    let limited = call().await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    faults.next(FaultKind::Garbage);
    let garbage = call().await.unwrap();
    assert_eq!(garbage.status(), 200);
    assert!(garbage.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    faults.next(FaultKind::TimeOut);
    let hung = rig.get(HANDLER, &path).timeout(IMPATIENCE).send().await;
    assert!(hung.unwrap_err().is_timeout());
    faults.next(FaultKind::NoNumbers);
    assert_eq!(call().await.unwrap().text().await.unwrap(), "NO_NUMBERS");
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:100000.00");
    assert_eq!(
        rig.handler("action=getActiveActivations").await,
        r#"{"error":"NO_ACTIVATIONS","status":"error"}"#
    );
}

#[tokio::test]
async fn a_lost_or_truncated_reply_hides_a_number_that_was_bought() {
    let rig = Rig::small().await;
    for (kind, times) in [(FaultKind::BoughtButReplyLost, 6), (FaultKind::TruncatedBody, 4)] {
        for _ in 0..times {
            rig.sandbox.faults(HANDLER).next(kind);
            let path =
                format!("?action=getNumber&service=tg&country=6&api_key={}", rig.key(HANDLER));
            let call = rig.get(HANDLER, &path).timeout(IMPATIENCE);
            assert!(rig.send(call).await.is_err(), "{kind:?}");
        }
    }
    let active: Value =
        serde_json::from_str(&rig.handler("action=getActiveActivations").await).unwrap();
    assert_eq!(active["activeActivations"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_truncated_list_is_not_json() {
    let rig = Rig::small().await;
    for _ in 0..6 {
        rig.sandbox.faults(FIVESIM).next(FaultKind::TruncatedBody);
        if let Ok(seen) = rig.send(rig.get(FIVESIM, "/guest/prices")).await {
            assert_eq!(seen.status, 200);
            assert!(serde_json::from_str::<Value>(&seen.body).is_err());
        }
    }
}

#[tokio::test]
async fn a_message_is_listed_twice_on_demand() {
    let rig = Rig::small().await;
    for provider in [HANDLER, FIVESIM, SMSPOOL] {
        rig.sandbox.faults(provider).next(FaultKind::DuplicateMessage);
    }
    rig.buy_handler().await;
    let active: Value =
        serde_json::from_str(&rig.handler("action=getActiveActivations").await).unwrap();
    let codes = active["activeActivations"][0]["smsCode"].as_array().unwrap().clone();
    assert!(codes.len() == 2 && codes[0] == codes[1], "{codes:?}");
    let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram").await;
    let order = rig.fivesim_json(&format!("user/check/{}", bought["id"])).await;
    assert_eq!(order["sms"][0], order["sms"][1]);
    rig.buy_smspool().await;
    let active = rig.smspool("/request/active", &[]).await;
    assert_eq!(active[0], active[1]);
}

#[tokio::test]
async fn a_message_comes_after_a_cancel_on_demand() {
    let rig = Rig::start(SandboxConfig { silent: 1.0, ..slow() }).await;
    for provider in [HANDLER, FIVESIM, SMSPOOL] {
        rig.sandbox.faults(provider).next(FaultKind::MessageAfterCancel);
    }
    let (id, _) = rig.buy_handler().await;
    let bought = rig.fivesim_json("user/buy/activation/indonesia/any/telegram").await;
    let order = rig.buy_smspool().await;
    rig.sandbox.advance_ms(120_000);
    let cancel = format!("action=setStatus&id={id}&status=8");
    assert_eq!(rig.handler(&cancel).await, "ACCESS_CANCEL");
    rig.fivesim_json(&format!("user/cancel/{}", bought["id"])).await;
    rig.smspool("/sms/cancel", &[("orderid", &order)]).await;
    assert_eq!(rig.handler(&format!("action=getStatus&id={id}")).await, "STATUS_CANCEL");
    rig.sandbox.advance_ms(60_001);
    let status = rig.handler(&format!("action=getStatus&id={id}")).await;
    assert!(status.starts_with("STATUS_OK:"), "{status}");
    let late = rig.fivesim_json(&format!("user/check/{}", bought["id"])).await;
    assert_eq!((&late["status"], late["sms"].as_array().unwrap().len()), (&json!("CANCELED"), 1));
    assert_eq!(rig.smspool("/sms/check", &[("orderid", &order)]).await["status"], 3);
    assert_eq!(rig.handler("action=getBalance").await, "ACCESS_BALANCE:100000.00");
}

#[tokio::test]
async fn a_share_of_all_calls_misbehaves() {
    let rig = Rig::start(SandboxConfig { faults: 0.5, ..SandboxConfig::small(3) }).await;
    rig.sandbox.faults(FIVESIM).set_any(0.0);
    rig.sandbox.faults(FIVESIM).set(FaultKind::Http500, 0.5);
    let mut errors = 0;
    for _ in 0..100 {
        let seen = rig.fivesim("guest/flash/en").await;
        errors += usize::from(seen.status == 500);
    }
    assert!((30..70).contains(&errors), "{errors}");
    rig.sandbox.faults(HANDLER).clear();
    for _ in 0..20 {
        rig.buy_handler().await;
    }
}

#[tokio::test]
async fn open_numbers_survive_a_restart_with_the_same_codes() {
    let folder = tempfile::tempdir().unwrap();
    let config = SandboxConfig { journal_dir: Some(folder.path().to_owned()), ..slow() };
    let rig = Rig::start(config.clone()).await;
    let (id, _) = rig.buy_handler().await;
    let (cancelled, _) = rig.buy_handler().await;
    let order = rig.buy_smspool().await;
    rig.sandbox.advance_ms(60_000);
    let status = rig.handler(&format!("action=getStatus&id={id}")).await;
    rig.handler(&format!("action=setStatus&id={id}&status=3")).await;
    let balance = rig.handler("action=getBalance").await;
    rig.sandbox.stop().await;

    let rig = Rig::start(config).await;
    assert_eq!(rig.handler("action=getBalance").await, balance);
    let wait = rig.handler(&format!("action=getStatus&id={id}")).await;
    assert_eq!(wait, "STATUS_WAIT_CODE");
    rig.sandbox.advance_ms(60_000);
    assert_eq!(
        rig.handler(&format!("action=getStatus&id={id}")).await,
        status.replace("OK", "WAIT_RETRY")
    );
    rig.sandbox.advance_ms(60_000);
    let again = rig.handler(&format!("action=getStatus&id={id}")).await;
    assert!(again.starts_with("STATUS_OK:") && again != status, "{again}");
    assert_ne!(rig.handler(&format!("action=getStatus&id={cancelled}")).await, "NO_ACTIVATION");
    assert_eq!(rig.smspool("/sms/check", &[("orderid", &order)]).await["status"], 3);
    let (next, _) = rig.buy_handler().await;
    assert!(next.parse::<u32>().unwrap() > cancelled.parse::<u32>().unwrap());
}

#[tokio::test]
async fn stopping_closes_the_port_and_hung_calls() {
    let rig = Rig::small().await;
    let base = rig.sandbox.providers()[HANDLER].base_url.clone();
    rig.sandbox.faults(HANDLER).next(FaultKind::TimeOut);
    let hung = tokio::spawn(rig.client.get(&base).send());
    while !rig.client.get(&base).send().await.is_ok_and(|reply| reply.status() == 200) {}
    rig.sandbox.stop().await;
    assert!(hung.await.unwrap().is_err());
    assert!(rig.client.get(&base).send().await.is_err());
}

#[tokio::test]
async fn requests_are_bounded() {
    let rig = Rig::small().await;
    let url = rig.sandbox.providers()[HANDLER].base_url.clone();
    let seen = rig.client.post(&url).body("x".repeat(20_000)).send().await.unwrap();
    assert_eq!(seen.status(), 413);
    let form = [("action", " getBalance "), ("api_key", rig.key(HANDLER))];
    let seen = rig.client.post(&url).form(&form).send().await.unwrap();
    assert_eq!(seen.text().await.unwrap(), "ACCESS_BALANCE:100000.00");
}

#[tokio::test]
async fn the_handler_protocol_lists_prices_in_the_ways_of_its_clones() {
    let rig = Rig::start(slow()).await;
    assert!(rig.sandbox.pin(HANDLER, staple(), Micros(250_000), 2));
    let row = r#"{"6":{"tg":{"count":2,"price":0.25,"providers":{"1000":{"count":2,"price":[0.25],"provider_id":1000}}}}}"#;
    for (action, body) in [
        ("getPricesV2", r#"{"6":{"tg":{"0.25":2}}}"#),
        ("getPricesV3", row),
        ("getPricesVerification", r#"{"tg":{"6":{"count":2,"price":"0.25"}}}"#),
    ] {
        let query = format!("action={action}&service=tg&country=6");
        assert_eq!(rig.handler(&query).await, body, "{action}");
        let unknown = format!("action={action}&service=nonsense");
        assert_eq!(rig.handler(&unknown).await, "{}", "{action}");
    }
    let top = rig.handler("action=getListOfTopCountriesByService&service=tg&length=2").await;
    let top: Value = serde_json::from_str(&top).unwrap();
    assert_eq!(top.as_array().unwrap().len(), 2);
    assert!(top[0]["share"].as_u64() >= top[1]["share"].as_u64(), "{top}");
}

#[tokio::test]
async fn the_handler_protocol_remembers_what_was_bought() {
    let rig = Rig::start(slow()).await;
    assert_eq!(rig.handler("action=getHistory&start=&end=").await, "[]");
    let (first, _) = rig.buy_handler().await;
    rig.sandbox.advance_ms(120_000);
    let (second, number) = rig.buy_handler().await;
    let list = async |query: &str| -> Value {
        let reply = rig.handler(&format!("action=getHistory{query}")).await;
        serde_json::from_str(&reply).unwrap()
    };
    let rows = list("").await;
    assert_eq!(rows[0]["id"].to_string(), second);
    assert_eq!((&rows[0]["phone"], &rows[0]["sms"]), (&json!(number), &Value::Null));
    assert_eq!(rows[1]["id"].to_string(), first);
    assert!(rows[1]["sms"].as_str().unwrap().starts_with("[\""), "{rows}");
    assert_eq!(list("&offset=1&limit=1").await[0]["id"].to_string(), first);
    assert_eq!(list("&end=1").await, json!([]));
    assert_eq!(rig.handler("action=getHistory&start=2&end=1").await, "WRONG_DATE");
}

#[tokio::test]
async fn a_fivesim_account_shows_what_was_paid_in() {
    let rig = Rig::small().await;
    let payments = rig.fivesim_json("user/payments").await;
    assert_eq!(
        (&payments["Total"], &payments["Data"][0]["TypeName"]),
        (&json!(1), &json!("charge"))
    );
    assert_eq!(payments["Data"][0]["Amount"], json!(100_000.0));
}

#[tokio::test]
async fn an_smspool_order_with_its_message_cannot_be_cancelled_and_stays_in_the_history() {
    let rig = Rig::start(slow()).await;
    let order = rig.buy_smspool().await;
    let form = [("orderid", order.as_str())];
    rig.sandbox.advance_ms(120_000);
    let refused = rig.smspool("/sms/cancel", &form).await;
    let message = "This order has already received an SMS";
    assert_eq!(refused, json!({"success": 0, "message": message}));
    let history = rig.smspool("/request/history", &[]).await;
    assert_eq!(history[0]["order_code"], json!(order));
    assert_eq!(history[0]["status"], "completed");
}

#[tokio::test]
async fn an_smspool_pool_goes_by_its_name_too() {
    let rig = Rig::small().await;
    let price = async |pool: &str| {
        let fields = [("country", "9"), ("service", "907"), ("pool", pool)];
        rig.smspool("/request/price", &fields).await
    };
    assert_eq!(price("Alpha").await, price("1").await);
    assert_ne!(price("Alpha").await, price("Charlie").await);
}
