//! Wallets: what an account has, and what moved in it.

use nexnum_engine::ids::{AccountId, TransactionId};

use super::Money;
use crate::market::change::Wallet;
use crate::market::history::{HistoryError, WalletTransaction};

/// Transactions, newest first, and where the next page begins.
#[derive(Clone, Debug)]
pub struct TransactionsPage {
    /// The transactions.
    pub rows: Vec<WalletTransaction>,
    /// The next page has ids below this one; `None` on the last page.
    pub next: Option<TransactionId>,
}

impl Money {
    /// What an account has; `None` for an unknown one.
    #[must_use]
    pub fn wallet(&self, account: AccountId) -> Option<Wallet> {
        Some(self.market.read_model.account(account)?.wallet())
    }

    /// A page of what moved in an account's wallet, below `before`.
    ///
    /// # Errors
    /// History could not be read.
    pub async fn transactions(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> Result<TransactionsPage, HistoryError> {
        let rows = self.market.history.transactions(account, before, limit).await?;
        let next = if rows.len() == limit { rows.last().map(|row| row.id) } else { None };
        Ok(TransactionsPage { rows, next })
    }
}
