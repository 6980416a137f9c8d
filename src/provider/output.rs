//! What a provider's reply says, once read: the typed results of the operations.
//!
//! Codes of countries, services and operators are the provider's own; amounts a
//! driver returns are in the provider's currency, amounts a client returns in the
//! ledger's. `Debug` shows neither full numbers nor what messages say.

use std::fmt;

use nexnum_engine::ids::Number;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;

/// The result of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The account's balance; below zero where a provider lends.
    Balance(Micros),
    /// A price list.
    Prices(PriceList),
    /// A number was bought.
    Bought(Bought),
    /// How an activation stands.
    Status(StatusReport),
    /// Cancelled, finished or asked for another message.
    Done {
        /// The identifier the activation goes by from now on, if it changed.
        new_external_id: Option<String>,
    },
    /// The activations a provider holds open for the account.
    Active(ActiveList),
}

/// Everything a provider offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    /// The rows that fit, in the reply's order.
    pub rows: Vec<PriceRow>,
    /// Rows left out because their price or stock could not be read.
    pub misfits: u32,
}

/// One line of a price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRow {
    /// The provider's code of the country.
    pub country: Box<str>,
    /// The provider's code of the service.
    pub service: Box<str>,
    /// The operator, pool or partner to name when buying, where prices differ by it.
    pub operator: Option<Box<str>>,
    /// The price of one number, rounded up to a micro.
    pub cost: Micros,
    /// Numbers on offer; saturates.
    pub stock: u32,
}

/// A number that was bought.
#[derive(Clone, PartialEq, Eq)]
pub struct Bought {
    /// The provider's identifier of the activation.
    pub external_id: String,
    /// The number.
    pub number: Number,
    /// What the provider says it charged.
    pub cost: Option<Micros>,
    /// The operator it belongs to.
    pub operator: Option<String>,
}

impl fmt::Debug for Bought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bought")
            .field("external_id", &self.external_id)
            .field("cost", &self.cost)
            .field("operator", &self.operator)
            .finish_non_exhaustive()
    }
}

/// Where an activation stands at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalState {
    /// Waiting for a message.
    Waiting,
    /// At least one message is there, and more may come.
    Received,
    /// Completed.
    Finished,
    /// Cancelled, or cancelled or finished where a provider does not say which.
    Cancelled,
    /// Its time ran out.
    Expired,
}

/// An activation's state and the messages it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// The state; `Received` only with a message.
    pub state: ExternalState,
    /// All messages the reply shows, in its order; a poll repeats earlier ones.
    pub messages: Vec<ReceivedMessage>,
}

/// A message as a provider hands it over; a code, a text or both.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The provider's identifier of the message.
    pub external_id: Option<String>,
    /// Who sent it.
    pub sender: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// The code in it, as the provider sees it.
    pub code: Option<String>,
}

impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedMessage")
            .field("external_id", &self.external_id)
            .field("has_text", &self.text.is_some())
            .field("has_code", &self.code.is_some())
            .finish_non_exhaustive()
    }
}

/// What a provider holds open for the account, as far as one reply shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveList {
    /// The open activations.
    pub rows: Vec<ActiveRow>,
    /// Rows left out because they could not be read; each may be any activation.
    pub misfits: usize,
    /// Rows of the reply, those that are not open or not read included.
    pub listed: usize,
    /// When the oldest of all those rows was bought, where the reply says so and has the
    /// newest first.
    pub oldest: Option<Time>,
    /// Rows of one page; without it, and without a total, nothing is ever left out.
    pub page_len: Option<usize>,
    /// Rows that there are, on this page and beyond it, where the reply says so.
    pub total: Option<usize>,
}

/// An activation that is open at the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ActiveRow {
    /// The provider's identifier.
    pub external_id: String,
    /// The number.
    pub number: Number,
    /// True if the number is without its country code.
    pub local: bool,
    /// The provider's code of the country.
    pub country: Option<String>,
    /// The provider's code of the service.
    pub service: Option<String>,
    /// When it was bought, where the provider says so with its time zone.
    pub created: Option<Time>,
}

impl fmt::Debug for ActiveRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveRow")
            .field("external_id", &self.external_id)
            .field("country", &self.country)
            .field("service", &self.service)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}
