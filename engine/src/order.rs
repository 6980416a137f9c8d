//! An order and what the engine keeps of it until it is retired to history.

use crate::activation::{ActivationState, Assignment, Message};
use crate::ids::{AccountId, OfferId, OrderId, OrderNumber, Product, ProviderId, Seq, VariantId};
use crate::money::Micros;
use crate::sealed::SealedValue;
use crate::time::Time;

/// The one line that an order has.
pub(crate) const LINE: u16 = 1;

/// Where the order's money stands; it leaves `Escrow` exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderStatus {
    /// The price is in escrow.
    Escrow,
    /// Delivered: the provider and we have it.
    Delivered,
    /// Refunded: the buyer has it back.
    Refunded,
}

/// What an order holds in escrow, by where it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    /// Of the money that was paid in.
    pub paid: Micros,
    /// Of the money that was given.
    pub bonus: Micros,
}

impl Held {
    /// Nothing.
    pub const NONE: Self = Self { paid: Micros::ZERO, bonus: Micros::ZERO };
}

/// What a provider charged for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outlay {
    /// How much.
    pub amount: Micros,
    /// The position of the movement.
    pub moved: Seq,
}

/// Why an order ended without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailReason {
    /// Every ask within the buyer's price was refused.
    NoNumbers,
    /// A purchase stayed in doubt past its deadline; written off against the provider.
    InDoubt,
}

/// Which order an event is of, and which part of it: enough for a reader that knows no orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderRef {
    /// The order.
    pub id: OrderId,
    /// Its buyer.
    pub account: AccountId,
    /// Which of its lines, from 1: what it buys of one product. An order has one line.
    pub line: u16,
    /// Which attempt to buy its number, from 1.
    pub attempt: u8,
    /// Which of the numbers that the line was given, from 1; 0 if the attempt has brought none. An
    /// event about a purchase beside the number's, which goes back, has it all the same.
    pub assignment: u16,
}

/// What a buyer noted on an order, for itself: no rule reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OrderNotes {
    /// Its own reference, sealed under a day's key.
    pub reference: Option<SealedValue>,
    /// For whom it buys, sealed under a day's key.
    pub end_user: Option<SealedValue>,
}

/// An order with its activation: they share one id and one life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// Dense id, the activation's too.
    pub id: OrderId,
    /// The buyer.
    pub account: AccountId,
    /// Which of the buyer's orders it is.
    pub number: OrderNumber,
    /// What was ordered.
    pub product: Product,
    /// The variant asked for, or `ANY`.
    pub variant: VariantId,
    /// The most the buyer pays: the max price, or the first quote.
    pub limit: Micros,
    /// What is in escrow, or was captured or refunded.
    pub price: Micros,
    /// What the provider charges.
    pub cost: Micros,
    /// What of the price is in escrow.
    pub held: Held,
    /// What its provider charged for the number, until a delivery, a return or a write-off accounts
    /// for it; `None` of own stock.
    pub outlay: Option<Outlay>,
    /// The offer of the current attempt.
    pub offer: OfferId,
    /// Its provider.
    pub provider: ProviderId,
    /// Which attempt is running, from 1.
    pub attempt: u8,
    /// The current attempt's outcome is unknown.
    pub in_doubt: bool,
    /// When it was placed.
    pub placed_at: Time,
    /// When it ends by itself in its present state.
    pub deadline: Time,
    /// Where its money stands.
    pub status: OrderStatus,
    /// Where its activation stands.
    pub state: ActivationState,
    /// The buyer asked for another message and none has come since.
    pub awaits_another: bool,
    /// The number, once there is one.
    pub assignment: Option<Assignment>,
    /// What came in, oldest first, late ones included.
    pub messages: Vec<Message>,
    /// When it ended.
    pub closed_at: Option<Time>,
    /// What its buyer noted, if anything.
    pub notes: Option<Box<OrderNotes>>,
}

impl Order {
    /// How events name the order and its running attempt.
    #[must_use]
    pub fn reference(&self) -> OrderRef {
        self.reference_of(self.attempt)
    }

    /// How events name the order and one of its attempts.
    #[must_use]
    pub fn reference_of(&self, attempt: u8) -> OrderRef {
        let assignment = u16::from(attempt == self.attempt && self.assignment.is_some());
        OrderRef { id: self.id, account: self.account, line: LINE, attempt, assignment }
    }

    /// True if its buyer waits for a message: the first one, or another one.
    #[must_use]
    pub const fn awaits_message(&self) -> bool {
        match self.state {
            ActivationState::Active => true,
            ActivationState::Received => self.awaits_another,
            ActivationState::Init
            | ActivationState::Completed
            | ActivationState::Cancelled
            | ActivationState::TimedOut
            | ActivationState::Failed => false,
        }
    }

    /// Whether there was such an attempt to buy its number.
    #[must_use]
    pub fn has_attempt(&self, attempt: u8) -> bool {
        (1..=self.attempt).contains(&attempt)
    }

    /// True if the message came for this order.
    #[must_use]
    pub fn has_message(&self, digest: u128) -> bool {
        self.messages.iter().any(|known| known.digest == digest)
    }

    /// Whether it was completed because its time was over: its buyer has not said that no other
    /// message is wanted.
    #[must_use]
    pub fn is_delivered_to_its_end(&self) -> bool {
        let over = self.assignment.as_ref().map(|given| given.expires_at);
        self.state == ActivationState::Completed
            && self.closed_at.zip(over).is_some_and(|(closed, over)| closed >= over)
    }

    /// Messages that the buyer is shown: those that were delivered and, of an activation that its
    /// provider knows by an id, those that came to it after it was completed. They are for no later
    /// buyer of the number, as those of own stock may be.
    pub fn shown(&self) -> impl Iterator<Item = &Message> {
        let has_id = self.assignment.as_ref().is_some_and(|it| !it.external_id.is_empty());
        let is_own = self.state == ActivationState::Completed && has_id;
        self.messages.iter().filter(move |message| !message.late || is_own)
    }

    /// Messages that were delivered while the activation was open.
    pub fn delivered(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| !message.late)
    }
}
