//! Deposits: money that an operator credits to an account.

use nexnum_engine::command::{Deposit, Effect};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::AccountId;
use nexnum_engine::money::Micros;

use super::Money;
use crate::digest;
use crate::market::Refused;

/// What a deposit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deposited {
    /// Whether the same deposit had been credited before: nothing changed then.
    pub repeated: bool,
}

impl Money {
    /// Credits an account. The reference is the deposit's idempotency key: the same again
    /// changes nothing.
    ///
    /// # Errors
    /// The refusal; `IdempotencyMismatch` where the reference was used with another amount.
    pub async fn deposit(
        &self,
        origin: &Origin,
        account: AccountId,
        amount: Micros,
        reference: &str,
    ) -> Result<Deposited, Refused> {
        let reference = digest::of(&[b"deposit", reference.as_bytes()]);
        let effect = self.market.execute(origin, Deposit { account, amount, reference }).await?;
        Ok(Deposited { repeated: effect == Effect::Unchanged })
    }
}
