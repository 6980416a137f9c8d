//! What the engine's integration tests share.
#![allow(dead_code, unreachable_pub, reason = "each test binary takes what it needs")]

pub mod arbitrary;
pub mod model;
pub mod proof;
pub mod script;
