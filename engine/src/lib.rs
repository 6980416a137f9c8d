//! The engine: commands in, events out. It decides what may happen and keeps the
//! money and the stock; it has no clock, no randomness and no I/O.

pub mod catalog;
pub mod grid;
pub mod ids;
pub mod money;
pub mod reservation;
pub mod time;
