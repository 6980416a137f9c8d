//! Which order a message on a number of own stock is for.
//!
//! A message that may belong to another service's buyer goes to none: the first message is
//! charged, and its code opens that buyer's account. All orders on the number that are in
//! memory count: the open ones, and those that ended within the hour.

use std::collections::BTreeSet;
use std::sync::Arc;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::{OrderId, ServiceId};
use nexnum_engine::order::Order;

use super::named::Naming;

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// No order has the number.
    Missing,
    /// This one; it is late for one that has ended.
    One(OrderId),
    /// Any of several.
    Several,
}

/// The order of those on a number, newest first, that a message is for: the open one of the
/// service that the sender names or the text says. Without either there must have been one
/// service alone. Where none is open the message is late, for the newest of the service.
pub fn choose(
    orders: &[Arc<Order>],
    service: Option<ServiceId>,
    says: impl Fn(ServiceId) -> Naming,
) -> Holder {
    let services: BTreeSet<ServiceId> = orders.iter().map(|order| order.product.service).collect();
    let service = match service {
        None if services.len() > 1 => {
            // What it says clearly counts before what it may say.
            let said = services.iter().map(|service| (says(*service), *service));
            let said: Vec<_> = said.filter(|(naming, _)| *naming != Naming::Not).collect();
            let best = said.iter().map(|(naming, _)| *naming).max();
            let mut said = said.iter().filter(|(naming, _)| Some(*naming) == best);
            said.next().filter(|_| said.next().is_none()).map(|(_, service)| *service)
        }
        None => services.first().copied(),
        service => service,
    };
    let mut open = orders.iter().filter(|order| is_open(order));
    let Some(service) = service else {
        // It is late for all of them, and no buyer is shown it.
        return match (open.next(), orders.first()) {
            (None, Some(newest)) => Holder::One(newest.id),
            (None, None) => Holder::Missing,
            (Some(_), _) => Holder::Several,
        };
    };
    let of_service = |order: &&Arc<Order>| order.product.service == service;
    let mut open = open.filter(of_service);
    match (open.next(), open.next()) {
        (Some(order), None) => Holder::One(order.id),
        (Some(_), Some(_)) => Holder::Several,
        (None, _) => {
            orders.iter().find(of_service).map_or(Holder::Missing, |order| Holder::One(order.id))
        }
    }
}

fn is_open(order: &Order) -> bool {
    matches!(order.state, ActivationState::Active | ActivationState::Received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::Engine;
    use nexnum_engine::command::{
        Caller, Cancel, Command, ListOffers, LoadStock, MakeSealKey, OpenAccount, PlaceOrder,
        RegisterProvider, Reply, Timings,
    };
    use nexnum_engine::event::{LoadedNumber, ProviderKind, Routing, Terms};
    use nexnum_engine::group::{Groups, Head};
    use nexnum_engine::ids::{
        AccountId, CountryId, OfferId, Product, ProviderId, Token, VariantId,
    };
    use nexnum_engine::money::Micros;
    use nexnum_engine::product::OfferKey;
    use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
    use nexnum_engine::time::Time;

    /// Orders on one number, the last one first: each of a service, `true` while it is open.
    fn orders(rows: &[(u16, bool)]) -> Vec<Arc<Order>> {
        let (mut engine, mut groups) = (Engine::default(), Groups::new());
        let mut run = |command: Command| {
            engine.execute(Head::system(Time(1)), &command, &mut groups).unwrap()
        };
        run(OpenAccount { name: None, credit_limit: Micros(1_000) }.into());
        for (at, (service, open)) in (1u64..).zip(rows) {
            let product = Product::activation(CountryId(1), ServiceId(*service));
            let (provider, offer) = (ProviderId(at as u16), OfferId(at as u32));
            // Each sale is of a provider of its own, so that the number may be in several.
            let name = format!("own {at}").into();
            run(RegisterProvider { name, kind: ProviderKind::Own }.into());
            run(ListOffers { provider, offers: vec![OfferKey::of(product, VariantId::ANY)] }.into());
            let (cost, price) = (Micros(1), Micros(2));
            let handle = KeyHandle(at.into());
            run(MakeSealKey { handle, owner: KeyOwner::Load(offer) }.into());
            let (nonce, commitment, ciphertext) = ([1; 24], [2; 32], [3; 21].into());
            let sealed = SealedValue { handle, nonce, commitment, ciphertext };
            let numbers = vec![LoadedNumber { token: Token(15_551), sealed }];
            run(LoadStock { offer, cost, price, numbers, others: Vec::new() }.into());
            let terms = Terms { offer, provider, price, cost };
            run(PlaceOrder {
                account: AccountId(1),
                product,
                variant: VariantId::ANY,
                limit: price,
                terms,
                max_price: None,
                routing: Routing::default(),
                timings: Timings { lifetime_ms: 1_000, min_cancel_age_ms: 0 },
                idempotency: None,
                notes: None,
            }
            .into());
            if !open {
                let answer = run(Cancel { order: OrderId(at), caller: Caller::System }.into());
                assert!(matches!(answer, Reply::Effect(_)));
            }
        }
        let ids = (1..=rows.len() as u64).rev();
        ids.map(|id| Arc::new(engine.state().order(OrderId(id)).unwrap().clone())).collect()
    }

    /// `said`: services that the text names; above 100, that it may name.
    #[track_caller]
    fn check(rows: &[(u16, bool)], service: Option<u16>, said: &[u16], expected: Holder) {
        let says = |service: ServiceId| match said.iter().find(|said| **said % 100 == service.0) {
            None => Naming::Not,
            Some(said) if *said > 100 => Naming::Perhaps,
            Some(_) => Naming::Clearly,
        };
        assert_eq!(choose(&orders(rows), service.map(ServiceId), says), expected, "{rows:?}");
    }

    #[test]
    fn a_message_goes_to_the_open_order_of_the_only_service() {
        check(&[], None, &[], Holder::Missing);
        check(&[(1, true)], None, &[], Holder::One(OrderId(1)));
        check(&[(1, false), (1, true)], None, &[], Holder::One(OrderId(2)));
        check(&[(1, false), (1, false)], None, &[], Holder::One(OrderId(2)));
        check(&[(1, true)], Some(1), &[], Holder::One(OrderId(1)));
        check(&[(1, true)], Some(2), &[], Holder::Missing);
        check(&[(1, true), (1, true)], None, &[], Holder::Several);
    }

    #[test]
    fn a_message_that_may_be_another_services_goes_to_none() {
        check(&[(1, false), (2, true)], None, &[], Holder::Several);
        check(&[(1, true), (2, true)], None, &[], Holder::Several);
        check(&[(1, false), (2, true)], None, &[1, 2], Holder::Several);
        check(&[(1, false), (2, true)], None, &[101, 102], Holder::Several);
        check(&[(1, false), (2, true)], None, &[3], Holder::Several);
        check(&[(1, false), (2, true)], None, &[101, 2], Holder::One(OrderId(2)));
        check(&[(1, false), (2, true)], None, &[102], Holder::One(OrderId(2)));
        check(&[(1, false), (2, true)], None, &[2], Holder::One(OrderId(2)));
        check(&[(1, false), (2, true)], None, &[1], Holder::One(OrderId(1)));
        check(&[(1, false), (2, true)], Some(1), &[2], Holder::One(OrderId(1)));
        check(&[(1, false), (2, false)], None, &[], Holder::One(OrderId(2)));
    }
}
