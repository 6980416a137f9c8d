//! What happens to the ledger itself.

use crate::time::{DAY_MS, Time};

/// What a ledger is from its first event on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerTerms {
    /// The currency of its money, three letters of ISO 4217.
    pub currency: [u8; 3],
    /// The key of the permutation by which ids are shown outside, so that they do not tell how
    /// many there are.
    pub permutation: [u8; 16],
    /// What the key of the ledger's keyed digests is known by.
    pub index_check: u128,
}

/// Shows the currency alone.
impl std::fmt::Debug for LedgerTerms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LedgerTerms({})", self.currency.escape_ascii())
    }
}

/// A term of one writer: from an opening of the ledger for writing to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// Its number, one more than that of the term before.
    pub epoch: u64,
    /// The name of the machine.
    pub node: Box<str>,
    /// The program's version.
    pub program: Box<str>,
    /// The version of the rules that commands are decided by.
    pub rules: u32,
    /// The catalogue by which the ids of countries and services are meant.
    pub catalog: CatalogVersion,
}

/// Which rows a catalogue has; later versions only add some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CatalogVersion {
    /// How many countries.
    pub countries: u16,
    /// How many services.
    pub services: u16,
    /// SHA-256 of the codes of all of them.
    pub hash: [u8; 32],
}

/// How far the machine's clock was from the ledger's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClockJump {
    /// The ledger's time.
    pub from: Time,
    /// What the machine's clock showed at that moment.
    pub to: Time,
}

/// A day whose rows are all there, and what they add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClosedDay {
    /// The day of UTC, counted from 1970-01-01. A row is of the day of its first group.
    pub day: u32,
    /// The root over its rows, in their order.
    pub root: [u8; 32],
    /// How many rows it has, at least one.
    pub rows: u64,
}

impl ClosedDay {
    /// When the day is over.
    #[must_use]
    pub const fn over_at(&self) -> Time {
        Time::of_day(self.day).plus_ms(DAY_MS)
    }
}

/// An event of the ledger. None moves money.
#[derive(Clone, PartialEq, Eq)]
pub enum LedgerEvent {
    /// The ledger was begun: its first event.
    LedgerOpened(LedgerTerms),
    /// A process opened it for writing.
    EpochBegan(Epoch),
    /// The machine's clock jumped; the ledger's time did not follow it.
    ClockStepped(ClockJump),
    /// The operator accepted what the machine's clock shows; the ledger's time follows it.
    ClockAccepted(ClockJump),
    /// A day is over: the root of its rows. The row that tells it is of a later day.
    DayClosed(ClosedDay),
}

impl LedgerEvent {
    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::LedgerOpened(_) => "LedgerOpened",
            Self::EpochBegan(_) => "EpochBegan",
            Self::ClockStepped(_) => "ClockStepped",
            Self::ClockAccepted(_) => "ClockAccepted",
            Self::DayClosed(_) => "DayClosed",
        }
    }
}
