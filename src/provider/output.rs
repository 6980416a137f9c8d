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

/// Rows by which two pages of a list overlap.
const OVERLAP: usize = 10;

/// What a provider holds open for the account, as far as one reply shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveList {
    /// The open activations.
    pub rows: Vec<ActiveRow>,
    /// Rows left out because they could not be read; each may be any activation.
    pub misfits: usize,
    /// Rows of the reply, those that are not open or not read included; on several pages,
    /// each once.
    pub listed: usize,
    /// The identifiers of all those rows, empty where a row has none.
    pub ids: Vec<String>,
    /// When the oldest of all those rows was bought, where the reply says so and has the
    /// newest first, give or take some seconds.
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

    /// From which row on the page behind it has to be asked for: the two overlap, so that
    /// rows which move up meanwhile, because others ended, are not lost between them.
    #[must_use]
    pub fn next_offset(&self) -> usize {
        self.listed.saturating_sub(OVERLAP)
    }

    /// Adds the page behind it; a row on both is kept once. False if there is no point in
    /// going on: nothing was new, or the page does not begin with a known row, so that one
    /// may be missing between them. The list stays cut then.
    pub fn join(&mut self, next: Self) -> bool {
        let known: HashSet<&str> = self.ids.iter().map(String::as_str).collect();
        let is_new = |id: &String| id.is_empty() || !known.contains(id.as_str());
        let adjoins = next.ids.first().is_none_or(|first| !is_new(first));
        let rows: Vec<_> = next.rows.into_iter().filter(|row| is_new(&row.external_id)).collect();
        let ids: Vec<_> = next.ids.into_iter().filter(|id| is_new(id)).collect();
        let brought = !ids.is_empty();
        if brought {
            self.oldest = self.oldest.zip(next.oldest).map(|(this, next)| this.min(next));
        }
        self.listed += ids.len();
        self.misfits += next.misfits;
        self.rows.extend(rows);
        self.ids.extend(ids);
        (self.full, self.total) = (next.full || !adjoins, next.total.or(self.total));
        brought && adjoins
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

    /// A page of these rows, the odd ones open.
    fn page(ids: &[u32], oldest: u64, full: bool) -> ActiveList {
        let row = |id: &u32| ActiveRow {
            external_id: id.to_string(),
            number: Number(15_551),
            local: false,
            country: None,
            service: None,
            created: None,
        };
        ActiveList {
            rows: ids.iter().filter(|id| *id % 2 == 1).map(row).collect(),
            listed: ids.len(),
            ids: ids.iter().map(u32::to_string).collect(),
            oldest: Some(Time(oldest)),
            full,
            ..ActiveList::default()
        }
    }

    fn open(list: &ActiveList) -> Vec<&str> {
        list.rows.iter().map(|row| &*row.external_id).collect()
    }

    #[test]
    fn a_row_on_two_pages_is_kept_once() {
        let mut list = page(&[9, 8, 7], 40, true);
        assert!(list.join(page(&[7, 6, 5], 20, true)));
        assert_eq!((open(&list), list.listed), (vec!["9", "7", "5"], 5));
        assert_eq!(list.oldest, Some(Time(20)));
        assert!(list.is_cut(), "as long as its last page is full");
        assert!(list.join(page(&[5, 4], 10, false)), "closed ones reach further back");
        assert!(!list.is_cut());
    }

    #[test]
    fn a_provider_that_knows_no_pages_is_not_asked_on_and_proves_nothing() {
        let mut list = page(&[4, 3], 10, true);
        assert!(!list.join(page(&[4, 3], 10, true)));
        assert!(list.is_cut());
        let of = |total| ActiveList { total: Some(total), ..page(&[4, 3], 10, false) };
        let mut list = of(4);
        assert!(!list.join(of(4)));
        assert!(list.is_cut(), "the same two rows are not four");
    }

    #[test]
    fn an_empty_page_or_one_of_known_rows_ends_a_list() {
        for last in [ActiveList::default(), page(&[3], 10, false)] {
            let mut list = page(&[4, 3], 10, true);
            assert!(!list.join(last));
            assert!(!list.is_cut());
        }
    }

    #[test]
    fn a_row_that_may_have_moved_up_between_two_pages_leaves_the_list_cut() {
        let mut list = page(&[5, 4, 3], 30, true);
        assert!(!list.join(page(&[1], 10, false)));
        assert!(list.is_cut(), "2 is missing");
        assert_eq!(open(&list), ["5", "3", "1"], "what is seen is seen");
    }

    #[test]
    fn pages_overlap() {
        assert_eq!(page(&[2, 1], 10, true).next_offset(), 0);
        let listed = 200;
        assert_eq!(ActiveList { listed, ..ActiveList::default() }.next_offset(), 190);
    }
}
