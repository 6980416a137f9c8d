//! The two threads against a ledger that can be held back.

mod deadlines;
mod midnight;

use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use nexnum_engine::command::{
    ListOffers, LoadStock, MakeSealKey, NameVariant, RegisterProvider, Reply,
};
use nexnum_engine::event::{LoadedNumber, ProviderKind};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{
    CountryId, OfferId, Product, ProviderId, Seq, ServiceId, Token, VariantId,
};
use nexnum_engine::limits::ROWS_MAX;
use nexnum_engine::money::Micros;
use nexnum_engine::product::OfferKey;
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue};
use nexnum_storage::format::PAYLOAD_LEN_MAX;
use nexnum_storage::{Batch, Position, RowsRead};

use super::core::{BATCH_LEN_MAX, BATCH_MAX};
use super::memory_ledger::{Answers, MemoryLedger};
use super::*;
use crate::market::replay::{Decoded, Replay};
use crate::metrics::Metrics;

/// Says how long each payload was, after `free` has let it go on.
struct HeldBack {
    ledger: MemoryLedger,
    free: mpsc::Receiver<()>,
    lengths: mpsc::Sender<usize>,
}

impl Ledger for HeldBack {
    fn append(
        &mut self,
        batch: &Batch<'_>,
        expected: Position,
        epoch: u64,
    ) -> Result<Position, StorageError> {
        // Once the other end is gone, nothing is held back any more.
        let _gone = self.free.recv();
        self.lengths.send(batch.payload.len()).expect("the test listens");
        self.ledger.append(batch, expected, epoch)
    }

    fn last(&self) -> Position {
        self.ledger.last()
    }

    fn epoch(&self) -> u64 {
        self.ledger.epoch()
    }

    fn read(&self, from: Seq) -> Result<RowsRead, StorageError> {
        self.ledger.read(from)
    }
}

const PROVIDER: ProviderId = ProviderId(1);
const KEY: KeyHandle = KeyHandle(1);

/// An offer of own stock, and a key for its numbers.
fn own_stock() -> Vec<Command> {
    let (name, kind) = ("own".into(), ProviderKind::Own);
    let product = Product::activation(CountryId(1), ServiceId(1));
    let offers = vec![OfferKey::of(product, VariantId::ANY)];
    vec![
        RegisterProvider { name, kind }.into(),
        ListOffers { provider: PROVIDER, offers }.into(),
        MakeSealKey { handle: KEY, owner: KeyOwner::Load(OfferId(1)) }.into(),
    ]
}

/// As many numbers as a load may have; each `n` has others.
fn load(n: usize) -> Command {
    let (nonce, commitment, ciphertext) = ([1; 24], [2; 32], [3; 21].into());
    let sealed = SealedValue { handle: KEY, nonce, commitment, ciphertext };
    let loaded = |n| LoadedNumber { token: Token(n as u64), sealed: sealed.clone() };
    let numbers = (n * ROWS_MAX..(n + 1) * ROWS_MAX).map(loaded).collect();
    let (offer, cost, price) = (OfferId(1), Micros(1), Micros(2));
    LoadStock { offer, cost, price, numbers, others: Vec::new() }.into()
}

/// A sequencer whose first commit waits until the sender is dropped; and the lengths of
/// the payloads, as they are committed.
fn held_back() -> (Handle, Sequencer, mpsc::Sender<()>, mpsc::Receiver<usize>) {
    let (frees, free) = mpsc::channel();
    let (lengths, committed) = mpsc::channel();
    let ledger = HeldBack { ledger: MemoryLedger::new(Answers::Come), free, lengths };
    let fail = |error| panic!("{error}");
    let (handle, sequencer) = Sequencer::start(on(ledger), drop::<Change>, fail);
    (handle, sequencer, frees, committed)
}

fn on<L>(ledger: L) -> SequencerSetup<L> {
    SequencerSetup {
        engine: Engine::default(),
        clock: Arc::new(Clock::default()),
        archived: Arc::default(),
        ledger,
        metrics: Metrics::default(),
        supervisor: Supervisor::default(),
    }
}

/// What became of a sequencer whose carriers were named one after the other, until a command had
/// no answer or there were `most`.
struct Ran {
    /// Commands that were answered.
    answered: usize,
    /// Batches that readers saw.
    shown: usize,
    /// Why it stopped, if it did.
    failed: Option<StorageError>,
}

async fn run(ledger: impl Ledger + 'static, most: usize) -> Ran {
    let (shows, shown) = mpsc::channel();
    let (fails, failed) = mpsc::channel();
    let publish = move |change: Change| shows.send(change).expect("the test listens");
    let fail = move |error| fails.send(error).expect("the test listens");
    let (handle, sequencer) = Sequencer::start(on(ledger), publish, fail);
    let mut answered = 0;
    while answered < most {
        let request = NameVariant::of_carrier(answered.to_string().into());
        match handle.ask(&Origin::SYSTEM, request).await {
            Ok(answer) => answer.expect("every name is new"),
            Err(error) => {
                assert_eq!(error, SendError::Stopped, "no answer is given");
                break;
            }
        };
        answered += 1;
    }
    sequencer.stop();
    Ran { answered, shown: shown.iter().count(), failed: failed.iter().next() }
}

/// The names that a replay of the ledger's rows gives, each of which goes on from the one before.
fn replayed(ledger: &impl Ledger) -> usize {
    let mut replay = Replay::default();
    let mut prev = None;
    for row in ledger.read(Seq(1)).unwrap() {
        let row = row.unwrap();
        assert!(prev.is_none_or(|prev| prev == row.header.prev));
        prev = Some(row.hash);
        replay.apply(&Decoded::from_row_checked(&row).unwrap()).unwrap();
    }
    replay.state().variants().count()
}

#[tokio::test]
async fn a_ledger_needs_no_redb_and_may_repeat_an_append_whose_answer_is_lost() {
    for answers in [Answers::Come, Answers::ComeToTheSecond] {
        let ledger = MemoryLedger::new(answers);
        let watched = ledger.watch();
        let ran = run(ledger, 50).await;
        assert!(ran.failed.is_none(), "{:?}", ran.failed);
        assert_eq!((ran.answered, ran.shown, replayed(&watched)), (50, 50, 50), "{answers:?}");
    }
}

#[tokio::test]
async fn a_writer_that_was_fenced_stops_and_answers_nothing_more() {
    let ledger = MemoryLedger::new(Answers::Come);
    let next = ledger.next_writer();
    let ran = run(ledger, 50).await;
    let error = ran.failed.expect("it stopped");
    assert!(matches!(error, StorageError::Fenced { epoch: 1, current: 2, .. }), "{error}");
    assert_eq!((ran.answered, ran.shown, replayed(&next)), (0, 0, 0));
    // The other one goes on.
    let watched = next.watch();
    let ran = run(next, 9).await;
    assert_eq!((ran.answered, replayed(&watched)), (9, 9));
}

#[tokio::test]
async fn a_batch_that_may_be_there_is_not_answered_and_a_start_finds_it_whole_or_absent() {
    for (answers, kept) in [(Answers::LostOnceDone, 1), (Answers::LostBefore, 0)] {
        let ledger = MemoryLedger::new(answers);
        let watched = ledger.watch();
        let ran = run(ledger, 50).await;
        let error = ran.failed.expect("it stopped");
        let said = error.to_string();
        assert!(said.contains("the next start finds it whole or absent"), "{said}");
        assert_eq!((ran.answered, ran.shown, replayed(&watched)), (0, 0, kept), "{answers:?}");
        // The id that it was looked for under.
        let StorageError::Ambiguous { id, .. } = error else { panic!("{said}") };
        assert_eq!(watched.next_writer().last().hash.to_string() == id, kept == 1);
    }
}

#[tokio::test]
async fn a_full_inbox_refuses_at_once_and_what_it_took_is_answered() {
    let (handle, sequencer, frees, committed) = held_back();
    let mut context = Context::from_waker(Waker::noop());
    let (mut asked, mut busy) = (Vec::new(), 0);
    // More than the inbox and the batches on the way hold.
    for n in 0..3 * INBOX_MAX {
        let handle = handle.clone();
        let request = NameVariant::of_carrier(n.to_string().into());
        let mut sent = Box::pin(async move { handle.ask(&Origin::SYSTEM, request).await });
        match sent.as_mut().poll(&mut context) {
            Poll::Pending => asked.push(sent),
            Poll::Ready(answer) => {
                assert_eq!(answer.expect_err("nothing is committed yet"), SendError::Busy);
                busy += 1;
            }
        }
    }
    drop(frees);
    let taken = asked.len();
    for sent in asked {
        sent.await.expect("it was taken").expect("every name is new");
    }
    assert!(busy > 0 && taken >= INBOX_MAX, "{taken} taken, {busy} refused");
    handle
        .ask(&Origin::SYSTEM, NameVariant::of_carrier("after".into()))
        .await
        .expect("it goes on")
        .unwrap();
    sequencer.stop();
    assert!(committed.iter().count() >= taken / BATCH_MAX, "no batch is longer than it may be");
}

#[tokio::test]
async fn loads_that_together_outgrow_a_row_are_committed_in_several() {
    let (handle, sequencer, frees, committed) = held_back();
    let loads = 1 + PAYLOAD_LEN_MAX / (ROWS_MAX * 90);
    let commands = own_stock().into_iter().chain((0..loads).map(load));
    let mut asked = tokio::task::JoinSet::new();
    for command in commands {
        let handle = handle.clone();
        asked.spawn(async move { handle.send(Origin::SYSTEM, command, None).await });
        tokio::task::yield_now().await;
    }
    // Everything is in the inbox or decided before the first row is let through.
    drop(frees);
    let mut changed = 0;
    while let Some(answer) = asked.join_next().await {
        let answer = answer.expect("no task panics").expect("the engine runs");
        if let Reply::Changed(rows) = answer.expect("it is legal").reply {
            changed += rows as usize;
        }
    }
    sequencer.stop();
    assert_eq!(changed, loads * ROWS_MAX, "every load was taken whole");
    let lengths: Vec<usize> = committed.iter().collect();
    assert!(lengths.iter().sum::<usize>() > PAYLOAD_LEN_MAX, "{lengths:?}");
    assert!(lengths.iter().all(|len| *len < 2 * BATCH_LEN_MAX), "{lengths:?}");
}

#[test]
fn what_ran_out_while_no_process_ran_waits_two_minutes_for_an_answer() {
    let started = Time(1_000_000);
    let after = |ms| unasked_before(started, started.plus_ms(ms));
    let [all, none] = [Time(u64::MAX), Time(0)];
    assert_eq!([0, 29_999].map(after), [all, all]);
    assert_eq!([30_000, 119_999, 120_000].map(after), [started, started, none]);
}

#[tokio::test]
async fn a_command_that_is_sent_again_is_the_same_one_and_no_copy() {
    // It is full until the thread receives.
    let (inbox, commands) = channel::bounded::<Envelope>(0);
    let product = |n| Product::activation(CountryId(n), ServiceId(1));
    let offers: Vec<_> = (0..9).map(|n| OfferKey::of(product(n), VariantId::ANY)).collect();
    let list = offers.as_ptr() as usize;
    let receiver = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        commands.recv().expect("it is sent again").command
    });
    let mut tries = 0;
    let pause = || {
        tries += 1;
        Some(Duration::from_millis(20))
    };
    let request = ListOffers { provider: PROVIDER, offers };
    let answer = Handle { inbox }.ask_again(&Origin::SYSTEM, request, pause).await;
    // Its envelope ended without an answer.
    assert_eq!(answer.unwrap_err(), SendError::Stopped);
    assert!(tries > 1, "it found room at once");
    let Command::ListOffers(taken) = receiver.join().expect("it receives") else {
        panic!("it is another command")
    };
    assert_eq!((taken.offers.len(), taken.offers.as_ptr() as usize), (9, list), "it was copied");
}

#[test]
fn a_batch_takes_as_many_commands_as_it_may_whatever_their_heads_take() {
    let mut core = Core::new(Engine::default());
    let mut taken = 0;
    while !core.is_full(Time(1)) {
        let command = NameVariant::of_carrier(taken.to_string().into()).into();
        let (origin, claim, answer_to) = (Origin::SYSTEM, None, None);
        core.execute(Time(1), Envelope { origin, command, claim, answer_to });
        taken += 1;
    }
    assert_eq!(taken, BATCH_MAX);
}

#[test]
fn a_batch_is_of_one_day() {
    let mut core = Core::new(Engine::default());
    let midnight = Time::of_day(20_787);
    let before = Time(midnight.0 - 3);
    let execute = |core: &mut Core, now: Time, name: &str| {
        let command = NameVariant::of_carrier(name.into()).into();
        let (origin, claim, answer_to) = (Origin::SYSTEM, None, None);
        core.execute(now, Envelope { origin, command, claim, answer_to });
    };
    // A refusal is in no row: it binds nothing that comes after it.
    execute(&mut core, before, "");
    assert!(!core.is_full(midnight));
    execute(&mut core, before, "a");
    let last = Time(midnight.0 - 1);
    assert!(!core.is_full(last) && core.takes_pulses(last));
    assert!(core.is_full(midnight) && !core.takes_pulses(midnight));
    assert_eq!(core.seal().times(), [before]);
    execute(&mut core, midnight, "b");
    assert_eq!(core.seal().times(), [midnight]);
}
