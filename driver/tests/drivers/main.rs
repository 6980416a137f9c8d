//! Drivers: the shipped ones against recordings, and what the language can say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "the fixtures are files beside the drivers")]

mod language;
mod messages;
mod price_lists;
mod recorded;
