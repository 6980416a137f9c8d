//! What outsiders speak, one folder a protocol.
//!
//! A face parses, calls a room and renders what it gives. It states in its own `State` what
//! it may touch, and of each route who may call it.

pub mod admin;
pub mod auth;
pub mod hooks;
pub mod ops;
mod parse;
mod problems;
pub mod route;
pub mod spec;
pub mod v1;

/// The one currency of the ledger.
const CURRENCY: &str = "USD";
