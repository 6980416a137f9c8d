//! What may be asked for money.

use crate::event::ForeignAmount;
use crate::ids::{AccountId, ProviderId};
use crate::money::Micros;
use crate::sealed::SealedValue;

/// A payment over a rail. The rail comes into use with its first payment; one reference of a rail
/// is one payment, be it a customer's or to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// The rail's name: 1 to 32 of `a-z 0-9 . _ -`.
    pub rail: Box<str>,
    /// How much, in the ledger's currency.
    pub amount: Micros,
    /// What it was before, where that was another currency.
    pub foreign: Option<ForeignAmount>,
    /// A keyed digest of the payment's reference.
    pub reference: u128,
}

impl NewPayment {
    /// One in the ledger's currency.
    #[must_use]
    pub fn new(rail: &str, amount: Micros, reference: u128) -> Self {
        Self { rail: rail.into(), amount, foreign: None, reference }
    }
}

/// Credits a wallet, once per payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// Whose.
    pub account: AccountId,
    /// The payment.
    pub payment: NewPayment,
    /// Its reference in words, sealed.
    pub sealed: Option<SealedValue>,
}

/// Records what a provider was paid, once per payment: of own stock, what its numbers cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayProvider {
    /// Which.
    pub provider: ProviderId,
    /// The payment.
    pub payment: NewPayment,
    /// Its reference in words.
    pub text: Box<str>,
}
