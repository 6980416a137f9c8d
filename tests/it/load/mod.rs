//! The load generator: as a command, and against a small server.

mod command;
mod generator;
