//! Wallets, and what fills them.

mod deposit;
mod wallet;

use crate::market::Market;

pub use deposit::Deposited;
pub use wallet::TransactionsPage;

/// What money needs.
#[derive(Clone, Debug)]
pub struct Money {
    /// Whose wallets.
    pub market: Market,
}
