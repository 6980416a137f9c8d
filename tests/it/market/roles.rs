//! Every route against every caller: who gets in is what the route table states.

use nexnum::face::spec::{RouteSpec, Who};
use reqwest::StatusCode;

use super::harness::{Client, Market};

/// The routes and who may call them, written down once more: a row of the table that is opened
/// by mistake, or lost, is seen here.
const ROUTES: &[(&str, Who)] = &[
    ("GET /", Who::Anyone),
    ("GET /docs", Who::Anyone),
    ("GET /docs/docs.css", Who::Anyone),
    ("GET /docs/docs.js", Who::Anyone),
    ("GET /health/live", Who::Anyone),
    ("GET /health/plain", Who::Anyone),
    ("GET /health/ready", Who::Anyone),
    ("GET /openapi.json", Who::Anyone),
    ("POST /hooks/providers/{provider}/{token}", Who::CallbackSender),
    ("GET /api/admin/accounts", Who::Operator),
    ("POST /api/admin/accounts", Who::Operator),
    ("POST /api/admin/accounts/{id}/deposits", Who::Operator),
    ("POST /api/admin/accounts/{id}/keys", Who::Operator),
    ("GET /api/admin/attention", Who::Operator),
    ("POST /api/admin/attention/settle", Who::Operator),
    ("DELETE /api/admin/callbacks/{id}", Who::Operator),
    ("DELETE /api/admin/keys/{id}", Who::Operator),
    ("POST /api/admin/callback/rotate", Who::Operator),
    ("GET /api/admin/callbacks", Who::Operator),
    ("POST /api/admin/callbacks/{id}/process", Who::Operator),
    ("POST /api/admin/clock/accept", Who::Operator),
    ("GET /api/admin/providers", Who::Operator),
    ("POST /api/admin/providers/{name}/accept-prices", Who::Operator),
    ("POST /api/admin/providers/{name}/payments", Who::Operator),
    ("POST /api/admin/providers/{name}/sync", Who::Operator),
    ("POST /api/admin/stock", Who::Operator),
    ("GET /metrics", Who::Operator),
    ("GET /api/v1/activations", Who::Trader),
    ("GET /api/v1/activations/{id}", Who::Trader),
    ("POST /api/v1/activations/{id}/cancel", Who::Trader),
    ("POST /api/v1/activations/{id}/finish", Who::Trader),
    ("POST /api/v1/activations/{id}/resend", Who::Trader),
    ("GET /api/v1/countries", Who::Trader),
    ("GET /api/v1/day-roots", Who::Anyone),
    ("GET /api/v1/offers", Who::Trader),
    ("GET /api/v1/orders", Who::Trader),
    ("POST /api/v1/orders", Who::Trader),
    ("GET /api/v1/orders/{id}", Who::Trader),
    ("GET /api/v1/orders/{id}/receipt", Who::Trader),
    ("GET /api/v1/quotes", Who::Trader),
    ("GET /api/v1/search", Who::Trader),
    ("GET /api/v1/services", Who::Trader),
    ("GET /api/v1/wallet", Who::Trader),
    ("GET /api/v1/wallet/transactions", Who::Trader),
];

/// Who calls, and what a route for these callers answers: let in or not.
const CALLERS: [(&str, &[Who]); 3] = [
    ("stranger", &[Who::Anyone]),
    ("trader", &[Who::Anyone, Who::Trader]),
    ("operator", &[Who::Anyone, Who::Operator]),
];

/// A path of the route: names that do not exist, so that nothing is changed.
fn path(spec: &RouteSpec) -> String {
    let parts = spec.path.split('/').map(|part| match part {
        "{id}" => "4000000",
        "{name}" | "{provider}" | "{token}" => "nothing",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The guard's refusal: `None` where the handler was reached.
async fn refusal(client: &Client, spec: &RouteSpec) -> Option<(u16, String)> {
    let method = reqwest::Method::from_bytes(spec.method.as_str().as_bytes()).unwrap();
    let reply = client.request(method, &path(spec)).send().await.unwrap();
    let status = reply.status();
    let text = reply.text().await.unwrap();
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
    let refused_by_guard = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
        StatusCode::NOT_FOUND => detail == "no such callback address",
        _ => false,
    };
    refused_by_guard.then(|| (status.as_u16(), detail))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_has_these_routes_for_these_callers() {
    let market = Market::start().await;
    let row = |spec: &RouteSpec| (format!("{} {}", spec.method, spec.path), spec.who);
    let mut real: Vec<_> = market.running.routes.specs.iter().map(row).collect();
    let mut told: Vec<_> = ROUTES.iter().map(|(route, who)| ((*route).to_owned(), *who)).collect();
    real.sort_by(|one, other| one.0.cmp(&other.0));
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(real, told);
    market.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_its_row_names_and_no_other() {
    let market = Market::start().await;
    let trader = market.customer("a", "1").await;
    let mut stranger = trader.clone();
    stranger.key.clear();
    let clients = [&stranger, &trader, &market.admin];
    for spec in &market.running.routes.specs {
        for ((name, may_call), client) in CALLERS.iter().zip(clients) {
            let refused = refusal(client, spec).await;
            let place = format!("{name} at {} {}", spec.method, spec.path);
            assert_eq!(refused.is_none(), may_call.contains(&spec.who), "{place}: {refused:?}");
            let status = refused.map(|(status, _)| status);
            let expected = match (*name, spec.who) {
                (_, Who::CallbackSender) => Some(404),
                ("stranger", Who::Trader | Who::Operator) => Some(401),
                ("trader", Who::Operator) | ("operator", Who::Trader) => Some(403),
                (_, Who::Anyone | Who::Trader | Who::Operator) => None,
            };
            assert_eq!(status, expected, "{place}");
        }
    }
    market.running.stop().await.unwrap();
}
