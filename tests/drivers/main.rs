//! Drivers: the shipped ones against recordings, the language, and the client under faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod language;
mod recorded;
