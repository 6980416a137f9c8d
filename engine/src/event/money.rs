//! What money does: every movement between books is an event of its own, with all its legs.

use super::bulk::Bulk;
use crate::book::Book;
use crate::ids::{AccountId, ProviderId, RailId, Seq};
use crate::money::Micros;
use crate::order::OrderRef;
use crate::sealed::SealedValue;

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
    /// Money went out to a provider: what is owed first, and the rest stands there.
    ProviderPayment,
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

    /// The customers whose wallets it changes, each once, with what it adds: paid money and bonus
    /// together.
    pub fn wallets(&self) -> impl Iterator<Item = (AccountId, Micros)> + '_ {
        let in_wallet = |book| match book {
            Book::Available(account) | Book::Bonus(account) => Some(account),
            _ => None,
        };
        let owner = move |leg: Leg| in_wallet(leg.book);
        let legs = self.legs.iter().enumerate();
        legs.filter_map(move |(at, leg)| {
            let account = owner(leg)?;
            let is_first = self.legs.iter().take(at).all(|earlier| owner(earlier) != Some(account));
            let added = self.legs.sum_of(|book| in_wallet(book) == Some(account));
            let added = i64::try_from(added).expect("legs are amounts far below i64");
            is_first.then_some((account, Micros(added)))
        })
    }
}

/// The longest text of an amount or a rate of what was paid in another currency, in bytes.
pub const DECIMAL_LEN_MAX: usize = 40;

/// What was paid in another currency than the ledger's, and the rate that it was taken at. The
/// amounts are texts: a currency may have more decimal places than the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForeignAmount {
    /// How much, a decimal number.
    pub amount: Box<str>,
    /// The currency: 2 to 10 of `A-Z 0-9`.
    pub currency: Box<str>,
    /// Units of the ledger's currency for one unit of it, a decimal number.
    pub rate: Box<str>,
}

/// A payment over a rail: one reference of a rail is one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// By which rail.
    pub rail: RailId,
    /// How much it is in the ledger's currency.
    pub amount: Micros,
    /// What it was before, where that was another currency.
    pub foreign: Option<ForeignAmount>,
    /// A keyed digest of the payment's reference.
    pub reference: u128,
}

/// An event of money.
#[derive(Clone, PartialEq, Eq)]
pub enum MoneyEvent {
    /// A rail came into use.
    RailNamed {
        /// Dense id.
        rail: RailId,
        /// The operator's name for it, unique.
        name: Box<str>,
    },
    /// A customer's payment came in.
    Deposited {
        /// Whose wallet it fills.
        account: AccountId,
        /// The payment.
        payment: Payment,
        /// Its reference in words, sealed under the account's key for money.
        sealed: Option<SealedValue>,
    },
    /// A provider was paid.
    ProviderPaid {
        /// Which.
        provider: ProviderId,
        /// The payment.
        payment: Payment,
        /// Its reference in words: a business's, not a person's.
        text: Box<str>,
    },
    /// Money moved between books. What brought it about comes before it in its group.
    Moved(Moved),
}

impl MoneyEvent {
    /// The order that it is for, and which part of it.
    #[must_use]
    pub const fn order(&self) -> Option<OrderRef> {
        match self {
            Self::Moved(moved) => moved.order,
            Self::RailNamed { .. } | Self::Deposited { .. } | Self::ProviderPaid { .. } => None,
        }
    }

    /// What makes it long.
    #[must_use]
    pub fn bulk(&self) -> Bulk {
        let foreign_len = |payment: &Payment| {
            payment.foreign.as_ref().map_or(0, |foreign| {
                foreign.amount.len() + foreign.currency.len() + foreign.rate.len()
            })
        };
        let text_len = match self {
            Self::RailNamed { name, .. } => name.len(),
            Self::Deposited { payment, sealed, .. } => {
                let sealed =
                    sealed.as_ref().map_or(0, |sealed| SEALED_LEN + sealed.ciphertext.len());
                foreign_len(payment) + sealed
            }
            Self::ProviderPaid { payment, text, .. } => foreign_len(payment) + text.len(),
            Self::Moved(_) => 0,
        };
        Bulk { rows: 0, text_len }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RailNamed { .. } => "RailNamed",
            Self::Deposited { .. } => "Deposited",
            Self::ProviderPaid { .. } => "ProviderPaid",
            Self::Moved(_) => "Moved",
        }
    }
}

/// Bytes of a sealed value beside its ciphertext: handle, nonce and commitment.
const SEALED_LEN: usize = 16 + 24 + 32;
