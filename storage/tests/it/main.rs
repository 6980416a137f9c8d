//! The storage crate from outside: what it keeps when the disk does its worst.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops there")]

mod bit_flips;
mod cost;
mod counted;
mod folder;
mod history;
mod history_days;
mod io_errors;
mod ledger;
mod power_loss;
mod run;
mod secrets;
mod snapshot;
