//! The receipt of an order: what a stranger can check with the roots of the days alone.

use std::sync::Arc;

use nexnum_engine::ids::OrderId;

use super::Money;
use crate::market::history::HistoryError;
use crate::market::receipt::{self, BuiltReceipt};
use crate::market::sealing::SealingError;

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// What it is made of cannot be read, or is behind.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A record, or the key of a sealed value, cannot be read.
    #[error(transparent)]
    Sealing(#[from] SealingError),
}

impl Money {
    /// The receipt of an order, which the caller may see.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn receipt(&self, order: OrderId) -> Result<BuiltReceipt, ReceiptError> {
        let (ledger, sealing) = (self.ledger.clone(), self.market.sealing.clone());
        let slot = Arc::clone(&self.receipts).acquire_owned().await;
        let made = self.market.history.with_tables(move |tables| {
            // Held to the end, also when the client has hung up.
            let _slot = slot.expect("the slots are never closed");
            Ok(receipt::build(tables, &ledger, order, |value| sealing.subkey(value)))
        });
        Ok(made.await??)
    }
}
