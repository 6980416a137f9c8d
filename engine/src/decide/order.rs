//! An order from its placement to its number, or to its refund without one.

use std::sync::Arc;

use super::check::{bounded, check_cost, check_end, sealed_under_a_day, waiting};
use super::money::{self, Stands, check_funds, check_room};
use super::upstream::{recovered, reversed};
use crate::activation::{ActivationState, Assignment, NumberPlace, StockNumber};
use crate::command::{
    AssignNumber, ClearDoubt, DoubtOrder, Effect, FailOrder, NextAttempt, PlaceOrder, Placed,
    RecoverLoss, Timings,
};
use crate::event::{
    AttemptEnd, Event, MoveReason, OrderEvent, Placement, ProviderKind, RATE_LEN_MAX, Terms,
};
use crate::group::Made;
use crate::ids::{OrderId, OrderNumber, Product, Token, VariantId};
use crate::limits::{ATTEMPTS_MAX, BUY_TIME_MS, NAME_LEN_MAX};
use crate::money::{COST_MAX, Micros};
use crate::order::{FailReason, LINE, Order, OrderNotes, OrderRef};
use crate::reject::Reject;
use crate::sealed::Purpose;
use crate::state::{Lost, State};
use crate::time::Time;

pub(super) fn place(
    state: &State,
    at: Time,
    order: &PlaceOrder,
    events: &mut Vec<Event>,
) -> Result<Placed, Reject> {
    let &PlaceOrder { account, product, variant, limit, terms, timings, .. } = order;
    state.account(account).ok_or(Reject::UnknownAccount)?;
    if let Some(asked) = &order.idempotency
        && let Some(Made::Order(made)) = state.replies.made_for(account, asked)?
    {
        return Ok(Placed::Replayed(made));
    }
    check_notes(state, order.notes.as_deref())?;
    let wish = Wish { product, variant, limit };
    let assignment = check_terms(state, at, wish, terms, timings)?;
    check_room(state, terms.provider)?;
    check_funds(state, account, terms.price)?;
    let id = OrderId(state.counters.order.0 + 1);
    if !state.orders.has_room_for(id) {
        return Err(Reject::Exhausted("orders"));
    }
    let placed = placed(id, assignment.is_some());
    let assigned = u16::from(assignment.is_some());
    let order_ref = OrderRef { id, account, line: LINE, attempt: 1, assignment: assigned };
    events.push(Event::Order(OrderEvent::OrderPlaced(Placement {
        order: order_ref,
        number: OrderNumber(state.accounts[account].orders.0 + 1),
        product,
        variant,
        limit,
        terms,
        deadline: at.plus_ms(BUY_TIME_MS),
        assignment,
        max_price: order.max_price,
        routing: order.routing,
        notes: order.notes.clone(),
    })));
    events.push(money::spend(state, order_ref, terms.price, None));
    Ok(placed)
}

/// Refuses notes that are too long, or sealed under a key that seals none.
fn check_notes(state: &State, notes: Option<&OrderNotes>) -> Result<(), Reject> {
    let Some(OrderNotes { reference, end_user }) = notes else { return Ok(()) };
    let noted = [
        (reference, Purpose::OrderReference, "reference"),
        (end_user, Purpose::EndUser, "end_user"),
    ];
    for (value, purpose, field) in noted {
        let Some(value) = value else { continue };
        if !value.fits(purpose) {
            return Err(Reject::OutOfBounds(field));
        }
        sealed_under_a_day(state, value)?;
    }
    Ok(())
}

const fn placed(order: OrderId, filled: bool) -> Placed {
    if filled { Placed::Filled(order) } else { Placed::Waiting(order) }
}

/// What an order's claims must suit.
#[derive(Clone, Copy)]
struct Wish {
    product: Product,
    variant: VariantId,
    limit: Micros,
}

/// Checks a claim against the order's wishes; own stock gives its number at once.
fn check_terms(
    state: &State,
    at: Time,
    Wish { product, variant, limit }: Wish,
    terms: Terms,
    timings: Timings,
) -> Result<Option<Assignment>, Reject> {
    let offer = state.offer(terms.offer).ok_or(Reject::UnknownOffer)?;
    let suits = offer.provider == terms.provider
        && offer.product == product
        && state.is_variant_of(offer.variant, variant);
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
            let StockNumber { token, load, index } = *first.ok_or(Reject::NoNumbers)?;
            let place = NumberPlace::Load(load, index);
            Ok(Some(assignment(at, (token, place), "", timings)))
        }
    }
}

fn assignment(
    at: Time,
    (token, place): (Token, NumberPlace),
    external_id: &str,
    timings: Timings,
) -> Assignment {
    Assignment {
        token,
        place,
        external_id: external_id.into(),
        cancel_from: at.plus_ms(timings.min_cancel_age_ms),
        expires_at: at.plus_ms(timings.lifetime_ms),
    }
}

pub(super) fn next_attempt(
    state: &State,
    at: Time,
    next: &NextAttempt,
    events: &mut Vec<Event>,
) -> Result<Placed, Reject> {
    let &NextAttempt { order: id, refused, terms, timings, routing, ref ended } = next;
    check_end(ended.as_ref())?;
    let order = waiting(state, id, refused)?;
    check_doubt(order)?;
    if order.attempt >= ATTEMPTS_MAX {
        return Err(Reject::Exhausted("attempts"));
    }
    let wish = Wish { product: order.product, variant: order.variant, limit: order.limit };
    let assignment = check_terms(state, at, wish, terms, timings)?;
    check_room(state, terms.provider)?;
    let change = terms.price.checked_sub(order.price).expect("prices are bounded");
    if change.is_positive() {
        check_funds(state, order.account, change)?;
    }
    let begun = OrderRef { attempt: refused + 1, ..order.reference() };
    events.push(Event::Order(OrderEvent::AttemptStarted {
        order: begun,
        terms,
        routing,
        ended: ended.clone(),
    }));
    events.extend(money::respend(state, order, begun, terms.price));
    let placed = placed(id, assignment.is_some());
    if let Some(assignment) = assignment {
        events.push(Event::Order(OrderEvent::NumberAssigned {
            order: OrderRef { assignment: begun.assignment + 1, ..begun },
            assignment,
            cost: terms.cost,
            charged: None,
            carrier: None,
        }));
    }
    Ok(placed)
}

pub(super) fn doubt(
    state: &State,
    DoubtOrder { order: id, attempt, ended }: &DoubtOrder,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    check_end(ended.as_ref())?;
    let order = waiting(state, *id, *attempt)?;
    if order.in_doubt {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::Order(OrderEvent::OrderDoubted {
        order: order.reference(),
        ended: ended.clone(),
    }));
    Ok(Effect::Done)
}

/// Ends a doubt as "not bought": the reconciler has seen the provider's list.
pub(super) fn clear_doubt(
    state: &State,
    &ClearDoubt { order: id, attempt }: &ClearDoubt,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = waiting(state, id, attempt)?;
    if !order.in_doubt {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::Order(OrderEvent::DoubtCleared { order: order.reference() }));
    Ok(Effect::Done)
}

/// Refuses what would buy a second number, or forget a first, while it is unknown whether
/// the attempt bought one.
const fn check_doubt(order: &Order) -> Result<(), Reject> {
    if order.in_doubt { Err(Reject::InDoubt) } else { Ok(()) }
}

/// Reverses what was written off for an order: the caller has given its purchase back.
pub(super) fn recover_loss(
    state: &State,
    &RecoverLoss { order: id, attempt }: &RecoverLoss,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    if !order.has_attempt(attempt) {
        return Err(Reject::StaleAttempt);
    }
    // What was bought beside the order's number first: it goes back oftener.
    let (stands, named) = (Stands::at_first(state), order.reference_of(attempt));
    let number = || reversed(stands, named, Lost::Number);
    let recovered = recovered(stands, order, attempt).or_else(number);
    let Some(recovered) = recovered else { return Ok(Effect::Unchanged) };
    events.push(recovered);
    Ok(Effect::Done)
}

pub(super) fn assign(
    state: &State,
    at: Time,
    given: &AssignNumber,
    events: &mut Vec<Event>,
) -> Result<Placed, Reject> {
    let &AssignNumber { order: id, attempt, token, ref external_id, cost, timings, .. } = given;
    let order = waiting(state, id, attempt)?;
    if state.providers[order.provider].kind != ProviderKind::Driven {
        return Err(Reject::WrongProviderKind);
    }
    bounded(external_id, NAME_LEN_MAX, "external_id")?;
    if !given.sealed.fits(Purpose::Number) {
        return Err(Reject::OutOfBounds("number"));
    }
    sealed_under_a_day(state, &given.sealed)?;
    if given.carrier.as_ref().is_some_and(|carrier| carrier.len() > NAME_LEN_MAX) {
        return Err(Reject::OutOfBounds("carrier"));
    }
    let rate = given.charged.as_ref().and_then(|charged| charged.rate.as_ref());
    if rate.is_some_and(|rate| rate.len() > RATE_LEN_MAX) {
        return Err(Reject::OutOfBounds("rate"));
    }
    if let Some(other) = state.purchase(order.provider, external_id) {
        return Err(Reject::DuplicatePurchase(other));
    }
    if let Some(orphan) = state.orphan(order.provider, external_id) {
        return Err(Reject::DuplicatePurchase(orphan.order));
    }
    let cost = cost.unwrap_or(order.cost);
    check_cost(cost)?;
    let place = NumberPlace::Here(Arc::new(given.sealed.clone()));
    let assignment = assignment(at, (token, place), external_id, timings);
    let provider = order.provider;
    let order = order.reference();
    let order = OrderRef { assignment: order.assignment + 1, ..order };
    let (charged, carrier) = (given.charged.clone(), given.carrier.clone());
    let assigned = OrderEvent::NumberAssigned { order, assignment, cost, charged, carrier };
    events.push(Event::Order(assigned));
    events.extend(money::charge(Stands::at_first(state), order, provider, cost));
    Ok(Placed::Filled(id))
}

pub(super) fn fail(
    state: &State,
    &FailOrder { order: id, attempt, reason, ref ended }: &FailOrder,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    check_end(ended.as_ref())?;
    if let Some(recovered) = refused_late(state, id, attempt, reason) {
        events.push(recovered);
        return Ok(Effect::Done);
    }
    let order = waiting(state, id, attempt)?;
    let reason = match reason {
        FailReason::NoNumbers => {
            check_doubt(order)?;
            reason
        }
        // Of what is not in doubt nothing can have been charged.
        FailReason::InDoubt if order.in_doubt => reason,
        FailReason::InDoubt => FailReason::NoNumbers,
    };
    let failure = failure(Stands::at_first(state), order, reason, ended.clone());
    events.extend(failure.into_iter().flatten());
    Ok(Effect::Done)
}

/// A refusal that is certain and comes after the deadline: nothing was bought, and what was
/// written off for it comes back.
fn refused_late(state: &State, id: OrderId, attempt: u8, reason: FailReason) -> Option<Event> {
    let order = state.order(id).filter(|order| order.state == ActivationState::Failed)?;
    match reason {
        FailReason::NoNumbers if order.attempt == attempt => {
            recovered(Stands::at_first(state), order, attempt)
        }
        FailReason::NoNumbers | FailReason::InDoubt => None,
    }
}

/// What ends an order without a number: its money goes back. A purchase that stayed in doubt may
/// have been charged: its cost is written off against the provider.
pub(super) fn failure(
    stands: Stands<'_>,
    order: &Order,
    reason: FailReason,
    ended: Option<AttemptEnd>,
) -> [Option<Event>; 3] {
    assert_eq!(order.state, ActivationState::Init, "only an order without a number fails");
    let (named, provider) = (order.reference(), order.provider);
    let driven = stands.state.providers[provider].kind == ProviderKind::Driven;
    let (why, may_be_bought) = match reason {
        FailReason::NoNumbers => (MoveReason::NoNumbers, false),
        FailReason::InDoubt => (MoveReason::InDoubt, driven),
    };
    let is_lost = may_be_bought && stands.state.loss_of(named, Lost::Other).is_none();
    let loss = is_lost.then(|| money::write_off(stands, named, (provider, order.cost), why));
    let failed = OrderEvent::OrderFailed { order: named, reason, provider, ended };
    [Some(Event::Order(failed)), Some(money::refund(order, why)), loss.flatten()]
}
