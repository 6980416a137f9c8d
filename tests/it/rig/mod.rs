//! What the tests of more than one subject start: a market's server, the kit's server,
//! the real binary, a ledger with orders in it.
//!
//! A rig promises nothing about what is tested on it; its own steps panic when they fail.

pub(crate) mod client;
pub(crate) mod kit;
pub(crate) mod ledger;
pub(crate) mod machine;
pub(crate) mod plain;
pub(crate) mod process;
pub(crate) mod sandbox;
pub(crate) mod server;
pub(crate) mod set_clock;
pub(crate) mod texts;
pub(crate) mod until;
