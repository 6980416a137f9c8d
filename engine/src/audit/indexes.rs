//! What follows from the tables: each index says what its table says, no more and no less. A deadline
//! without an order would end the process at its moment, a purchase without one would be told to no
//! buyer.

use std::collections::{BTreeMap, BTreeSet};

use crate::activation::StockNumber;
use crate::event::ProviderKind;
use crate::holders::NumberHolders;
use crate::order::Order;
use crate::sealed::KeyOwner;
use crate::state::State;

/// Checks all indexes of a state.
///
/// # Errors
/// The first that differs from its table, in words.
pub(super) fn follow_from_tables(state: &State) -> Result<(), String> {
    let rules = [
        (names(state), "names and hashes are not those of accounts, keys, variants and offers"),
        (times(state), "deadlines and ends are not those of the orders"),
        (numbers(state), "numbers and purchases are not those of the orders"),
        (rests(state), "what rests and what was seen are not ordered as they are listed"),
        (state.seal_keys.is_consistent(), "owners of sealing keys are not those of the keys"),
        (loads(state), "keys of loads are not those of own stock, or not as much used"),
        (orders_known(state), "what is left at providers is of orders that are not in memory"),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, complaint)) => Err((*complaint).to_owned()),
        None => Ok(()),
    }
}

fn names(state: &State) -> bool {
    let names = state.accounts.values().filter_map(|account| account.name.as_ref());
    let names: BTreeSet<_> = names.map(|name| &name.digest).collect();
    let hashes: BTreeSet<_> = state.keys.values().map(|key| &key.hash).collect();
    let variants: BTreeMap<_, _> = state.variants.iter().map(|(id, parts)| (parts, id)).collect();
    let rails: BTreeMap<_, _> = state.rails().map(|(id, name)| (name, id)).collect();
    let offers = (1..).zip(&state.offers).all(|(id, offer)| {
        let key = (offer.provider, offer.key());
        state.offer_ids.get(&key).is_some_and(|known| known.0 == id)
    });
    names.into_iter().eq(&state.account_names)
        && hashes.into_iter().eq(&state.key_hashes)
        && variants.into_iter().eq(state.variant_ids.iter().map(|(parts, id)| (parts, *id)))
        && rails.into_iter().eq(state.rail_ids.iter().map(|(name, id)| (&**name, *id)))
        && offers
        && state.offer_ids.len() == state.offers.len()
}

fn times(state: &State) -> bool {
    let open = state.orders.values().filter(|order| !order.state.is_closed());
    let deadlines: BTreeSet<_> = open.map(|order| (state.ends_at(order), order.id)).collect();
    let closed: BTreeSet<_> =
        state.orders.values().filter_map(|order| Some((order.closed_at?, order.id))).collect();
    deadlines == state.deadlines && state.closed.iter().eq(&closed)
}

fn numbers(state: &State) -> bool {
    let (mut holders, mut purchases) = (NumberHolders::default(), BTreeMap::new());
    for order in state.orders.values() {
        let Some(given) = &order.assignment else { continue };
        match state.providers[order.provider].kind {
            ProviderKind::Own => {
                holders.insert(given.token, order.provider, order.id);
            }
            ProviderKind::Driven => {
                purchases.insert((order.provider, given.external_id.clone()), order.id);
            }
        }
    }
    holders == state.holders && purchases == state.purchases
}

fn rests(state: &State) -> bool {
    let resting: BTreeMap<_, _> = state
        .quarantine
        .iter()
        .map(|it| ((it.number.token, it.offer), (it.until, it.number)))
        .collect();
    let ages: BTreeSet<_> = state
        .seen
        .iter()
        .map(|((provider, number), seen)| (seen.last, *provider, *number))
        .collect();
    resting == state.resting && resting.len() == state.quarantine.len() && ages == state.seen_ages
}

fn loads(state: &State) -> bool {
    let keys = state.seal_keys.iter().filter(|(_, owner)| matches!(owner, KeyOwner::Load(_)));
    // A number of another load is an order's that was open when that was taken back.
    let is_here = |number: &StockNumber| state.loads.is_for_sale(number.load);
    let mut in_stock = state.pools.iter().flat_map(|(_, pool)| &pool.next);
    in_stock.all(is_here)
        && state.quarantine.iter().all(|resting| is_here(&resting.number))
        && state.loads.is_consistent(keys.map(|(handle, _)| handle), state.used_loads())
}

fn orders_known(state: &State) -> bool {
    let tried =
        |id, attempt| state.orders.get(id).is_some_and(|it: &Order| it.has_attempt(attempt));
    state.write_offs.keys().all(|(id, attempt, _)| tried(*id, *attempt))
        && state.named.keys().all(|(id, attempt)| tried(*id, *attempt))
        && state.orphans.values().all(|orphan| tried(orphan.order, orphan.attempt))
        && state.ended_upstream.iter().all(|id| state.orders.contains(*id))
        && state.provider_words.keys().all(|id| state.orders.contains(*id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::audit;
    use crate::command::Caller;
    use crate::command::{
        AssignNumber, Cancel, Command, Deposit, IssueKey, ListOffers, LoadStock, MakeSealKey,
        NameVariant, NewPayment, OpenAccount, PlaceOrder, RegisterProvider, Timings,
    };
    use crate::engine::Engine;
    use crate::event::{AccountName, LoadedNumber, MoveReason, Routing, Terms};
    use crate::group::{Groups, Head};
    use crate::ids::{
        AccountId, CountryId, LoadId, OfferId, OrderId, Product, ProviderId, ServiceId, Token,
        VariantId,
    };
    use crate::money::Micros;
    use crate::product::OfferKey;
    use crate::sealed::{KeyHandle, SealedValue, TAG_LEN};
    use crate::state::{Lost, WriteOff};
    use crate::time::Time;

    const LOAD: KeyHandle = KeyHandle(1);
    const DAY: KeyHandle = KeyHandle(2);
    const IDENTITY: KeyHandle = KeyHandle(3);
    const OWN: ProviderId = ProviderId(1);
    const DRIVEN: ProviderId = ProviderId(2);

    /// Alters an index; false if there was nothing to be altered.
    type Change = fn(&mut State) -> bool;

    fn sealed(handle: KeyHandle) -> SealedValue {
        let ciphertext = [7; 13 + TAG_LEN].into();
        SealedValue { handle, nonce: [1; 24], commitment: [2; 32], ciphertext }
    }

    fn place(provider: ProviderId) -> Command {
        PlaceOrder {
            account: AccountId(1),
            product: Product::activation(CountryId(1), ServiceId(1)),
            variant: VariantId::ANY,
            limit: Micros(10),
            terms: Terms {
                offer: OfferId(provider.0.into()),
                provider,
                price: Micros(10),
                cost: Micros(5),
            },
            max_price: None,
            routing: Routing::default(),
            timings: Timings { lifetime_ms: 60_000, min_cancel_age_ms: 0 },
            idempotency: None,
            notes: None,
        }
        .into()
    }

    /// Order 1 of own stock and order 2 of a provider are open, order 3 of own stock is closed.
    fn state() -> State {
        let (mut engine, mut groups) = (Engine::default(), Groups::new());
        let mut at = 1;
        let mut run = |command: Command| {
            engine.execute(Head::system(Time(at)), &command, &mut groups).expect("it is legal");
            at += 1;
        };
        let identity = MakeSealKey { handle: IDENTITY, owner: KeyOwner::Identity(AccountId(1)) };
        run(identity.into());
        let name = Some(AccountName { digest: 5, sealed: sealed(IDENTITY) });
        run(OpenAccount { name, credit_limit: Micros::ZERO }.into());
        let payment = NewPayment::new("bank", Micros(100), 1);
        run(Deposit { account: AccountId(1), payment, sealed: None }.into());
        run(IssueKey { account: Some(AccountId(1)), hash: [1; 32], prefix: "nx".into() }.into());
        run(NameVariant::of_carrier("tele".into()).into());
        for (name, kind) in [("own", ProviderKind::Own), ("hero", ProviderKind::Driven)] {
            run(RegisterProvider { name: name.into(), kind }.into());
        }
        let product = Product::activation(CountryId(1), ServiceId(1));
        for provider in [OWN, DRIVEN] {
            run(ListOffers { provider, offers: vec![OfferKey::of(product, VariantId::ANY)] }.into());
        }
        let (offer, cost, price) = (OfferId(1), Micros(5), Micros(10));
        for (handle, owner) in [(LOAD, KeyOwner::Load(offer)), (DAY, KeyOwner::Day(1))] {
            run(MakeSealKey { handle, owner }.into());
        }
        let loaded = |token| LoadedNumber { token: Token(token), sealed: sealed(LOAD) };
        let numbers = [10_001, 10_002, 10_003].map(loaded).into();
        run(LoadStock { offer, cost, price, numbers, others: Vec::new() }.into());
        run(place(OWN));
        run(place(DRIVEN));
        let timings = Timings { lifetime_ms: 60_000, min_cancel_age_ms: 0 };
        let (token, external_id) = (Token(20_001), "x1".into());
        let order = OrderId(2);
        run(AssignNumber {
            order,
            attempt: 1,
            token,
            sealed: sealed(DAY),
            external_id,
            cost: Some(Micros(5)),
            charged: None,
            carrier: None,
            timings,
        }
        .into());
        run(place(OWN));
        run(Cancel { order: OrderId(3), caller: Caller::System }.into());
        engine.state().clone()
    }

    #[test]
    fn every_index_is_held_against_its_table() {
        let sound = state();
        audit(&sound).expect("what the engine keeps is sound");
        let changes: [(&str, Change); 17] = [
            ("a name", |state| state.account_names.pop_first().is_some()),
            ("a key's hash", |state| state.key_hashes.insert([9; 32])),
            ("a variant", |state| state.variant_ids.pop_first().is_some()),
            ("an offer", |state| state.offer_ids.pop_last().is_some()),
            ("a deadline of no order", |state| state.deadlines.insert((Time(9), OrderId(9)))),
            ("a deadline", |state| state.deadlines.pop_first().is_some()),
            ("an end", |state| state.closed.pop_first().is_some()),
            ("a holder", |state| {
                let own = state.orders.values().find(|order| order.provider == OWN);
                let own = own.and_then(|order| Some((order.assignment.as_ref()?.token, order.id)));
                own.map(|(token, id)| state.holders.remove(token, OWN, id)).is_some()
            }),
            ("a purchase", |state| state.purchases.pop_first().is_some()),
            ("another's purchase", |state| {
                state.purchases.values_mut().map(|id| *id = OrderId(1)).count() > 0
            }),
            ("a rest", |state| {
                let number = StockNumber { token: Token(10_003), load: LoadId(1), index: 2 };
                state.resting.insert((number.token, OfferId(1)), (Time(9), number)).is_none()
            }),
            ("an age", |state| state.seen_ages.insert((Time(1), OWN, Token(10_001)))),
            ("an end upstream", |state| state.ended_upstream.insert(OrderId(9))),
            ("a use of a load", |state| state.loads.begin_uses(LoadId(1), 1)),
            ("a load's key", |state| {
                state.loads.remove_key(LOAD);
                true
            }),
            ("a payment", |state| state.payments.pop_first().is_some()),
            ("a rail's name", |state| state.rail_ids.pop_first().is_some()),
        ];
        for (what, change) in changes {
            let mut state = sound.clone();
            assert!(change(&mut state), "{what} was there to be changed");
            audit(&state).expect_err(what);
        }
    }

    #[test]
    fn what_is_written_off_is_lost() {
        let mut state = state();
        let (amount, moved) = (Micros(5), state.counters.seq);
        let reason = MoveReason::InDoubt;
        let written = WriteOff { provider: DRIVEN, amount, reason, moved, reversed: false };
        state.write_offs.insert((OrderId(2), 1, Lost::of(reason)), written);
        let complaint = audit(&state).unwrap_err();
        assert!(complaint.contains("provider 2 lost us"), "{complaint}");
    }
}
