//! Talking to providers: each with its driver, a client, limits, a breaker and its health.
//!
//! How a provider is asked and how its replies are read is its driver's document
//! (`nexnum_driver`). A [`client::ProviderClient`] carries a driver's requests over HTTP with
//! deadlines, bounds and rate limits; a [`connected::Connected`] is a provider with
//! everything to talk to it.

pub(crate) mod accepted;
pub(crate) mod account;
pub mod active;
pub mod admission;
mod bound;
pub mod bounds;
pub mod buying;
mod cancelling;
pub(crate) mod cause;
pub mod client;
pub mod client_config;
pub mod connected;
pub mod consequence;
pub mod cost_basis;
mod currency;
pub mod dispatch;
mod exchange_rate;
mod funds;
mod kept_costs;
mod kept_pauses;
mod key_word;
pub mod least_cost;
pub(crate) mod listed;
pub mod providers;
mod reading;
pub mod refused_stock;
mod reported_rows;
mod retry_after;
pub(crate) mod server_clock;
mod shared_accounts;
pub(crate) mod sightings;
mod telling;
pub mod too_slow;
pub(crate) mod transport;
mod unlisted;
mod way;
