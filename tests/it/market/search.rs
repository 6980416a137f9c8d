//! Search as a reseller's box asks it: words in, what is on sale out.

use serde_json::{Value, json};

use super::harness::{Client, Market};

async fn market() -> (Market, Client) {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
    market.stock("DE", "telegram", "0.20", 4_915_100_000_000, 2).await;
    market.stock("ID", "whatsapp", "0.90", 62_820_000_000, 5).await;
    let buyer = market.customer("a", "10").await;
    (market, buyer)
}

async fn hits(buyer: &Client, text: &str) -> Vec<Value> {
    let query = reqwest::Url::parse_with_params("http://x/api/v1/search", [("q", text)]).unwrap();
    let path = format!("{}?{}", query.path(), query.query().unwrap());
    let found = buyer.get(&path).await.ok();
    assert_eq!(found["currency"], "USD");
    found["hits"].as_array().unwrap().clone()
}

/// `kind country service`, as far as the hit has them.
fn name(hit: &Value) -> String {
    let words = ["kind", "country", "service"].map(|field| hit[field].as_str().unwrap_or("-"));
    words.join(" ")
}

fn on_sale(hit: &Value) -> (Value, u64, u64) {
    let number = |field: &str| hit[field].as_u64().unwrap();
    (hit["price"].clone(), number("stock"), number("products"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_says_its_codes_its_name_and_what_is_on_sale_of_it() {
    let (market, buyer) = market().await;
    let telegram = &hits(&buyer, "telegram").await[0];
    assert_eq!(
        telegram,
        &json!({
            "kind": "service", "country": null, "country_name": null,
            "service": "telegram", "service_code": "tg", "service_name": "Telegram",
            "price": "0.200000", "stock": 5, "products": 2,
        })
    );
    let indonesia = &hits(&buyer, "indonesia").await[0];
    assert_eq!(
        indonesia,
        &json!({
            "kind": "country", "country": "ID", "country_name": "Indonesia",
            "service": null, "service_code": null, "service_name": null,
            "price": "0.300000", "stock": 8, "products": 2,
        })
    );
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_by_beginning_in_other_scripts_and_misspelt() {
    let (market, buyer) = market().await;
    for (text, first) in [
        ("teleg", "service - telegram"),
        ("telegarm", "service - telegram"),
        ("вотсап", "service - whatsapp"),
        ("TG", "service - telegram"),
        ("indonezia", "country ID -"),
        ("印度尼西亚", "country ID -"),
        ("deu", "country DE -"),
    ] {
        assert_eq!(name(&hits(&buyer, text).await[0]), first, "{text}");
    }
    assert_eq!(hits(&buyer, "qqqqqqqq").await, [Value::Null; 0]);
    assert_eq!(hits(&buyer, "\u{0}+&=% \u{7}").await, [Value::Null; 0]);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_and_a_service_together_are_a_product_before_all_else() {
    let (market, buyer) = market().await;
    for text in ["telegram indonesia", "Indonesia, tg", "телеграм индонезия", "telegarm indonezia"]
    {
        let found = hits(&buyer, text).await;
        assert_eq!(name(&found[0]), "product ID telegram", "{text}");
        assert_eq!(on_sale(&found[0]), (json!("0.300000"), 3, 1), "{text}");
        let names: Vec<String> = found.iter().map(name).collect();
        for part in ["country ID -", "service - telegram"] {
            assert!(names.iter().any(|name| name == part), "{text}: {names:?}");
        }
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_and_price_follow_an_order_and_a_load() {
    let market = Market::start().await;
    let buyer = market.customer("a", "10").await;
    let look = async || on_sale(&hits(&buyer, "signal monaco").await[0]);
    assert_eq!(look().await, (Value::Null, 0, 0));
    market.stock("MC", "signal", "0.70", 37_790_000_000, 2).await;
    assert_eq!(look().await, (json!("0.700000"), 2, 1));
    let wish = json!({"country": "MC", "service": "signal"});
    let order = buyer.post("/api/v1/orders", wish.clone()).await.created();
    assert_eq!(look().await, (json!("0.700000"), 1, 1));
    buyer.post("/api/v1/orders", wish).await.created();
    assert_eq!(look().await, (Value::Null, 0, 0), "sold out");
    assert_eq!(on_sale(&hits(&buyer, "monaco").await[0]), (Value::Null, 0, 0));
    let path = format!("/api/v1/activations/{}/cancel", order["id"].as_str().unwrap());
    buyer.post(&path, json!({})).await.ok();
    assert_eq!(look().await, (json!("0.700000"), 1, 1), "for sale again");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_has_bounds() {
    let market = Market::start().await;
    let buyer = market.customer("a", "1").await;
    let count = async |limit: &str| {
        let found = buyer.get(&format!("/api/v1/search?q=a{limit}")).await.ok();
        found["hits"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 10);
    assert_eq!(count("&limit=1").await, 1);
    assert_eq!(count("&limit=50").await, 50);
    let long = format!("q={}", "a".repeat(201));
    for (query, param) in [
        ("", "q"),
        ("q=", "q"),
        (long.as_str(), "q"),
        ("q=a&limit=0", "limit"),
        ("q=a&limit=51", "limit"),
        ("q=a&limit=x", "limit"),
        ("q=%ff", "q"),
    ] {
        let answer = buyer.get(&format!("/api/v1/search?{query}")).await;
        assert_eq!(answer.refused(400, "invalid_parameter")["param"], param, "{query}");
    }
    buyer.get(&format!("/api/v1/search?{}", &long[..202])).await.ok();
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_costs_a_request_of_the_quota() {
    let market = Market::with_quota(3).await;
    let buyer = market.customer("a", "1").await;
    for _ in 0..3 {
        buyer.get("/api/v1/search?q=tg").await.ok();
    }
    buyer.get("/api/v1/search?q=tg").await.refused(429, "rate_limited");
    market.running.stop().await.unwrap();
}

/// What `nexnum search` prints and whether it succeeded.
async fn run(market: &Market, arguments: &[&str]) -> (bool, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nexnum"));
    command.arg("search").arg("--url").arg(format!("http://{}", market.running.address));
    command.args(arguments).env_remove("NEXNUM_KEY");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_searches_with_a_customers_key() {
    let (market, buyer) = market().await;
    let asked = ["telegram", "indonesia", "--limit", "1", "--key", &buyer.key];
    let (done, told, _) = run(&market, &asked).await;
    assert!(done && told.lines().count() == 1, "{told}");
    for word in ["kind=product", "country=ID", "service=telegram", "price=0.300000", "stock=3"] {
        assert!(told.contains(word), "{told}");
    }
    let (done, told, _) = run(&market, &["tg", "--json", "--key", &buyer.key]).await;
    let found: Value = serde_json::from_str(&told).unwrap();
    assert!(done && found["hits"][0]["service"] == "telegram", "{told}");
    let (done, _, error) = run(&market, &["tg"]).await;
    assert!(!done && error.contains("--key KEY"), "{error}");
    let (done, _, error) = run(&market, &["tg", "--limit", "99", "--key", &buyer.key]).await;
    assert!(!done && error.contains("from 1 to 50"), "{error}");
    market.running.stop().await.unwrap();
}
