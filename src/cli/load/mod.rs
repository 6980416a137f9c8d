//! The load generator behind `nexnum bench http`.
//!
//! Keep-alive connections over raw TCP, one request in flight on each, requests rendered
//! beforehand: on two shared cores every cycle spent here is taken from the server. A reply
//! with another status than the load expects is an error; errors are counted and one is shown.

mod child_server;
mod client;
mod histogram;
mod prepare;
mod report;
mod run;
mod stock;
mod template;

pub use child_server::OwnServer;
pub use client::{BaseUrl, LoadClient, LoadReply};
pub use histogram::Histogram;
pub use prepare::{LoadTarget, prepare};
pub use report::Report;
pub use run::{LoadPlan, run};
pub use stock::stock;
pub use template::Load;

use super::values;
use crate::keys::NoRandomness;

/// Most connections of one run: the descriptors that a process usually gets, less some.
pub const CONNECTIONS_MAX: u32 = 1_000;
/// Longest run in seconds.
pub const SECONDS_MAX: u32 = 3_600;

/// Why a bench could not be run; what goes wrong while it runs is counted instead.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The address is none we can connect to.
    #[error("{0:?} is not the address of a server, as http://127.0.0.1:8080 is")]
    Url(String),
    /// The load needs what the target does not have.
    #[error("the load {load} needs {what}")]
    Lacking {
        /// The load.
        load: Load,
        /// What it needs.
        what: &'static str,
    },
    /// The server answered a preparation with something else than expected.
    #[error("{request} was answered {status}: {body}")]
    Unexpected {
        /// Method and path.
        request: String,
        /// The reply's status.
        status: u16,
        /// The beginning of its body.
        body: String,
    },
    /// The bench's own server did not start; its own words.
    #[error("the server did not start: {0}")]
    NotStarted(String),
    /// The server cannot be reached, or the machine gives no threads.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Arguments of `nexnum bench http`.
#[derive(Clone, Debug, clap::Args)]
pub struct LoadArgs {
    /// What to send
    #[arg(long, value_enum, default_value_t = Load::Order)]
    pub load: Load,
    /// Connections, each with one request in flight
    #[arg(long, default_value_t = 64, value_parser = values::whole::<u32>(1..=CONNECTIONS_MAX.into()))]
    pub connections: u32,
    /// How long to send, in seconds
    #[arg(long, default_value_t = 5, value_parser = values::whole::<u32>(1..=SECONDS_MAX.into()))]
    pub seconds: u32,
    /// A running server, as http://HOST:PORT; without it one is started on own stock
    #[arg(long, requires = "key")]
    pub url: Option<String>,
    /// The API key for --url
    #[arg(long, requires = "url")]
    pub key: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
