//! What our account at a provider holds, as far as it is known: the balance of the last
//! answer, less what was bought since, and less what is being bought.
//!
//! Promises: the grid knows what another purchase may cost; the operator's attention is called
//! while the account pays for nothing or is below the configured limit. Leaves to others: when to
//! ask.

use std::sync::Arc;

use nexnum_engine::grid::Grid;
use nexnum_engine::ids::ProviderId;
use nexnum_engine::money::Micros;
use parking_lot::Mutex;

use crate::attention::{Attention, AttentionKind};

/// Our account at one provider.
#[derive(Debug)]
pub struct Funds {
    id: ProviderId,
    provider: Box<str>,
    /// The operator is told when less is left.
    low_balance: Micros,
    grid: Arc<Grid>,
    attention: Attention,
    known: Mutex<Known>,
}

/// What the operator was told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    /// Nothing since the last answer.
    #[default]
    Nothing,
    /// Enough is left.
    Enough,
    /// Less than the limit is left.
    Low,
    /// What is left pays for nothing.
    Empty,
}

#[derive(Debug, Default)]
struct Known {
    balance: Option<Micros>,
    bought: Micros,
    buying: Micros,
    /// The least that one of its offers with stock costs, by the last list.
    cheapest: Option<Micros>,
    told: Told,
    is_forgotten: bool,
    is_retired: bool,
}

impl Known {
    /// What is left of the last balance.
    fn left(&self) -> Option<Micros> {
        self.balance.map(|balance| Micros(balance.0.saturating_sub(self.bought.0)))
    }

    /// What another purchase may cost.
    fn spendable(&self) -> Option<Micros> {
        self.left().map(|left| Micros(left.0.saturating_sub(self.buying.0)))
    }

    /// Whether so much pays for one of its offers.
    fn pays(&self, amount: Micros) -> bool {
        amount.is_positive() && self.cheapest.is_none_or(|cheapest| amount >= cheapest)
    }
}

impl Funds {
    /// An account of which nothing is known yet.
    pub(super) fn new(
        (id, provider): (ProviderId, &str),
        low_balance: Micros,
        grid: &Arc<Grid>,
        attention: &Attention,
    ) -> Self {
        let (grid, attention, known) = (Arc::clone(grid), attention.clone(), Mutex::default());
        Self { id, provider: provider.into(), low_balance, grid, attention, known }
    }

    /// What another purchase may cost, where that is known.
    #[must_use]
    pub fn spendable(&self) -> Option<Micros> {
        self.known.lock().spendable()
    }

    /// Whether another purchase can be paid for, as far as is known.
    #[must_use]
    pub fn can_pay(&self) -> bool {
        let known = self.known.lock();
        known.spendable().is_none_or(|spendable| known.pays(spendable))
    }

    /// Whether what is left pays for none of its offers, or is less than the operator's limit.
    #[must_use]
    pub fn is_low(&self) -> bool {
        let known = self.known.lock();
        known.left().is_some_and(|left| left < self.low_balance || !known.pays(left))
    }

    /// The provider has said what is there. A purchase under way may be in it or not: it is
    /// counted once more at the worst, until the next answer.
    pub(crate) fn set_balance(&self, balance: Micros) {
        let mut known = self.known.lock();
        (known.balance, known.bought, known.told) = (Some(balance), Micros::ZERO, Told::Nothing);
        known.is_forgotten = false;
        self.show(&mut known);
    }

    /// Its last answer is too old to say what is there.
    pub(crate) fn forget_balance(&self) {
        let mut known = self.known.lock();
        known.is_forgotten = true;
        if known.balance.take().is_none() || known.is_retired {
            return;
        }
        known.told = Told::Nothing;
        self.show(&mut known);
        for kind in [AttentionKind::BalanceLow, AttentionKind::BalanceEmpty] {
            self.attention.clear(kind, &*self.provider);
        }
    }

    /// Whether its balance has not come for so long that its last one was forgotten.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.known.lock().is_forgotten
    }

    /// The least that one of its offers with stock costs; `None` if there is none.
    pub(crate) fn set_cheapest(&self, cost: Option<Micros>) {
        let mut known = self.known.lock();
        known.cheapest = cost;
        self.show(&mut known);
    }

    /// Sets aside what a purchase will cost, until the guard is dropped.
    pub(crate) fn hold(&self, cost: Micros) -> FundsHeld<'_> {
        let mut known = self.known.lock();
        known.buying = Micros(known.buying.0.saturating_add(cost.0));
        self.show(&mut known);
        FundsHeld { funds: self, cost, charged: Micros::ZERO }
    }

    /// Another connection, or none, speaks of the account from now on.
    pub(super) fn retire(&self) {
        self.known.lock().is_retired = true;
    }

    /// Shows what can be spent, and tells the operator what each answer says, and when what is
    /// left has become too little since.
    fn show(&self, known: &mut Known) {
        if known.is_retired {
            return;
        }
        self.grid.set_funds(self.id, known.spendable());
        let (Some(left), least) = (known.left(), self.low_balance) else { return };
        let now = if !known.pays(left) {
            Told::Empty
        } else if left < least {
            Told::Low
        } else {
            Told::Enough
        };
        if known.told == now {
            return;
        }
        known.told = now;
        let (is_low, is_empty) = (left < least, now == Told::Empty);
        let low = is_low.then(|| format!("the balance is {left}, below the limit of {least}"));
        let empty = is_empty.then(|| match known.cheapest {
            Some(cost) if left.is_positive() => {
                format!("the balance is {left}, and no offer costs less than {cost}")
            }
            Some(_) | None => format!("the balance is {left}: nothing can be bought"),
        });
        self.attention.report(AttentionKind::BalanceLow, &*self.provider, low);
        self.attention.report(AttentionKind::BalanceEmpty, &*self.provider, empty);
    }
}

/// What a purchase under way will cost; given back when dropped, unless it was charged.
#[derive(Debug)]
#[must_use = "what is dropped is given back"]
pub(crate) struct FundsHeld<'a> {
    funds: &'a Funds,
    cost: Micros,
    charged: Micros,
}

impl FundsHeld<'_> {
    /// The purchase was made, or may have been.
    pub(crate) fn charge(mut self, cost: Option<Micros>) {
        self.charged = cost.unwrap_or(self.cost);
    }
}

impl Drop for FundsHeld<'_> {
    fn drop(&mut self) {
        let mut known = self.funds.known.lock();
        known.buying = Micros(known.buying.0.saturating_sub(self.cost.0));
        known.bought = Micros(known.bought.0.saturating_add(self.charged.0));
        self.funds.show(&mut known);
    }
}
