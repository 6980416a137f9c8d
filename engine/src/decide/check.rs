//! Checks that several subjects share: the shape of texts and lists, the next id,
//! whose an order is, what it waits for.

use crate::activation::Input;
use crate::command::Caller;
use crate::event::{AttemptEnd, WORD_LEN_MAX};
use crate::ids::OrderId;
use crate::limits::ROWS_MAX;
use crate::money::{COST_MAX, Micros};
use crate::order::Order;
use crate::reject::Reject;
use crate::sealed::{KeyOwner, SealedValue};
use crate::state::State;

/// Refuses an empty or too long text, or one with control characters, naming its field.
pub(super) fn bounded(text: &str, len_max: usize, field: &'static str) -> Result<(), Reject> {
    let fits = !text.is_empty() && text.len() <= len_max && !text.contains(char::is_control);
    if fits { Ok(()) } else { Err(Reject::OutOfBounds(field)) }
}

/// Refuses an empty or too long list, naming its field.
pub(super) fn counted(len: usize, field: &'static str) -> Result<(), Reject> {
    if (1..=ROWS_MAX).contains(&len) { Ok(()) } else { Err(Reject::OutOfBounds(field)) }
}

/// Refuses a cost outside its range.
pub(super) fn check_cost(cost: Micros) -> Result<(), Reject> {
    let fits = (Micros::ZERO..=COST_MAX).contains(&cost);
    if fits { Ok(()) } else { Err(Reject::AmountOutOfRange("cost")) }
}

/// The id after `last`, or a refusal at the end of all.
pub(super) fn next_id(last: u32, what: &'static str) -> Result<u32, Reject> {
    last.checked_add(1).ok_or(Reject::Exhausted(what))
}

/// The order if `caller` may change it: another account's does not exist for it.
pub(super) fn owned(state: &State, id: OrderId, caller: Caller) -> Result<&Order, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    match caller {
        Caller::Account(account) if account != order.account => Err(Reject::UnknownOrder),
        Caller::Account(_) | Caller::System => Ok(order),
    }
}

/// The order if `attempt` is its running one and waits for an outcome.
pub(super) fn waiting(state: &State, id: OrderId, attempt: u8) -> Result<&Order, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    order.state.after(Input::Assign)?;
    if order.attempt == attempt { Ok(order) } else { Err(Reject::StaleAttempt) }
}

/// Refuses what is sealed under a key that does not live, or that is not its owner's: it could not be
/// read again.
pub(super) fn sealed_under(
    state: &State,
    value: &SealedValue,
    is_owner: impl Fn(KeyOwner) -> bool,
) -> Result<(), Reject> {
    let owner = state.seal_keys().owner(value.handle);
    if owner.is_some_and(is_owner) { Ok(()) } else { Err(Reject::UnknownSealKey) }
}

/// The same of a value that is forgotten with its day.
pub(super) fn sealed_under_a_day(state: &State, value: &SealedValue) -> Result<(), Reject> {
    sealed_under(state, value, |owner| matches!(owner, KeyOwner::Day(_)))
}

/// Refuses an attempt's end whose word is too long.
pub(super) fn check_end(ended: Option<&AttemptEnd>) -> Result<(), Reject> {
    let fits = ended.is_none_or(|ended| ended.word.len() <= WORD_LEN_MAX);
    if fits { Ok(()) } else { Err(Reject::OutOfBounds("word")) }
}
