//! The HTTP server: the route table and what is common to all faces.
//!
//! Promises: every request is bounded in size and time; every reply has an `X-Request-Id`;
//! every refusal is a problem document, also of what cannot be parsed and of a connection too
//! many; what a detached route began is finished even if its client hangs up.
//! Leaves the resources themselves to the faces.

mod accept;
pub mod admin;
pub mod auth;
pub mod body;
pub mod error;
mod framing;
mod gate;
pub mod health;
pub mod hooks;
mod json;
pub mod limit;
pub mod limits;
pub mod metrics_page;
pub mod ops;
pub mod problems;
pub mod query;
pub mod reply;
pub mod request;
pub mod request_id;
mod response;
pub mod route;
pub mod server;
mod unrouted;
pub mod v1;

pub use accept::{Acceptor, bind};
pub use error::Problem;
pub use json::{Array, Json, Object};
pub use request::Call;
pub use response::{Body, Gone, Pieces, Response};
pub use route::Router;
pub use server::{Limits, Server};
