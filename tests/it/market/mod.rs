//! The whole server, over HTTP, on a data folder of its own: one behaviour a file.

mod api;
mod attention;
mod bad_input;
mod clock;
mod command_line;
mod days;
mod described;
mod description;
mod harness;
mod idempotency;
mod messages;
mod operations;
mod origin;
mod outcomes;
mod payments;
mod plain;
mod refusals;
mod refused_callbacks;
mod repeated_callbacks;
mod restart;
mod roles;
mod search;
mod shown;
mod stop;
mod storm;
mod two_markets;
