//! The load generator behind `nexnum bench`.
