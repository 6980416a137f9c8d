//! What money does: every movement between books is an event of its own, with all its legs.

use crate::book::Book;
use crate::ids::{AccountId, Seq};
use crate::money::Micros;
use crate::order::OrderRef;

/// What a movement of money is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MoveKind {
    /// Money came in.
    Deposit,
    /// Into escrow, for an order; out of it again where a cheaper ask served.
    Spend,
    /// Out of escrow to where it came from.
    Refund,
    /// Escrow to what the number cost and to revenue: the order was delivered.
    Capture,
    /// A charge of a provider that no buyer pays for is a loss.
    WriteOff,
    /// A write-off is reversed: the provider took the purchase back.
    Recovery,
    /// A provider charged for a number.
    Charge,
    /// A provider took a number back and its charge with it.
    Return,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MoveReason {
    /// The order goes on with another ask.
    NextAttempt,
    /// No number could be had.
    NoNumbers,
    /// The outcome of a purchase stayed unknown past the order's deadline.
    InDoubt,
    /// The activation was cancelled.
    Cancelled,
    /// The activation's time ran out.
    TimedOut,
    /// A message came after the refund.
    LateMessage,
    /// The provider finished the activation, and no message was read.
    FinishedEmpty,
    /// A purchase that no order has was not taken back.
    Stayed,
}

/// One leg of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where.
    pub book: Book,
    /// How much is added; negative takes away; never nothing.
    pub amount: Micros,
}

/// How many legs a movement has at most: a capture of paid money and bonus has five.
pub const LEGS_MAX: usize = 8;

/// The legs of a movement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Legs {
    legs: [Leg; LEGS_MAX],
    len: usize,
}

impl Default for Legs {
    fn default() -> Self {
        let nothing = Leg { book: Book::Revenue, amount: Micros::ZERO };
        Self { legs: [nothing; LEGS_MAX], len: 0 }
    }
}

impl Legs {
    /// Adds a leg; false if there is no room. A leg of nothing is left out.
    #[must_use]
    pub fn push(&mut self, book: Book, amount: Micros) -> bool {
        if amount == Micros::ZERO {
            return true;
        }
        let Some(next) = self.legs.get_mut(self.len) else { return false };
        *next = Leg { book, amount };
        self.len += 1;
        true
    }

    /// The legs, as they were added.
    pub fn iter(&self) -> impl Iterator<Item = Leg> + '_ {
        self.legs[..self.len].iter().copied()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if there is none: then no money moves.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What they sum to: zero, if they balance.
    #[must_use]
    pub fn sum(&self) -> i128 {
        self.iter().map(|leg| i128::from(leg.amount.0)).sum()
    }

    /// What they add to the books that `is_it` tells.
    #[must_use]
    pub fn sum_of(&self, is_it: impl Fn(Book) -> bool) -> i128 {
        self.iter().filter(|leg| is_it(leg.book)).map(|leg| i128::from(leg.amount.0)).sum()
    }
}

impl std::fmt::Debug for Legs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A movement of money between books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What it is.
    pub kind: MoveKind,
    /// Why, where the kind does not say it.
    pub reason: Option<MoveReason>,
    /// For which order, and which part of it, where it is for one.
    pub order: Option<OrderRef>,
    /// The one movement that it takes back: the position of its event. A refund takes back all that
    /// its order spent, and names none.
    pub reverses: Option<Seq>,
    /// The legs: they sum to zero.
    pub legs: Legs,
}

impl Moved {
    /// The customers whose books it touches; a customer may be named more than once.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.legs.iter().filter_map(|leg| leg.book.account())
    }

    /// The customer whose wallet it changes, and what it adds to it: paid money and bonus together.
    #[must_use]
    pub fn wallet(&self) -> Option<(AccountId, Micros)> {
        let in_wallet = |book| match book {
            Book::Available(account) | Book::Bonus(account) => Some(account),
            _ => None,
        };
        let account = self.legs.iter().find_map(|leg| in_wallet(leg.book))?;
        let added = self.legs.sum_of(|book| in_wallet(book) == Some(account));
        Some((account, Micros(i64::try_from(added).ok()?)))
    }
}

/// An event of money.
#[derive(Clone, PartialEq, Eq)]
pub enum MoneyEvent {
    /// Money moved between books. What brought it about comes before it in its group.
    Moved(Moved),
}

impl MoneyEvent {
    /// The order that it is for, and which part of it.
    #[must_use]
    pub const fn order(&self) -> Option<OrderRef> {
        let Self::Moved(moved) = self;
        moved.order
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Moved(_) => "Moved",
        }
    }
}
