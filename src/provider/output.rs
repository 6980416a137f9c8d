//! What a provider's reply says, once read: the typed results of the operations.
//!
//! Codes of countries, services and operators are the provider's own; amounts a
//! driver returns are in the provider's currency, amounts a client returns in the
//! ledger's. `Debug` shows neither full numbers nor what messages say.

use std::collections::HashSet;
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
    /// The page is full, so there may be more behind it.
    pub full: bool,
    /// Rows that there are, on this page and beyond it, where the reply says so.
    pub total: Option<usize>,
}

impl ActiveList {
    /// True if there are rows, or may be, that it does not show.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.full || self.total.is_some_and(|total| self.listed < total)
    }

    /// Adds the page behind it. Rows that moved back meanwhile come twice and are kept once.
    /// True if it brought anything new.
    pub fn join(&mut self, next: Self) -> bool {
        let known: HashSet<&str> = self.rows.iter().map(|row| &*row.external_id).collect();
        let is_new = |row: &ActiveRow| !known.contains(row.external_id.as_str());
        let (new, again): (Vec<_>, Vec<_>) = next.rows.into_iter().partition(is_new);
        let brought = again.len() < next.listed;
        if next.listed > 0 {
            self.oldest = self.oldest.zip(next.oldest).map(|(this, next)| this.min(next));
        }
        self.rows.extend(new);
        self.listed += next.listed;
        self.misfits += next.misfits;
        (self.full, self.total) = (next.full, next.total.or(self.total));
        brought
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[&str], listed: usize, oldest: u64, full: bool) -> ActiveList {
        let row = |id: &&str| ActiveRow {
            external_id: (*id).to_owned(),
            number: Number(15_551),
            local: false,
            country: None,
            service: None,
            created: None,
        };
        let rows = ids.iter().map(row).collect();
        ActiveList { rows, listed, oldest: Some(Time(oldest)), full, ..ActiveList::default() }
    }

    #[test]
    fn a_row_that_moved_to_the_next_page_is_kept_once() {
        let mut list = page(&["5", "4"], 3, 40, true);
        assert!(list.join(page(&["4", "2"], 3, 20, true)));
        let ids: Vec<&str> = list.rows.iter().map(|row| &*row.external_id).collect();
        assert_eq!((ids, list.listed, list.oldest), (vec!["5", "4", "2"], 6, Some(Time(20))));
        assert!(list.is_cut(), "as long as its last page is full");
        assert!(list.join(page(&[], 1, 10, false)), "closed ones reach further back");
        assert!(!list.is_cut());
    }

    #[test]
    fn a_provider_that_knows_no_pages_is_asked_no_third_time() {
        let mut list = page(&["2", "1"], 2, 10, true);
        assert!(!list.join(page(&["2", "1"], 2, 10, true)));
        assert!(list.is_cut(), "and proves nothing");
        let mut list = page(&["2", "1"], 2, 10, true);
        assert!(!list.join(ActiveList::default()));
        assert!(!list.is_cut(), "the first page was all");
    }
}
