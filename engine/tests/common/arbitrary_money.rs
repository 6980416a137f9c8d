//! Payments of customers and to providers, some of them odd.

use nexnum_engine::command::{Command, Deposit, NewPayment, PayProvider};
use nexnum_engine::event::ForeignAmount;
use nexnum_engine::ids::{AccountId, ProviderId};
use nexnum_engine::money::Micros;
use nexnum_engine::state::State;

use super::Rng;

const RAILS: [&str; 4] = ["bank", "card", "usdt-trc20", "No rail"];

/// A payment for the account, or now and then one to a provider.
pub(super) fn command(rng: &mut Rng, state: &State, account: AccountId, amount: Micros) -> Command {
    let rail = if rng.once_in(10) { 3 } else { rng.below(3) as usize };
    let mut payment = NewPayment::new(RAILS[rail], amount, rng.below(50).into());
    if rng.once_in(3) {
        let amount = if rng.once_in(8) { "-1" } else { "12.00000001" };
        let (amount, currency, rate) = (amount.into(), "USDT".into(), "0.9998".into());
        payment.foreign = Some(ForeignAmount { amount, currency, rate });
    }
    if rng.once_in(3) {
        // One beyond the last is none.
        let provider = ProviderId(rng.below(u64::from(state.counters().provider.0) + 2) as u16);
        let text = if rng.once_in(20) { "".into() } else { "invoice".into() };
        return PayProvider { provider, payment, text }.into();
    }
    Deposit { account, payment, sealed: None }.into()
}
