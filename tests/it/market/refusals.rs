//! Bad input gets the right answer and costs nothing.

use reqwest::Method;
use serde_json::json;

use super::described::document;
use super::harness::{Answer, Client, Market, answer};

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_its_status_and_code() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 1).await;
    let buyer = market.customer("a", "0.10").await;
    let orders = "/api/v1/orders";
    for (body, status, code, param) in [
        (json!({"country": "XX", "service": "telegram"}), 422, "unknown_country", "country"),
        (json!({"country": "ID", "service": "nope"}), 422, "unknown_service", "service"),
        (json!({"country": "ID"}), 400, "invalid_field", "service"),
        (json!({"country": "ID", "service": "tg", "x": 1}), 400, "unknown_field", "x"),
        (json!({"country": 1, "service": "tg"}), 400, "invalid_field", "country"),
        (
            json!({"country": "ID", "service": "tg", "max_price": "-1"}),
            422,
            "invalid_amount",
            "max_price",
        ),
        (
            json!({"country": "ID", "service": "tg", "max_price": "0"}),
            422,
            "invalid_amount",
            "max_price",
        ),
        (
            json!({"country": "ID", "service": "tg", "max_price": "0.1234567"}),
            422,
            "invalid_amount",
            "max_price",
        ),
        (
            json!({"country": "ID", "service": "tg", "max_price": "1e9"}),
            422,
            "invalid_amount",
            "max_price",
        ),
        (
            json!({"country": "ID", "service": "tg", "max_price": "99999999999"}),
            422,
            "invalid_amount",
            "max_price",
        ),
        (
            json!({"country": "ID", "service": "tg", "carrier": "no such"}),
            422,
            "unknown_carrier",
            "carrier",
        ),
        (
            json!({"country": "ID", "service": "tg", "max_price": "0.2"}),
            409,
            "price_above_max",
            "max_price",
        ),
    ] {
        let problem = buyer.post(orders, body.clone()).await.refused(status, code);
        assert_eq!(problem["param"], param, "{body}");
    }
    buyer
        .post(orders, json!({"country": "ID", "service": "tg"}))
        .await
        .refused(402, "insufficient_funds");
    buyer.post(orders, json!({"country": "US", "service": "tg"})).await.refused(409, "no_numbers");
    assert_eq!(buyer.balance().await, ("0.100000".to_owned(), "0.000000".to_owned()));
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_bodies_paths_and_queries_are_named() {
    let market = Market::start().await;
    let buyer = market.customer("a", "0.10").await;
    let orders = "/api/v1/orders";
    let broken = buyer.request(Method::POST, orders).body("{\"country\": ");
    answer(broken).await.refused(400, "malformed_json");
    let huge = buyer.request(Method::POST, orders).body(vec![b' '; 100_000]);
    answer(huge).await.refused(413, "body_too_large");
    buyer.get("/api/v1/offers?country=ID&service=tg&x=1").await.refused(400, "unknown_parameter");
    buyer.get("/api/v1/activations/999").await.refused(404, "not_found");
    buyer.get("/api/v1/activations/99999999999999999999").await.refused(404, "not_found");
    buyer.get("/api/v1/activations/x").await.refused(404, "not_found");
    buyer.get("/api/v1/orders/01").await.refused(404, "not_found");
    let large = buyer.request(Method::GET, "/api/v1/wallet").body(vec![b' '; 100_000]);
    answer(large).await.refused(413, "body_too_large");
    for path in ["/health/live", "/health/plain", "/health/ready", "/openapi.json"] {
        buyer.get(&format!("{path}?x=1")).await.refused(400, "unknown_parameter");
    }
    market.admin.get("/metrics?x=1").await.refused(400, "unknown_parameter");
    buyer.get("/api/v1/activations?state=NOPE").await.refused(400, "invalid_parameter");
    buyer.get("/api/v1/orders?limit=0").await.refused(400, "invalid_parameter");
    buyer.get("/api/v1/orders?cursor=abc").await.refused(400, "invalid_parameter");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_without_fields_refuses_fields() {
    let market = Market::start().await;
    let buyer = market.customer("a", "1").await;
    for action in ["cancel", "finish", "resend"] {
        let path = format!("/api/v1/activations/1/{action}");
        let problem = buyer.post(&path, json!({"x": 1})).await.refused(400, "unknown_field");
        assert_eq!(problem["param"], "x");
    }
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_before_the_body_is_read() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let market = Market::start().await;
    let hook = "/hooks/providers/own/wrong";
    for (path, expected) in [("/api/v1/orders", "401"), ("/api/admin/stock", "401"), (hook, "404")]
    {
        let mut stream = tokio::net::TcpStream::connect(market.running.address).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        // Without a byte of the body: the server answers and closes.
        stream.read_to_end(&mut reply).await.unwrap();
        let reply = String::from_utf8(reply).unwrap();
        assert!(reply.starts_with(&format!("HTTP/1.1 {expected}")), "{path}: {reply}");
        assert!(!reply.contains("/own/wrong"), "a token is not echoed: {reply}");
    }
    let problem = market.admin.get(hook).await.refused(405, "method_not_allowed");
    assert_eq!(problem["instance"], "/hooks/providers/{provider}/{token}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_customer_sees_or_touches_what_is_another_s() {
    let market = Market::start().await;
    market.stock("ID", "telegram", "0.30", 62_810_000_000, 1).await;
    let (buyer, thief) = (market.customer("a", "1").await, market.customer("b", "1").await);
    let order = json!({"country": "ID", "service": "tg"});
    let id = buyer.post("/api/v1/orders", order).await.created()["id"].as_str().unwrap().to_owned();
    thief.get(&format!("/api/v1/orders/{id}")).await.refused(404, "not_found");
    thief.get(&format!("/api/v1/activations/{id}")).await.refused(404, "not_found");
    for action in ["cancel", "finish", "resend"] {
        let path = format!("/api/v1/activations/{id}/{action}");
        thief.post(&path, json!({})).await.refused(404, "not_found");
    }
    let none = thief.get("/api/v1/orders").await.ok();
    assert_eq!(none["orders"], json!([]));
    buyer.get("/api/admin/accounts").await.refused(403, "forbidden");
    market.admin.get("/api/v1/wallet").await.refused(403, "forbidden");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_missing_or_revoked_key_opens_nothing() {
    let market = Market::start().await;
    let buyer = market.customer("a", "1").await;
    for key in ["", "x", "nx_live_0000000000000000000000000", &market.another_key().await[..31]] {
        let stranger = Client::new(&market.running, key);
        stranger.get("/api/v1/wallet").await.refused(401, "unauthorized");
    }
    let revoke = market.admin.request(Method::DELETE, "/api/admin/keys/2");
    assert_eq!(answer(revoke).await.status.as_u16(), 204);
    buyer.get("/api/v1/wallet").await.refused(401, "unauthorized");
    let hook = market.admin.post("/hooks/providers/own/wrong", json!({})).await;
    hook.refused(404, "not_found");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_key_that_works_cannot_be_revoked() {
    let market = Market::start().await;
    let revoke = |client: &Client, id: u32| {
        answer(client.request(Method::DELETE, &format!("/api/admin/keys/{id}")))
    };
    revoke(&market.admin, 1).await.refused(409, "last_admin_key");
    revoke(&market.admin, 9).await.refused(404, "unknown_key");
    let second = Client::new(&market.running, &market.another_key().await);
    let both = tokio::join!(revoke(&market.admin, 1), revoke(&second, 2));
    let statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    assert!(!statuses.iter().all(|status| *status == 204), "one of two at once stays");
    assert_eq!(market.running.rooms.market.read_model.admin_keys().len(), 1);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_a_reference_that_cannot_be_taken_is_told_in_its_own_words() {
    let market = Market::start().await;
    for (name, words) in [
        ("a\u{7}b", "control character"),
        ("line\n", "control character"),
        (" a", "blank"),
        ("a\u{a0}", "blank"),
    ] {
        let opened = market.admin.post("/api/admin/accounts", json!({"name": name})).await;
        let problem = opened.refused(400, "invalid_field");
        assert_eq!(problem["param"], "name");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    market.customer("a", "1").await;
    let again = json!({"amount": "2", "reference": "purse of a"});
    let deposit = market.admin.post("/api/admin/accounts/1/deposits", again).await;
    let problem = deposit.refused(422, "idempotency_mismatch");
    assert_eq!(problem["param"], "reference");
    assert!(problem["title"].as_str().unwrap().contains("reference"), "{problem}");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_says_what_is_left_of_the_quota_and_the_last_one_when_to_come_back() {
    let market = Market::with_quota(3).await;
    // Opening, issuing and depositing: the operator's three requests.
    let buyer = market.customer("a", "1").await;
    let spent = market.admin.get("/api/admin/accounts").await;
    assert!(spent.headers.contains_key("retry-after"));
    spent.refused(429, "rate_limited");
    let said = |answer: &Answer| {
        assert_eq!(answer.headers["ratelimit-policy"], "\"requests\";q=3;w=60");
        let left = answer.headers["ratelimit"].to_str().unwrap();
        left.split_once(";t=").unwrap().0.to_owned()
    };
    let order = json!({"country": "US", "service": "tg"});
    assert_eq!(said(&buyer.get("/api/v1/wallet").await), "\"requests\";r=2");
    assert_eq!(said(&buyer.get("/api/v1/orders/9").await), "\"requests\";r=1");
    assert_eq!(said(&buyer.post("/api/v1/orders", order.clone()).await), "\"requests\";r=0");
    let refused = buyer.post("/api/v1/orders", order).await;
    assert_eq!(said(&refused), "\"requests\";r=0");
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds), "one is restored every 20 seconds, not {seconds}");
    refused.refused(429, "rate_limited");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_role_spends_its_quota_on_refusals() {
    let market = Market::with_quota(3).await;
    let buyer = market.customer("a", "1").await;
    buyer.get("/api/admin/accounts").await.refused(403, "forbidden");
    buyer.post("/api/admin/stock", json!({})).await.refused(403, "forbidden");
    let last = buyer.get("/metrics").await;
    assert!(last.headers["ratelimit"].to_str().unwrap().starts_with("\"requests\";r=0"));
    last.refused(403, "forbidden");
    buyer.get("/api/admin/accounts").await.refused(429, "rate_limited");
    buyer.get("/api/v1/wallet").await.refused(429, "rate_limited");
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_route_and_no_other() {
    let described = document();
    let mut told = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            told.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let market = Market::start().await;
    let specs = &market.running.routes.specs;
    let mut real: Vec<String> =
        specs.iter().map(|spec| format!("{} {}", spec.method, spec.path)).collect();
    told.sort();
    real.sort();
    assert_eq!(told, real);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_another_country_is_not_loaded() {
    let market = Market::start().await;
    let load = async |country: &str, numbers: &[&str]| {
        let body = json!({
            "country": country, "service": "telegram", "price": "0.30", "numbers": numbers,
        });
        market.admin.post("/api/admin/stock", body).await
    };
    let problem = load("ID", &["+6281000000", "+14155550100"]).await.refused(422, "other_country");
    assert_eq!(problem["param"], "numbers");
    let detail = problem["detail"].as_str().unwrap();
    for word in ["+14155550100", "Indonesia", "+62"] {
        assert!(detail.contains(word), "{word}: {detail}");
    }
    // All or none; a country without numbers of its own takes any.
    load("ID", &["+6281000000"]).await.created();
    load("CA", &["+14155550100"]).await.created();
    load("AQ", &["+67210000000"]).await.created();
    market.running.stop().await.unwrap();
}
