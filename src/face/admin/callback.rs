//! The address of own stock's callback: its secrets are changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use hyper::StatusCode;

use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation as Described, Reply, Tag};
use crate::face::wire::Moment;
use crate::http::{Call, Problem, Response, body, reply};
use crate::supply::config::hook_path;

/// How long the secrets before are taken where the request does not say: a day.
const GRACE_S: u64 = 24 * 60 * 60;
/// The longest.
const GRACE_S_MAX: u64 = 30 * GRACE_S;

pub(super) const ROTATE: Described = Described::new(
    "rotateCallback",
    Tag::Admin,
    "Change the secrets of own stock's callback",
    &[Reply::json::<RotatedCallback>(
        200,
        "The new secrets",
        r#"{"path": "/hooks/providers/own/0123456789abcdef0123456789abcdef",
            "signing_key": "6b6579", "old_valid_until": "2026-11-21T09:30:00.000Z"}"#,
    )],
)
.details(
    "The token in the path and the key that signs bodies change together. Those before are taken \
     for `grace_s` seconds more, a day if it is left out; those before them no more.",
)
.body::<CallbackGrace>(r#"{"grace_s": 3600}"#)
.problems(&[Code::InternalError]);

pub(super) async fn rotate(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let wanted: CallbackGrace =
        if body.is_empty() { CallbackGrace::default() } else { body::decode_json(&body)? };
    let grace_s = wanted.grace_s.unwrap_or(GRACE_S);
    if grace_s > GRACE_S_MAX {
        let detail = format!("must be at most {GRACE_S_MAX}");
        return Err(Problem::invalid_field("grace_s", detail));
    }
    let until = state.market.clock.now().plus_ms(1_000 * grace_s);
    let secrets = Arc::clone(&state.callback);
    let rotated = tokio::task::spawn_blocking(move || secrets.rotate(until)).await;
    match rotated {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(Problem::internal(error)),
        Err(error) => return Err(Problem::internal(error)),
    }
    let shown = RotatedCallback {
        path: hook_path(&state.callback.token()).expose().to_owned(),
        signing_key: state.callback.signing_key().expose().to_owned(),
        old_valid_until: Moment(until),
    };
    Ok(reply::json(StatusCode::OK, &shown))
}

/// How long the secrets before are taken.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallbackGrace {
    /// In seconds, at most 30 days; a day if left out.
    #[serde(default)]
    #[schemars(range(max = 2_592_000))]
    grace_s: Option<u64>,
}

/// New secrets of the callback.
#[derive(Serialize, JsonSchema)]
struct RotatedCallback {
    /// The path that messages are posted to.
    path: String,
    /// The key that signs bodies, as text.
    signing_key: String,
    /// Until when the secrets before are taken.
    old_valid_until: Moment,
}
