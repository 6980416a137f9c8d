//! What our account at a provider holds, as far as it is known: the balance of the last
//! answer, less what was bought since, and less what is being bought.

use nexnum_engine::money::Micros;

/// The money at one provider.
#[derive(Debug, Default)]
pub(super) struct Funds {
    balance: Option<Micros>,
    bought: Micros,
    buying: Micros,
}

impl Funds {
    /// The provider has said what is there. A purchase under way may be in it or not: it is
    /// counted once more at the worst, until the next answer.
    pub(super) fn set_balance(&mut self, balance: Micros) {
        (self.balance, self.bought) = (Some(balance), Micros::ZERO);
    }

    /// A purchase begins.
    pub(super) fn begin(&mut self, cost: Micros) {
        self.buying = Micros(self.buying.0.saturating_add(cost.0));
    }

    /// A purchase that began at `cost` has ended, and was charged so much.
    pub(super) fn end(&mut self, cost: Micros, charged: Micros) {
        self.buying = Micros(self.buying.0.saturating_sub(cost.0));
        self.bought = Micros(self.bought.0.saturating_add(charged.0));
    }

    /// What is left of the last balance.
    pub(super) fn left(&self) -> Option<Micros> {
        self.balance.map(|balance| Micros(balance.0.saturating_sub(self.bought.0)))
    }

    /// What another purchase may cost.
    pub(super) fn spendable(&self) -> Option<Micros> {
        self.left().map(|left| Micros(left.0.saturating_sub(self.buying.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(funds: &Funds, left: Option<i64>, spendable: Option<i64>) {
        assert_eq!((funds.left(), funds.spendable()), (left.map(Micros), spendable.map(Micros)));
    }

    #[test]
    fn what_is_bought_and_being_bought_is_taken_off_the_last_balance() {
        let mut funds = Funds::default();
        funds.begin(Micros(5));
        check(&funds, None, None);
        funds.set_balance(Micros(100));
        check(&funds, Some(100), Some(95));
        funds.begin(Micros(10));
        funds.end(Micros(10), Micros(12));
        check(&funds, Some(88), Some(83));
        funds.end(Micros(5), Micros::ZERO);
        check(&funds, Some(88), Some(88));
        funds.set_balance(Micros(89));
        check(&funds, Some(89), Some(89));
    }
}
