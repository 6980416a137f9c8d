//! Our own API: REST and JSON under `/api/v1`.

mod activations;
mod catalog;
mod market;
mod orders;
mod wallet;
mod wire;

use hyper::Method;

use super::{Router, auth};
use crate::app::App;

pub(super) use wire::{parse_amount, parse_amount_or_zero, parse_country, parse_service, refused};

/// Rows of a page unless the request says otherwise.
const PAGE_DEFAULT: u64 = 50;
/// Most rows of a page: some 50 KB.
const PAGE_MAX: u64 = 100;

/// Adds the face's routes.
pub fn add_routes(router: &mut Router<App>) {
    let (get, post) = (Method::GET, Method::POST);
    router.at_once(get.clone(), "/api/v1/countries", catalog::countries);
    router.at_once(get.clone(), "/api/v1/services", catalog::services);
    router.at_once(get.clone(), "/api/v1/offers", market::offers);
    router.at_once(get.clone(), "/api/v1/quotes", market::quotes);
    router.detached(post.clone(), "/api/v1/orders", orders::create).guarded(auth::may_trade);
    router.plain(get.clone(), "/api/v1/orders", orders::list);
    router.plain(get.clone(), "/api/v1/orders/{id}", orders::get);
    router.plain(get.clone(), "/api/v1/activations", activations::list);
    router.plain(get.clone(), "/api/v1/activations/{id}", activations::get);
    router
        .detached(post.clone(), "/api/v1/activations/{id}/cancel", activations::cancel)
        .guarded(auth::may_trade);
    router
        .detached(post.clone(), "/api/v1/activations/{id}/finish", activations::finish)
        .guarded(auth::may_trade);
    router
        .detached(post, "/api/v1/activations/{id}/resend", activations::resend)
        .guarded(auth::may_trade);
    router.at_once(get.clone(), "/api/v1/wallet", wallet::get);
    router.plain(get, "/api/v1/wallet/transactions", wallet::transactions);
}
