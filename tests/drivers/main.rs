//! The client of a provider under faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
