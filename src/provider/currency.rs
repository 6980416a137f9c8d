//! The currency that a provider's amounts are in, held against the one it is set up for.
//!
//! Promises: once a reply names another currency, no purchase is sent and no amount is read
//! until a reply names the right one, or the provider is connected anew: every price would be
//! wrong by the rate between the two. Replies that name none are believed before that.

use nexnum_driver::{ActiveList, ActiveRow, Currency, ErrorKind, ProviderError};
use parking_lot::Mutex;
use rust_decimal::Decimal;

/// The ledger's currency.
const LEDGER: Currency = Currency::USD;
/// Rates that one currency and the same with a fee on top may have.
const SAME_RATES: [Decimal; 2] = [Decimal::from_parts(5, 0, 0, false, 1), Decimal::TWO];

/// What one provider's replies have said of their currency.
#[derive(Debug)]
pub(super) struct CurrencyGuard {
    provider: String,
    /// A rate so far from 1 that amounts cannot be the ledger's.
    is_foreign: bool,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The currency that amounts must be in; `None` until a reply has named one.
    expected: Option<Currency>,
    /// The other one that the last reply to a purchase, balance or price list named.
    told: Option<Currency>,
    /// The other one that the newest open activation has.
    listed: Option<Currency>,
}

impl CurrencyGuard {
    /// For a driver's currency and the operator's rate. With a rate of its own a driver of the
    /// ledger's currency is used for an account in another one, which its replies tell.
    pub(super) fn new(provider: &str, driver: &str, rate: Decimal) -> Self {
        let driver = Currency::parse(driver);
        let is_exchanged = driver == Some(LEDGER) && rate != Decimal::ONE;
        let [least, most] = SAME_RATES;
        let expected = if is_exchanged { None } else { driver };
        Self {
            provider: provider.to_owned(),
            is_foreign: is_exchanged && (rate < least || rate > most),
            seen: Mutex::new(Seen { expected, told: None, listed: None }),
        }
    }

    /// Takes in what a reply names.
    ///
    /// # Errors
    /// If amounts are in another currency by this reply, or by an earlier one that no later
    /// one has put right.
    pub(super) fn check(&self, named: Option<Currency>) -> Result<(), ProviderError> {
        if let Some(named) = named {
            let wrong = self.wrong(named);
            let before = std::mem::replace(&mut self.seen.lock().told, wrong);
            self.tell(before, wrong);
        }
        let seen = self.seen.lock();
        match seen.told.or(seen.listed) {
            Some(wrong) => Err(self.error(wrong, seen.expected)),
            None => Ok(()),
        }
    }

    /// Takes in what a list of open activations names. Old ones may have the currency of
    /// another time: the newest counts, which comes first or last.
    pub(super) fn note_list(&self, list: &ActiveList) {
        let mut ends = [list.rows.first(), list.rows.last()].into_iter().flatten();
        let wrong = |row: &ActiveRow| row.currency.and_then(|it| self.wrong(it));
        let first = ends.next().and_then(wrong);
        let wrong = first.filter(|_| ends.next().and_then(wrong) == first);
        let before = std::mem::replace(&mut self.seen.lock().listed, wrong);
        self.tell(before, wrong);
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

    fn tell(&self, before: Option<Currency>, now: Option<Currency>) {
        let provider = &self.provider;
        match (before, now) {
            (None, Some(named)) => tracing::warn!(
                provider,
                %named,
                "the provider counts in another currency than it is set up for: nothing is bought from it"
            ),
            (Some(_), None) => {
                tracing::info!(provider, "the provider counts in the currency it is set up for");
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    fn error(&self, wrong: Currency, expected: Option<Currency>) -> ProviderError {
        let set_up = match expected.filter(|expected| *expected != wrong) {
            Some(expected) => format!("it is set up for {expected}"),
            None => format!("its rate is not that of {wrong}"),
        };
        let what = format!("amounts are in {wrong}, and {set_up}: set the rate of {wrong}");
        ProviderError::new(ErrorKind::WrongCurrency, true, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(driver: &str, rate: &str) -> CurrencyGuard {
        CurrencyGuard::new("one", driver, rate.parse().expect("a decimal"))
    }

    fn check(guard: &CurrencyGuard, named: &str) -> Option<String> {
        let error = guard.check(Currency::parse(named)).err()?;
        assert_eq!((error.kind, error.certain), (ErrorKind::WrongCurrency, true));
        Some(error.excerpt)
    }

    #[test]
    fn another_currency_stops_everything_until_the_right_one_is_named() {
        let guard = guard("USD", "1");
        assert_eq!(check(&guard, "840"), None);
        assert_eq!(check(&guard, ""), None);
        let wrong = "amounts are in RUB, and it is set up for USD: set the rate of RUB";
        assert_eq!(check(&guard, "643").as_deref(), Some(wrong));
        assert_eq!(check(&guard, "").as_deref(), Some(wrong), "a reply that names none");
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
        guard.note_list(&list(Vec::new()));
        assert_eq!(check(&guard, ""), None);
    }
}
