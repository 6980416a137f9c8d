//! HTTP/1.1 done strictly: the route table, the server, and what every protocol over it needs.
//! It knows nothing of what is served.
//!
//! Promises: every request is bounded in size and time; every reply has an `X-Request-Id`;
//! every refusal is a problem document, also of what cannot be parsed and of a connection too
//! many; what a detached call began is finished even if its client hangs up.
//! Leaves resources, callers and protocols to its users.

mod accept;
pub mod body;
pub mod error;
mod framing;
mod gate;
pub mod limit;
pub mod limits;
pub mod query;
pub mod reply;
pub mod request;
pub mod request_id;
mod response;
pub mod route;
pub mod server;
mod unrouted;

pub use accept::{Acceptor, bind};
pub use error::Problem;
pub use request::Call;
pub use response::{Body, Gone, Pieces, Response};
pub use route::Router;
pub use server::{Server, ServerLimits};
