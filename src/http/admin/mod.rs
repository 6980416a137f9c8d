//! The operators' face: accounts, keys, deposits, own stock, providers.

mod accounts;
mod providers;
mod stock;

use std::sync::Arc;

use hyper::Method;

use super::{Problem, Router, auth, problems};
use crate::app::App;
use nexnum_engine::command::Request;

/// Adds the face's routes.
pub fn add_routes(router: &mut Router<App>) {
    let (get, post) = (Method::GET, Method::POST);
    router.at_once(get.clone(), "/api/admin/accounts", accounts::list);
    router.detached(post.clone(), "/api/admin/accounts", accounts::open).guarded(auth::may_operate);
    router
        .detached(post.clone(), "/api/admin/accounts/{id}/keys", accounts::issue_key)
        .guarded(auth::may_operate);
    router
        .detached(post.clone(), "/api/admin/accounts/{id}/deposits", accounts::deposit)
        .guarded(auth::may_operate);
    let revocations = Arc::new(accounts::Revocations::default());
    router
        .detached(Method::DELETE, "/api/admin/keys/{id}", move |call| {
            accounts::revoke_key(call, Arc::clone(&revocations))
        })
        .guarded(auth::may_operate);
    router
        .detached(post.clone(), "/api/admin/stock", stock::load)
        .body_max(stock::BODY_LEN_MAX)
        .guarded(auth::may_operate);
    router.at_once(get, "/api/admin/providers", providers::list);
    router
        .detached(post, "/api/admin/providers/{name}/sync", providers::sync)
        .guarded(auth::may_operate);
}

/// Sends a command and turns both kinds of no into problems.
async fn execute<R: Request>(app: &App, request: R) -> Result<R::Answer, Problem> {
    let answer = app.handle.ask(request).await.map_err(problems::of_send)?;
    answer.map_err(problems::of_reject)
}
