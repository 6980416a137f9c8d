//! Drivers: the shipped ones against recordings, the language, and the client under faults.

mod client;
mod language;
mod recorded;
