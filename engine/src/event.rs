//! Everything that may have happened. An event holds every computed number, so
//! that it means the same under any later rule; variants are only ever added.

use crate::account::{self, Sale, Transaction};
use crate::activation::Assignment;
use crate::ids::{
    AccountId, KeyId, MessageId, Number, OfferId, OperatorId, OrderId, Product, ProviderId,
};
use crate::money::Micros;
use crate::order::FailReason;
use crate::time::Time;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Trade for its account.
    Trade,
    /// Operate the business; belongs to no account (id 0).
    Admin,
}

/// Where a provider's numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    /// Numbers the operator holds: orders fill at once.
    Own,
    /// Numbers bought upstream through a driver.
    Driven,
}

/// How an activation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closing {
    /// After a message.
    Completed,
    /// Without one, at somebody's word.
    Cancelled,
    /// Without one, at its deadline.
    TimedOut,
}

/// An offer's price and stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OfferTerms {
    /// Which offer.
    pub offer: OfferId,
    /// What the provider charges.
    pub cost: Micros,
    /// What we sell it for.
    pub price: Micros,
    /// Units on offer.
    pub stock: u32,
}

/// A request's idempotency: the key's digest and the content's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Idempotency {
    /// Digest of the key.
    pub key: u128,
    /// Digest of the request.
    pub fingerprint: u128,
}

/// The head of an order's first or next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The offer claimed.
    pub offer: OfferId,
    /// Its provider.
    pub provider: ProviderId,
    /// Its price at the claim.
    pub price: Micros,
    /// Its cost at the claim.
    pub cost: Micros,
}

/// An event.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A customer's account was opened.
    AccountOpened {
        /// Dense id.
        account: AccountId,
        /// The operator's name for it, unique.
        name: Box<str>,
        /// How far below zero the wallet may go.
        credit_limit: Micros,
    },
    /// An API key was issued.
    KeyIssued {
        /// Dense id.
        key: KeyId,
        /// Whose; 0 for operators.
        account: AccountId,
        /// What it may do.
        scope: Scope,
        /// SHA-256 of the key: the key itself is nowhere.
        hash: [u8; 32],
        /// Its first characters, to tell keys apart.
        prefix: Box<str>,
    },
    /// A key stopped working.
    KeyRevoked {
        /// Which.
        key: KeyId,
    },
    /// Money came in.
    Deposited {
        /// Whose wallet.
        account: AccountId,
        /// How much.
        amount: Micros,
        /// Digest of the payment's reference: the deposit's idempotency key.
        reference: u128,
    },
    /// A provider was connected.
    ProviderRegistered {
        /// Dense id.
        provider: ProviderId,
        /// The operator's name for it, unique.
        name: Box<str>,
        /// Where its numbers come from.
        kind: ProviderKind,
    },
    /// An operator's name was seen first.
    OperatorNamed {
        /// Dense id.
        operator: OperatorId,
        /// The name.
        name: Box<str>,
    },
    /// Offers were seen first; they stand without stock until they are priced.
    OffersListed {
        /// Whose.
        provider: ProviderId,
        /// The first one's id; the others follow densely.
        first: OfferId,
        /// What each is for.
        offers: Vec<(Product, OperatorId)>,
    },
    /// Prices or stock changed by more than noise.
    OffersPriced {
        /// Whose.
        provider: ProviderId,
        /// The new terms.
        terms: Vec<OfferTerms>,
    },
    /// The operator put numbers into own stock.
    StockLoaded {
        /// Which offer.
        offer: OfferId,
        /// The numbers, in the order they will be sold.
        numbers: Vec<Number>,
    },
    /// An order was placed: wallet to escrow, the intent to buy recorded.
    OrderPlaced {
        /// Dense id.
        order: OrderId,
        /// The buyer.
        account: AccountId,
        /// What.
        product: Product,
        /// The operator asked for.
        operator: OperatorId,
        /// The most the buyer pays.
        limit: Micros,
        /// The first attempt.
        terms: Terms,
        /// When it fails by itself if no number came.
        deadline: Time,
        /// The request's idempotency, where it had a key.
        idempotency: Option<Idempotency>,
        /// The number, at once, from own stock.
        assignment: Option<Assignment>,
    },
    /// The last attempt was refused, the next one is intended.
    AttemptStarted {
        /// Which order.
        order: OrderId,
        /// The buyer.
        account: AccountId,
        /// Its number, from 2.
        attempt: u8,
        /// What was claimed for it.
        terms: Terms,
        /// What moves from wallet to escrow; negative moves back.
        change: Micros,
    },
    /// The attempt's outcome is unknown.
    OrderDoubted {
        /// Which.
        order: OrderId,
    },
    /// A provider gave a number.
    NumberAssigned {
        /// Which order.
        order: OrderId,
        /// The number and its terms.
        assignment: Assignment,
        /// What the provider charged.
        cost: Micros,
    },
    /// No number could be had: escrow back to the wallet.
    OrderFailed {
        /// Which.
        order: OrderId,
        /// The buyer.
        account: AccountId,
        /// What goes back.
        refund: Micros,
        /// Why.
        reason: FailReason,
        /// The provider of the last attempt.
        provider: ProviderId,
        /// What is written off against it.
        loss: Micros,
    },
    /// A message came in.
    MessageReceived {
        /// For which order.
        order: OrderId,
        /// Dense id.
        message: MessageId,
        /// What makes it the same when it comes again.
        digest: u128,
        /// Who sent it.
        sender: Box<str>,
        /// The text.
        text: Box<str>,
        /// The code found in it.
        code: Box<str>,
        /// It came after the end.
        late: bool,
        /// The first one delivers the order: this sale is captured.
        capture: Option<Sale>,
    },
    /// The buyer asked for another message.
    AnotherRequested {
        /// Of which order.
        order: OrderId,
    },
    /// An activation ended.
    ActivationClosed {
        /// Which order's.
        order: OrderId,
        /// The buyer.
        account: AccountId,
        /// How.
        closing: Closing,
        /// What goes back from escrow; zero after a delivery.
        refund: Micros,
    },
    /// Old orders and replies left memory.
    Retired {
        /// Orders closed at or before this moment.
        orders_before: Time,
        /// Replies given at or before this moment.
        replies_before: Time,
    },
    /// The attempt in doubt is known to have bought nothing.
    DoubtCleared {
        /// Of which order.
        order: OrderId,
    },
    /// The number of own stock that a refunded order gave back a moment ago rests before it
    /// is sold again: follows the order's end at once.
    NumberQuarantined {
        /// Which order's.
        order: OrderId,
        /// Until when.
        until: Time,
    },
    /// A number of own stock has rested and is for sale again, after all others.
    NumberReleased {
        /// Of which offer.
        offer: OfferId,
        /// Which.
        number: Number,
        /// Until when it was to rest.
        until: Time,
    },
    /// A purchase that was written off went back to its provider: the write-off is reversed.
    LossRecovered {
        /// Of which order.
        order: OrderId,
        /// The provider that took it back.
        provider: ProviderId,
        /// What was written off.
        amount: Micros,
    },
}

impl Event {
    /// The money it moves, a pure reading of its fields: at most two transactions.
    #[must_use]
    pub fn transactions(&self) -> [Option<Transaction>; 2] {
        match self {
            Self::Deposited { account, amount, .. } => {
                [Some(account::deposit(*account, *amount)), None]
            }
            Self::OrderPlaced { order, account, terms, .. } => {
                [Some(account::spend(*account, *order, terms.price)), None]
            }
            Self::AttemptStarted { order, account, change, .. } => {
                let moved = *change != Micros::ZERO;
                [moved.then(|| account::spend(*account, *order, *change)), None]
            }
            Self::OrderFailed { order, account, refund, provider, loss, .. } => [
                Some(account::refund(*account, *order, *refund)),
                loss.is_positive().then(|| account::write_off(*provider, *order, *loss)),
            ],
            Self::MessageReceived { order, capture, .. } => {
                [capture.map(|sale| account::capture(*order, sale)), None]
            }
            Self::ActivationClosed { order, account, refund, .. } => {
                [refund.is_positive().then(|| account::refund(*account, *order, *refund)), None]
            }
            Self::LossRecovered { order, provider, amount } => {
                [Some(account::recover(*provider, *order, *amount)), None]
            }
            Self::AccountOpened { .. }
            | Self::KeyIssued { .. }
            | Self::KeyRevoked { .. }
            | Self::ProviderRegistered { .. }
            | Self::OperatorNamed { .. }
            | Self::OffersListed { .. }
            | Self::OffersPriced { .. }
            | Self::StockLoaded { .. }
            | Self::OrderDoubted { .. }
            | Self::DoubtCleared { .. }
            | Self::NumberAssigned { .. }
            | Self::AnotherRequested { .. }
            | Self::NumberQuarantined { .. }
            | Self::NumberReleased { .. }
            | Self::Retired { .. } => [None, None],
        }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "AccountOpened",
            Self::KeyIssued { .. } => "KeyIssued",
            Self::KeyRevoked { .. } => "KeyRevoked",
            Self::Deposited { .. } => "Deposited",
            Self::ProviderRegistered { .. } => "ProviderRegistered",
            Self::OperatorNamed { .. } => "OperatorNamed",
            Self::OffersListed { .. } => "OffersListed",
            Self::OffersPriced { .. } => "OffersPriced",
            Self::StockLoaded { .. } => "StockLoaded",
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::AttemptStarted { .. } => "AttemptStarted",
            Self::OrderDoubted { .. } => "OrderDoubted",
            Self::DoubtCleared { .. } => "DoubtCleared",
            Self::NumberAssigned { .. } => "NumberAssigned",
            Self::OrderFailed { .. } => "OrderFailed",
            Self::MessageReceived { .. } => "MessageReceived",
            Self::AnotherRequested { .. } => "AnotherRequested",
            Self::ActivationClosed { .. } => "ActivationClosed",
            Self::Retired { .. } => "Retired",
            Self::NumberQuarantined { .. } => "NumberQuarantined",
            Self::NumberReleased { .. } => "NumberReleased",
            Self::LossRecovered { .. } => "LossRecovered",
        }
    }

    /// The order it is about, where there is one.
    #[must_use]
    pub const fn order(&self) -> Option<OrderId> {
        match self {
            Self::OrderPlaced { order, .. }
            | Self::AttemptStarted { order, .. }
            | Self::OrderDoubted { order }
            | Self::DoubtCleared { order }
            | Self::NumberAssigned { order, .. }
            | Self::OrderFailed { order, .. }
            | Self::MessageReceived { order, .. }
            | Self::AnotherRequested { order }
            | Self::ActivationClosed { order, .. }
            | Self::NumberQuarantined { order, .. }
            | Self::LossRecovered { order, .. } => Some(*order),
            Self::AccountOpened { .. }
            | Self::KeyIssued { .. }
            | Self::KeyRevoked { .. }
            | Self::Deposited { .. }
            | Self::ProviderRegistered { .. }
            | Self::OperatorNamed { .. }
            | Self::OffersListed { .. }
            | Self::OffersPriced { .. }
            | Self::StockLoaded { .. }
            | Self::NumberReleased { .. }
            | Self::Retired { .. } => None,
        }
    }
}

/// Prints the kind and the order: messages, numbers and hashes stay out of logs.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.order() {
            Some(order) => write!(f, "{}({order})", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_shows_no_message_in_a_log() {
        let event = Event::MessageReceived {
            order: OrderId(7),
            message: MessageId(1),
            digest: 1,
            sender: "Telegram".into(),
            text: "Telegram code 12345".into(),
            code: "12345".into(),
            late: false,
            capture: None,
        };
        assert_eq!(
            format!("{event:?} {:?}", Event::KeyRevoked { key: KeyId(1) }),
            "MessageReceived(7) KeyRevoked"
        );
    }
}
