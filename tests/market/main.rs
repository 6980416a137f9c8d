//! The whole server, over HTTP, on a data folder of its own: one behaviour a file.

mod api;
mod harness;
mod idempotency;
mod refusals;
mod restart;
mod storm;
