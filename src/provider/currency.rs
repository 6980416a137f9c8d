//! The currency that a provider's amounts are in, held against the one it is set up for.
//!
//! Promises: once a reply names another currency, no purchase is sent and no amount is read
//! until a reply to any call names the right one, or the provider is set up in another way: every
//! price would be wrong by the rate between the two. What replies have named holds across starts.
//! Replies that name none are believed before that.

use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{ActiveList, Currency, ErrorKind, Op, ProviderError};
use parking_lot::Mutex;
use rust_decimal::Decimal;
use tokio::time::Instant;

use super::cost_basis::{CostBases, LearnedCurrency};

/// The ledger's currency.
const LEDGER: Currency = Currency::USD;
/// Rates that one currency and the same with a fee on top may have.
const SAME_RATES: [Decimal; 2] = [Decimal::from_parts(5, 0, 0, false, 1), Decimal::TWO];

/// A list of open activations that comes this soon after another reply may be older than it:
/// longer than any call takes.
const LIST_AGE_MAX: Duration = Duration::from_secs(30);

/// What one provider's replies have said of their currency.
#[derive(Debug)]
pub(super) struct CurrencyGuard {
    provider: String,
    /// A rate so far from 1 that amounts cannot be the ledger's.
    is_foreign: bool,
    /// The rate and the currencies that are configured: what is learned is of these alone.
    setup: String,
    seen: Mutex<Seen>,
    memory: Option<Memory>,
}

/// Where what replies have named is kept across starts.
#[derive(Debug)]
struct Memory {
    bases: Arc<CostBases>,
    document: u64,
}

#[derive(Debug)]
struct Seen {
    /// The currency that amounts must be in; `None` until a reply has named one.
    expected: Option<Currency>,
    /// The other one that the last reply to a purchase, balance or price list named.
    told: Option<Told>,
    /// The other one that the newest open activation has.
    listed: Option<Told>,
}

/// Another currency than the configured one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    by: Op,
    named: Currency,
    at: Instant,
}

impl CurrencyGuard {
    /// For a driver's currency, the one that the operator configured, and the operator's rate.
    /// With a rate of its own, and no currency configured, a driver of the ledger's currency is used
    /// for an account in another one, which its replies tell.
    pub(super) fn new(
        provider: &str,
        (driver, configured): (&str, Option<Currency>),
        rate: Decimal,
    ) -> Self {
        let setup = format!("{rate} {driver}");
        let setup = configured.map_or(setup.clone(), |currency| format!("{setup} {currency}"));
        let driver = Currency::parse(driver);
        let is_exchanged = configured.is_none() && driver == Some(LEDGER) && rate != Decimal::ONE;
        let [least, most] = SAME_RATES;
        let expected = if is_exchanged { None } else { configured.or(driver) };
        Self {
            provider: provider.to_owned(),
            is_foreign: is_exchanged && (rate < least || rate > most),
            setup,
            seen: Mutex::new(Seen { expected, told: None, listed: None }),
            memory: None,
        }
    }

    /// Goes on with what was learned under the same setup, a stop included where the driver's
    /// document is the same too, and keeps what is learned from now on.
    pub(super) fn remember(&mut self, bases: &Arc<CostBases>, document: u64) {
        let setup = self.setup.clone();
        let setup = LearnedCurrency { setup, document, ..LearnedCurrency::default() };
        let learned = bases.take_up(&self.provider, setup);
        let seen = self.seen.get_mut();
        seen.expected = seen.expected.or(learned.expected);
        if let Some((by, named)) = learned.wrong {
            let told = Some(Told { by, named, at: Instant::now() });
            // A list that is empty by now, or shows other rows, puts that right.
            if by == Op::ListActive { seen.listed = told } else { seen.told = told }
        }
        self.memory = Some(Memory { bases: Arc::clone(bases), document });
    }

    /// The currency that amounts must be in; `None` until a reply has named one.
    pub(super) fn expected(&self) -> Option<Currency> {
        self.seen.lock().expected
    }

    /// Keeps what is seen before it is acted on.
    fn keep(&self, seen: &Seen) {
        let Some(Memory { bases, document }) = &self.memory else { return };
        let wrong = seen.wrong().map(|told| (told.by, told.named));
        let (setup, document, expected) = (self.setup.clone(), *document, seen.expected);
        bases.learn(&self.provider, LearnedCurrency { setup, document, expected, wrong });
    }

    /// Takes in what a reply names.
    ///
    /// # Errors
    /// If amounts are in another currency by this reply, or by an earlier one that no later
    /// one has put right.
    pub(super) fn check(&self, by: Op, named: Option<Currency>) -> Result<(), ProviderError> {
        if let Some(named) = named {
            let wrong = self.wrong(named);
            let mut seen = self.seen.lock();
            let before = seen.wrong();
            seen.told = wrong.map(|named| Told { by, named, at: Instant::now() });
            if wrong.is_none() {
                seen.listed = None;
            }
            self.keep(&seen);
            self.tell(before, seen.wrong());
        }
        match self.problem() {
            Some(what) => Err(ProviderError::new(ErrorKind::WrongCurrency, true, what)),
            None => Ok(()),
        }
    }

    /// What is wrong with the currency now, with the call that showed it.
    pub(super) fn problem(&self) -> Option<String> {
        let seen = self.seen.lock();
        let Told { by, named, .. } = seen.wrong()?;
        let set_up = match seen.expected.filter(|expected| *expected != named) {
            Some(expected) => format!("it is set up for {expected}"),
            None => format!("its rate is not that of {named}"),
        };
        let by = by.name();
        Some(format!(
            "amounts are in {named} by the reply to {by}, and {set_up}: set the rate of {named}"
        ))
    }

    /// Takes in what a list of open activations names. Old ones may have the currency of
    /// another time: the newest counts, which comes first or last. One in the right currency
    /// puts an earlier reply right.
    pub(super) fn note_list(&self, list: &ActiveList) {
        let ends = [list.rows.first(), list.rows.last()].map(|row| row.and_then(|it| it.currency));
        let [first, last] = ends.map(|named| named.map(|it| (it, self.wrong(it))));
        let (mut seen, at) = (self.seen.lock(), Instant::now());
        let before = seen.wrong();
        let wrong = first.and_then(|(_, wrong)| wrong);
        let wrong = wrong.filter(|_| last.and_then(|(_, wrong)| wrong) == wrong);
        seen.listed = wrong.map(|named| Told { by: Op::ListActive, named, at });
        let is_right = matches!((first, last), (Some((_, None)), Some((_, None))));
        if is_right && seen.told.is_some_and(|told| at - told.at >= LIST_AGE_MAX) {
            seen.told = None;
        }
        self.keep(&seen);
        self.tell(before, seen.wrong());
    }

    /// Whether an amount that a list names in this currency can be read.
    pub(super) fn is_right(&self, named: Option<Currency>) -> bool {
        named.is_none_or(|named| self.wrong(named).is_none())
    }

    fn wrong(&self, named: Currency) -> Option<Currency> {
        if self.is_foreign && named == LEDGER {
            return Some(named);
        }
        let expected = *self.seen.lock().expected.get_or_insert(named);
        (named != expected).then_some(named)
    }

    fn tell(&self, before: Option<Told>, now: Option<Told>) {
        let provider = &self.provider;
        match (before, now) {
            (None, Some(Told { by, named, .. })) => tracing::warn!(
                provider,
                operation = by.name(),
                %named,
                "the provider counts in another currency than it is set up for: nothing is bought from it"
            ),
            (Some(_), None) => {
                tracing::info!(provider, "the provider counts in the currency it is set up for");
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

impl Seen {
    /// What stops the provider.
    fn wrong(&self) -> Option<Told> {
        self.told.or(self.listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_driver::ActiveRow;
    use tempfile::TempDir;

    fn guard(driver: &str, rate: &str) -> CurrencyGuard {
        CurrencyGuard::new("one", (driver, None), rate.parse().expect("a decimal"))
    }

    /// As [`guard`] with a rate of 0.72, after a start on this folder.
    fn started(folder: &TempDir, configured: &str, document: u64) -> CurrencyGuard {
        let configured = Currency::parse(configured);
        let rate = "0.72".parse().expect("a decimal");
        let mut guard = CurrencyGuard::new("one", ("USD", configured), rate);
        guard.remember(&Arc::new(CostBases::open(folder.path())), document);
        guard
    }

    fn check(guard: &CurrencyGuard, named: &str) -> Option<String> {
        let error = guard.check(Op::Buy, Currency::parse(named)).err()?;
        assert_eq!((error.kind, error.certain), (ErrorKind::WrongCurrency, true));
        Some(error.excerpt)
    }

    #[test]
    fn another_currency_stops_everything_until_the_right_one_is_named() {
        let guard = guard("USD", "1");
        assert_eq!(check(&guard, "840"), None);
        assert_eq!(check(&guard, ""), None);
        let wrong =
            "amounts are in RUB by the reply to buy, and it is set up for USD: set the rate of RUB";
        assert_eq!(check(&guard, "643").as_deref(), Some(wrong));
        assert_eq!(check(&guard, "").as_deref(), Some(wrong), "a reply that names none");
        let of_balance = guard.check(Op::Balance, None).unwrap_err();
        assert_eq!(of_balance.excerpt, wrong, "the call that showed it is named");
        assert_eq!(check(&guard, "USD"), None);
        assert_eq!(check(&guard, ""), None);
    }

    #[test]
    fn a_rate_of_its_own_is_for_the_currency_that_replies_name_first() {
        let rubles = guard("USD", "0.011");
        assert_eq!(check(&rubles, "643"), None);
        assert!(check(&rubles, "840").is_some());
        assert!(check(&guard("USD", "0.011"), "840").is_some(), "no dollar has such a rate");
        assert_eq!(check(&guard("USD", "1.03"), "840"), None, "dollars with a fee");
        assert!(check(&guard("RUB", "0.011"), "840").is_some());
    }

    #[test]
    fn a_list_tells_by_its_newest_rows_and_only_while_it_shows_them() {
        let guard = guard("USD", "1");
        let row =
            |named: &str| ActiveRow { currency: Currency::parse(named), ..ActiveRow::default() };
        let list = |rows: Vec<ActiveRow>| ActiveList { rows, ..ActiveList::default() };
        guard.note_list(&list(vec![row("643"), row("840")]));
        assert_eq!(check(&guard, ""), None, "one of them is old");
        guard.note_list(&list(vec![row("643"), row("643")]));
        assert!(check(&guard, "").is_some());
        guard.note_list(&list(vec![row("643")]));
        assert!(check(&guard, "").is_some());
        assert!(guard.problem().unwrap().contains("RUB by the reply to list_active"));
        guard.note_list(&list(Vec::new()));
        assert_eq!(check(&guard, ""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_purchase_in_another_currency_is_put_right_by_a_later_list() {
        let guard = guard("USD", "1");
        let row = ActiveRow { currency: Currency::parse("840"), ..ActiveRow::default() };
        let right = ActiveList { rows: vec![row], ..ActiveList::default() };
        assert!(check(&guard, "643").is_some());
        guard.note_list(&right);
        assert!(guard.problem().is_some(), "it may have been asked for before");
        tokio::time::advance(LIST_AGE_MAX).await;
        guard.note_list(&ActiveList::default());
        assert!(guard.problem().is_some(), "it names none");
        guard.note_list(&right);
        assert_eq!(guard.problem(), None);
    }

    #[test]
    fn what_replies_have_named_holds_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check(&started(&folder, "", 1), "CAD"), None);
        let guard = started(&folder, "", 1);
        assert_eq!(guard.expected(), Currency::parse("CAD"));
        assert!(check(&guard, "USD").is_some());
        let guard = started(&folder, "", 1);
        let stop = guard.problem().unwrap();
        assert!(stop.contains("USD by the reply to buy") && stop.contains("for CAD"), "{stop}");
        assert_eq!(check(&guard, "CAD"), None, "it is put right as before");
        assert_eq!(started(&folder, "", 1).problem(), None);
    }

    #[test]
    fn a_stop_by_a_list_holds_after_a_restart_until_the_list_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let row = ActiveRow { currency: Currency::parse("840"), ..ActiveRow::default() };
        let wrong = ActiveList { rows: vec![row], ..ActiveList::default() };
        started(&folder, "CAD", 1).note_list(&wrong);
        let guard = started(&folder, "CAD", 1);
        assert!(guard.problem().is_some());
        guard.note_list(&ActiveList::default());
        assert_eq!(guard.problem(), None);
    }

    #[test]
    fn another_document_or_another_currency_ends_a_stop() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(&started(&folder, "CAD", 1), "USD").is_some());
        assert!(started(&folder, "CAD", 1).problem().is_some());
        assert_eq!(started(&folder, "CAD", 2).problem(), None);
        assert!(check(&started(&folder, "CAD", 2), "USD").is_some());
        let guard = started(&folder, "USD", 2);
        assert_eq!((guard.problem(), check(&guard, "USD")), (None, None));
        assert!(check(&guard, "CAD").is_some());
    }
}
