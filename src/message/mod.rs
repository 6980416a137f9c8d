//! Messages as they are read: which order one is for. Pure: nothing here asks or stores.

pub mod holder;
pub mod identity;
