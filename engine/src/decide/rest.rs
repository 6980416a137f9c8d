//! The rest of a number of own stock after its last buyer: until a late message cannot reach
//! the next one, whatever service that one bought it for.

use std::collections::BTreeSet;

use crate::event::{Event, OfferEvent, OrderEvent, ProviderKind};
use crate::ids::{OfferId, Token};
use crate::order::{Order, OrderStatus};
use crate::policy::Policy;
use crate::state::{Offer, State};
use crate::time::Time;

/// The rest of the number that a refunded order gives back; follows the event that ends the
/// order. The number rests for every offer that has it in stock or at rest, which
/// `held_back` keeps account of for orders that end at once.
pub(super) fn after(
    state: &State,
    policy: &Policy,
    at: Time,
    order: &Order,
    held_back: &mut BTreeSet<(OfferId, Token)>,
    events: &mut Vec<Event>,
) {
    let own = state.providers[order.provider].kind == ProviderKind::Own;
    let Some(assignment) = order.assignment.as_ref().filter(|_| own) else { return };
    if order.status != OrderStatus::Escrow {
        return;
    }
    let number = assignment.token;
    let until = at.plus_ms(policy.quarantine_ms).max(state.rests_until(number).unwrap_or(at));
    if until <= at {
        return;
    }
    if assignment.stock().is_some_and(|number| state.loads.is_for_sale(number.load)) {
        let order = order.reference();
        events.push(Event::Order(OrderEvent::NumberQuarantined { order, until }));
    }
    for offer in state.offers_with(number) {
        let rested = state.resting.get(&(number, offer)).map(|(until, _)| *until);
        let waits_longer = rested.is_some_and(|rested| rested >= until);
        if waits_longer || is_in_use(state, offer, number) || !held_back.insert((offer, number)) {
            continue;
        }
        events.push(Event::Offer(OfferEvent::NumberHeldBack { offer, number, rested, until }));
    }
}

/// True if an open activation of the offer has the number.
fn is_in_use(state: &State, offer: OfferId, number: Token) -> bool {
    let provider = state.offers[offer.0 as usize - 1].provider;
    let mut holders = state.holders(provider, number);
    holders.any(|order| order.offer == offer && !order.state.is_closed())
}

/// Until when a number rests that is loaded into an offer now: as long as it rests elsewhere, after its
/// last buyer for the same service, delivered ones too, and after one whose money went back, for
/// whatever service. The rest of such a one stands nowhere else once its load was taken back.
pub(super) fn of_loaded(
    state: &State,
    policy: &Policy,
    at: Time,
    offer: &Offer,
    number: Token,
) -> Option<Time> {
    let last = state.holders(offer.provider, number).filter(|order| {
        let is_refunded = order.status == OrderStatus::Refunded;
        is_refunded || order.product.service == offer.product.service
    });
    let ends = last.filter_map(|order| order.closed_at);
    let rests = ends.map(|closed| closed.plus_ms(policy.quarantine_ms)).max();
    rests.max(state.rests_until(number)).filter(|until| *until > at)
}
