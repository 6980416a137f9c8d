//! Policy: what is allowed, and with which numbers. It reads the state and writes
//! events; it may change weekly, because every number it computes is in the event.

mod account;
mod activation;
mod check;
mod offer;
mod order;

pub use offer::check_load;

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
            account::open(state, name, *credit_limit, events)
        }
        Command::IssueKey { account, hash, prefix } => {
            account::issue_key(state, *account, hash, prefix, events)
        }
        Command::RevokeKey { key } => account::revoke_key(state, *key, events),
        Command::Deposit { account, amount, reference } => {
            account::deposit(state, *account, *amount, *reference, events)
        }
        Command::RegisterProvider { name, kind } => {
            offer::register_provider(state, name, *kind, events)
        }
        Command::NameOperator { name } => offer::name_operator(state, name, events),
        Command::ListOffers { provider, offers } => offer::list(state, *provider, offers, events),
        Command::PriceOffers { provider, terms } => offer::price(state, *provider, terms, events),
        Command::LoadStock { offer, cost, price, numbers } => {
            offer::load_stock(state, *offer, *cost, *price, numbers, events)
        }
        Command::PlaceOrder(order) => order::place(state, at, order, events),
        Command::NextAttempt { order, refused, terms, timings } => {
            order::next_attempt(state, at, *order, *refused, *terms, *timings, events)
        }
        Command::DoubtOrder { order, attempt } => order::doubt(state, *order, *attempt, events),
        Command::ClearDoubt { order, attempt } => {
            order::clear_doubt(state, *order, *attempt, events)
        }
        Command::AssignNumber { order, attempt, number, external_id, cost, timings } => {
            let given = order::Given { number: *number, external_id, cost: *cost };
            order::assign(state, at, *order, *attempt, given, *timings, events)
        }
        Command::FailOrder { order, attempt, reason } => {
            order::fail(state, *order, *attempt, *reason, events)
        }
        Command::IngestMessage { order, message } => {
            activation::ingest(state, *order, message, events)
        }
        Command::RequestAnother { order, actor } => {
            activation::request_another(state, *order, *actor, events)
        }
        Command::RecoverLoss { order, attempt } => {
            order::recover_loss(state, *order, *attempt, events)
        }
        Command::Cancel { order, actor } => {
            activation::cancel(state, policy, at, *order, *actor, events)
        }
        Command::Finish { order, actor } => activation::finish(state, *order, *actor, events),
        Command::Pulse { archived } => activation::pulse(state, policy, at, *archived, events),
    }
}
