//! What the engine's integration tests share.
#![allow(dead_code, unreachable_pub, reason = "each test binary takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot read its own text has failed")]

pub mod arbitrary;
pub mod key_uses;
pub mod model;
pub mod proof;
pub mod script;
pub mod stock;
pub mod words;

pub use arbitrary::sealed;
