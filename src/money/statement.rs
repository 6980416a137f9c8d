//! What a customer's statement says of a payment: it stands in the ledger, and nowhere else.

use std::fmt;
use std::sync::Arc;

use nexnum_engine::event::{Event, ForeignAmount, MoneyEvent, Payment};
use nexnum_engine::ids::{Seq, TransactionId};
use nexnum_engine::sealed::{Purpose, SealedValue};
use nexnum_storage::StorageError;
use nexnum_storage::reader::Reader;

use super::Money;
use crate::market::replay::Decoded;
use crate::market::sealing::SealingError;

/// A payment as its customer's statement shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentView {
    /// By which rail.
    pub rail: Option<Arc<str>>,
    /// What was paid, where that was another currency.
    pub foreign: Option<ForeignAmount>,
    /// Its reference; `None` where it is forgotten.
    pub reference: Option<String>,
}

/// Prints no reference: it may name a person.
impl fmt::Debug for PaymentView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentView").field("rail", &self.rail).finish_non_exhaustive()
    }
}

/// Why a payment cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The ledger could not be read.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] StorageError),
    /// The reference could not be opened.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The ledger has something else where the payment should be.
    #[error("there is no payment at position {0} of the ledger")]
    NoPayment(Seq),
    /// The thread that read the ledger ended.
    #[error("the reading of the ledger was cut off")]
    CutOff,
}

impl Money {
    /// The payment that a deposit's transaction moved into a wallet.
    ///
    /// # Errors
    /// [`StatementError`].
    pub async fn payment_of(&self, moved: TransactionId) -> Result<PaymentView, StatementError> {
        // What brings money about stands right before its movement.
        let (at, ledger) = (Seq(moved.0 - 1), self.ledger.clone());
        let found = tokio::task::spawn_blocking(move || find(&ledger, at)).await;
        let (payment, sealed) = found.map_err(|_| StatementError::CutOff)??;
        let reference = match sealed {
            Some(sealed) => {
                self.market.sealing.open_value(Purpose::Reference, None, &sealed).await?
            }
            None => None,
        };
        let reference = reference.map(|text| String::from_utf8_lossy(text.expose()).into_owned());
        let rail = self.market.read_model.directory().rail(payment.rail);
        Ok(PaymentView { rail, foreign: payment.foreign, reference })
    }
}

type Found = (Payment, Option<SealedValue>);

fn find(ledger: &Reader, at: Seq) -> Result<Found, StatementError> {
    let row = Decoded::holding(ledger, at)?.ok_or(StatementError::NoPayment(at))?;
    let found = row.recorded().find(|recorded| recorded.seq == at);
    match found.map(|recorded| recorded.event) {
        Some(Event::Money(MoneyEvent::Deposited { payment, sealed, .. })) => {
            Ok((payment.clone(), sealed.clone()))
        }
        _ => Err(StatementError::NoPayment(at)),
    }
}
