//! Wallets, what fills them, and what providers are paid.

mod payment;
mod statement;
mod wallet;

use nexnum_storage::reader::Reader;

use crate::market::Market;

pub use payment::{DEFAULT_RAIL, PaymentError, PaymentRecorded, StatedPayment, converts};
pub use statement::{PaymentView, StatementError};
pub use wallet::TransactionsPage;

/// What money needs.
#[derive(Clone, Debug)]
pub struct Money {
    /// The market whose wallets these are.
    pub market: Market,
    /// The ledger, for what statements say of payments.
    pub ledger: Reader,
}
