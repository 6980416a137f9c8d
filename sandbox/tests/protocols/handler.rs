//! The handler protocol: bare words, JSON, and the lists of its clones.

use nexnum_engine::money::Micros;
use nexnum_sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::{HANDLER, Rig, Seen, slow, staple};

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
async fn the_handler_list_of_open_numbers_is_cut_unless_the_sandbox_shows_all() {
    let listed = async |config: SandboxConfig, queries: &[&str]| {
        let rig = Rig::start(config).await;
        assert!(rig.sandbox.pin(HANDLER, staple(), Micros(250_000), 9));
        for _ in 0..5 {
            rig.buy_handler().await;
        }
        let mut seen = Vec::new();
        for query in queries {
            let reply = rig.handler(&format!("action=getActiveActivations{query}")).await;
            let list: Value = serde_json::from_str(&reply).unwrap();
            let rows = list["activeActivations"].as_array().cloned().unwrap_or_default();
            seen.push(rows.iter().map(|row| row["activationId"].clone()).collect::<Vec<_>>());
        }
        seen
    };
    let cut = SandboxConfig { handler_page: Some(2), ..slow() };
    let pages = listed(cut, &["", "&start=2&limit=100", "&start=4", "&start=1&limit=1"]).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 1]);
    assert_eq!(pages[3][0], pages[0][1]);
    assert!(pages[0].iter().chain(&pages[1]).all(|id| !pages[2].contains(id)));
    let whole = SandboxConfig { handler_page: None, ..slow() };
    let lens = listed(whole, &["", "&start=2&limit=1"]).await;
    assert_eq!(lens.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
    assert_eq!(SandboxConfig::default().handler_page, Some(100), "as HeroSMS cuts it");
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
