//! The storage crate from outside: what it keeps when the disk does its worst.

mod bit_flips;
mod io_errors;
mod ledger;
mod power_loss;
mod run;
mod secrets;
mod snapshot;
