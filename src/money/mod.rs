//! Wallets, and what fills them.

mod deposit;
mod wallet;

use crate::market::Market;

pub use deposit::Deposited;
pub use wallet::TransactionsPage;

/// What money needs.
#[derive(Clone, Debug)]
pub struct Money {
    /// The market whose wallets these are.
    pub market: Market,
}
