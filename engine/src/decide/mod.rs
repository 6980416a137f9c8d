//! Policy: what is allowed, and with which numbers. It reads the state and writes
//! events; it may change weekly, because every number it computes is in the event.

mod accounts;
mod activations;
mod check;
mod offers;
mod orders;

pub use offers::check_load;

use crate::command::{Command, Reply};
use crate::event::Event;
use crate::policy::Policy;
use crate::reject::Reject;
use crate::state::State;
use crate::time::Time;

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
        Command::OpenAccount { name, credit_limit } => {
            accounts::open(state, name, *credit_limit, events)
        }
        Command::IssueKey { account, hash, prefix } => {
            accounts::issue_key(state, *account, hash, prefix, events)
        }
        Command::RevokeKey { key } => accounts::revoke_key(state, *key, events),
        Command::Deposit { account, amount, reference } => {
            accounts::deposit(state, *account, *amount, *reference, events)
        }
        Command::RegisterProvider { name, kind } => {
            offers::register_provider(state, name, *kind, events)
        }
        Command::NameOperator { name } => offers::name_operator(state, name, events),
        Command::ListOffers { provider, offers } => offers::list(state, *provider, offers, events),
        Command::PriceOffers { provider, terms } => offers::price(state, *provider, terms, events),
        Command::LoadStock { offer, cost, price, numbers } => {
            offers::load_stock(state, *offer, *cost, *price, numbers, events)
        }
        Command::PlaceOrder(order) => orders::place(state, at, order, events),
        Command::NextAttempt { order, refused, terms, timings } => {
            orders::next_attempt(state, at, *order, *refused, *terms, *timings, events)
        }
        Command::DoubtOrder { order, attempt } => orders::doubt(state, *order, *attempt, events),
        Command::ClearDoubt { order, attempt } => {
            orders::clear_doubt(state, *order, *attempt, events)
        }
        Command::AssignNumber { order, attempt, number, external_id, cost, timings } => {
            let given = orders::Given { number: *number, external_id, cost: *cost };
            orders::assign(state, at, *order, *attempt, given, *timings, events)
        }
        Command::FailOrder { order, attempt, reason } => {
            orders::fail(state, *order, *attempt, *reason, events)
        }
        Command::IngestMessage { order, message } => {
            activations::ingest(state, *order, message, events)
        }
        Command::RequestAnother { order, actor } => {
            activations::request_another(state, *order, *actor, events)
        }
        Command::RecoverLoss { order, attempt } => {
            orders::recover_loss(state, *order, *attempt, events)
        }
        Command::Cancel { order, actor } => {
            activations::cancel(state, policy, at, *order, *actor, events)
        }
        Command::Finish { order, actor } => activations::finish(state, *order, *actor, events),
        Command::Pulse { archived } => activations::pulse(state, policy, at, *archived, events),
    }
}
