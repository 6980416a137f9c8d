//! HTTP/1.1 done strictly: the route table, the server, and what every protocol over it needs.
//! It knows nothing of what is served.
//!
//! Promises: every request is bounded in size and time; every reply has an `X-Request-Id`;
//! every refusal is a problem document, also of what cannot be parsed and of a connection too
//! many; what a detached call began is finished even if its client hangs up.
//! Leaves resources, callers and protocols to its users.

mod bare;
pub mod body;
pub mod error;
mod framing;
pub mod limit;
pub mod query;
pub mod reply;
pub mod request;
pub mod request_id;
pub mod route;
pub mod server;

pub use error::Problem;
pub use request::Call;
pub use route::Router;
pub use server::{Limits, Server, bind};

/// A reply: its body is complete when the handler returns.
pub type Response = hyper::Response<http_body_util::Full<bytes::Bytes>>;
