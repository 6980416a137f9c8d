//! Wallets, what fills them, and what providers are paid.

mod payment;
mod receipt;
mod statement;
mod wallet;

use std::sync::Arc;

use nexnum_storage::reader::Reader;
use tokio::sync::Semaphore;

use crate::market::Market;

pub use payment::{DEFAULT_RAIL, PaymentError, PaymentRecorded, StatedPayment, converts};
pub use receipt::ReceiptError;
pub use statement::{PaymentView, StatementError};
pub use wallet::TransactionsPage;

/// What money needs.
#[derive(Clone, Debug)]
pub struct Money {
    /// The market whose wallets these are.
    pub market: Market,
    /// The ledger, for what statements say of payments.
    pub ledger: Reader,
    /// Slots for receipts that are made: each reads some hundred rows of the ledger.
    pub receipts: Arc<Semaphore>,
}

/// Receipts that are made at a time.
pub const RECEIPTS_MAX: usize = 2;
