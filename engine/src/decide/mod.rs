//! Policy: what is allowed, and with which numbers. It reads the state and writes
//! events; it may change weekly, because every number it computes is in the event.

mod account;
mod activation;
mod callback;
mod check;
mod ledger;
mod message;
mod money;
mod offer;
mod order;
mod payment;
mod pulse;
mod rest;
mod seal_key;
mod upstream;

pub use offer::check_load;

use crate::command::{Command, Reply, Request};
use crate::event::Event;
use crate::policy::Policy;
use crate::reject::Reject;
use crate::sealed::{KeyOwner, Purpose, SealedValue};
use crate::state::State;
use crate::time::Time;

/// The version of the rules: one more with each change of what commands are decided to.
pub const RULES: u32 = 8;

/// Decides a command at `at`: pushes its events and answers, or refuses.
///
/// # Errors
/// The refusal; no event is pushed then.
pub fn decide(
    state: &State,
    policy: &Policy,
    at: Time,
    command: &Command,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    match command {
        Command::OpenLedger(new) => reply(new, ledger::open(state, new, events)),
        Command::BeginEpoch(new) => reply(new, ledger::begin_epoch(state, new, events)),
        Command::RecordClockStep(step) => reply(step, ledger::record_step(state, step, events)),
        Command::AcceptClock(clock) => reply(clock, ledger::accept_clock(state, clock, events)),
        Command::CloseDay(day) => reply(day, ledger::close_day(state, at, day, events)),
        Command::OpenAccount(new) => reply(new, account::open(state, new, events)),
        Command::IssueKey(new) => reply(new, account::issue_key(state, new, events)),
        Command::RevokeKey(key) => reply(key, account::revoke_key(state, key, events)),
        Command::NumberAddress(new) => reply(new, account::number_address(state, new, events)),
        Command::Deposit(new) => reply(new, payment::deposit(state, new, events)),
        Command::PayProvider(new) => reply(new, payment::pay_provider(state, new, events)),
        Command::RegisterProvider(new) => reply(new, offer::register_provider(state, new, events)),
        Command::NameVariant(new) => reply(new, offer::name_variant(state, new, events)),
        Command::ListOffers(list) => reply(list, offer::list(state, list, events)),
        Command::LoadStock(stock) => {
            reply(stock, offer::load_stock(state, policy, at, stock, events))
        }
        Command::PlaceOrder(asked) => reply(asked, order::place(state, at, asked, events)),
        Command::NextAttempt(next) => reply(next, order::next_attempt(state, at, next, events)),
        Command::DoubtOrder(doubt) => reply(doubt, order::doubt(state, doubt, events)),
        Command::ClearDoubt(doubt) => reply(doubt, order::clear_doubt(state, doubt, events)),
        Command::AssignNumber(given) => reply(given, order::assign(state, at, given, events)),
        Command::FailOrder(failed) => reply(failed, order::fail(state, failed, events)),
        Command::RecoverLoss(loss) => reply(loss, order::recover_loss(state, loss, events)),
        Command::IngestMessage(new) => reply(new, message::ingest(state, new, events)),
        Command::CompleteMessage(known) => reply(known, message::complete(state, known, events)),
        Command::ShowMessages(shown) => reply(shown, message::show(state, shown, events)),
        Command::RequestAnother(asked) => {
            reply(asked, message::request_another(state, asked, events))
        }
        Command::Cancel(asked) => {
            reply(asked, activation::cancel(state, policy, at, asked, events))
        }
        Command::Finish(asked) => reply(asked, activation::finish(state, asked, events)),
        Command::FindOrphan(found) => reply(found, upstream::find_orphan(state, found, events)),
        Command::SettleOrphan(end) => reply(end, upstream::settle_orphan(state, end, events)),
        Command::NamePurchase(named) => reply(named, upstream::name_purchase(state, named, events)),
        Command::EndUpstream(end) => reply(end, upstream::end_upstream(state, end, events)),
        Command::EndByProvider(end) => reply(end, upstream::end_by_provider(state, end, events)),
        Command::Expire(end) => reply(end, pulse::expire(state, policy, at, end, events)),
        Command::ReceiveCallback(new) => reply(new, callback::receive(state, at, new, events)),
        Command::SettleCallback(settled) => {
            reply(settled, callback::settle(state, settled, events))
        }
        Command::MakeSealKey(key) => reply(key, seal_key::make(state, key, events)),
        Command::DestroySealKey(key) => reply(key, seal_key::destroy(state, key, events)),
        Command::EndLoadKey(end) => reply(end, Ok(seal_key::end_load(state, end, events))),
        Command::Retoken(new) => reply(new, seal_key::retoken(state, new, events)),
        Command::Pulse(pulse) => reply(pulse, pulse::pulse(state, policy, at, pulse, events)),
    }
}

/// Refuses a reason that is too long, or whose key does not live or seals no reasons.
pub(crate) fn check_reason(state: &State, reason: &SealedValue) -> Result<(), Reject> {
    if !reason.fits(Purpose::Reason) {
        return Err(Reject::OutOfBounds("reason"));
    }
    let is_owner = |owner| matches!(owner, KeyOwner::Day(_) | KeyOwner::Identity(_));
    check::sealed_under(state, reason, is_owner)
}

/// What is decided of a command is of its answer's type.
fn reply<R: Request>(_: &R, decided: Result<R::Answer, Reject>) -> Result<Reply, Reject> {
    decided.map(Into::into)
}
