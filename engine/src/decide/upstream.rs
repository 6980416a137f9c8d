//! Purchases beside the one that an order has, what they cost, and ends at providers.

use super::activation::closed;
use super::check::{bounded, check_cost, check_end, waiting};
use crate::activation::{ActivationState, Input};
use crate::command::{Effect, EndByProvider, EndUpstream, FindOrphan, NamePurchase, SettleOrphan};
use crate::event::{
    ChargeReason, Closing, Event, OrderEvent, OrphanEnd, ProviderKind, ProviderWord, UpstreamEvent,
};
use crate::ids::{OrderId, ProviderId};
use crate::limits::NAME_LEN_MAX;
use crate::money::Micros;
use crate::order::{Order, OrderRef, OrderStatus};
use crate::reject::Reject;
use crate::state::State;

pub(super) fn find_orphan(
    state: &State,
    found: &FindOrphan,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let &FindOrphan { order: id, attempt, provider, ref external_id, from, cost } = found;
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    let kind = state.provider(provider).ok_or(Reject::UnknownProvider)?.kind;
    if kind != ProviderKind::Driven {
        return Err(Reject::WrongProviderKind);
    }
    bounded(external_id, NAME_LEN_MAX, "external_id")?;
    let cost = cost.unwrap_or(order.cost);
    check_cost(cost)?;
    if !order.has_attempt(attempt) {
        return Err(Reject::StaleAttempt);
    }
    if let Some(other) = state.purchase(provider, external_id) {
        return Err(Reject::DuplicatePurchase(other));
    }
    if state.orphan(provider, external_id).is_some() {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::Upstream(UpstreamEvent::OrphanFound {
        order: order.reference_of(attempt),
        provider,
        external_id: external_id.clone(),
        from,
        cost,
    }));
    Ok(Effect::Done)
}

/// Makes the id of a purchase without a number durable together with its attempt's doubt.
pub(super) fn name_purchase(
    state: &State,
    named: &NamePurchase,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let &NamePurchase { order: id, attempt, ref external_id, cost, ref ended } = named;
    check_end(ended.as_ref())?;
    let order = waiting(state, id, attempt)?;
    let provider = order.provider;
    if state.providers[provider].kind != ProviderKind::Driven {
        return Err(Reject::WrongProviderKind);
    }
    bounded(external_id, NAME_LEN_MAX, "external_id")?;
    let orphan = || state.orphan(provider, external_id).map(|orphan| orphan.order);
    if let Some(other) = state.purchase(provider, external_id).or_else(orphan) {
        return Err(Reject::DuplicatePurchase(other));
    }
    let cost = cost.unwrap_or(order.cost);
    check_cost(cost)?;
    let is_known = state.named.contains_key(&(id, attempt));
    if order.in_doubt && is_known {
        return Ok(Effect::Unchanged);
    }
    if !order.in_doubt {
        events.push(Event::Order(OrderEvent::OrderDoubted {
            order: order.reference(),
            ended: ended.clone(),
        }));
    }
    if !is_known {
        let external_id = external_id.clone();
        let order = order.reference();
        let named = UpstreamEvent::PurchaseNamed { order, provider, external_id, cost };
        events.push(Event::Upstream(named));
    }
    Ok(Effect::Done)
}

pub(super) fn settle_orphan(
    state: &State,
    settled: &SettleOrphan,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let &SettleOrphan { provider, ref external_id, end } = settled;
    let Some(orphan) = state.orphan(provider, external_id).copied() else {
        return Ok(Effect::Unchanged);
    };
    let order = &state.orders[orphan.order];
    events.push(Event::Upstream(UpstreamEvent::OrphanSettled {
        order: order.reference_of(orphan.attempt),
        provider,
        external_id: external_id.clone(),
        end,
    }));
    match end {
        OrphanEnd::GivenBack => {
            events.extend(recovered(state, order, orphan.attempt));
        }
        OrphanEnd::Stayed => {
            let (attempt, amount, why) = (orphan.attempt, orphan.cost, ChargeReason::Stayed);
            if is_written_off(state, order.id, attempt) {
                // The doubt is over: the purchase is charged, at its own cost.
                events.extend(recovered(state, order, attempt));
                events.extend(charge(order.reference_of(attempt), provider, amount, why));
            } else {
                events.extend(charged(state, order.reference_of(attempt), provider, amount, why));
            }
        }
        OrphanEnd::Gone => {}
    }
    Ok(Effect::Done)
}

/// The event that books a purchase which a provider charges and no buyer pays, once for each
/// attempt: `None` if it is booked already, or costs nothing.
pub(super) fn charged(
    state: &State,
    order: OrderRef,
    provider: ProviderId,
    amount: Micros,
    why: ChargeReason,
) -> Option<Event> {
    let OrderRef { id, attempt, .. } = order;
    let is_booked =
        state.charges.contains_key(&(id, attempt)) || is_written_off(state, id, attempt);
    if is_booked { None } else { charge(order, provider, amount, why) }
}

/// The event that books a charge; `None` of nothing.
fn charge(
    order: OrderRef,
    provider: ProviderId,
    amount: Micros,
    why: ChargeReason,
) -> Option<Event> {
    let charged = UpstreamEvent::PurchaseCharged { order, provider, amount, why };
    amount.is_positive().then_some(Event::Upstream(charged))
}

/// True if what an attempt may have bought was written off when it stayed in doubt.
fn is_written_off(state: &State, order: OrderId, attempt: u8) -> bool {
    state.orders[order].attempt == attempt && state.written_off.contains_key(&order)
}

/// The charge for an order that has its number and whose buyer has the money back.
pub(super) fn charged_in_vain(state: &State, order: &Order, why: ChargeReason) -> Option<Event> {
    let driven = state.providers[order.provider].kind == ProviderKind::Driven;
    let served = driven && order.assignment.is_some();
    let charge = || charged(state, order.reference(), order.provider, order.cost, why);
    served.then(charge).flatten()
}

/// The event that reverses what was booked for an attempt's purchase, if anything was.
pub(super) fn recovered(state: &State, order: &Order, attempt: u8) -> Option<Event> {
    if let Some(charge) = state.charges.get(&(order.id, attempt)) {
        let reversal = UpstreamEvent::ChargeReversed {
            order: order.reference_of(attempt),
            provider: charge.provider,
            amount: charge.amount,
        };
        return (!charge.reversed).then_some(Event::Upstream(reversal));
    }
    let amount = state.written_off.get(&order.id).filter(|_| order.attempt == attempt)?;
    Some(Event::Order(OrderEvent::LossRecovered {
        order: order.reference_of(attempt),
        provider: order.provider,
        amount: *amount,
    }))
}

pub(super) fn end_upstream(
    state: &State,
    &EndUpstream { order: id, finished }: &EndUpstream,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    if !state.has_to_end_upstream(order) {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::Upstream(UpstreamEvent::EndedUpstream { order: order.reference() }));
    if finished && order.status == OrderStatus::Refunded {
        events.extend(charged_in_vain(state, order, ChargeReason::FinishedEmpty));
    }
    Ok(Effect::Done)
}

pub(super) fn end_by_provider(
    state: &State,
    &EndByProvider { order: id, word }: &EndByProvider,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    if state.providers[order.provider].kind != ProviderKind::Driven {
        return Err(Reject::WrongProviderKind);
    }
    let closing = match order.state {
        ActivationState::Received => Closing::Completed,
        ActivationState::Init
        | ActivationState::Active
        | ActivationState::Completed
        | ActivationState::Cancelled
        | ActivationState::TimedOut
        | ActivationState::Failed => {
            order.state.after(Input::Cancel)?;
            Closing::Cancelled
        }
    };
    events.push(closed(order, closing));
    events.push(Event::Upstream(UpstreamEvent::EndedByProvider { order: order.reference(), word }));
    if order.status == OrderStatus::Escrow && word == ProviderWord::Finished {
        events.extend(charged_in_vain(state, order, ChargeReason::FinishedEmpty));
    }
    Ok(Effect::Done)
}
