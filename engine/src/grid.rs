//! The grid.
