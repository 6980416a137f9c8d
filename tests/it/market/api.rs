//! The life of an order as a reseller sees it.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Client, Market};
use crate::rig::plain::{files_with, ways_of_text};

const TELEGRAM: &str = r#"{"country":"id","service":"tg","max_price":"0.4"}"#;

fn telegram() -> Value {
    serde_json::from_str(TELEGRAM).unwrap()
}

async fn market() -> (Market, Client) {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
    let buyer = market.customer("a", "10").await;
    (market, buyer)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_delivered_by_its_first_message_and_paid() {
    let (market, buyer) = market().await;
    let offers = buyer.get("/api/v1/offers?country=ID&service=telegram").await.ok();
    assert_eq!(offers["offers"][0]["price"], "0.300000");
    assert_eq!(offers["offers"][0]["stock"], 3);
    let quote = buyer.get("/api/v1/quotes?country=ID&service=telegram&max_price=0.2").await.ok();
    assert_eq!(quote["available"], false);
    assert_eq!(quote["asks"][0]["reason"], "above_max_price");

    let order = buyer.post("/api/v1/orders", telegram()).await.created();
    assert_eq!((&order["status"], &order["price"]), (&json!("PLACED"), &json!("0.300000")));
    assert_eq!(order["product"], json!({"country": "ID", "service": "telegram"}));
    let activation = &order["activation"];
    assert_eq!((&activation["state"], &activation["messages"]), (&json!("ACTIVE"), &json!([])));
    assert_eq!(activation["number"], "+62810000000");
    assert_eq!(buyer.balance().await, ("9.700000".to_owned(), "0.300000".to_owned()));

    let id = activation["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/activations/{id}");
    let waiter = {
        let (buyer, path) = (buyer.clone(), format!("{path}?wait=20"));
        tokio::spawn(async move { buyer.get(&path).await.ok() })
    };
    let posted = market.message("+62810000000", "Telegram code: 48213").await.ok();
    assert_eq!(posted["status"], "accepted");
    let posted = market.message("+62810000000", "Telegram code: 48213").await.ok();
    assert_eq!(posted["status"], "duplicate");
    let seen = waiter.await.unwrap();
    assert_eq!(seen["state"], "RECEIVED");
    assert_eq!(seen["messages"].as_array().unwrap().len(), 1);
    assert_eq!(seen["messages"][0]["code"], "48213");

    buyer.post(&format!("{path}/cancel"), json!({})).await.refused(409, "already_received");
    assert_eq!(buyer.balance().await, ("9.700000".to_owned(), "0.000000".to_owned()));
    let done = buyer.post(&format!("{path}/finish"), json!({})).await.ok();
    assert_eq!(done["state"], "COMPLETED");
    buyer.get(&format!("/api/v1/orders/{id}")).await.refused(404, "not_found");
    let order = done["order_id"].as_str().unwrap();
    let order = buyer.get(&format!("/api/v1/orders/{order}")).await.ok();
    assert_eq!(order["status"], "DELIVERED");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_and_quotes_tell_how_their_provider_has_delivered() {
    let (market, buyer) = market().await;
    let measured = |ask: &Value| {
        let time = ask["time_to_code_s"].as_f64();
        (ask["numbers"].clone(), ask["delivered_share"].clone(), time.map(|s| s < 30.0))
    };
    let quote = "/api/v1/quotes?country=ID&service=telegram";
    let before = buyer.get(quote).await.ok();
    assert_eq!(measured(&before["asks"][0]), (json!(0), Value::Null, None));
    for _ in 0..2 {
        buyer.post("/api/v1/orders", telegram()).await.created();
    }
    market.message("+62810000000", "Telegram code: 48213").await.ok();
    // A list of orders waits until history has followed, and with it what is counted.
    buyer.get("/api/v1/orders").await.ok();
    let expected = (json!(2), json!(0.5), Some(true));
    assert_eq!(measured(&buyer.get(quote).await.ok()["asks"][0]), expected);
    let offers = buyer.get("/api/v1/offers?country=ID&service=telegram").await.ok();
    assert_eq!(measured(&offers["offers"][0]), expected);
    let providers = market.admin.get("/api/admin/providers").await.ok();
    assert_eq!(measured(&providers["providers"][0]), expected);
    let request = market.admin.request(Method::GET, "/metrics");
    let page = request.send().await.unwrap().text().await.unwrap();
    for line in [
        "nexnum_provider_recent_numbers{provider=\"own\"} 2",
        "nexnum_provider_recent_codes{provider=\"own\"} 1",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_is_refunded_once_and_a_late_message_is_not_shown() {
    let (market, buyer) = market().await;
    let order = buyer.post("/api/v1/orders", telegram()).await.created();
    let id = order["id"].as_str().unwrap().to_owned();
    let cancel = format!("/api/v1/activations/{id}/cancel");
    assert_eq!(buyer.post(&cancel, json!({})).await.ok()["state"], "CANCELLED");
    assert_eq!(buyer.post(&cancel, json!({})).await.ok()["state"], "CANCELLED");
    assert_eq!(buyer.balance().await, ("10.000000".to_owned(), "0.000000".to_owned()));

    market.message("+62810000000", "Too late: 11111").await.ok();
    let seen = buyer.get(&format!("/api/v1/activations/{id}")).await.ok();
    assert_eq!((&seen["state"], &seen["messages"]), (&json!("CANCELLED"), &json!([])));
    let offers = buyer.get("/api/v1/offers?country=ID&service=telegram").await.ok();
    assert_eq!(offers["offers"][0]["stock"], 3, "the unused number is for sale again");

    let rows = buyer.get("/api/v1/wallet/transactions").await.ok();
    let rows: Vec<(&str, &str)> = rows["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap(), row["amount"].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [("REFUND", "0.300000"), ("SPEND", "-0.300000"), ("DEPOSIT", "10.000000")]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_message_is_asked_for_and_waited_for() {
    let (market, buyer) = market().await;
    let order = buyer.post("/api/v1/orders", telegram()).await.created();
    let path = format!("/api/v1/activations/{}", order["id"].as_str().unwrap());
    buyer.post(&format!("{path}/resend"), json!({})).await.refused(409, "no_message_yet");
    market.message("+62810000000", "code 1111").await.ok();
    buyer.post(&format!("{path}/resend"), json!({})).await.ok();
    let waiter = {
        let (buyer, path) = (buyer.clone(), format!("{path}?wait=20"));
        tokio::spawn(async move { buyer.get(&path).await.ok() })
    };
    market.message("+62810000000", "code 2222").await.ok();
    let seen = waiter.await.unwrap();
    let codes: Vec<&str> = seen["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["1111", "2222"]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_by_cursor_newest_first() {
    let (market, buyer) = market().await;
    let mut placed = Vec::new();
    for _ in 0..3 {
        let order = buyer.post("/api/v1/orders", telegram()).await.created();
        placed.insert(0, order["id"].as_str().unwrap().to_owned());
    }
    let page = buyer.get("/api/v1/orders?limit=2").await.ok();
    let ids = |page: &Value| -> Vec<String> {
        let rows = page["orders"].as_array().unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&page), placed[..2]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = buyer.get(&format!("/api/v1/orders?limit=2&cursor={cursor}")).await.ok();
    assert_eq!((ids(&page), &page["next_cursor"]), (placed[2..].to_vec(), &Value::Null));
    let open = buyer.get("/api/v1/activations").await.ok();
    assert_eq!(open["activations"].as_array().unwrap().len(), 3);
    let none = buyer.get("/api/v1/activations?state=RECEIVED").await.ok();
    assert_eq!(none["activations"], json!([]));
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_listed_whole() {
    let (market, buyer) = market().await;
    let countries = buyer.get("/api/v1/countries").await.ok();
    let indonesia = |row: &&Value| row["code"] == "ID" && row["iso3"] == "IDN";
    let countries = countries["countries"].as_array().unwrap();
    assert_eq!((countries.len(), countries.iter().filter(indonesia).count()), (250, 1));
    let services = buyer.get("/api/v1/services").await.ok();
    assert_eq!(services["services"].as_array().unwrap().len(), 1_930);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_a_number_of_two_services_goes_to_the_one_it_names_or_to_none() {
    let (market, buyer) = market().await;
    market.stock("ID", "whatsapp", "0.30", 62_810_000_000, 1).await;
    let other = market.customer("b", "10").await;
    let telegram = buyer.post("/api/v1/orders", telegram()).await.created();
    let whatsapp = json!({"country": "ID", "service": "whatsapp"});
    let whatsapp = other.post("/api/v1/orders", whatsapp).await.created();
    let number = "+62810000000";
    assert_eq!(telegram["activation"]["number"], whatsapp["activation"]["number"]);

    let problem =
        market.message(number, "Your code: 11111").await.refused(409, "ambiguous_message");
    assert_eq!(problem["param"], "service");
    let both = market.message(number, "Telegram or WhatsApp: 11111").await;
    both.refused(409, "ambiguous_message");
    market.message(number, "<#> Your WhatsApp code: 222-222").await.ok();
    let seen = async |client: &Client, order: &Value| {
        let id = order["id"].as_str().unwrap();
        let seen = client.get(&format!("/api/v1/activations/{id}")).await.ok();
        (seen["state"].clone(), seen["messages"].as_array().unwrap().len())
    };
    assert_eq!(seen(&buyer, &telegram).await, (json!("ACTIVE"), 0));
    assert_eq!(seen(&other, &whatsapp).await, (json!("RECEIVED"), 1));
    market.message(number, "Telegram code 33333").await.ok();
    assert_eq!(seen(&buyer, &telegram).await, (json!("RECEIVED"), 1));
    assert_eq!(seen(&other, &whatsapp).await, (json!("RECEIVED"), 1));
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_of_a_provider_that_does_not_sell_are_not_shown_as_live() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
    let buyer = market.customer("a", "1").await;
    let rooms = &market.running.rooms;
    rooms.market.grid.close_provider(rooms.supply.own);
    let product = "country=ID&service=telegram";
    let offers = buyer.get(&format!("/api/v1/offers?{product}")).await.ok();
    let quote = buyer.get(&format!("/api/v1/quotes?{product}")).await.ok();
    for ask in [&offers["offers"][0], &quote["asks"][0]] {
        assert_eq!((&ask["open"], &ask["stock"]), (&json!(false), &json!(0)), "{ask}");
    }
    assert_eq!(quote["asks"][0]["reason"], "provider_closed");
    assert_eq!(quote["available"], false);
    rooms.market.grid.open_provider(rooms.supply.own);
    let offers = buyer.get(&format!("/api/v1/offers?{product}")).await.ok();
    let ask = &offers["offers"][0];
    assert_eq!((&ask["open"], &ask["stock"]), (&json!(true), &json!(3)), "{ask}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_buyer_notes_is_shown_with_its_order_and_sealed() {
    let (market, buyer) = market().await;
    let noted = |reference: &str, end_user: &str| {
        let mut order = telegram();
        order["reference"] = reference.into();
        order["end_user"] = end_user.into();
        order
    };
    let order = buyer.post("/api/v1/orders", noted("корзина 7", "maría")).await.created();
    let shown = |order: &Value| (order["reference"].clone(), order["end_user"].clone());
    let expected = (json!("корзина 7"), json!("maría"));
    assert_eq!(shown(&order), expected);
    let plain = buyer.post("/api/v1/orders", telegram()).await.created();
    assert_eq!(shown(&plain), (Value::Null, Value::Null));
    for (field, order) in [("reference", noted("", "x")), ("end_user", noted("x", "a\nb"))] {
        let problem = buyer.post("/api/v1/orders", order).await.refused(400, "invalid_field");
        assert_eq!(problem["param"], field);
    }
    let long = "щ".repeat(101);
    let problem =
        buyer.post("/api/v1/orders", noted(&long, "x")).await.refused(400, "invalid_field");
    assert_eq!(problem["param"], "reference");
    // After a start, in the list and alone.
    let (key, path) =
        (buyer.key.clone(), format!("/api/v1/orders/{}", order["id"].as_str().unwrap()));
    let market = market.restart().await;
    let buyer = Client::new(&market.running, &key);
    assert_eq!(shown(&buyer.get(&path).await.ok()), expected);
    let page = buyer.get("/api/v1/orders").await.ok();
    assert_eq!(shown(&page["orders"][1]), expected);
    let ways: Vec<_> = ["корзина 7", "maría"].into_iter().flat_map(ways_of_text).collect();
    assert_eq!(files_with(&market.dir(), &ways), Vec::<String>::new());
    market.running.stop().await.unwrap();
}
