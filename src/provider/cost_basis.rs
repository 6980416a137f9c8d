//! In which currency and at which rate the last costs of each provider were reckoned, and which
//! currency its replies have named.
//!
//! Promises: after a change of currency or rate, the costs known from before are void until a list
//! has been taken in, also across starts; what is written says so only after that list. What
//! replies have named is written before it is acted on, and holds as long as the provider is set up
//! in the same way. A row a provider. Without the file nothing is void and no currency known: costs
//! are then believed as they stand.

use std::collections::BTreeMap;
use std::path::Path;

use nexnum_driver::{Currency, Op};
use parking_lot::Mutex;

use super::kept_costs::KeptCosts;
use super::kept_pauses::KeptPauses;
use super::reported_rows::ReportedRows;
use super::shared_accounts::SharedAccounts;
use crate::kept_file::KeptFile;

/// The file's name in the data folder: a line a provider, its basis and its name; behind them the
/// currency that was learned, where one was.
const FILE: &str = "cost-basis";
/// What is not known, in a line.
const NONE: &str = "-";

/// The bases of all providers.
#[derive(Debug)]
pub struct CostBases {
    file: KeptFile,
    known: Mutex<BTreeMap<String, Row>>,
    /// What is known of their accounts.
    accounts: SharedAccounts,
    /// What lists of them showed that was reported.
    reported: ReportedRows,
    pauses: KeptPauses,
    costs: KeptCosts,
}

/// What is known of one provider.
#[derive(Clone, Debug, Default)]
struct Row {
    /// Empty before its first list.
    basis: String,
    learned: Option<LearnedCurrency>,
}

/// What a provider's replies have named while it was set up in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LearnedCurrency {
    /// The rate and the currencies that were configured.
    pub(super) setup: String,
    /// Which driver's document read the replies: under another one a stop is over.
    pub(super) document: u64,
    /// The currency that amounts must be in; `None` until a reply has named one.
    pub(super) expected: Option<Currency>,
    /// The other one that stops the provider, and the call whose reply named it.
    pub(super) wrong: Option<(Op, Currency)>,
}

impl LearnedCurrency {
    fn is_of(&self, setup: &Self) -> bool {
        (&*self.setup, self.document) == (&*setup.setup, setup.document)
    }

    fn parse(columns: &[&str]) -> Option<Self> {
        let [setup, document, expected, by, named] = columns else { return None };
        let by = Op::ALL.into_iter().find(|op| op.name() == *by);
        Some(Self {
            setup: (*setup).to_owned(),
            document: document.parse().ok()?,
            expected: Currency::parse(expected),
            wrong: by.zip(Currency::parse(named)),
        })
    }

    fn line(&self) -> String {
        let Self { setup, document, expected, wrong } = self;
        let text =
            |currency: Option<Currency>| currency.map_or(NONE.to_owned(), |it| it.to_string());
        let (expected, named) = (text(*expected), text(wrong.map(|(_, named)| named)));
        let by = wrong.map_or(NONE, |(by, _)| by.name());
        format!("{setup}\t{document}\t{expected}\t{by}\t{named}")
    }
}

impl CostBases {
    /// Those that a data folder keeps.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let file = KeptFile::new(folder, FILE);
        let known = file.rows(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let [basis, name, learned @ ..] = &columns[..] else { return None };
            let (basis, learned) = ((*basis).to_owned(), LearnedCurrency::parse(learned));
            Some(((*name).to_owned(), Row { basis, learned }))
        });
        Self {
            file,
            known: Mutex::new(known.into_iter().collect()),
            accounts: SharedAccounts::open(folder),
            reported: ReportedRows::open(folder),
            pauses: KeptPauses::open(folder),
            costs: KeptCosts::open(folder),
        }
    }

    /// Which providers' accounts are shared.
    pub(super) const fn accounts(&self) -> &SharedAccounts {
        &self.accounts
    }

    /// What lists showed that was reported as not attributable.
    pub(super) const fn reported(&self) -> &ReportedRows {
        &self.reported
    }

    /// How each provider pauses.
    pub(super) const fn pauses(&self) -> &KeptPauses {
        &self.pauses
    }

    /// What each provider's offers cost at least.
    pub(super) const fn costs(&self) -> &KeptCosts {
        &self.costs
    }

    /// Whether a provider's costs are known to be on another basis than this.
    pub(super) fn differs(&self, name: &str, basis: &str) -> bool {
        let known = self.known.lock();
        known.get(name).is_some_and(|row| !row.basis.is_empty() && row.basis != basis)
    }

    /// Notes that a provider's costs are on this basis now.
    pub(super) fn set(&self, name: &str, basis: &str) {
        let mut known = self.known.lock();
        if known.get(name).is_some_and(|row| row.basis == basis) {
            return;
        }
        known.entry(name.to_owned()).or_default().basis = basis.to_owned();
        self.write(&known);
    }

    /// What was learned of a provider that is set up like `setup`, which it is from now on. Under
    /// another document no stop is left of it, and under another setup nothing.
    pub(super) fn take_up(&self, name: &str, setup: LearnedCurrency) -> LearnedCurrency {
        let mut known = self.known.lock();
        let row = known.entry(name.to_owned()).or_default();
        let learned = match row.learned.take() {
            Some(learned) if learned.is_of(&setup) => learned,
            Some(learned) if learned.setup == setup.setup => {
                LearnedCurrency { expected: learned.expected, ..setup }
            }
            Some(_) | None => setup,
        };
        row.learned = Some(learned.clone());
        learned
    }

    /// Notes what replies have named. A connection that another one has replaced, which is set up
    /// in another way, says nothing any more.
    pub(super) fn learn(&self, name: &str, learned: LearnedCurrency) {
        let mut known = self.known.lock();
        let Some(row) = known.get_mut(name) else { return };
        let is_news = |known: &LearnedCurrency| known.is_of(&learned) && *known != learned;
        if row.learned.as_ref().is_some_and(is_news) {
            row.learned = Some(learned);
            self.write(&known);
        }
    }

    fn write(&self, known: &BTreeMap<String, Row>) {
        let line = |(name, Row { basis, learned }): (&String, &Row)| {
            let learned = learned.as_ref().map(LearnedCurrency::line);
            let learned = learned.map_or_else(String::new, |learned| format!("\t{learned}"));
            format!("{basis}\t{name}{learned}")
        };
        self.file.write(known.iter().map(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_basis_is_known_after_a_restart_until_it_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let bases = CostBases::open(folder.path());
        assert!(!bases.differs("one", "1 USD"), "nothing is known");
        bases.set("one", "1 USD");
        bases.set("two words", "0.011 RUB");
        let bases = CostBases::open(folder.path());
        assert!(!bases.differs("one", "1 USD") && !bases.differs("two words", "0.011 RUB"));
        assert!(bases.differs("one", "0.011 USD") && bases.differs("two words", "0.011 USD"));
        bases.set("one", "0.011 USD");
        assert!(!CostBases::open(folder.path()).differs("one", "0.011 USD"));
    }

    #[test]
    fn what_replies_named_is_known_after_a_restart_while_the_setup_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let setup = |setup: &str, document| LearnedCurrency {
            setup: setup.to_owned(),
            document,
            ..LearnedCurrency::default()
        };
        let [expected, named] = ["CAD", "USD"].map(|code| Currency::parse(code).unwrap());
        let learned = LearnedCurrency {
            expected: Some(expected),
            wrong: Some((Op::Prices, named)),
            ..setup("0.72 USD", 1)
        };
        let open = || CostBases::open(folder.path());
        let bases = open();
        assert_eq!(bases.take_up("one", setup("0.72 USD", 1)), setup("0.72 USD", 1));
        bases.learn("one", learned.clone());
        bases.learn("one", LearnedCurrency { document: 2, ..setup("0.72 USD", 2) });
        assert_eq!(open().take_up("one", setup("0.72 USD", 1)), learned);
        assert!(!open().differs("one", "0.72 USD"), "no list has come yet");
        bases.set("one", "0.72 USD");
        assert!(open().differs("one", "0.8 USD") && !open().differs("one", "0.72 USD"));
        let read_anew = LearnedCurrency { document: 2, wrong: None, ..learned.clone() };
        assert_eq!(open().take_up("one", setup("0.72 USD", 2)), read_anew);
        assert_eq!(open().take_up("one", setup("0.8 USD", 1)), setup("0.8 USD", 1));
        assert_eq!(open().take_up("two", setup("0.72 USD", 1)), setup("0.72 USD", 1));
    }
}
