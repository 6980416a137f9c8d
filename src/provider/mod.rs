//! Providers: drivers as data, their client, and simulated providers to try them on.
//!
//! A [`driver::Driver`] is one TOML document: how a provider is asked and how its
//! replies are read. It does no I/O. A [`client::Client`] carries a driver's requests
//! over HTTP with deadlines, bounds and rate limits. No provider's name is written in
//! this code: what differs between providers is in `drivers/*.toml`.

pub mod client;
mod compile;
pub mod connected;
pub mod crosswalk;
mod document;
pub mod driver;
mod give;
mod json;
pub mod limit;
mod mapping;
pub mod outcome;
pub mod output;
pub mod request;
mod retry_after;
mod rows;
pub mod sandbox;
mod source;
pub mod template;
mod transport;
