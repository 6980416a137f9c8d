//! What stands in the state's tables.

use std::collections::VecDeque;

use crate::activation::StockNumber;
use crate::event::{AccountName, ForeignAmount, MoveReason, ProviderKind, Scope};
use crate::ids::{
    AccountId, KeyId, LoadId, MessageId, OfferId, OrderId, OrderNumber, Product, ProviderId,
    RailId, Seq, SourceId, VariantId,
};
use crate::money::Micros;
use crate::product::OfferKey;
use crate::time::Time;

/// A customer's account. Its money is in the books.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// The operator's name for it, unique, where it has one.
    pub name: Option<AccountName>,
    /// How far below zero the wallet may go.
    pub credit_limit: Micros,
    /// When it was opened.
    pub opened_at: Time,
    /// The number of its last order; 0 before the first.
    pub orders: OrderNumber,
}

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Whose; 0 for operators.
    pub account: AccountId,
    /// What it may do.
    pub scope: Scope,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Its first characters.
    pub prefix: Box<str>,
    /// It has been revoked.
    pub revoked: bool,
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provider {
    /// Unique name.
    pub name: Box<str>,
    /// Where its numbers come from.
    pub kind: ProviderKind,
}

/// What a provider sells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    /// Whose.
    pub provider: ProviderId,
    /// For which product.
    pub product: Product,
    /// For which variant, or `ANY`.
    pub variant: VariantId,
    /// From which of the provider's sources, or `ANY`.
    pub source: SourceId,
    /// Which step of the provider's ladder of prices, from 1; 0 where it has one price.
    pub step: u16,
}

impl Offer {
    /// What a provider sells under a key.
    pub(crate) const fn new(provider: ProviderId, key: OfferKey) -> Self {
        let OfferKey { product, variant, source, step } = key;
        Self { provider, product, variant, source, step }
    }

    /// What it is for.
    #[must_use]
    pub const fn key(&self) -> OfferKey {
        let Self { provider: _, product, variant, source, step } = *self;
        OfferKey { product, variant, source, step }
    }
}

/// What a number of an offer of own stock costs us, and what it is sold for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StockTerms {
    /// What it costs us.
    pub cost: Micros,
    /// What it is sold for.
    pub price: Micros,
}

impl StockTerms {
    /// No number of own stock is sold for nothing, or below its cost.
    pub(crate) fn are_sound(self) -> bool {
        self.cost >= Micros::ZERO && self.price.is_positive() && self.cost <= self.price
    }
}

/// The numbers of an offer of own stock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    /// The last load's.
    pub(crate) terms: StockTerms,
    /// In stock, next to be sold first.
    pub(crate) next: VecDeque<StockNumber>,
}

/// A purchase whose outcome was never known and that no order waits for any more: its
/// number may still turn up at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GivenUp {
    /// When it was given up.
    pub at: Time,
    /// The order that it was made for.
    pub order: OrderId,
    /// The attempt, since an order may give up several.
    pub attempt: u8,
    /// Where it was made.
    pub provider: ProviderId,
    /// What was bought.
    pub product: Product,
    /// When its order was placed.
    pub placed_at: Time,
}

impl GivenUp {
    /// By age, then by what makes it another one.
    pub(crate) const fn key(&self) -> (Time, OrderId, u8) {
        (self.at, self.order, self.attempt)
    }
}

/// Whom a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaidTo {
    /// A customer's wallet.
    Account(AccountId),
    /// A provider.
    Provider(ProviderId),
}

/// A payment over a rail that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Paid {
    /// Whom it is for.
    pub to: PaidTo,
    /// How much it is.
    pub amount: Micros,
    /// What it was before, where that was another currency.
    pub foreign: Option<ForeignAmount>,
}

/// What of an attempt was lost: it may buy its order's number, and another that no order has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lost {
    /// The order's number.
    Number,
    /// Another purchase, or one that was only feared.
    Other,
}

impl Lost {
    /// What a loss for this reason is of.
    #[must_use]
    pub const fn of(reason: MoveReason) -> Self {
        match reason {
            MoveReason::LateMessage | MoveReason::FinishedEmpty => Self::Number,
            MoveReason::InDoubt
            | MoveReason::Stayed
            | MoveReason::NextAttempt
            | MoveReason::NoNumbers
            | MoveReason::Cancelled
            | MoveReason::TimedOut => Self::Other,
        }
    }
}

/// What a provider charges for an attempt of an order that no buyer paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriteOff {
    /// Who charges.
    pub provider: ProviderId,
    /// How much.
    pub amount: Micros,
    /// Why it is a loss.
    pub reason: MoveReason,
    /// The position of the movement.
    pub moved: Seq,
    /// It was reversed.
    pub reversed: bool,
}

/// A purchase that no order has and that has to go back to its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Orphan {
    /// For which order it was bought.
    pub order: OrderId,
    /// In which attempt.
    pub attempt: u8,
    /// When the provider takes it back first.
    pub from: Time,
    /// What it costs.
    pub cost: Micros,
}

/// A purchase that was answered with its id and without a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedPurchase {
    /// Where it was made.
    pub provider: ProviderId,
    /// The provider's id of it.
    pub external_id: Box<str>,
    /// What it costs.
    pub cost: Micros,
    /// It was found to have no order, and goes back.
    pub is_orphan: bool,
}

/// A number of own stock that rests after a refund, so that a late message to its last
/// buyer does not reach the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarantined {
    /// Until when.
    pub until: Time,
    /// The offer it is of.
    pub offer: OfferId,
    /// Which.
    pub number: StockNumber,
}

/// What a number of own stock has received, of orders that have left memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// When the last of these orders ended.
    pub last: Time,
    /// What makes the messages the same when they come again, the newest last.
    pub digests: Vec<u128>,
}

/// Counters from which ids come; each holds the last id given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counters {
    /// Events applied.
    pub seq: Seq,
    /// Accounts.
    pub account: AccountId,
    /// Keys.
    pub key: KeyId,
    /// Providers.
    pub provider: ProviderId,
    /// Variants.
    pub variant: VariantId,
    /// Orders.
    pub order: OrderId,
    /// Messages.
    pub message: MessageId,
    /// Loads of own stock.
    pub load: LoadId,
    /// Rails.
    pub rail: RailId,
}
