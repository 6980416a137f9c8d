//! Everything that may be asked of the engine. Time comes in beside the command,
//! random bytes (key hashes) and digests inside it.

use crate::event::{Idempotency, OfferTerms, ProviderKind, Terms};
use crate::ids::{AccountId, KeyId, Number, OfferId, OperatorId, OrderId, Product, ProviderId};
use crate::money::Micros;
use crate::order::FailReason;
use crate::time::Time;

/// How long a number lives and when it may be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// From assignment to its end by itself, in milliseconds.
    pub lifetime_ms: u64,
    /// From assignment to the first allowed cancel, in milliseconds.
    pub min_cancel_age_ms: u64,
}

/// An order to place. Phase 1 has claimed `terms` from the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The buyer.
    pub account: AccountId,
    /// What.
    pub product: Product,
    /// The operator asked for, or `ANY`.
    pub operator: OperatorId,
    /// The most the buyer pays.
    pub limit: Micros,
    /// What was claimed.
    pub terms: Terms,
    /// How long a number from own stock lives.
    pub timings: Timings,
    /// The request's idempotency, where it has a key.
    pub idempotency: Option<Idempotency>,
}

/// A message as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    /// What makes it the same when it comes again.
    pub digest: u128,
    /// Who sent it; may be empty.
    pub sender: Box<str>,
    /// The text; may be empty.
    pub text: Box<str>,
    /// The code; may be empty.
    pub code: Box<str>,
}

/// Prints no text and no code: messages stay out of logs.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({:x})", self.digest)
    }
}

/// Who asks for a change of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A customer, on his own activations only.
    Account(AccountId),
    /// The provider ended it, or the operator did: no minimum age.
    System,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Opens a customer's account.
    OpenAccount {
        /// Unique name.
        name: Box<str>,
        /// How far below zero the wallet may go.
        credit_limit: Micros,
    },
    /// Issues an API key.
    IssueKey {
        /// Whose; `None` for an operator's.
        account: Option<AccountId>,
        /// SHA-256 of the key.
        hash: [u8; 32],
        /// Its first characters.
        prefix: Box<str>,
    },
    /// Ends a key.
    RevokeKey {
        /// Which.
        key: KeyId,
    },
    /// Credits a wallet, once per reference.
    Deposit {
        /// Whose.
        account: AccountId,
        /// How much.
        amount: Micros,
        /// Digest of the payment's reference.
        reference: u128,
    },
    /// Connects a provider; the same name and kind again is the same provider.
    RegisterProvider {
        /// Unique name.
        name: Box<str>,
        /// Where its numbers come from.
        kind: ProviderKind,
    },
    /// Interns an operator's name; the same name again is the same operator.
    NameOperator {
        /// The name.
        name: Box<str>,
    },
    /// Gives ids to offers seen first.
    ListOffers {
        /// Whose.
        provider: ProviderId,
        /// What each is for; none of them known yet.
        offers: Vec<(Product, OperatorId)>,
    },
    /// New terms of offers of a driven provider.
    PriceOffers {
        /// Whose.
        provider: ProviderId,
        /// The terms as they stand now; noise is dropped by the engine.
        terms: Vec<OfferTerms>,
    },
    /// Puts numbers into own stock at a price.
    LoadStock {
        /// The offer, listed before.
        offer: OfferId,
        /// What they cost us.
        cost: Micros,
        /// What they sell for.
        price: Micros,
        /// The numbers.
        numbers: Vec<Number>,
    },
    /// Places an order.
    PlaceOrder(PlaceOrder),
    /// Goes on to the next ask after a refusal.
    NextAttempt {
        /// Which order.
        order: OrderId,
        /// The attempt that was refused.
        refused: u8,
        /// What was claimed for the next.
        terms: Terms,
        /// How long a number from own stock lives.
        timings: Timings,
    },
    /// The attempt's outcome is unknown.
    DoubtOrder {
        /// Which order.
        order: OrderId,
        /// Which attempt.
        attempt: u8,
    },
    /// The attempt in doubt is known to have bought nothing: the order may go on.
    ClearDoubt {
        /// Which order.
        order: OrderId,
        /// Which attempt.
        attempt: u8,
    },
    /// A provider gave a number.
    AssignNumber {
        /// Which order.
        order: OrderId,
        /// Which attempt.
        attempt: u8,
        /// The number.
        number: Number,
        /// The provider's id of the purchase.
        external_id: Box<str>,
        /// What the provider charged, where it said so.
        cost: Option<Micros>,
        /// How long it lives.
        timings: Timings,
    },
    /// No ask is left: refund.
    FailOrder {
        /// Which order.
        order: OrderId,
        /// The attempt that was refused last.
        attempt: u8,
        /// Why.
        reason: FailReason,
    },
    /// A message came in for an activation.
    IngestMessage {
        /// Which.
        order: OrderId,
        /// What came.
        message: Incoming,
    },
    /// Asks for another message.
    RequestAnother {
        /// Which.
        order: OrderId,
        /// Who asks.
        actor: Actor,
    },
    /// Ends an activation without a message.
    Cancel {
        /// Which.
        order: OrderId,
        /// Who asks.
        actor: Actor,
    },
    /// A purchase that was written off went back to its provider.
    RecoverLoss {
        /// Of which order.
        order: OrderId,
        /// Which attempt.
        attempt: u8,
    },
    /// Ends an activation after a message.
    Finish {
        /// Which.
        order: OrderId,
        /// Who asks.
        actor: Actor,
    },
    /// Time has passed: expires what is due and retires what is old.
    Pulse {
        /// History holds every order that closed at or before this moment: only those
        /// may leave memory.
        archived: Time,
    },
}

/// What an accepted command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The account opened.
    Account(AccountId),
    /// The key issued.
    Key(KeyId),
    /// The provider registered or known.
    Provider(ProviderId),
    /// The operator named or known.
    Operator(OperatorId),
    /// The offers listed: the first one's id and how many follow densely.
    Listed(OfferId, u32),
    /// The order placed, or its next attempt begun; `true` where it has its number already.
    Placed(OrderId, bool),
    /// The key was used before with the same request: that order stands.
    Replayed(OrderId),
    /// How many things changed.
    Changed(u32),
    /// Done.
    Done,
    /// It was so already.
    Unchanged,
}
