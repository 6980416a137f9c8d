//! Customers' API keys: issued and revoked.

use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::KeyId;

use super::State;
use crate::face::auth::Operator;
use crate::face::{parse, problems};
use crate::http::{Call, Json, Problem, Response, reply};

pub(super) async fn issue(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    call.no_fields().await?;
    let account = parse::account_id(&call)?;
    let issued = state.access.issue_key(Some(account)).await.map_err(problems::of_key)?;
    let mut body = Json::with_capacity(96);
    body.object(|o| {
        o.number_text("id", u64::from(issued.id.0));
        o.text("key", issued.key.reveal());
    });
    Ok(reply::json_written(StatusCode::CREATED, body))
}

pub(super) async fn revoke(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    call.no_fields().await?;
    let id = u32::try_from(call.id_param("id")?);
    let key = KeyId(id.map_err(|_| Problem::not_found("there is no such key"))?);
    state.access.revoke_key(key).await.map_err(problems::of_key)?;
    Ok(reply::no_content())
}
