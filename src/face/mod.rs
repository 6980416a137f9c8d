//! What outsiders speak, one folder a protocol.
//!
//! A face parses, calls a room and renders what it gives. It states in its own `State` what
//! it may touch, and of each route who may call it.

pub mod admin;
pub mod auth;
pub mod description;
pub mod hooks;
pub mod ops;
mod parse;
mod problems;
mod query;
pub mod route;
pub mod spec;
pub mod v1;
mod wire;
