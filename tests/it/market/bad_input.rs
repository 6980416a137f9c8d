//! Bad input, every case on every route that takes it: the right answer, and not a cent, not
//! an event.
//!
//! | case | answer | where |
//! |---|---|---|
//! | unknown, missing, repeated field; wrong type | 400 with the field's name | here, `refusals.rs` |
//! | no, broken or not UTF-8 JSON; an array of arrays without end | 400 `malformed_json`, `invalid_field` | here |
//! | a field on a route without fields | 400 with its name | here, every such route |
//! | money negative, zero, too precise, too large, no number | 422 with the field's name | here, every amount |
//! | text too long, empty, with control characters or blanks | 400 with the field's name | here, `refusals.rs` |
//! | a list empty or too long, a number that is none or twice there | 400, 422, 409 | here |
//! | unknown country, service, operator, parameter; parameter twice | 422, 400 | here, `refusals.rs` |
//! | an id that is unknown, malformed, out of range, undecodable | 404, 400 | here, every route with one |
//! | another account's id | 404 | `refusals.rs` |
//! | no key, wrong key, two keys, other scope | 401, 400, 403 | `outcomes.rs`, every route |
//! | idempotency key empty, too long, twice, not ASCII | 400 `invalid_header` | here |
//! | body too large, declared or not | 413 | here, every route; `http_limits` |
//! | slow head, slow body, reader that reads nothing | closed, 408 | `http_limits`: before any route |
//! | `Transfer-Encoding` with `Content-Length` | 400 | here, every route; `http_limits` |
//! | head too long, malformed line, no or two `Host` | 414, 431, 400 | `http_limits`: before any route |

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::described::{Operation, operations};
use super::harness::{Client, Market, answer};

const ORDERS: &str = "/api/v1/orders";
const ACCOUNTS: &str = "/api/admin/accounts";
const DEPOSITS: &str = "/api/admin/accounts/1/deposits";
const PAYMENTS: &str = "/api/admin/providers/own/payments";
const STOCK: &str = "/api/admin/stock";

/// A market with one order; nothing below may move it.
struct Still {
    market: Market,
    buyer: Client,
}

impl Still {
    async fn begin() -> Self {
        let market = Market::start().await;
        market.stock("ID", "telegram", "0.30", 62_810_000_000, 3).await;
        let buyer = market.customer("a", "10").await;
        buyer.post(ORDERS, json!({"country": "ID", "service": "tg"})).await.created();
        Self { market, buyer }
    }

    fn client(&self, path: &str) -> &Client {
        if path.starts_with("/api/v1") { &self.buyer } else { &self.market.admin }
    }

    /// A body that the route takes.
    fn sound(&self, path: &str) -> Value {
        match path {
            ORDERS => json!({"country": "ID", "service": "tg", "max_price": "0.5"}),
            ACCOUNTS => json!({"name": "b", "credit_limit": "1"}),
            DEPOSITS | PAYMENTS => json!({"amount": "1", "reference": "r"}),
            STOCK => json!({
                "country": "ID", "service": "tg", "carrier": "new", "price": "0.3",
                "cost": "0.1", "numbers": ["+62820000000"],
            }),
            hook => {
                assert!(hook.starts_with("/hooks/"), "{hook}");
                json!({"number": "+62810000000", "sender": "s", "text": "t", "id": "i"})
            }
        }
    }

    /// The routes that take fields and keep nothing of a body that is refused.
    const fn taking_bodies() -> [&'static str; 5] {
        [ORDERS, ACCOUNTS, DEPOSITS, PAYMENTS, STOCK]
    }

    /// Bodies that are no JSON or have wrong fields are refused.
    async fn refuses_bodies(&self, path: &str) {
        let sound = self.sound(path);
        let deep = format!("{}1", "[".repeat(20_000));
        let twice = sound.to_string().replacen('{', "{\"x\":1,", 1);
        for body in ["", "{", "nope", "{\""] {
            self.refuses(path, body.to_owned(), (400, "malformed_json")).await;
        }
        self.refuses(path, b"\xff\xfe".to_vec(), (400, "malformed_json")).await;
        // A callback takes the mark that some systems put before UTF-8.
        let marked = if path.starts_with("/hooks") { "invalid_field" } else { "malformed_json" };
        self.refuses(path, "\u{feff}{}", (400, marked)).await;
        // Nor is a callback lost for what stands beside its message.
        let is_hook = path.starts_with("/hooks");
        if !is_hook {
            let problem = self.refuses(path, twice, (400, "unknown_field")).await;
            assert_eq!(problem["param"], "x", "{path}");
        }
        for body in ["[]", "null", "5", "\"text\"", &deep] {
            let problem = self.refuses(path, body.to_owned(), (400, "invalid_field")).await;
            assert_eq!(problem["param"], "body", "{path}");
        }
        let is_taken = |field: &&String| !is_hook || ["number", "text"].contains(&field.as_str());
        for field in sound.as_object().unwrap().keys().filter(is_taken) {
            let numbers = [json!(-1), json!(1e300)].into_iter().filter(|_| !is_hook);
            for value in numbers.chain([json!({}), json!(true)]) {
                self.refuses_field(path, field, value, (400, "invalid_field")).await;
            }
            let whole = sound.to_string();
            let twice = whole.replacen('{', &format!("{{\"{field}\":{},", sound[field]), 1);
            let problem = self.refuses(path, twice, (400, "invalid_field")).await;
            assert_eq!(problem["param"], *field, "{path}: a field given twice");
        }
    }

    async fn refuses(
        &self,
        path: &str,
        body: impl Into<reqwest::Body>,
        expected: (u16, &str),
    ) -> Value {
        let request = self.client(path).request(Method::POST, path).body(body);
        answer(request).await.refused(expected.0, expected.1)
    }

    /// Refuses a sound body with this field changed, and names the field.
    async fn refuses_field(&self, path: &str, field: &str, value: Value, expected: (u16, &str)) {
        let mut body = self.sound(path);
        body[field] = value;
        let problem = self.refuses(path, body.to_string(), expected).await;
        let named = problem["param"].as_str().unwrap_or_default();
        assert!(named == field || named.starts_with(&format!("{field}[")), "{problem}");
    }

    /// Does something that is to leave no trace.
    async fn untouched(self, bad: impl AsyncFnOnce(&Self)) {
        let position = || self.market.running.rooms.market.read_model.position();
        let before = (position(), self.buyer.balance().await);
        bad(&self).await;
        assert_eq!((position(), self.buyer.balance().await), before);
        self.market.running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_or_has_wrong_fields_is_refused_on_every_route() {
    let still = Still::begin().await;
    still
        .untouched(async |still| {
            for path in Still::taking_bodies() {
                still.refuses_bodies(path).await;
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_refused_is_kept_for_the_operator_and_changes_nothing_else() {
    let still = Still::begin().await;
    let hook = still.market.running.hook_path.expose().to_owned();
    let before = still.buyer.balance().await;
    still.refuses_bodies(&hook).await;
    still.refuses_field(&hook, "text", json!(""), (400, "invalid_field")).await;
    still.refuses_field(&hook, "number", json!("12"), (422, "invalid_number")).await;
    still.refuses_field(&hook, "service", json!("nope"), (422, "unknown_service")).await;
    let unknown = json!({"number": "+4912345678", "text": "t"}).to_string();
    still.refuses(&hook, unknown, (404, "not_found")).await;
    assert_eq!(still.buyer.balance().await, before);
    let shown = still.buyer.get(&still.market.activation(1)).await.ok();
    assert_eq!((&shown["state"], &shown["messages"]), (&json!("ACTIVE"), &json!([])));
    let kept = still.market.admin.get("/api/admin/callbacks?limit=100").await.ok();
    assert_eq!(kept["waiting"], 0, "{kept}");
    let mut reasons: Vec<&str> = Vec::new();
    for callback in kept["callbacks"].as_array().unwrap() {
        reasons.push(callback["reason"].as_str().unwrap());
    }
    reasons.sort_unstable();
    reasons.dedup();
    let expected =
        ["invalid_field", "invalid_number", "unknown_number", "unknown_service", "unreadable"];
    assert_eq!(reasons, expected);
    still.market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_that_is_none_is_refused_wherever_one_is_taken() {
    let still = Still::begin().await;
    still
        .untouched(async |still| {
            for (path, field) in [
                (ORDERS, "max_price"),
                (ACCOUNTS, "credit_limit"),
                (DEPOSITS, "amount"),
                (PAYMENTS, "amount"),
                (STOCK, "price"),
                (STOCK, "cost"),
            ] {
                for text in [
                    "",
                    " ",
                    "-1",
                    "+1",
                    "0.0000001",
                    "1.",
                    ".5",
                    "1,5",
                    "1e3",
                    "0x1",
                    "NaN",
                    "inf",
                    "1 ",
                    "٣",
                    "99999999999999999999999",
                    "1000000000.000001",
                    &"9".repeat(5_000),
                ] {
                    still.refuses_field(path, field, json!(text), (422, "invalid_amount")).await;
                }
                if !["credit_limit", "cost"].contains(&field) {
                    for text in ["0", "0.000000"] {
                        still
                            .refuses_field(path, field, json!(text), (422, "invalid_amount"))
                            .await;
                    }
                }
            }
            // Above what the engine takes for a price; a cost above the price.
            for (field, text) in [("price", "4000.000001"), ("cost", "0.300001")] {
                let mut body = still.sound(STOCK);
                body[field] = json!(text);
                still.refuses(STOCK, body.to_string(), (422, "amount_out_of_range")).await;
            }
            let mut query = "/api/v1/quotes?country=ID&service=tg&max_price=".to_owned();
            query.push_str("1e9");
            still.buyer.get(&query).await.refused(422, "invalid_amount");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_a_list_or_a_number_out_of_its_bounds_is_named() {
    let still = Still::begin().await;
    still
        .untouched(async |still| {
            let (long, number) = ("x".repeat(3_000), "+62820000000");
            for (path, field, value) in [
                (ACCOUNTS, "name", json!("")),
                (ACCOUNTS, "name", json!(long)),
                (ACCOUNTS, "name", json!("a\u{0}b")),
                (DEPOSITS, "reference", json!("")),
                (DEPOSITS, "reference", json!(long)),
                (DEPOSITS, "rail", json!("A bank")),
                (DEPOSITS, "paid", json!({"amount": "2", "currency": "EUR", "rate": "1"})),
                (PAYMENTS, "reference", json!("a\u{0}b")),
                (STOCK, "carrier", json!(long)),
                (STOCK, "carrier", json!("a\nb")),
                (STOCK, "numbers", json!([])),
                (STOCK, "numbers", json!([5])),
            ] {
                still.refuses_field(path, field, value, (400, "invalid_field")).await;
            }
            for numbers in [json!(["x"]), json!([number, "+0123456"]), json!(["+1234567890123456"])]
            {
                still.refuses_field(STOCK, "numbers", numbers, (422, "invalid_number")).await;
            }
            let mut twice = still.sound(STOCK);
            twice["country"] = json!("MC");
            twice["numbers"] = json!([number, number]);
            still.refuses(STOCK, twice.to_string(), (409, "duplicate_number")).await;
            let many: Vec<String> =
                (0..20_001u64).map(|n| format!("+{}", 62_830_000_000 + n)).collect();
            still.refuses_field(STOCK, "numbers", json!(many), (400, "invalid_field")).await;
            for (path, field, code) in [
                (ORDERS, "country", "unknown_country"),
                (ORDERS, "service", "unknown_service"),
                (STOCK, "country", "unknown_country"),
                (STOCK, "service", "unknown_service"),
            ] {
                for text in ["", "X", "nope", "\u{0}", &long] {
                    still.refuses_field(path, field, json!(text), (422, code)).await;
                }
            }
            for key in ["", "a b", "\"open", "k\u{e9}y", &"k".repeat(256)] {
                let request =
                    still.buyer.request(Method::POST, ORDERS).body(still.sound(ORDERS).to_string());
                let key = reqwest::header::HeaderValue::from_bytes(key.as_bytes()).unwrap();
                answer(request.header("idempotency-key", key)).await.refused(400, "invalid_header");
            }
            let request =
                still.buyer.request(Method::POST, ORDERS).body(still.sound(ORDERS).to_string());
            let twice = request.header("idempotency-key", "a").header("idempotency-key", "b");
            answer(twice).await.refused(400, "invalid_header");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_cannot_be_leads_nowhere_on_every_route_with_one() {
    let still = Still::begin().await;
    still
        .untouched(async |still| {
            for operation in operations().filter(|each| each.template.contains("{id}")) {
                let method: Method = operation.method.to_uppercase().parse().unwrap();
                for (id, status) in [
                    ("99", 404),
                    ("0", 404),
                    ("-1", 404),
                    ("01", 404),
                    ("1.5", 404),
                    ("x", 404),
                    ("4294967297", 404),
                    ("18446744073709551616", 404),
                    ("1%20", 404),
                    ("%00", 404),
                    ("%ff", 400),
                    ("%", 400),
                ] {
                    let path = operation.template.replace("{id}", id);
                    let request = still.client(&path).request(method.clone(), &path);
                    let body =
                        if path.ends_with("deposits") { still.sound(DEPOSITS) } else { json!({}) };
                    let request = if method == Method::GET { request } else { request.json(&body) };
                    let answer = answer(request).await;
                    assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.body);
                }
            }
            for (path, code) in
                [("/api/v1/orders", "limit"), ("/api/v1/wallet/transactions", "limit")]
            {
                for text in ["0", "101", "-1", "1.5", "x", "", "99999999999999999999"] {
                    let bad = still.buyer.get(&format!("{path}?{code}={text}")).await;
                    bad.refused(400, "invalid_parameter");
                }
                still
                    .buyer
                    .get(&format!("{path}?limit=1&limit=1"))
                    .await
                    .refused(400, "repeated_parameter");
                still
                    .buyer
                    .get(&format!("{path}?cursor=%ff"))
                    .await
                    .refused(400, "invalid_parameter");
            }
        })
        .await;
}

/// What a server says to a head alone.
async fn said(still: &Still, operation: &Operation, path: &str, lines: &str) -> String {
    let (method, key) = (operation.method.to_uppercase(), &still.client(path).key);
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: a\r\nx-api-key: {key}\r\n{lines}\r\n\r\n");
    let mut stream = TcpStream::connect(still.market.running.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let _reset = stream.read_to_end(&mut reply).await;
    String::from_utf8(reply).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_body_too_large_or_two_lengths_is_refused_by_the_head_on_every_route() {
    let still = Still::begin().await;
    let hook = still.market.running.hook_path.expose().to_owned();
    still
        .untouched(async |still| {
            for operation in operations() {
                let path = operation.template.replace("{id}", "1").replace("{name}", "own");
                let path = if path.starts_with("/hooks") { hook.clone() } else { path };
                for (lines, status, code) in [
                    ("content-length: 2000000", "413", "body_too_large"),
                    ("content-length: 18446744073709551616", "400", "malformed_request"),
                    ("content-length: 4\r\ncontent-length: 5", "400", "malformed_request"),
                ] {
                    let reply = said(still, &operation, &path, lines).await;
                    assert!(
                        reply.starts_with(&format!("HTTP/1.1 {status}")),
                        "{path} {lines}: {reply}"
                    );
                    assert!(reply.contains(&format!("\"code\":\"{code}\"")), "{path}: {reply}");
                }
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoding_with_a_length_hides_no_request_on_any_route() {
    let still = Still::begin().await;
    let hook = still.market.running.hook_path.expose().to_owned();
    still
        .untouched(async |still| {
            for operation in operations() {
                // A key that is revoked without a body would be missed later.
                let id = if operation.method == "delete" { "999" } else { "1" };
                let path = operation.template.replace("{id}", id).replace("{name}", "own");
                let path = if path.starts_with("/hooks") { hook.clone() } else { path };
                for pair in [
                    "content-length: 4\r\ntransfer-encoding: chunked",
                    "transfer-encoding: chunked\r\ncontent-length: 4",
                ] {
                    // A body that no route takes, and a request that only a length would hide.
                    let body = "1\r\nx\r\n0\r\n\r\nGET /health/plain HTTP/1.1\r\nhost: a";
                    let lines = format!("{pair}\r\n\r\n{body}");
                    let reply = said(still, &operation, &path, &lines).await;
                    assert!(reply.starts_with("HTTP/1.1 400 "), "{path} {pair}: {reply}");
                    assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{path} {pair}: {reply}");
                    assert!(reply.contains("\r\nconnection: close\r\n"), "{path}: {reply}");
                }
            }
        })
        .await;
}
