//! Deadlines while batches are full and the disk is busy.

use nexnum_engine::product::OfferKey;
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use std::time::Instant;

use nexnum_engine::command::{
    Deposit, LoadStock, MakeSealKey, NewPayment, OpenAccount, PlaceOrder, RegisterProvider,
    RevokeKey, Timings,
};
use nexnum_engine::event::{LoadedNumber, Routing, Terms};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::{AccountId, KeyId, Token};

use super::*;

const PRODUCT: Product = Product::activation(CountryId(1), ServiceId(1));
const PRICE: Micros = Micros(2);

/// An engine with open orders on own stock, the first of which ends so soon, each later one a
/// millisecond after the one before.
fn with_orders(now: Time, ends_in_ms: u64, orders: u64) -> Engine {
    let (mut engine, mut groups) = (Engine::default(), Groups::new());
    let (handle, nonce, commitment) = (KeyHandle(1), [1; 24], [2; 32]);
    let sealed = SealedValue { handle, nonce, commitment, ciphertext: [3; 21].into() };
    let loaded = |n| LoadedNumber { token: Token(10_000 + n), sealed: sealed.clone() };
    let numbers = (1..=orders).map(loaded).collect();
    let mut execute = |command: Command| {
        engine.execute(Head::system(now), &command, &mut groups).expect("it is legal");
    };
    execute(OpenAccount { name: None, credit_limit: Micros::ZERO }.into());
    let amount = Micros::units(9);
    let payment = NewPayment::new("bank", amount, 1);
    execute(Deposit { account: AccountId(1), payment, sealed: None }.into());
    execute(RegisterProvider { name: "own".into(), kind: ProviderKind::Own }.into());
    let offers = vec![OfferKey::of(PRODUCT, VariantId::ANY)];
    execute(ListOffers { provider: PROVIDER, offers }.into());
    let (offer, cost) = (OfferId(1), Micros(1));
    execute(MakeSealKey { handle, owner: KeyOwner::Load(offer) }.into());
    execute(LoadStock { offer, cost, price: PRICE, numbers, others: Vec::new() }.into());
    let terms = Terms { offer, provider: PROVIDER, price: PRICE, cost };
    for n in 0..orders {
        let (account, product, variant) = (AccountId(1), PRODUCT, VariantId::ANY);
        let timings = Timings { lifetime_ms: ends_in_ms + n, min_cancel_age_ms: 0 };
        execute(
            PlaceOrder {
                account,
                product,
                variant,
                limit: PRICE,
                max_price: None,
                terms,
                routing: Routing::default(),
                timings,
                idempotency: None,
                notes: None,
            }
            .into(),
        );
    }
    engine
}

/// A command that the engine refuses at once, and whose answer takes a place in the batch.
fn refused() -> Envelope {
    let (answer_to, _) = oneshot::channel();
    let command = RevokeKey { key: KeyId(7) }.into();
    Envelope { origin: Origin::SYSTEM, command, claim: None, answer_to: Some(answer_to) }
}

#[test]
fn a_deadline_is_kept_while_every_batch_is_full() {
    let clock = Arc::new(Clock::default());
    let engine = with_orders(clock.now(), 1_500, 1);
    // A ledger whose first commit is of a command that changes something.
    let (frees, free) = mpsc::channel();
    let (lengths, committed) = mpsc::channel();
    let ledger = MemoryLedger::after(engine.state().seq(), Answers::Come);
    let ledger = HeldBack { ledger, free, lengths };
    let (changes, published) = mpsc::channel();
    let publish = move |change: Change| {
        let kinds: Vec<_> = change.events().iter().map(|event| event.kind()).collect();
        changes.send(kinds).expect("the test listens");
    };
    let setup = SequencerSetup {
        engine,
        clock: Arc::clone(&clock),
        archived: Arc::default(),
        ledger,
        metrics: Metrics::default(),
        supervisor: Supervisor::default(),
    };
    let (handle, sequencer) = Sequencer::start(setup, publish, |error| panic!("{error}"));
    let named = |n: usize| {
        let command = NameVariant::of_carrier(n.to_string().into()).into();
        Envelope { origin: Origin::SYSTEM, command, claim: None, answer_to: None }
    };
    // 1. Its commit holds the disk. Behind it come more commands than three batches take.
    handle.inbox.send(named(0)).expect("it runs");
    thread::sleep(Duration::from_millis(50));
    let mut sent = 1;
    while sent < INBOX_MAX || handle.inbox.len() < INBOX_MAX {
        match handle.inbox.try_send(named(sent)) {
            Ok(()) => sent += 1,
            Err(_) => break,
        }
    }
    assert!(sent > 3 * BATCH_MAX, "{sent}");
    // 2. The deadline passes while the batch is full and waits.
    thread::sleep(Duration::from_millis(1_700));
    assert!(handle.waiting() > 2 * BATCH_MAX, "{} wait", handle.waiting());
    drop(frees);
    let (_first, second) = (published.recv().unwrap(), published.recv().unwrap());
    assert!(second.contains(&"ActivationClosed"), "it was not in the batch that was open then");
    assert!(second.len() > BATCH_MAX, "it took a command's place");
    sequencer.stop();
    drop(committed);
}

#[test]
fn the_deciding_thread_sleeps_while_the_disk_is_busy() {
    let clock = Arc::new(Clock::default());
    let began = clock.now();
    let core = Core::new(with_orders(began, 100, 900));
    let (inbox, commands) = channel::bounded(INBOX_MAX);
    let (seals, _sealed) = channel::bounded(1);
    let (_frees, free) = channel::bounded(1);
    let mut deciding = Loop {
        core,
        clock: Arc::clone(&clock),
        archived: Arc::default(),
        started: began,
        pulse_from: Time(0),
        stopped: Arc::default(),
        commands,
        held: None,
        seals,
        free,
        disk_free: false,
    };
    for _ in 0..2 * BATCH_MAX {
        inbox.try_send(refused()).expect("there is room");
    }
    // For a second a deadline falls due with each millisecond, and the batch is full.
    let (until, mut rounds) = (Instant::now() + Duration::from_secs(1), 0);
    while Instant::now() < until {
        deciding.pulse();
        deciding.take_waiting();
        assert!(deciding.core.is_full(clock.now()) && deciding.wait());
        rounds += 1;
    }
    assert!(rounds < 400, "{rounds} rounds in a second");
    assert_eq!(inbox.len(), BATCH_MAX, "the batch took more than it may");
    // All have been ended that were due then.
    thread::sleep(Duration::from_millis(2 * PULSE_MS));
    let now = clock.now();
    deciding.pulse();
    let due = deciding.core.state().next_deadline();
    assert!(due.is_none_or(|due| due > now), "an order is open though its time is over: {due:?}");
}
