//! Customers' API keys: issued and revoked.

use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::KeyId;

use super::accounts;
use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Content, Operation as Described, PathParam, Reply, Tag};
use crate::face::wire::Id;
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, reply};

pub(super) const ISSUE: Described = Described::new(
    "issueKey",
    Tag::Admin,
    "Issue an API key for an account",
    &[Reply::json::<IssuedKey<'_>>(
        201,
        "The key; it is shown in this reply only",
        r#"{"id": "2", "key": "nx_live_EXAMPLEexampleEXAMPLE012"}"#,
    )],
)
.path(&[accounts::ID])
.problems(&[
    Code::UnknownAccount,
    Code::DuplicateKey,
    Code::InternalError,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Exhausted,
]);

pub(super) async fn issue(
    state: Arc<State>,
    operator: Operator,
    call: Call,
) -> Result<Response, Problem> {
    let account = parse::account_id(&call)?;
    let origin = operator.origin(&state.access, &call, Some(account)).await?;
    let issued = state.access.issue_key(&origin, Some(account)).await.map_err(problems::of_key)?;
    let shown = IssuedKey { id: issued.id.0.into(), key: issued.key.reveal() };
    Ok(reply::json(StatusCode::CREATED, &shown))
}

pub(super) const REVOKE: Described = Described::new(
    "revokeKey",
    Tag::Admin,
    "Revoke an API key",
    &[Reply::of(204, "The key is revoked: requests with it are refused", Content::None)],
)
.details("A key that is revoked already stays so. The last admin key that works is kept.")
.path(&[PathParam::new::<Id>("id", "The key's id", "2")])
.problems(&[Code::UnknownKey, Code::LastAdminKey, Code::Overloaded, Code::OutcomeUnknown]);

pub(super) async fn revoke(
    state: Arc<State>,
    operator: Operator,
    call: Call,
) -> Result<Response, Problem> {
    let id = u32::try_from(call.id_param("id")?);
    let key = KeyId(id.map_err(|_| Problem::not_found("there is no such key"))?);
    let origin = operator.origin(&state.access, &call, state.access.account_of(key)).await?;
    state.access.revoke_key(&origin, key).await.map_err(problems::of_key)?;
    Ok(reply::no_content())
}

/// An API key that was issued.
#[derive(Serialize, JsonSchema)]
struct IssuedKey<'a> {
    /// Its id, to revoke it with.
    id: Id,
    /// The key, 32 characters. It is shown in this reply only; the server keeps its hash.
    #[schemars(length(min = 32, max = 32))]
    key: &'a str,
}
