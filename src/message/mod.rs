//! Messages as they are read, before an order takes them: what code they have, which order
//! one is for, whether it has come before. Pure: nothing here asks or stores.

pub mod extract;
pub mod holder;
pub mod identity;
