//! Messages as they come in: what is read from them before an order takes them.

pub mod extract;
