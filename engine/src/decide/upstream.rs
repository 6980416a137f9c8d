//! Purchases beside the one that an order has, what they cost, and ends at providers.

use super::activation::closed;
use super::check::{bounded, check_cost, check_end, waiting};
use super::money::{self, Stands};
use crate::activation::{ActivationState, Input};
use crate::command::{Effect, EndByProvider, EndUpstream, FindOrphan, NamePurchase, SettleOrphan};
use crate::event::{
    Closing, Event, MoveReason, OrderEvent, OrphanEnd, ProviderKind, ProviderWord, UpstreamEnd,
    UpstreamEvent,
};
use crate::limits::NAME_LEN_MAX;
use crate::order::{Order, OrderRef, OrderStatus};
use crate::reject::Reject;
use crate::state::{Lost, State, WriteOff};

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
    let (order, attempt) = (&state.orders[orphan.order], orphan.attempt);
    let named = order.reference_of(attempt);
    let first = events.len();
    events.push(Event::Upstream(UpstreamEvent::OrphanSettled {
        order: named,
        provider,
        external_id: external_id.clone(),
        end,
    }));
    match end {
        OrphanEnd::GivenBack => {
            // Another purchase of the attempt may be lost, which this one is not.
            let is_its = |it: &&WriteOff| {
                let its = (provider, orphan.cost);
                it.reason == MoveReason::InDoubt || (it.provider, it.amount) == its
            };
            if state.loss_of(named, Lost::Other).filter(is_its).is_some() {
                events.extend(recovered(Stands::at_first(state), order, attempt));
            }
        }
        OrphanEnd::Stayed => {
            let known = state.loss_of(named, Lost::Other);
            let is_doubt = known.is_some_and(|known| known.reason == MoveReason::InDoubt);
            if is_doubt {
                // The doubt is over: the purchase is charged, at its own cost.
                events.extend(recovered(Stands::at_first(state), order, attempt));
            }
            if is_doubt || known.is_none() {
                let stands = Stands { state, brought: &events[first..] };
                let charged = (provider, orphan.cost);
                let loss = money::write_off(stands, named, charged, MoveReason::Stayed);
                events.extend(loss);
            }
        }
        OrphanEnd::Gone => {}
    }
    Ok(Effect::Done)
}

/// The movement that books the charge for an order that has its number and whose buyer has the
/// money back, once: `None` if it is booked already, or costs nothing.
pub(super) fn charged_in_vain(
    stands: Stands<'_>,
    order: &Order,
    reason: MoveReason,
) -> Option<Event> {
    let driven = stands.state.providers[order.provider].kind == ProviderKind::Driven;
    let named = order.reference();
    if !driven || order.assignment.is_none() || stands.state.loss_of(named, Lost::Number).is_some()
    {
        return None;
    }
    // What the provider gave back, and charges again.
    let again = || money::write_off(stands, named, (order.provider, order.cost), reason);
    money::lose(order, reason).or_else(again)
}

/// The movement that reverses what was written off for an attempt's purchase beside the order's
/// number, if anything was.
pub(super) fn recovered(stands: Stands<'_>, order: &Order, attempt: u8) -> Option<Event> {
    reversed(stands, order.reference_of(attempt), Lost::Other)
}

/// The movement that reverses a loss which stands.
pub(super) fn reversed(stands: Stands<'_>, named: OrderRef, lost: Lost) -> Option<Event> {
    let written = stands.state.loss_of(named, lost)?;
    (!written.reversed).then(|| money::recover(stands, named, written))
}

pub(super) fn end_upstream(
    state: &State,
    &EndUpstream { order: id, end }: &EndUpstream,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let order = state.order(id).ok_or(Reject::UnknownOrder)?;
    if !state.has_to_end_upstream(order) {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::Upstream(UpstreamEvent::EndedUpstream { order: order.reference(), end }));
    if order.status == OrderStatus::Refunded {
        let stands = Stands::at_first(state);
        events.extend(match end {
            UpstreamEnd::Charged => charged_in_vain(stands, order, MoveReason::FinishedEmpty),
            UpstreamEnd::GivenBack => money::take_back(stands, order),
            // Its charge stands until a statement tells.
            UpstreamEnd::Unknown => None,
        });
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
    events.extend(closed(order, closing).into_iter().flatten());
    events.push(Event::Upstream(UpstreamEvent::EndedByProvider { order: order.reference(), word }));
    if order.status == OrderStatus::Escrow {
        let stands = Stands::at_first(state);
        events.extend(match word {
            ProviderWord::Cancelled | ProviderWord::Expired => money::take_back(stands, order),
            ProviderWord::Finished => charged_in_vain(stands, order, MoveReason::FinishedEmpty),
            // Whether it is charged is seen when it is ended there.
            ProviderWord::Missing => None,
        });
    }
    Ok(Effect::Done)
}
