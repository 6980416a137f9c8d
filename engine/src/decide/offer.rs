//! Providers, variants, offers and own stock.

use super::check::{bounded, counted, next_id, sealed_under};
use super::rest;
use crate::activation::StockNumber;
use crate::command::{ListOffers, Listed, LoadStock, NameVariant, RegisterProvider};
use crate::event::{Event, LoadedNumber, OfferEvent, ProviderKind};
use crate::grid::PROVIDERS_MAX;
use crate::ids::{LoadId, OfferId, ProviderId, SourceId, Token, VariantId};
use crate::limits::{NAME_LEN_MAX, NUMBERS_MAX, OFFERS_MAX};
use crate::money::{COST_MAX, Micros};
use crate::policy::Policy;
use crate::product::Variant;
use crate::reject::Reject;
use crate::sealed::{KeyHandle, KeyOwner, Purpose};
use crate::state::State;
use crate::time::Time;
use crate::under_keys::UnderKeys;
use std::collections::BTreeSet;

pub(super) fn register_provider(
    state: &State,
    RegisterProvider { name, kind }: &RegisterProvider,
    events: &mut Vec<Event>,
) -> Result<ProviderId, Reject> {
    let kind = *kind;
    bounded(name, NAME_LEN_MAX, "name")?;
    if let Some((id, known)) = state.providers().find(|(_, known)| known.name == *name) {
        let same = known.kind == kind;
        return if same { Ok(id) } else { Err(Reject::NameTaken) };
    }
    let last = state.counters.provider.0;
    // What the grid has no place for could not be sold, nor a restart get past it.
    if last >= PROVIDERS_MAX {
        return Err(Reject::Exhausted("providers"));
    }
    let provider = ProviderId(last + 1);
    events.push(Event::Offer(OfferEvent::ProviderRegistered {
        provider,
        name: name.clone(),
        kind,
    }));
    Ok(provider)
}

pub(super) fn name_variant(
    state: &State,
    NameVariant { parts }: &NameVariant,
    events: &mut Vec<Event>,
) -> Result<VariantId, Reject> {
    let Variant { carrier, line: _, area } = parts;
    for (text, field) in [(carrier, "carrier"), (area, "area")] {
        text.as_deref().map_or(Ok(()), |text| bounded(text, NAME_LEN_MAX, field))?;
    }
    if parts.is_any() {
        return Err(Reject::OutOfBounds("variant"));
    }
    if let Some(known) = state.variant_ids.get(parts) {
        return Ok(*known);
    }
    let last = state.counters.variant.0;
    let variant = VariantId(last.checked_add(1).ok_or(Reject::Exhausted("variants"))?);
    events.push(Event::Offer(OfferEvent::VariantNamed { variant, parts: parts.clone() }));
    Ok(variant)
}

pub(super) fn list(
    state: &State,
    ListOffers { provider, offers }: &ListOffers,
    events: &mut Vec<Event>,
) -> Result<Listed, Reject> {
    let provider = *provider;
    state.provider(provider).ok_or(Reject::UnknownProvider)?;
    counted(offers.len(), "offers")?;
    if state.offers.len() + offers.len() > OFFERS_MAX {
        return Err(Reject::Exhausted("offers"));
    }
    let mut seen = BTreeSet::new();
    for key in offers {
        if state.offer_for(provider, *key).is_some() || !seen.insert(*key) {
            return Err(Reject::DuplicateOffer);
        }
        if key.variant != VariantId::ANY && !state.variants.contains(key.variant) {
            return Err(Reject::OutOfBounds("variant"));
        }
        // Sources get ids with their feature.
        if key.source != SourceId::ANY {
            return Err(Reject::OutOfBounds("source"));
        }
    }
    let first = OfferId(state.offers.len() as u32 + 1);
    events.push(Event::Offer(OfferEvent::OffersListed { provider, first, offers: offers.clone() }));
    Ok(Listed { first, count: offers.len() as u32 })
}

fn check_price(cost: Micros, price: Micros) -> Result<(), Reject> {
    if cost < Micros::ZERO || cost > COST_MAX {
        return Err(Reject::AmountOutOfRange("cost"));
    }
    if !price.is_positive() || price > COST_MAX || price < cost {
        return Err(Reject::AmountOutOfRange("price"));
    }
    Ok(())
}

/// Refuses a load of own stock that no state takes, naming the field; numbers are told apart by their
/// tokens. What only the state
/// knows, such as numbers that are held already, is looked at when it is loaded.
///
/// # Errors
/// [`Reject::OutOfBounds`], [`Reject::AmountOutOfRange`] or [`Reject::DuplicateNumber`].
pub fn check_load(cost: Micros, price: Micros, numbers: &[Token]) -> Result<(), Reject> {
    counted(numbers.len(), "numbers")?;
    check_price(cost, price)?;
    let mut distinct = BTreeSet::new();
    let twice = numbers.iter().position(|number| !distinct.insert(*number));
    twice.map_or(Ok(()), |index| Err(Reject::DuplicateNumber(index as u32)))
}

/// All numbers are under one key of loads of this offer, which lives.
fn check_sealed(state: &State, offer: OfferId, numbers: &[LoadedNumber]) -> Result<(), Reject> {
    let key = numbers.first().map(|number| number.sealed.handle);
    for LoadedNumber { token: _, sealed } in numbers {
        if !sealed.fits(Purpose::Number) {
            return Err(Reject::OutOfBounds("numbers"));
        }
        if Some(sealed.handle) != key {
            return Err(Reject::UnknownSealKey);
        }
        sealed_under(state, sealed, |owner| owner == KeyOwner::Load(offer))?;
    }
    Ok(())
}

/// The numbers of a load, with the tokens that the state has for them, if it has any; and these tokens.
fn known_numbers(
    state: &State,
    numbers: &[LoadedNumber],
    others: &[Box<[Token]>],
) -> Result<(Vec<Token>, Vec<LoadedNumber>), Reject> {
    if others.iter().any(|tokens| tokens.len() != numbers.len()) {
        return Err(Reject::OutOfBounds("others"));
    }
    let known = numbers.iter().enumerate().map(|(index, number)| {
        let others = others.iter().map(|tokens| tokens[index]).collect();
        let token = state.known_token(&UnderKeys { current: number.token, others });
        (token, LoadedNumber { token, sealed: number.sealed.clone() })
    });
    Ok(known.unzip())
}

pub(super) fn load_stock(
    state: &State,
    policy: &Policy,
    at: Time,
    LoadStock { offer: id, cost, price, numbers, others }: &LoadStock,
    events: &mut Vec<Event>,
) -> Result<u32, Reject> {
    let (id, cost, price) = (*id, *cost, *price);
    let offer = state.offer(id).ok_or(Reject::UnknownOffer)?;
    let provider = offer.provider;
    if state.providers[provider].kind != ProviderKind::Own {
        return Err(Reject::WrongProviderKind);
    }
    let (tokens, numbers) = known_numbers(state, numbers, others)?;
    check_load(cost, price, &tokens)?;
    check_sealed(state, id, &numbers)?;
    let load = LoadId(next_id(state.counters.load.0, "loads")?);
    if state.held.len() + numbers.len() > NUMBERS_MAX {
        return Err(Reject::Exhausted("numbers"));
    }
    // A number has one carrier: of two offers of a service it would be sold to two buyers at
    // once, and no message could say whose it is.
    let is_held = |number: &Token| {
        state.offers_with(*number).filter_map(|id| state.offer(id)).any(|other| {
            other.provider == provider && other.product.service == offer.product.service
        })
    };
    if let Some(index) = tokens.iter().position(is_held) {
        return Err(Reject::DuplicateNumber(index as u32));
    }
    events.push(Event::Offer(OfferEvent::StockLoaded { load, offer: id, cost, price, numbers }));
    // From the last to the first: each leaves the end of the stock.
    for &number in tokens.iter().rev() {
        if let Some(until) = rest::of_loaded(state, policy, at, offer, number) {
            let held = OfferEvent::NumberHeldBack { offer: id, number, rested: None, until };
            events.push(Event::Offer(held));
        }
    }
    Ok(tokens.len() as u32)
}

/// The loads of an offer that are for sale under a key, taken back.
pub(super) fn taken_back(
    state: &State,
    (offer, key): (OfferId, KeyHandle),
) -> impl Iterator<Item = OfferEvent> {
    let loads = state.loads.under(key).iter().filter(|load| state.loads.is_for_sale(**load));
    loads.map(move |&load| {
        let is_its = |number: &&StockNumber| number.load == load;
        let in_stock = state.pools.get(offer).map_or(0, |it| it.next.iter().filter(is_its).count());
        let resting = state.quarantine.iter().map(|resting| &resting.number).filter(is_its).count();
        let (in_stock, resting) = (in_stock as u32, resting as u32);
        OfferEvent::StockTakenBack { load, offer, in_stock, resting }
    })
}
