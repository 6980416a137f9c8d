//! What is for sale: providers' lists taken in, and own stock.

pub mod config;
mod intake;
mod obtainable;
mod own_stock;
mod price_list;
mod quarantine;

use nexnum_engine::ids::ProviderId;

use crate::market::Market;

pub(crate) use intake::{Distrust, Intake, IntakeError};
pub use own_stock::{LoadRefusal, Loaded, StockLoad};

/// What supply needs.
#[derive(Clone, Debug)]
pub struct Supply {
    /// Where it is sold.
    pub market: Market,
    /// Own stock's id among the providers.
    pub own: ProviderId,
}
