//! What runs by itself: each worker re-reads the world and does the difference.

pub mod snapshot;
