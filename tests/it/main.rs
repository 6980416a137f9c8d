//! The tests that need more than one room or crate, in one binary: it links once.
//!
//! A folder or a file a subject; `rig/` has what several subjects start.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails ends the test")]

mod chaos;
mod demo;
mod folder;
mod fulfilment;
mod history;
mod http_limits;
mod kill;
mod load;
mod market;
mod message;
mod provider_client;
mod provider_reach;
mod provider_set;
mod rig;
mod signals;
mod tidy;
