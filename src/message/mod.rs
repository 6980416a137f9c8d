//! Messages as they are read. Pure: nothing here asks or stores.

pub mod callback;
pub mod fit;
pub mod holder;
pub mod identity;
