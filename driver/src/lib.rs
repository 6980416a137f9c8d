//! The driver language: a provider as a document, requests out of it, replies into typed
//! results.
//!
//! A [`Driver`] is one TOML document that says how a provider is asked and how its replies
//! are read; the language is described in [`driver`]. Nothing here does I/O, asks the time
//! or starts a thread. No provider's name is written in this code: what differs between
//! providers is in `shipped/*.toml`.
//!
//! Read `document` (what can be said), `compile` (how it is checked), `driver` (what it
//! does); an output is a file of `output/`.

mod compile;
mod crosswalk;
mod document;
pub mod driver;
mod error;
mod json;
mod op;
mod output;
mod place;
mod reply;
mod request;
mod rows;
mod rule;
mod source;
mod template;

pub use compile::{DOCUMENT_BYTES_MAX, RULES_MAX};
pub use crosswalk::{Crosswalk, CrosswalkError};
pub use driver::{Driver, Limits, Plan, Timings, Window};
pub use error::{EXCERPT_MAX, ErrorKind, ProviderError};
pub use op::Op;
pub use output::{
    ActiveList, ActiveRow, Bought, ExternalState, Output, PriceList, PriceRow, ReceivedMessage,
    Rounding, StatusReport, to_micros,
};
pub use place::DriverError;
pub use reply::RawReply;
pub use request::{Body, Request, check_base};
pub use template::{Credentials, RequestError, Secret, Slots};
