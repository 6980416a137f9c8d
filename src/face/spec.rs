//! Routes as data: what is stated of each route of the server, in one table.
//!
//! From it come how a call is checked before its handler runs, the description's `security`,
//! and the test of every route against every role.

use std::fmt;

use hyper::Method;

use super::description::operation::Operation;
use crate::http::route::Render;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Every client, without a key.
    Anyone,
    /// A customer, with a key that trades.
    Trader,
    /// A person who runs the business, with an admin key.
    Operator,
    /// A sender of callbacks for own stock, with the token in the path.
    CallbackSender,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anyone => "anyone",
            Self::Trader => "trader",
            Self::Operator => "operator",
            Self::CallbackSender => "callback sender",
        })
    }
}

/// How a route's handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Answers from a borrowed call, without waiting.
    AtOnce,
    /// In the connection's task; ends when the client hangs up.
    Plain,
    /// To its end, after its body was read.
    Detached,
    /// As its handler chooses for each call, after it looked at the head.
    Chosen,
}

/// Where a route's key is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// It needs none.
    None,
    /// `Authorization: Bearer` or `X-API-Key`.
    Headers,
    /// A token in the path.
    Path,
}

/// What a call costs of its key's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaClass {
    /// Nothing.
    Free,
    /// One request.
    Request,
}

/// What is stated of a route.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for a parameter.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// How it runs.
    pub runs: Runs,
    /// Longest body, in bytes.
    pub body_len_max: usize,
    /// Whether it takes an `Idempotency-Key`.
    pub idempotent: bool,
    /// Whether it passes over a query, and over fields that it does not know.
    pub is_lenient: bool,
    /// Whether it keeps why an operator has it done.
    pub takes_reason: bool,
    /// What a call costs.
    pub quota: QuotaClass,
    /// Where its key is read.
    pub key: KeyPlace,
    /// How its refusals are rendered.
    pub render: Render,
    /// What it states of itself for the API's description.
    pub operation: Option<Operation>,
}

impl RouteSpec {
    /// Whether the route has query parameters; a route without a description reads its own.
    pub(super) fn takes_query(&self) -> bool {
        self.operation.as_ref().is_none_or(Operation::takes_query)
    }

    /// Whether the route's body has fields.
    pub(super) fn takes_fields(&self) -> bool {
        self.operation.as_ref().is_none_or(Operation::takes_fields)
    }
}
