//! The engine: commands in, events out. It decides what may happen and keeps the
//! money and the stock; it has no clock, no randomness and no I/O.
//!
//! Read `command`, `event`, `decide`, `apply`; the rest is what they speak of.

pub mod activation;
pub mod addresses;
mod apply;
pub mod audit;
pub mod book;
mod books;
pub mod breaker;
mod by_bits;
pub mod callback;
pub mod callbacks;
pub mod catalog;
pub mod command;
pub mod decide;
mod engine;
pub mod event;
pub mod grid;
pub mod group;
pub mod holders;
pub mod ids;
pub mod limits;
pub mod loads;
pub mod money;
pub mod order;
pub mod policy;
pub mod pricing;
pub mod product;
pub mod reject;
pub mod replies;
pub mod reservation;
pub mod seal_keys;
pub mod sealed;
pub mod snapshot;
pub mod state;
mod table;
pub mod time;
pub mod under_keys;

pub use engine::Engine;
