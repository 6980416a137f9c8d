//! What happens to an order from its placement to its end, its messages included.

use super::attempt::{AttemptEnd, Charged, Routing};
use super::bulk::Bulk;
use crate::activation::{Assignment, Message, NumberPlace, SealedParts};
use crate::ids::{KeyId, MessageId, OfferId, OrderNumber, Product, ProviderId, VariantId};
use crate::money::Micros;
use crate::order::{FailReason, OrderNotes, OrderRef};
use crate::sealed::SealedValue;
use crate::time::Time;

/// How an activation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closing {
    /// After a message.
    Completed,
    /// Without one, at the buyer's or the provider's word.
    Cancelled,
    /// Without one, at its deadline.
    TimedOut,
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

/// An order as it was placed.
#[derive(Clone, PartialEq, Eq)]
pub struct Placement {
    /// The order, with a dense id, and its first attempt.
    pub order: OrderRef,
    /// Which of the buyer's orders it is.
    pub number: OrderNumber,
    /// What.
    pub product: Product,
    /// The variant asked for.
    pub variant: VariantId,
    /// The most the buyer pays.
    pub limit: Micros,
    /// The first attempt.
    pub terms: Terms,
    /// When it fails by itself if no number came.
    pub deadline: Time,
    /// The number, at once, from own stock.
    pub assignment: Option<Assignment>,
    /// The most that the buyer named; `None` where the first ask's price became the limit.
    pub max_price: Option<Micros>,
    /// How the first attempt's offer was chosen.
    pub routing: Routing,
    /// What the buyer noted, if anything.
    pub notes: Option<Box<OrderNotes>>,
}

/// By which way a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageWay {
    /// Its source posted it.
    Callback,
    /// Its source was asked about this activation.
    Status,
    /// Its source was asked for a list of activations.
    List,
}

/// What a message was before it was a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// A text message.
    Sms,
    /// A voice call that says the code.
    Voice,
    /// A call from a number whose last digits are the code.
    FlashCall,
}

/// What makes a message the same when it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageIdentity {
    /// An id that its source gave it.
    SourceId,
    /// What it says, with a code.
    TextWithCode,
    /// What it says, without a code.
    Text,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arrival {
    /// By which way.
    pub way: MessageWay,
    /// What it was.
    pub kind: MessageKind,
    /// By what it is known.
    pub identity: MessageIdentity,
    /// Whether sender or text have the name of the service that was bought, be it as part of
    /// another's.
    pub names_service: bool,
}

/// A message as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// For which order.
    pub order: OrderRef,
    /// Dense id.
    pub message: MessageId,
    /// What makes it the same when it comes again.
    pub digest: u128,
    /// What it says.
    pub said: SealedParts,
    /// It came after the end.
    pub late: bool,
    /// It is the first one and delivers the order: what the order holds is captured.
    pub delivers: bool,
    /// How it came.
    pub arrival: Arrival,
}

impl Receipt {
    /// The message as its order keeps it; it came in at `at`.
    #[must_use]
    pub fn message(&self, at: Time) -> Message {
        Message {
            id: self.message,
            digest: self.digest,
            said: vec![self.said.clone()],
            received_at: at,
            late: self.late,
            shown: false,
        }
    }
}

/// By which way a message was shown to its buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShownBy {
    /// In the answer to a request.
    Poll,
    /// In a webhook that its receiver acknowledged.
    Webhook,
    /// In a stream of events.
    Stream,
    /// On a page, to a person who has signed in.
    Session,
}

/// What a message lacked when it came in, and its source told later. Parts that it has already stay
/// as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Completion {
    /// Of which order.
    pub order: OrderRef,
    /// Of which of its messages.
    pub message: MessageId,
    /// What it says more.
    pub said: SealedParts,
}

/// An event of one order.
#[derive(Clone, PartialEq, Eq)]
pub enum OrderEvent {
    /// An order was placed, and is to be bought.
    OrderPlaced(Placement),
    /// The last attempt was refused, the next one is intended.
    AttemptStarted {
        /// Which order, and the attempt, from 2.
        order: OrderRef,
        /// What was claimed for it.
        terms: Terms,
        /// How its offer was chosen.
        routing: Routing,
        /// How the attempt before it ended, where that is known.
        ended: Option<AttemptEnd>,
    },
    /// The attempt's outcome is unknown.
    OrderDoubted {
        /// Which.
        order: OrderRef,
        /// Why, where that is known.
        ended: Option<AttemptEnd>,
    },
    /// The attempt in doubt is known to have bought nothing.
    DoubtCleared {
        /// Of which order.
        order: OrderRef,
    },
    /// A provider gave a number.
    NumberAssigned {
        /// Which order.
        order: OrderRef,
        /// The number and its terms.
        assignment: Assignment,
        /// What the provider charged.
        cost: Micros,
        /// The same as the provider said it; `None` where it did not, where the number was found in
        /// a list of what is open, and of own stock.
        charged: Option<Charged>,
        /// The provider's word for the carrier that it gave, where it said one.
        carrier: Option<Box<str>>,
    },
    /// No number could be had: the buyer's money goes back.
    OrderFailed {
        /// Which.
        order: OrderRef,
        /// Why.
        reason: FailReason,
        /// The provider of the last attempt.
        provider: ProviderId,
        /// How the last attempt ended, where that is known by now.
        ended: Option<AttemptEnd>,
    },
    /// A message came in.
    MessageReceived(Receipt),
    /// A message that had come in part is whole, or has one part more.
    MessageCompleted(Completion),
    /// The buyer was shown a message for the first time.
    MessageShown {
        /// Of which order.
        order: OrderRef,
        /// Which of its messages.
        message: MessageId,
        /// By which way.
        by: ShownBy,
        /// The key that asked for it, or whose webhook or stream it was; `None` of a person.
        key: Option<KeyId>,
    },
    /// The buyer asked for another message.
    AnotherRequested {
        /// Of which order.
        order: OrderRef,
    },
    /// An activation ended.
    ActivationClosed {
        /// Which order's.
        order: OrderRef,
        /// How.
        closing: Closing,
    },
    /// The number of own stock that a refunded order gave back a moment ago rests before it
    /// is sold again: follows the order's end at once.
    NumberQuarantined {
        /// Which order's.
        order: OrderRef,
        /// Until when.
        until: Time,
    },
}

impl OrderEvent {
    /// The order, and which part of it.
    #[must_use]
    pub const fn order(&self) -> OrderRef {
        match self {
            Self::OrderPlaced(Placement { order, .. })
            | Self::AttemptStarted { order, .. }
            | Self::OrderDoubted { order, .. }
            | Self::DoubtCleared { order }
            | Self::NumberAssigned { order, .. }
            | Self::OrderFailed { order, .. }
            | Self::MessageReceived(Receipt { order, .. })
            | Self::MessageCompleted(Completion { order, .. })
            | Self::MessageShown { order, .. }
            | Self::AnotherRequested { order }
            | Self::ActivationClosed { order, .. }
            | Self::NumberQuarantined { order, .. } => *order,
        }
    }

    /// What makes it long.
    #[must_use]
    pub fn bulk(&self) -> Bulk {
        match self {
            Self::MessageReceived(Receipt { said, .. })
            | Self::MessageCompleted(Completion { said, .. }) => {
                Bulk { rows: 0, text_len: said.sealed.ciphertext.len() }
            }
            Self::AttemptStarted { ended, .. }
            | Self::OrderDoubted { ended, .. }
            | Self::OrderFailed { ended, .. } => match ended {
                Some(AttemptEnd { word, .. }) => Bulk { rows: 0, text_len: word.len() },
                None => Bulk::NONE,
            },
            Self::NumberAssigned { assignment, charged, carrier, .. } => {
                let carrier_len = if let Some(carrier) = carrier { carrier.len() } else { 0 };
                let rate_len = match charged {
                    Some(Charged { rate: Some(rate), .. }) => rate.len(),
                    Some(Charged { rate: None, .. }) | None => 0,
                };
                let place_len = match &assignment.place {
                    NumberPlace::Here(sealed) => sealed.ciphertext.len(),
                    NumberPlace::Load(..) => 0,
                };
                let text_len = assignment.external_id.len() + carrier_len + rate_len + place_len;
                Bulk { rows: 0, text_len }
            }
            Self::OrderPlaced(Placement { notes: Some(notes), .. }) => {
                let OrderNotes { reference, end_user } = &**notes;
                let sealed = [reference, end_user].into_iter().flatten();
                Bulk { rows: 0, text_len: sealed.map(SealedValue::wire_len_max).sum() }
            }
            Self::OrderPlaced(Placement { notes: None, .. })
            | Self::DoubtCleared { .. }
            | Self::MessageShown { .. }
            | Self::AnotherRequested { .. }
            | Self::ActivationClosed { .. }
            | Self::NumberQuarantined { .. } => Bulk::NONE,
        }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OrderPlaced(_) => "OrderPlaced",
            Self::AttemptStarted { .. } => "AttemptStarted",
            Self::OrderDoubted { .. } => "OrderDoubted",
            Self::DoubtCleared { .. } => "DoubtCleared",
            Self::NumberAssigned { .. } => "NumberAssigned",
            Self::OrderFailed { .. } => "OrderFailed",
            Self::MessageReceived(_) => "MessageReceived",
            Self::MessageCompleted(_) => "MessageCompleted",
            Self::MessageShown { .. } => "MessageShown",
            Self::AnotherRequested { .. } => "AnotherRequested",
            Self::ActivationClosed { .. } => "ActivationClosed",
            Self::NumberQuarantined { .. } => "NumberQuarantined",
        }
    }
}
