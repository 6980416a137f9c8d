//! Policy: what is allowed, and with which numbers. It reads the state and writes
//! events; it may change weekly, because every number it computes is in the event.

mod accounts;
mod activations;
mod offers;
mod orders;

pub use offers::check_load;

use crate::command::{Command, Reply};
use crate::event::Event;
use crate::reject::Reject;
use crate::state::State;
use crate::time::Time;

/// How long a closed order stays in memory, where a late message still finds it.
pub const CLOSED_KEPT_MS: u64 = 60 * 60 * 1000;
/// How long an idempotency key is remembered: the published 48 hours.
pub const REPLIES_KEPT_MS: u64 = 48 * 60 * 60 * 1000;
/// How long an order may be without a number, reconciliation included.
pub const BUY_TIME_MS: u64 = 3 * 60 * 1000;
/// How many asks an order may try.
pub const ATTEMPTS_MAX: u8 = 16;
/// How many messages an activation keeps; the providers' own lists are shorter.
pub const MESSAGES_MAX: usize = 100;
/// Bytes of a message's text, and of its sender or code.
pub const TEXT_LEN_MAX: usize = 2_000;
/// Bytes of a name, a sender, a code, a provider's id.
pub const NAME_LEN_MAX: usize = 100;
/// Orders, and replies, that one pulse retires, or those of one moment: a few milliseconds
/// of the engine's thread. The next pulse goes on.
pub const RETIRED_MAX: usize = 4_000;
/// Rows of one list in a command: keeps a batch far below the ledger's row bound.
pub const ROWS_MAX: usize = 20_000;
/// Orders that one pulse ends; the next pulse goes on.
pub const PULSE_MAX: usize = 1_000;

/// Offers over all providers; as many cells fit the grid.
pub const OFFERS_MAX: usize = 4_000_000;

/// What the operator may choose. It is no part of the state: what it decides is in the
/// events, so it may differ from run to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long a number of own stock rests after a refund before it is sold again, in
    /// milliseconds: a late message to its last buyer must not reach the next one.
    pub quarantine_ms: u64,
}

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

/// Refuses an empty or too long text, or one with control characters, naming its field.
fn bounded(text: &str, len_max: usize, field: &'static str) -> Result<(), Reject> {
    let fits = !text.is_empty() && text.len() <= len_max && !text.contains(char::is_control);
    if fits { Ok(()) } else { Err(Reject::OutOfBounds(field)) }
}

/// Refuses an empty or too long list, naming its field.
fn counted(len: usize, field: &'static str) -> Result<(), Reject> {
    if (1..=ROWS_MAX).contains(&len) { Ok(()) } else { Err(Reject::OutOfBounds(field)) }
}
