//! A data folder from `init` on: what is refused, what comes back, what is named.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails fails the test")]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use nexnum::keys::{self, KeyKind};
use nexnum::market::folder::{self, BootError, Opened};
use nexnum::market::snapshot::{self, Snapshots};
use nexnum::market::verify::{Finding, Followed, verify};
use nexnum::supervisor::Supervisor;
use nexnum_engine::audit::state_hash;
use nexnum_engine::command::{
    Actor, Cancel, Command, Deposit, Finish, Incoming, IngestMessage, ListOffers, LoadStock,
    OpenAccount, PlaceOrder, Placed, RegisterProvider, Reply, RevokeKey, Timings,
};
use nexnum_engine::event::{AccountEvent, Event, OrderEvent, ProviderKind, Scope, Terms};
use nexnum_engine::ids::{
    AccountId, CarrierId, CountryId, KeyId, Number, OfferId, OrderId, Product, ProviderId, Seq,
    ServiceId,
};
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use nexnum_storage::secrets::SecretBytes;
use nexnum_storage::snapshot::SnapshotHeader;
use nexnum_storage::{Batch, Folder, Ledger, Manifest, Position, StorageError, record};

const ACCOUNT: AccountId = AccountId(1);
const PROVIDER: ProviderId = ProviderId(1);
const OFFER: OfferId = OfferId(1);
const PRODUCT: Product = Product { country: CountryId(3), service: ServiceId(5) };
const TIMINGS: Timings = Timings { lifetime_ms: 1_200_000, min_cancel_age_ms: 0 };

fn opened(dir: &Path) -> Opened {
    folder::open(dir, |_| {}).unwrap()
}

/// Decides commands and appends what happened, a row each.
fn append(opened: &mut Opened, commands: impl IntoIterator<Item = Command>) -> Vec<Reply> {
    let mut replies = Vec::new();
    for command in commands {
        let at = opened.last_at.plus_ms(1);
        let mut events = Vec::new();
        replies.push(opened.engine.execute(at, &command, &mut events).unwrap());
        let last = opened.ledger.last().seq;
        let mut payload = Vec::new();
        record::encode_events(&events, &mut payload);
        let (first, count) = (Seq(last.0 + 1), events.len() as u32);
        opened.ledger.append(&Batch { first, at, count, payload: &payload }, last).unwrap();
        opened.last_at = at;
    }
    replies
}

/// A customer with money and own stock to spend it on.
fn furnish(opened: &mut Opened, numbers: u64) {
    let offers = vec![(PRODUCT, CarrierId::ANY)];
    let numbers = (0..numbers).map(|n| Number(6_281_200_000_000 + n)).collect();
    let (cost, price) = (Micros(50_000), Micros(100_000));
    append(
        opened,
        [
            Command::OpenAccount(OpenAccount { name: "acme".into(), credit_limit: Micros::ZERO }),
            Command::Deposit(Deposit {
                account: ACCOUNT,
                amount: Micros::units(1000),
                reference: 1,
            }),
            Command::RegisterProvider(RegisterProvider {
                name: "own".into(),
                kind: ProviderKind::Own,
            }),
            Command::ListOffers(ListOffers { provider: PROVIDER, offers }),
            Command::LoadStock(LoadStock { offer: OFFER, cost, price, numbers }),
        ],
    );
}

/// Orders that end in each way there is.
fn trade(opened: &mut Opened, orders: u32) {
    let terms =
        Terms { offer: OFFER, provider: PROVIDER, price: Micros(100_000), cost: Micros(50_000) };
    let order = PlaceOrder {
        account: ACCOUNT,
        product: PRODUCT,
        carrier: CarrierId::ANY,
        limit: Micros(100_000),
        terms,
        timings: TIMINGS,
        idempotency: None,
    };
    for n in 0..orders {
        let placed = append(opened, [Command::PlaceOrder(order)]);
        let Reply::Placed(Placed::Filled(id)) = placed[0] else { panic!("{placed:?}") };
        match n % 3 {
            0 => append(opened, [Command::Cancel(Cancel { order: id, actor: Actor::System })]),
            1 => append(opened, delivered(id)),
            _ => Vec::new(),
        };
    }
}

fn delivered(order: OrderId) -> [Command; 2] {
    let (sender, text, code) = ("Telegram".into(), "code 12345".into(), "12345".into());
    let message = Incoming { digest: u128::from(order.0), sender, text, code };
    let finish = Command::Finish(Finish { order, actor: Actor::Account(ACCOUNT) });
    [Command::IngestMessage(IngestMessage { order, message }), finish]
}

fn folder_with_trade(dir: &Path) -> Folder {
    folder::init(dir).unwrap();
    let mut opened = opened(dir);
    furnish(&mut opened, 50);
    trade(&mut opened, 30);
    opened.folder
}

#[test]
fn a_new_folder_holds_the_hash_of_the_admin_key_and_the_key_is_nowhere_in_it() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("deep/data");
    let created = folder::init(&dir).unwrap();
    let key = created.admin_key.reveal();
    assert_eq!(keys::check(key), Some(KeyKind::Admin));
    let opened = opened(&dir);
    let issued: Vec<_> = opened.engine.state().keys().map(|(_, key)| key).collect();
    let [admin] = issued[..] else { panic!("{issued:?}") };
    assert_eq!((admin.scope, admin.hash), (Scope::Admin, keys::sha256(key)));
    assert_eq!(&*admin.prefix, created.admin_key.shown());
    for entry in fs::read_dir(&dir).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()));
    }
}

#[cfg(unix)]
#[test]
fn a_new_folder_and_its_master_key_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    let folder = folder::init(&dir).unwrap().folder;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&folder.master_key())), (0o700, 0o600));
}

#[test]
fn init_takes_an_empty_folder_and_leaves_any_other_as_it_is() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let manifest = fs::read(Folder::at(temp.path()).manifest()).unwrap();
    assert!(matches!(folder::init(temp.path()), Err(BootError::NotEmpty { .. })));
    assert_eq!(fs::read(Folder::at(temp.path()).manifest()).unwrap(), manifest);

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(folder::init(other.path()), Err(BootError::NotEmpty { .. })));
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);

    let file = other.path().join("letter.txt");
    assert!(matches!(folder::init(&file), Err(BootError::Io { .. })));
}

#[test]
fn a_stopped_folder_gets_another_admin_key_whatever_became_of_the_first() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let lost = Command::RevokeKey(RevokeKey { key: KeyId(1) });
    append(&mut opened(temp.path()), [lost]);
    let key = folder::issue_admin_key(temp.path()).unwrap();
    let open = opened(temp.path());
    assert!(folder::issue_admin_key(temp.path()).is_err(), "a server has it open");
    let works = |key: &(_, &nexnum_engine::state::Key)| !key.1.revoked;
    let valid: Vec<_> = open.engine.state().keys().filter(works).collect();
    let [(_, admin)] = valid[..] else { panic!("{valid:?}") };
    assert_eq!((admin.scope, admin.hash), (Scope::Admin, key.sha256()));
    let end = open.ledger.last();
    drop(open);
    assert_eq!(Manifest::read(&folder.manifest()).unwrap().known, end);
    verify(temp.path(), |_| {}).unwrap();
}

#[test]
fn an_init_that_was_cut_short_before_its_key_is_finished_by_issuing_one() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::at(temp.path());
    folder.init(None).unwrap();
    let key = folder::issue_admin_key(temp.path()).unwrap();
    let open = opened(temp.path());
    let hashes: Vec<_> = open.engine.state().keys().map(|(_, key)| key.hash).collect();
    assert_eq!(hashes, [key.sha256()]);
    assert!(folder::config_path(&folder).exists());
}

#[test]
fn a_folder_that_was_never_made_is_refused_and_not_made() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("data");
    let message = folder::open(&dir, |_| {}).unwrap_err().to_string();
    assert!(message.ends_with(&format!("run `nexnum init {}`", dir.display())), "{message}");
    assert!(!dir.exists());
    assert!(matches!(folder::secrets(&Folder::at(&dir)), Err(BootError::NotInitialised { .. })));
    let found = verify(&dir, |_| {});
    assert!(matches!(found, Err(Finding::Unreadable(BootError::NotInitialised { .. }))));
}

#[test]
fn a_file_that_is_missing_or_empty_is_named_and_never_replaced() {
    type Break = fn(&Folder);
    let cases: [(Break, &str); 4] = [
        (|folder| fs::remove_file(folder.ledger()).unwrap(), "ledger.redb is missing"),
        (|folder| fs::write(folder.ledger(), "").unwrap(), "ledger.redb is empty"),
        (|folder| fs::remove_file(folder.manifest()).unwrap(), "MANIFEST is missing"),
        (|folder| fs::write(folder.manifest(), "x").unwrap(), "MANIFEST is damaged"),
    ];
    for (damage, expected) in cases {
        let temp = tempfile::tempdir().unwrap();
        let folder = folder_with_trade(temp.path());
        damage(&folder);
        let state = |path: &Path| fs::read(path).ok();
        let before = (state(&folder.ledger()), state(&folder.manifest()));
        let message = folder::open(temp.path(), |_| {}).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(matches!(verify(temp.path(), |_| {}), Err(Finding::Damage { .. })), "{expected}");
        assert_eq!((state(&folder.ledger()), state(&folder.manifest())), before, "{expected}");
    }
}

#[test]
fn a_ledger_lost_as_a_whole_is_told_with_what_the_manifest_knows() {
    let zeroed = |bytes: &mut Vec<u8>| bytes[..512].fill(0);
    let halved = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let stub = |bytes: &mut Vec<u8>| bytes.truncate(100);
    let breaks: [fn(&mut Vec<u8>); 3] = [zeroed, halved, stub];
    for damage in breaks {
        let temp = tempfile::tempdir().unwrap();
        let folder = folder_with_trade(temp.path());
        let open = opened(temp.path());
        folder::close(&folder, &open.reader).unwrap();
        let known = open.ledger.last().seq;
        drop(open);
        let mut bytes = fs::read(folder.ledger()).unwrap();
        damage(&mut bytes);
        fs::write(folder.ledger(), &bytes).unwrap();
        let error = folder::open(temp.path(), |_| {}).unwrap_err();
        let words = format!("the ledger had reached sequence {known}");
        assert!(error.is_damage() && error.to_string().contains(&words), "{error}");
        let Err(Finding::Damage { reason, .. }) = verify(temp.path(), |_| {}) else {
            panic!("the damage was not found")
        };
        assert!(reason.contains(&words), "{reason}");
        assert!(fs::read(folder.ledger()).unwrap() == bytes, "it is left as it is");
    }
}

/// The folder as a kill leaves it, without a word to the manifest since `init`.
fn killed(from: &Path, live: Opened) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, image.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    drop(live);
    image
}

#[test]
fn one_flipped_bit_after_a_kill_is_named_before_anything_is_written_or_loses_nothing() {
    let temp = tempfile::tempdir().unwrap();
    folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    trade(&mut live, 10);
    let end = live.ledger.last().seq;
    let image = killed(temp.path(), live);
    let folder = Folder::at(image.path());
    assert!(Manifest::read(&folder.manifest()).unwrap().known.seq < end);
    let sound = fs::read(folder.ledger()).unwrap();
    // Byte 9 of the header says which of the two last commits counts; a page begins with
    // its kind and its number of entries.
    let pages = (1..sound.len() / 4096).flat_map(|page| [page * 4096 * 8, (page * 4096 + 2) * 8]);
    let (mut rolled_back, mut noticed) = (0, 0);
    for bit in (9 * 8..10 * 8).chain(pages) {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(folder.ledger(), &bytes).unwrap();
        match folder::open(image.path(), |_| {}) {
            Ok(opened) => assert_eq!(opened.engine.state().seq(), end, "bit {bit}"),
            Err(error) => {
                assert!(error.is_damage(), "bit {bit}: {error}");
                assert!(error.to_string().contains("sequence"), "bit {bit}: {error}");
                let left = fs::read(folder.ledger()).unwrap();
                assert!(left == bytes, "bit {bit}: the damaged ledger is left as it is");
                noticed += 1;
                let behind = matches!(error, BootError::Storage(StorageError::Behind { .. }));
                rolled_back += u32::from(behind);
            }
        }
    }
    assert!(rolled_back > 0 && noticed > rolled_back, "{rolled_back} of {noticed}");
}

#[test]
fn secrets_that_are_lost_or_do_not_open_are_damage() {
    type Break = fn(&Folder);
    let cases: [(Break, &str); 4] = [
        (|folder| fs::remove_file(folder.master_key()).unwrap(), "master.key is missing"),
        (|folder| fs::remove_file(folder.secrets()).unwrap(), "secrets.redb is missing"),
        (|folder| fs::write(folder.master_key(), "x").unwrap(), "master.key is damaged"),
        (
            |folder| fs::write(folder.master_key(), "ab".repeat(32)).unwrap(),
            "the master key does not open",
        ),
    ];
    for (damage, expected) in cases {
        let temp = tempfile::tempdir().unwrap();
        let folder = folder_with_trade(temp.path());
        folder::secrets(&folder).unwrap().put("5sim", &SecretBytes::new(b"s".to_vec())).unwrap();
        assert_eq!(verify(temp.path(), |_| {}).unwrap().secrets, 1);
        damage(&folder);
        let Err(Finding::Damage { seq: None, reason }) = verify(temp.path(), |_| {}) else {
            panic!("{expected} was not found")
        };
        assert!(reason.contains(expected), "{reason}");
        assert!(folder::secrets(&folder).unwrap_err().is_damage(), "{expected}");
    }
}

#[test]
fn history_that_is_absent_or_damaged_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let found = verify(temp.path(), |_| {}).unwrap().history;
    assert_eq!(found, Followed::To(Seq(0)), "history has not followed yet");
    let sound = fs::read(folder.history()).unwrap();
    for (at, length) in [(0, 512), (0, sound.len())] {
        let mut bytes = sound.clone();
        bytes[at..at + length].fill(0xA5);
        fs::write(folder.history(), bytes).unwrap();
        let found = verify(temp.path(), |_| {});
        assert!(matches!(found, Err(Finding::Damage { seq: None, .. })), "{at}: {found:?}");
    }
    fs::remove_file(folder.history()).unwrap();
    assert_eq!(verify(temp.path(), |_| {}).unwrap().history, Followed::Absent);
}

#[test]
fn an_older_copy_of_the_ledger_is_refused_by_the_manifest() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let older = fs::read(folder.ledger()).unwrap();
    let mut opened = opened(temp.path());
    trade(&mut opened, 3);
    folder::close(&folder, &opened.reader).unwrap();
    drop(opened);
    fs::write(folder.ledger(), older).unwrap();
    let error = folder::open(temp.path(), |_| {}).unwrap_err();
    assert!(matches!(error, BootError::Storage(StorageError::Behind { .. })), "{error}");
    assert!(matches!(verify(temp.path(), |_| {}), Err(Finding::Damage { seq: Some(_), .. })));
}

#[test]
fn a_folder_is_open_in_one_process() {
    let temp = tempfile::tempdir().unwrap();
    folder_with_trade(temp.path());
    let first = opened(temp.path());
    assert!(folder::open(temp.path(), |_| {}).is_err());
    drop(first);
    opened(temp.path());
}

#[test]
fn snapshots_and_the_rest_of_the_ledger_give_the_state_that_the_whole_ledger_gives() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let mut at = Vec::new();
    for _ in 0..5 {
        at.push(snapshot::write(&folder, &live.reader).unwrap().seq);
        trade(&mut live, 4);
    }
    let hash = state_hash(live.engine.state());
    let (seq, last_at) = (live.engine.state().seq(), live.last_at);
    drop(live);
    let kept = folder::snapshot_files(&folder).unwrap();
    assert_eq!(kept.len(), 3, "the last three are kept");

    let mut expected: Vec<Seq> = at[2..].iter().rev().copied().collect();
    expected.push(Seq(0));
    for (newest, begun_from) in kept.iter().rev().map(Some).chain([None]).zip(expected) {
        let mut seen = Vec::new();
        let again = folder::open(temp.path(), |progress| seen.push(progress.done)).unwrap();
        assert_eq!((again.snapshot, again.last_at), (begun_from, last_at));
        assert_eq!(state_hash(again.engine.state()), hash);
        assert_eq!((seen.last(), seen.is_sorted()), (Some(&seq), true));
        drop(again);
        // The newest one is damaged: the next older one is begun from.
        if let Some(path) = newest {
            let mut bytes = fs::read(path).unwrap();
            bytes[200] ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
}

/// A snapshot file whose hash is right and whose rows are no state.
fn write_nonsense(folder: &Folder, position: Position) {
    let reader = opened(folder.path()).reader;
    let header = SnapshotHeader { id: reader.id(), position, at: Time(0), state_hash: [0; 32] };
    nexnum_storage::snapshot::write(&folder.snapshots(), &header, b"\xFFno rows").unwrap();
}

#[test]
fn snapshots_that_hold_no_state_are_passed_over_until_one_does() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let good = snapshot::write(&folder, &live.reader).unwrap().seq;
    let mut ends = Vec::new();
    for _ in 0..2 {
        trade(&mut live, 1);
        ends.push(live.ledger.last());
    }
    let hash = state_hash(live.engine.state());
    drop(live);
    ends.into_iter().for_each(|end| write_nonsense(&folder, end));
    let again = opened(temp.path());
    assert_eq!((again.snapshot, state_hash(again.engine.state())), (good, hash));
}

#[test]
fn the_snapshot_thread_writes_when_enough_was_published_and_once_more_at_a_stop() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let start = live.engine.state().seq();
    let (publish, published) = tokio::sync::watch::channel(start);
    let reader = live.reader.clone();
    let thread = Snapshots::start(
        folder.clone(),
        reader,
        published.clone(),
        start,
        5,
        &Supervisor::default(),
    );
    trade(&mut live, 9);
    let enough = live.engine.state().seq();
    publish.send_replace(enough);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while folder::snapshot_files(&folder).unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline, "no snapshot was written");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    trade(&mut live, 1);
    publish.send_replace(Seq(enough.0 + snapshot::STOP_MIN_EVENTS + 1));
    thread.stop();
    let end = live.engine.state().seq();
    drop(live);
    assert_eq!(verify(temp.path(), |_| {}).unwrap().snapshots, [enough, end]);
    assert_eq!(Manifest::read(&folder.manifest()).unwrap().known.seq, end);
}

#[test]
fn a_sound_folder_is_proven_with_its_snapshots() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let first = snapshot::write(&folder, &live.reader).unwrap().seq;
    trade(&mut live, 4);
    let second = snapshot::write(&folder, &live.reader).unwrap().seq;
    trade(&mut live, 1);
    let (hash, seq) = (state_hash(live.engine.state()), live.engine.state().seq());
    folder::close(&folder, &live.reader).unwrap();
    drop(live);
    let files = [folder.ledger(), folder.history(), folder.secrets(), folder.tip()];
    let read = || files.each_ref().map(|file| fs::read(file).unwrap());
    let before = read();
    let proof = verify(temp.path(), |_| {}).unwrap();
    assert_eq!((proof.state_hash.0, proof.end.seq), (hash, seq));
    assert_eq!((proof.snapshots, proof.audits), (vec![first, second], 1));
    assert_eq!(proof.tip_passed_over, None);
    assert!(read() == before, "nothing was written");
}

#[test]
fn a_torn_tip_and_an_empty_history_are_told_and_made_anew() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    fs::write(folder.tip(), "torn").unwrap();
    fs::write(folder.history(), "").unwrap();
    let proof = verify(temp.path(), |_| {}).unwrap();
    assert_eq!(proof.tip_passed_over.as_deref(), Some("its last line is not a check"));
    assert_eq!(proof.history, Followed::Absent);
    drop(opened(temp.path()));
    let proof = verify(temp.path(), |_| {}).unwrap();
    assert_eq!(proof.tip_passed_over, None);
    assert!(matches!(proof.history, Followed::To(_)));
}

#[test]
fn a_flipped_bit_in_a_row_is_named_by_its_sequence_number_and_left_as_it_is() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let folder = Folder::at(temp.path());
    let mut live = opened(temp.path());
    furnish(&mut live, 5);
    let name = "a name that is found in the ledger's bytes";
    append(
        &mut live,
        [Command::OpenAccount(OpenAccount { name: name.into(), credit_limit: Micros::ZERO })],
    );
    let seq = live.ledger.last().seq;
    trade(&mut live, 5);
    folder::close(&folder, &live.reader).unwrap();
    drop(live);

    let mut bytes = fs::read(folder.ledger()).unwrap();
    let found: Vec<usize> =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name.as_bytes())).collect();
    found.iter().for_each(|at| bytes[*at] ^= 4);
    fs::write(folder.ledger(), &bytes).unwrap();

    let Err(Finding::Damage { seq: named, reason }) = verify(temp.path(), |_| {}) else {
        panic!("the damage was not found")
    };
    assert_eq!(named, Some(seq), "{reason}");
    assert!(reason.contains(&format!("sequence {seq}")), "{reason}");
    let error = folder::open(temp.path(), |_| {}).unwrap_err();
    let BootError::Storage(StorageError::Damaged { seq: named, .. }) = error else {
        panic!("{error}")
    };
    assert_eq!(named, seq);
    assert!(fs::read(folder.ledger()).unwrap() == bytes, "the damaged ledger is left as it is");
}

#[test]
fn an_event_that_does_not_fit_the_state_is_damage_at_its_place() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let mut live = opened(temp.path());
    let events = [
        Event::Account(AccountEvent::AccountOpened {
            account: ACCOUNT,
            name: "acme".into(),
            credit_limit: Micros::ZERO,
        }),
        Event::Order(OrderEvent::OrderDoubted { order: OrderId(9) }),
    ];
    let mut payload = Vec::new();
    record::encode_events(&events, &mut payload);
    let at = live.last_at;
    live.ledger.append(&Batch { first: Seq(2), at, count: 2, payload: &payload }, Seq(1)).unwrap();
    drop(live);
    let error = folder::open(temp.path(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("damaged at sequence 3"), "{error}");
    let found = verify(temp.path(), |_| {});
    assert!(matches!(found, Err(Finding::Damage { seq: Some(Seq(3)), .. })), "{found:?}");
}

#[test]
fn a_time_that_runs_back_is_damage() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let mut live = opened(temp.path());
    let mut events = Vec::new();
    let open =
        Command::OpenAccount(OpenAccount { name: "acme".into(), credit_limit: Micros::ZERO });
    live.engine.execute(Time(1), &open, &mut events).unwrap();
    let mut payload = Vec::new();
    record::encode_events(&events, &mut payload);
    let batch = Batch { first: Seq(2), at: Time(1), count: 1, payload: &payload };
    live.ledger.append(&batch, Seq(1)).unwrap();
    drop(live);
    let error = folder::open(temp.path(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("sequence 2") && error.contains("its time"), "{error}");
}

#[test]
fn a_secret_is_kept_and_opens_with_the_folder_s_key_alone() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder::init(temp.path()).unwrap().folder;
    let secret = SecretBytes::new(b"s3cr3t".to_vec());
    folder::secrets(&folder).unwrap().put("5sim", &secret).unwrap();
    assert_eq!(folder::secrets(&folder).unwrap().get("5sim").unwrap(), Some(secret));

    let other = tempfile::tempdir().unwrap();
    let stranger = folder::init(other.path()).unwrap().folder;
    fs::copy(stranger.master_key(), folder.master_key()).unwrap();
    let error = folder::secrets(&folder).unwrap_err();
    assert!(matches!(error, BootError::Storage(StorageError::WrongKey { .. })), "{error}");
}

/// The real binary on a folder: its exit code and what it says on standard error.
fn ran(words: &[&str], dir: &Path) -> (Option<i32>, String) {
    let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_nexnum"))
        .args(words)
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its reader is gone before it prints, as after `| head -1`.
    drop(process.stdout.take());
    let done = process.wait_with_output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn damage_has_its_exit_code_from_every_command_and_a_reader_that_left_is_no_failure() {
    let temp = tempfile::tempdir().unwrap();
    let created = folder::init(temp.path()).unwrap();
    assert_eq!(ran(&["verify"], temp.path()), (Some(0), String::new()));
    let config = folder::config_path(&created.folder);
    let text = format!("listen = \"127.0.0.1:0\"\ndata_dir = {:?}\n", temp.path());
    fs::write(&config, text).unwrap();
    fs::write(temp.path().join("DEMO"), "").unwrap();
    fs::write(created.folder.ledger(), "").unwrap();
    for (words, path) in [
        (&["verify"][..], temp.path()),
        (&["serve", "--config"], config.as_path()),
        (&["demo", "--listen", "127.0.0.1:0", "--data"], temp.path()),
    ] {
        let (code, said) = ran(words, path);
        assert_eq!(code, Some(3), "{words:?}: {said}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}
