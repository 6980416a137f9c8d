//! What may be asked for an order, from its placement to its end.

use crate::event::{AttemptEnd, Charged, Routing, Terms};
use crate::ids::{AccountId, OrderId, Product, Token, VariantId};
use crate::money::Micros;
use crate::order::{FailReason, OrderNotes};
use crate::replies::AskedKey;
use crate::sealed::SealedValue;

/// How long a number lives and when it may be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// From assignment to its end by itself, in milliseconds.
    pub lifetime_ms: u64,
    /// From assignment to the first allowed cancel, in milliseconds.
    pub min_cancel_age_ms: u64,
}

/// Who asks for a change of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A customer, on its own activations only.
    Account(AccountId),
    /// The provider ended it, or the operator did: no minimum age.
    System,
}

/// An order to place. Phase 1 has claimed `terms` from the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The buyer.
    pub account: AccountId,
    /// What.
    pub product: Product,
    /// The variant asked for, or `ANY`.
    pub variant: VariantId,
    /// The most the buyer pays.
    pub limit: Micros,
    /// The most that the buyer named; `None` where the first ask's price is the limit.
    pub max_price: Option<Micros>,
    /// What was claimed.
    pub terms: Terms,
    /// How it was chosen.
    pub routing: Routing,
    /// How long a number from own stock lives.
    pub timings: Timings,
    /// The request's idempotency, where it has a key.
    pub idempotency: Option<AskedKey>,
    /// What the buyer notes, if anything.
    pub notes: Option<Box<OrderNotes>>,
}

/// Goes on to the next ask after a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextAttempt {
    /// Which order.
    pub order: OrderId,
    /// The attempt that was refused.
    pub refused: u8,
    /// What was claimed for the next.
    pub terms: Terms,
    /// How it was chosen.
    pub routing: Routing,
    /// How the refused attempt ended, where that is known.
    pub ended: Option<AttemptEnd>,
    /// How long a number from own stock lives.
    pub timings: Timings,
}

/// The attempt's outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtOrder {
    /// Which order.
    pub order: OrderId,
    /// Which attempt.
    pub attempt: u8,
    /// Why, where that is known.
    pub ended: Option<AttemptEnd>,
}

/// The attempt in doubt is known to have bought nothing: the order may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClearDoubt {
    /// Which order.
    pub order: OrderId,
    /// Which attempt.
    pub attempt: u8,
}

/// A provider gave a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignNumber {
    /// Which order.
    pub order: OrderId,
    /// Which attempt.
    pub attempt: u8,
    /// What stands for the number.
    pub token: Token,
    /// The number, sealed under a day's key for its order.
    pub sealed: SealedValue,
    /// The provider's id of the purchase.
    pub external_id: Box<str>,
    /// What the provider charged, where it said so.
    pub cost: Option<Micros>,
    /// The same as the provider said it.
    pub charged: Option<Charged>,
    /// The provider's word for the carrier that it gave, where it said one.
    pub carrier: Option<Box<str>>,
    /// How long it lives.
    pub timings: Timings,
}

/// No ask is left: refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailOrder {
    /// Which order.
    pub order: OrderId,
    /// The attempt that was refused last.
    pub attempt: u8,
    /// Why.
    pub reason: FailReason,
    /// How that attempt ended, where that is known.
    pub ended: Option<AttemptEnd>,
}

/// A purchase that was written off went back to its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoverLoss {
    /// Of which order.
    pub order: OrderId,
    /// Which attempt.
    pub attempt: u8,
}

/// Ends an activation without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Which.
    pub order: OrderId,
    /// Who asks.
    pub caller: Caller,
}

/// Ends an activation after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Which.
    pub order: OrderId,
    /// Who asks.
    pub caller: Caller,
}
