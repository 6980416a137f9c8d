//! Controls: a ledger whose rules were broken on purpose does not go unnoticed. Each
//! damage must stop the replay with a panic or be named by the audit.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::arbitrary::{Arbitrary, Rng, START};
use common::proof::{Group, Recorded, replay};
use nexnum_engine::Engine;
use nexnum_engine::audit::audit;
use nexnum_engine::book::Book;
use nexnum_engine::event::{
    AccountEvent, CallbackEvent, Closing, Completion, Event, LedgerEvent, Legs, MemoryEvent,
    MoneyEvent, MoveReason, Moved, OfferEvent, OrderEvent, Placement, Receipt, SealKeyEvent,
    UpstreamEvent,
};
use nexnum_engine::group::{KeyUse, Made};
use nexnum_engine::ids::{AccountId, OfferId, OrderId, ProviderId, Token};
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderRef;
use nexnum_engine::time::Time;

/// A random run of so many commands.
fn run(seed: u64, commands: usize) -> Recorded {
    let mut arbitrary = Arbitrary::new(Rng::new(seed));
    let (mut recorded, mut now) = (Recorded::new(arbitrary.policy()), START);
    let mut market = Arbitrary::market().into_iter();
    for _ in 0..commands {
        let command = market.next().unwrap_or_else(|| arbitrary.command(recorded.state()));
        let _ = recorded.execute(now, &command);
        now = now.plus_ms(arbitrary.pause_ms());
    }
    recorded
}

/// The ledger of a random run.
fn ledger(seed: u64) -> Vec<Group> {
    let recorded = run(seed, 300);
    recorded.groups.iter().map(|(head, events)| (head.clone(), events.to_vec())).collect()
}

/// Where its events are: the group, and the place there.
fn places(ledger: &[Group]) -> Vec<(usize, usize)> {
    let groups = ledger.iter().enumerate();
    groups.flat_map(|(group, (_, events))| (0..events.len()).map(move |at| (group, at))).collect()
}

/// True when a replay of the ledger panics, or an audit on the way complains.
fn is_noticed(ledger: &[Group]) -> bool {
    catch_unwind(AssertUnwindSafe(|| audit(replay(ledger).state()).is_err())).unwrap_or(true)
}

fn add(amount: &mut Micros) {
    amount.0 += 1;
}

/// The closing that the order's money contradicts.
const fn contrary(closing: Closing) -> Closing {
    match closing {
        Closing::Completed => Closing::TimedOut,
        Closing::Cancelled | Closing::TimedOut => Closing::Completed,
    }
}

/// Changes one number of an event that the rest of the ledger contradicts; `None`
/// where any value would be as good.
fn damaged(event: &Event, choice: u64) -> Option<Event> {
    let mut event = event.clone();
    match &mut event {
        Event::Account(event) => damage_account(event, choice),
        Event::Offer(event) => damage_offer(event, choice),
        Event::Order(event) => damage_order(event, choice)?,
        Event::Callback(event) => damage_callback(event, choice),
        Event::Money(event) => damage_money(event, choice)?,
        Event::Ledger(LedgerEvent::DayClosed(closed)) => match choice % 2 {
            0 => closed.day = u32::MAX,
            _ => closed.rows = 0,
        },
        Event::Memory(MemoryEvent::Retired { .. }) | Event::Ledger(_) => return None,
        Event::Upstream(event) => damage_upstream(event, choice),
        Event::Memory(MemoryEvent::MessagesRemembered { order }) => order.0 = u64::MAX,
        Event::SealKey(SealKeyEvent::KeyMade { .. }) => return None,
        Event::SealKey(SealKeyEvent::KeyDestroyed { handle, .. }) => handle.0 = u128::MAX,
        Event::SealKey(SealKeyEvent::Retokened { stock, orders }) => {
            match (stock.first_mut(), orders.first_mut()) {
                (Some(renamed), _) => renamed.old = Token(u64::MAX),
                (None, Some(given)) => given.order.0 = u64::MAX,
                (None, None) => return None,
            }
        }
    }
    Some(event)
}

const UNKNOWN: AccountId = AccountId(4_000_000);

fn damage_account(event: &mut AccountEvent, choice: u64) {
    match event {
        AccountEvent::AccountOpened { account, .. } => account.0 += 1,
        AccountEvent::KeyIssued { account, .. } => *account = UNKNOWN,
        AccountEvent::KeyRevoked { key } => key.0 += 1_000_000,
        AccountEvent::AddressSeen { account, address, .. } => match choice % 2 {
            0 => *account = UNKNOWN,
            _ => address.0 += 1,
        },
    }
}

fn damage_offer(event: &mut OfferEvent, choice: u64) {
    match event {
        OfferEvent::ProviderRegistered { provider, .. } => provider.0 += 1,
        OfferEvent::VariantNamed { variant, .. } => variant.0 += 1,
        OfferEvent::OffersListed { provider, first, .. } => match choice % 2 {
            0 => *provider = ProviderId(u16::MAX),
            _ => first.0 += 1,
        },
        OfferEvent::StockLoaded { load, offer, cost, price, .. } => match choice % 4 {
            0 => *offer = OfferId(4_000_000),
            1 => load.0 += 1,
            2 => *cost = Micros(price.0 + 1),
            _ => *price = Micros::ZERO,
        },
        OfferEvent::NumberReleased { offer, number, until } => match choice % 3 {
            0 => *offer = OfferId(4_000_000),
            1 => *number = Token(1),
            _ => until.0 += 1,
        },
        OfferEvent::NumberHeldBack { offer, number, rested, .. } => match choice % 3 {
            0 => *offer = OfferId(4_000_000),
            1 => *number = Token(1),
            _ => *rested = rested.map_or(Some(Time(1)), |_| None),
        },
        OfferEvent::StockTakenBack { load, offer, in_stock, resting } => match choice % 4 {
            0 => load.0 += 1_000_000,
            1 => *offer = OfferId(4_000_000),
            2 => *in_stock += 1,
            _ => *resting += 1,
        },
    }
}

/// Alters how an event names its order.
fn damage_name(order: &mut OrderRef, choice: u64) {
    match choice % 5 {
        0 => order.id = OrderId(u64::MAX),
        1 => order.account = UNKNOWN,
        2 => order.line += 1,
        3 => order.attempt = if choice.is_multiple_of(2) { 0 } else { order.attempt + 1 },
        _ => order.assignment += 1,
    }
}

fn damage_upstream(event: &mut UpstreamEvent, choice: u64) {
    let (is_name, choice) = (choice.is_multiple_of(2), choice / 2);
    match event {
        UpstreamEvent::OrphanFound { order, .. }
        | UpstreamEvent::OrphanSettled { order, .. }
        | UpstreamEvent::PurchaseNamed { order, .. }
            if is_name =>
        {
            damage_name(order, choice);
        }
        UpstreamEvent::OrphanFound { provider, .. }
        | UpstreamEvent::PurchaseNamed { provider, .. } => *provider = ProviderId(u16::MAX),
        UpstreamEvent::OrphanSettled { provider, external_id, .. } => match choice % 2 {
            0 => *provider = ProviderId(u16::MAX),
            _ => *external_id = "another".into(),
        },
        UpstreamEvent::EndedUpstream { order, .. }
        | UpstreamEvent::EndedByProvider { order, .. } => {
            damage_name(order, choice);
        }
    }
}

fn damage_money(event: &mut MoneyEvent, choice: u64) -> Option<()> {
    match event {
        MoneyEvent::RailNamed { rail, .. } => rail.0 += 1,
        MoneyEvent::Deposited { account, payment, .. } => match choice % 3 {
            0 => *account = UNKNOWN,
            1 => payment.rail.0 += 1_000,
            _ => add(&mut payment.amount),
        },
        MoneyEvent::ProviderPaid { provider, payment, .. } => match choice % 3 {
            0 => *provider = ProviderId(u16::MAX),
            1 => payment.rail.0 += 1_000,
            _ => add(&mut payment.amount),
        },
        MoneyEvent::Moved(moved) => return damage_moved(moved, choice),
    }
    Some(())
}

/// Alters a movement: its order, one leg alone, or as much in two legs, so that it balances. `None`
/// of a loss whose amount nothing else tells.
fn damage_moved(moved: &mut Moved, choice: u64) -> Option<()> {
    let (way, choice) = (choice % 3, choice / 3);
    if let Some(order) = &mut moved.order
        && way == 0
    {
        damage_name(order, choice);
        return Some(());
    }
    if way == 1 && moved.reason == Some(MoveReason::Stayed) {
        return None;
    }
    if way == 1 && choice.is_multiple_of(2) && moved.order.is_some_and(|it| it.account.0 < 3) {
        return swap_owner(moved);
    }
    let mut changes = [0; 8];
    changes[choice as usize % moved.legs.len()] = 1;
    if way == 1 {
        changes[(choice as usize + 1) % moved.legs.len()] = -1;
    }
    let mut legs = Legs::default();
    for (leg, change) in moved.legs.iter().zip(changes) {
        assert!(legs.push(leg.book, Micros(leg.amount.0 + change)));
    }
    moved.legs = legs;
    Some(())
}

/// Makes the first leg of an order's movement another customer's; `None` if it is a provider's.
fn swap_owner(moved: &mut Moved) -> Option<()> {
    let mut legs = Legs::default();
    for (at, leg) in moved.legs.iter().enumerate() {
        let book = match leg.book {
            Book::Available(account) if at == 0 => Book::Available(AccountId(3 - account.0)),
            Book::Escrow(account) if at == 0 => Book::Escrow(AccountId(3 - account.0)),
            _ if at == 0 => return None,
            book => book,
        };
        assert!(legs.push(book, leg.amount));
    }
    moved.legs = legs;
    Some(())
}

fn damage_callback(event: &mut CallbackEvent, choice: u64) {
    match event {
        CallbackEvent::CallbackReceived { callback, provider, .. } => match choice % 2 {
            0 => callback.0 += 1,
            _ => *provider = ProviderId(u16::MAX),
        },
        CallbackEvent::CallbackProcessed { callback, dropped, .. } => match choice % 2 {
            0 => callback.0 += 1_000_000,
            _ => *dropped += 1_000,
        },
    }
}

/// `None` if the event leaves nothing to alter.
fn damage_order(event: &mut OrderEvent, choice: u64) -> Option<()> {
    let (is_name, choice) = (choice.is_multiple_of(2), choice / 2);
    match event {
        OrderEvent::OrderPlaced(Placement { order, .. })
        | OrderEvent::AttemptStarted { order, .. }
        | OrderEvent::OrderFailed { order, .. }
        | OrderEvent::MessageReceived(Receipt { order, .. })
        | OrderEvent::MessageCompleted(Completion { order, .. })
        | OrderEvent::ActivationClosed { order, .. }
            if is_name =>
        {
            damage_name(order, choice);
        }
        OrderEvent::OrderPlaced(Placement { terms, limit, assignment, .. }) => match choice % 3 {
            0 => terms.offer = OfferId(4_000_000),
            1 => terms.provider = ProviderId(u16::MAX),
            _ => match assignment {
                Some(assignment) => assignment.token = Token(1),
                None => *limit = Micros(terms.price.0 - 1),
            },
        },
        OrderEvent::AttemptStarted { terms, .. } => add(&mut terms.price),
        OrderEvent::MessageShown { message, .. } if !is_name => message.0 = u64::MAX,
        OrderEvent::MessageShown { order, .. }
        | OrderEvent::OrderDoubted { order, .. }
        | OrderEvent::DoubtCleared { order }
        | OrderEvent::AnotherRequested { order }
        | OrderEvent::NumberAssigned { order, .. }
        | OrderEvent::NumberQuarantined { order, .. } => damage_name(order, choice),
        OrderEvent::OrderFailed { provider, .. } => *provider = ProviderId(u16::MAX),
        OrderEvent::MessageReceived(Receipt { message, late, delivers, .. }) => match choice % 3 {
            0 => message.0 += 1,
            1 => *late = !*late,
            _ => *delivers = !*delivers,
        },
        OrderEvent::MessageCompleted(completion) => completion.message.0 = u64::MAX,
        OrderEvent::ActivationClosed { closing, .. } => *closing = contrary(*closing),
    }
    Some(())
}

#[test]
fn an_event_with_one_wrong_number_is_noticed() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut unnoticed = Vec::new();
    for seed in 0..40 {
        let ledger = ledger(seed);
        let (places, mut rng) = (places(&ledger), Rng::new(seed));
        for _ in 0..60 {
            let (group, at) = places[rng.below(places.len() as u64) as usize];
            let mut copy = ledger[..=group].to_vec();
            let Some(event) = damaged(&copy[group].1[at], rng.next()) else { continue };
            copy[group].1[at] = event;
            if !is_noticed(&copy) {
                unnoticed.push(format!("seed {seed}: {:?}", copy[group].1[at]));
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(
        unnoticed.is_empty(),
        "{} damages unnoticed:\n{}",
        unnoticed.len(),
        unnoticed.join("\n")
    );
}

#[test]
fn an_event_applied_twice_is_noticed() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut unnoticed = Vec::new();
    for seed in 0..20 {
        let ledger = ledger(seed);
        for (group, at) in places(&ledger) {
            let again = ledger[group].1[at].clone();
            let idempotent = matches!(
                again,
                Event::Memory(MemoryEvent::Retired { .. })
                    | Event::Order(OrderEvent::OrderDoubted { .. })
                    | Event::Order(OrderEvent::AnotherRequested { .. })
                    | Event::Ledger(LedgerEvent::ClockStepped(_) | LedgerEvent::ClockAccepted(_))
            );
            let mut copy = ledger[..=group].to_vec();
            copy[group].1.insert(at + 1, again.clone());
            if !idempotent && !is_noticed(&copy) {
                unnoticed.push(format!("seed {seed}: {again:?}"));
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(
        unnoticed.is_empty(),
        "{} doubles unnoticed:\n{}",
        unnoticed.len(),
        unnoticed.join("\n")
    );
}

#[test]
fn a_sound_ledger_is_not_complained_of() {
    for seed in 0..20 {
        assert!(!is_noticed(&ledger(seed)), "seed {seed}");
    }
}

#[test]
fn a_head_whose_key_stands_for_another_order_or_account_is_noticed() {
    std::panic::set_hook(Box::new(|_| {}));
    let recorded = run(3, 2_000);
    let damages: [fn(&mut KeyUse); 3] = [
        |key| key.account = UNKNOWN,
        |key| key.made = Made::Order(OrderId(1_000_000)),
        // One that was placed before, where there is one.
        |key| {
            let Made::Order(made) = key.made;
            key.made = Made::Order(OrderId(made.0 - 1));
        },
    ];
    let groups: Vec<_> = recorded.groups.iter().collect();
    let is_keyed = |at: &usize| groups[*at].0.key_use.is_some();
    let keyed: Vec<usize> = (0..groups.len()).filter(is_keyed).take(8).collect();
    assert!(keyed.len() > 3, "orders came with keys");
    for at in keyed {
        for damage in damages {
            let replayed = catch_unwind(|| {
                let mut engine = Engine::default();
                for (head, events) in &groups[..at] {
                    engine.replay(head, events);
                }
                let (mut head, events) = (groups[at].0.clone(), groups[at].1);
                head.key_use.iter_mut().for_each(damage);
                engine.replay(&head, events);
            });
            assert!(replayed.is_err(), "group {at}");
        }
    }
}
