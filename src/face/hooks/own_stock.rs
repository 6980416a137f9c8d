//! Messages for numbers of own stock.

use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{self, HeaderName};
use nexnum_engine::callback::CallbackFailure;

use super::state::State;
use crate::access::callback::TokenAge;
use crate::face::auth::{self, CallbackSender};
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation as Described, PathParam, Reply, Tag};
use crate::face::problems;
use crate::http::{Call, Problem, Response, reply};
use crate::message::callback::PostedMessage;
use crate::order::{CallbackSource, Processed};
use crate::supply::config::OWN_PROVIDER;

/// Longest body. What is stored of it is shorter: a gateway may send pictures beside a text.
pub(super) const BODY_LEN_MAX: usize = 256 * 1024;

/// `sha256=` and the HMAC-SHA256 of the body.
const SIGNATURE: HeaderName = HeaderName::from_static("x-nexnum-signature");

pub(super) const RECEIVE: Described = Described::new(
    "receiveMessage",
    Tag::Callbacks,
    "Pass on a message for a number of own stock",
    &[Reply::json::<CallbackReply>(200, "The message is stored", r#"{"status": "accepted"}"#)],
)
.details(
    "The token in the path proves the sender. The body may be signed, and has to be where the \
     operator requires it: `X-NexNum-Signature` is `sha256=` and the HMAC-SHA256 of the body in \
     hexadecimal digits.\n\nA message that was sent before changes nothing. With \
     an `id`, messages to a number with the same `id` are the same, whenever they come. Without \
     one, those with the same sender and text are: if they have a code, until the customer asks \
     for another message; if not, for two minutes. What a customer of the number has received \
     reaches no later one, unless it has neither a figure nor a link and is older than an \
     hour.\n\nEach callback is stored as it came in before \
     it is processed. One that cannot be processed is refused, and the operator can see it and \
     process it again; the same callback sent again is processed again too. One without its \
     signature, or to the address before the present one, is refused and kept for the operator \
     all the same.\n\nA query and further fields are passed over, and an array of one message is that message. The charset of the body is the one that its \
     `Content-Type` names, UTF-8 if it names none; what is not UTF-8 then is of the charset that its letters suggest, else windows-1252. What is UTF-8 with more than \
     ASCII is read so whatever it names, and no body is refused for its charset alone.",
)
.path(&[
    PathParam::new::<String>("provider", "The name of own stock among the providers", "own"),
    PathParam::new::<String>("token", "The secret of the callback address", "0123456789abcdef"),
])
.body_or_form::<PostedMessage>(
    r#"{"number": "+6281234567890", "sender": "Telegram", "text": "Telegram code 12345",
        "id": "sim-bank-7731"}"#,
)
.problems(&[
    Code::InvalidSignature,
    Code::AmbiguousMessage,
    Code::OtherService,
    Code::InvalidNumber,
    Code::UnknownService,
    Code::Overloaded,
    Code::OutcomeUnknown,
]);

pub(super) async fn receive(
    state: Arc<State>,
    sender: CallbackSender,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let content_type = call.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.map_or(&b""[..], |value| value.as_bytes());
    let content_type = String::from_utf8_lossy(content_type);
    // 1. What proves where it comes from. Without it the callback is kept, and not trusted.
    let proven = match sender.token {
        TokenAge::Taken => check_signature(&state, &call, &body)
            .map_err(|problem| (CallbackFailure::InvalidSignature, problem)),
        TokenAge::Expired => Err((CallbackFailure::ExpiredToken, auth::no_callback_address())),
    };
    if let Err((failure, problem)) = proven {
        state.orders.keep_refused_callback(state.own, &content_type, &body, failure).await;
        let source = CallbackSource::Known(OWN_PROVIDER);
        state.orders.note_refused_callback(source, failure.code());
        return Err(problem);
    }
    // 2. What it says.
    let processed = state.orders.receive_callback(state.own, &content_type, &body).await;
    let status = match processed.map_err(problems::of_callback)? {
        Processed::Accepted => CallbackStatus::Accepted,
        Processed::Late => CallbackStatus::Late,
        Processed::Duplicate => CallbackStatus::Duplicate,
        Processed::Kept => CallbackStatus::Kept,
    };
    Ok(reply::json(StatusCode::OK, &CallbackReply { status }))
}

/// Refuses a body that is signed wrongly, or not although it has to be.
fn check_signature(state: &State, call: &Call, body: &[u8]) -> Result<(), Problem> {
    let given = call.headers().get(SIGNATURE).map(|value| value.to_str().unwrap_or_default());
    let now = state.orders.market.clock.now();
    let fits = match given {
        Some(signature) => state.callback.is_signed(body, signature, now),
        None => !state.signed,
    };
    if fits {
        return Ok(());
    }
    let title = "The callback's signature is missing or wrong";
    Err(Problem::new(StatusCode::FORBIDDEN, "invalid_signature", title).param("X-NexNum-Signature"))
}

/// The reply to a message.
#[derive(Debug, Serialize, JsonSchema)]
struct CallbackReply {
    /// What became of the message.
    status: CallbackStatus,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CallbackStatus {
    /// It is new and was stored.
    Accepted,
    /// It is new and was stored, and no customer is shown it: the order of its number had ended.
    Late,
    /// It was stored before; nothing changed.
    Duplicate,
    /// The number has all the messages that it may; the operator can see this one.
    Kept,
}
