//! Providers: drivers as data, their client, and simulated providers to try them on.

pub mod crosswalk;
pub mod driver;
pub mod sandbox;
