//! Everything that may have happened. An event holds every computed number, so
//! that it means the same under any later rule; variants are only ever added.
//!
//! An event is of one subject, a file each. Who follows events matches the subjects, and
//! the variants of those subjects that concern it.

mod account;
mod attempt;
mod bulk;
mod callback;
mod ledger;
mod memory;
mod money;
mod offer;
mod order;
mod seal_key;
mod upstream;

pub use account::{AccountEvent, AccountName, Scope};
pub use attempt::{
    AttemptEnd, AttemptError, Charged, RATE_LEN_MAX, Routing, SKIPPED_MAX, SkipReason, SkippedAsk,
    SkippedAsks, WORD_LEN_MAX,
};
pub use bulk::Bulk;
pub use callback::CallbackEvent;
pub use ledger::{CatalogVersion, ClockJump, ClosedDay, Epoch, LedgerEvent, LedgerTerms};
pub use memory::MemoryEvent;
pub use money::{
    DECIMAL_LEN_MAX, ForeignAmount, LEGS_MAX, Leg, Legs, MoneyEvent, MoveKind, MoveReason, Moved,
    Payment,
};
pub use offer::{LOADED_NUMBER_LEN_MAX, LoadedNumber, OfferEvent, ProviderKind};
pub use order::{
    Arrival, Closing, Completion, MessageIdentity, MessageKind, MessageWay, OrderEvent, Placement,
    Receipt, ShownBy, Terms,
};
pub use seal_key::{DestroyReason, OrderToken, Renamed, SealKeyEvent};
pub use upstream::{OrphanEnd, ProviderWord, UpstreamEnd, UpstreamEvent};

use crate::order::OrderRef;

/// An event, by its subject.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// Of accounts or keys.
    Account(AccountEvent),
    /// Of providers, offers or own stock.
    Offer(OfferEvent),
    /// Of one order.
    Order(OrderEvent),
    /// Of money.
    Money(MoneyEvent),
    /// Of the engine's memory.
    Memory(MemoryEvent),
    /// Of an order's purchases at their providers.
    Upstream(UpstreamEvent),
    /// Of callbacks.
    Callback(CallbackEvent),
    /// Of the ledger itself.
    Ledger(LedgerEvent),
    /// Of the keys that values are sealed under.
    SealKey(SealKeyEvent),
}

impl Event {
    /// The money that it moves.
    #[must_use]
    pub const fn moved(&self) -> Option<&Moved> {
        match self {
            Self::Money(MoneyEvent::Moved(moved)) => Some(moved),
            _ => None,
        }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Account(event) => event.kind(),
            Self::Offer(event) => event.kind(),
            Self::Order(event) => event.kind(),
            Self::Money(event) => event.kind(),
            Self::Memory(event) => event.kind(),
            Self::Upstream(event) => event.kind(),
            Self::Callback(event) => event.kind(),
            Self::Ledger(event) => event.kind(),
            Self::SealKey(event) => event.kind(),
        }
    }

    /// The order it is about, and which part of it, where there is one.
    #[must_use]
    pub const fn order(&self) -> Option<OrderRef> {
        match self {
            Self::Order(event) => Some(event.order()),
            Self::Money(event) => event.order(),
            Self::Upstream(event) => Some(event.order()),
            Self::Account(_)
            | Self::Offer(_)
            | Self::Memory(_)
            | Self::Callback(_)
            | Self::Ledger(_)
            | Self::SealKey(_) => None,
        }
    }

    /// What makes it long.
    #[must_use]
    pub fn bulk(&self) -> Bulk {
        match self {
            Self::Offer(event) => event.bulk(),
            Self::Order(event) => event.bulk(),
            Self::Upstream(event) => event.bulk(),
            Self::Callback(event) => event.bulk(),
            Self::Money(event) => event.bulk(),
            Self::SealKey(event) => event.bulk(),
            Self::Account(event) => event.bulk(),
            Self::Memory(_) | Self::Ledger(_) => Bulk::NONE,
        }
    }
}

/// Prints the kind and the order: messages, numbers and hashes stay out of logs.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.order() {
            Some(order) => write!(f, "{}({})", self.kind(), order.id),
            None => f.write_str(self.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{MessageParts, SealedParts};
    use crate::ids::{AccountId, KeyId, MessageId, OrderId};
    use crate::sealed::{KeyHandle, SealedValue};

    #[test]
    fn an_event_shows_no_message_in_a_log() {
        let ciphertext = b"Telegram code 12345"[..].into();
        let (handle, nonce, commitment) = (KeyHandle(1), [0; 24], [0; 32]);
        let sealed = SealedValue { handle, nonce, commitment, ciphertext };
        let received = Event::Order(OrderEvent::MessageReceived(Receipt {
            order: OrderRef {
                id: OrderId(7),
                account: AccountId(1),
                line: 1,
                attempt: 1,
                assignment: 1,
            },
            message: MessageId(1),
            digest: 1,
            said: SealedParts { has: MessageParts::default(), sealed },
            late: false,
            delivers: false,
            arrival: Arrival {
                way: MessageWay::Status,
                kind: MessageKind::Sms,
                identity: MessageIdentity::Text,
                names_service: true,
            },
        }));
        let revoked = Event::Account(AccountEvent::KeyRevoked { key: KeyId(1) });
        assert_eq!(format!("{received:?} {revoked:?}"), "MessageReceived(7) KeyRevoked");
    }
}
