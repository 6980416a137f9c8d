//! An order from its placement to its number, or to its refund for want of one.

use super::check::{bounded, following};
use crate::account::Book;
use crate::activation::{ActivationState, Assignment, Input};
use crate::command::{PlaceOrder, Reply, Timings};
use crate::event::{Event, OrderEvent, Placement, ProviderKind, Terms};
use crate::ids::{AccountId, Number, OperatorId, OrderId, Product};
use crate::limits::{ATTEMPTS_MAX, BUY_TIME_MS, NAME_LEN_MAX};
use crate::money::{COST_MAX, Micros};
use crate::order::{FailReason, Order};
use crate::reject::Reject;
use crate::state::State;
use crate::time::Time;

/// What a provider gave.
pub(super) struct Given<'a> {
    pub(super) number: Number,
    pub(super) external_id: &'a str,
    pub(super) cost: Option<Micros>,
}

pub(super) fn place(
    state: &State,
    at: Time,
    order: &PlaceOrder,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let PlaceOrder { account, product, operator, limit, terms, timings, idempotency } = *order;
    state.account(account).ok_or(Reject::UnknownAccount)?;
    if let Some(idempotency) = idempotency
        && let Some(stored) = state.reply(account, idempotency.key)
    {
        let same = stored.fingerprint == idempotency.fingerprint;
        return if same {
            Ok(Reply::Replayed(stored.order))
        } else {
            Err(Reject::IdempotencyMismatch)
        };
    }
    let assignment = check_terms(state, at, product, operator, limit, terms, timings)?;
    check_funds(state, account, terms.price)?;
    let id = OrderId(following(state.counters.order.0, "orders")?);
    let filled = assignment.is_some();
    events.push(Event::Order(OrderEvent::OrderPlaced(Placement {
        order: id,
        account,
        product,
        operator,
        limit,
        terms,
        deadline: at.plus_ms(BUY_TIME_MS),
        idempotency,
        assignment,
    })));
    Ok(Reply::Placed(id, filled))
}

/// Checks a claim against the order's wishes; own stock gives its number at once.
fn check_terms(
    state: &State,
    at: Time,
    product: Product,
    operator: OperatorId,
    limit: Micros,
    terms: Terms,
    timings: Timings,
) -> Result<Option<Assignment>, Reject> {
    let offer = state.offer(terms.offer).ok_or(Reject::UnknownOffer)?;
    let suits = offer.provider == terms.provider
        && offer.product == product
        && (operator == OperatorId::ANY || offer.operator == operator);
    if !suits {
        return Err(Reject::UnknownOffer);
    }
    if !terms.price.is_positive() || terms.price > COST_MAX {
        return Err(Reject::AmountOutOfRange("price"));
    }
    check_cost(terms.cost)?;
    if terms.price > limit {
        return Err(Reject::PriceAboveMax { price: terms.price });
    }
    match state.providers[terms.provider].kind {
        ProviderKind::Driven => Ok(None),
        ProviderKind::Own => {
            let first = state.pools.get(terms.offer).and_then(|pool| pool.next.front());
            let number = *first.ok_or(Reject::NoNumbers)?;
            Ok(Some(assignment(at, number, "", timings)))
        }
    }
}

fn check_cost(cost: Micros) -> Result<(), Reject> {
    let fits = (Micros::ZERO..=COST_MAX).contains(&cost);
    if fits { Ok(()) } else { Err(Reject::AmountOutOfRange("cost")) }
}

fn assignment(at: Time, number: Number, external_id: &str, timings: Timings) -> Assignment {
    Assignment {
        number,
        external_id: external_id.into(),
        cancel_from: at.plus_ms(timings.min_cancel_age_ms),
        expires_at: at.plus_ms(timings.lifetime_ms),
    }
}

fn check_funds(state: &State, account: AccountId, needed: Micros) -> Result<(), Reject> {
    let available = state.balance(Book::Available(account));
    let credit = state.accounts[account].credit_limit;
    let spendable = available.checked_add(credit).expect("both are bounded");
    if needed > spendable {
        return Err(Reject::InsufficientFunds { needed, available });
    }
    Ok(())
}

/// The order if `attempt` is its running one and waits for an outcome.
fn waiting(state: &State, id: OrderId, attempt: u8) -> Result<&Order, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    order.state.after(Input::Assign)?;
    if order.attempt == attempt { Ok(order) } else { Err(Reject::StaleAttempt) }
}

pub(super) fn next_attempt(
    state: &State,
    at: Time,
    id: OrderId,
    refused: u8,
    terms: Terms,
    timings: Timings,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = waiting(state, id, refused)?;
    check_doubt(order)?;
    if order.attempt >= ATTEMPTS_MAX {
        return Err(Reject::Exhausted("attempts"));
    }
    let (product, operator, limit) = (order.product, order.operator, order.limit);
    let assignment = check_terms(state, at, product, operator, limit, terms, timings)?;
    let change = terms.price.checked_sub(order.price).expect("prices are bounded");
    if change.is_positive() {
        check_funds(state, order.account, change)?;
    }
    let attempt = refused + 1;
    events.push(Event::Order(OrderEvent::AttemptStarted {
        order: id,
        account: order.account,
        attempt,
        terms,
        change,
    }));
    let filled = assignment.is_some();
    if let Some(assignment) = assignment {
        events.push(Event::Order(OrderEvent::NumberAssigned {
            order: id,
            assignment,
            cost: terms.cost,
        }));
    }
    Ok(Reply::Placed(id, filled))
}

pub(super) fn doubt(
    state: &State,
    id: OrderId,
    attempt: u8,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    if waiting(state, id, attempt)?.in_doubt {
        return Ok(Reply::Unchanged);
    }
    events.push(Event::Order(OrderEvent::OrderDoubted { order: id }));
    Ok(Reply::Done)
}

/// Ends a doubt as "not bought": whoever asks has seen the provider's list.
pub(super) fn clear_doubt(
    state: &State,
    id: OrderId,
    attempt: u8,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    if !waiting(state, id, attempt)?.in_doubt {
        return Ok(Reply::Unchanged);
    }
    events.push(Event::Order(OrderEvent::DoubtCleared { order: id }));
    Ok(Reply::Done)
}

/// Refuses what would buy a second number, or forget a first, while nobody knows whether
/// the attempt bought one.
const fn check_doubt(order: &Order) -> Result<(), Reject> {
    if order.in_doubt { Err(Reject::InDoubt) } else { Ok(()) }
}

/// Reverses what was written off for an order: whoever asks has given its purchase back.
pub(super) fn recover_loss(
    state: &State,
    id: OrderId,
    attempt: u8,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    if order.attempt != attempt {
        return Err(Reject::StaleAttempt);
    }
    let Some(&amount) = state.written_off.get(&id) else { return Ok(Reply::Unchanged) };
    events.push(Event::Order(OrderEvent::LossRecovered {
        order: id,
        provider: order.provider,
        amount,
    }));
    Ok(Reply::Done)
}

pub(super) fn assign(
    state: &State,
    at: Time,
    id: OrderId,
    attempt: u8,
    given: Given<'_>,
    timings: Timings,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = waiting(state, id, attempt)?;
    if state.providers[order.provider].kind != ProviderKind::Driven {
        return Err(Reject::WrongProviderKind);
    }
    bounded(given.external_id, NAME_LEN_MAX, "external_id")?;
    if let Some(other) = state.purchase(order.provider, given.external_id) {
        return Err(Reject::DuplicatePurchase(other));
    }
    let cost = given.cost.unwrap_or(order.cost);
    check_cost(cost)?;
    let assignment = assignment(at, given.number, given.external_id, timings);
    events.push(Event::Order(OrderEvent::NumberAssigned { order: id, assignment, cost }));
    Ok(Reply::Placed(id, true))
}

pub(super) fn fail(
    state: &State,
    id: OrderId,
    attempt: u8,
    reason: FailReason,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let order = waiting(state, id, attempt)?;
    match reason {
        FailReason::NoNumbers => check_doubt(order)?,
        FailReason::InDoubt => {}
    }
    events.push(failure(state, order, reason));
    Ok(Reply::Done)
}

/// The event that ends an order without a number. A purchase that stayed in doubt
/// may have been charged: its cost is written off against the provider.
pub(super) fn failure(state: &State, order: &Order, reason: FailReason) -> Event {
    assert_eq!(order.state, ActivationState::Init, "only an order without a number fails");
    let driven = state.providers[order.provider].kind == ProviderKind::Driven;
    let loss = match reason {
        FailReason::InDoubt if driven => order.cost,
        FailReason::InDoubt | FailReason::NoNumbers => Micros::ZERO,
    };
    Event::Order(OrderEvent::OrderFailed {
        order: order.id,
        account: order.account,
        refund: order.price,
        reason,
        provider: order.provider,
        loss,
    })
}
