//! Messages as they are read: which order one is for, whether it has come before, which code is
//! in it. Pure: nothing here asks or stores.

pub mod callback;
mod digits;
pub mod extract;
pub mod fit;
mod form;
pub mod holder;
pub mod identity;
pub mod named;
mod named_tables;
pub mod number;
pub mod repeated;
mod transfer;
pub mod unseen;
