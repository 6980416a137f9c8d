//! A damaged folder: what is named, and what is left as it is.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use nexnum::market::folder::{self, BootError, Opened};
use nexnum::market::index_key;
use nexnum::market::sealing::Sealing;
use nexnum::market::verify::{Finding, Followed, verify};
use nexnum_engine::command::NameVariant;
use nexnum_engine::event::{AccountEvent, Event, OrderEvent};
use nexnum_engine::group::{Groups, Head};
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_engine::money::Micros;
use nexnum_engine::order::OrderRef;
use nexnum_engine::time::Time;
use nexnum_storage::secrets::SecretBytes;
use nexnum_storage::{Folder, Ledger, Manifest, StorageError};

use super::{append, folder_with_trade, furnish, opened, trade};
use crate::rig::ledger::{self, ACCOUNT};
use crate::rig::process::nexnum;

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
    let cases: [(Break, &str); 3] = [
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
        assert_eq!(verify(temp.path(), |_| {}).unwrap().secrets, Some(2), "and the program's own");
        damage(&folder);
        let Err(Finding::Damage { seq: None, reason }) = verify(temp.path(), |_| {}) else {
            panic!("{expected} was not found")
        };
        assert!(reason.contains(expected), "{reason}");
        assert!(folder::secrets(&folder).unwrap_err().is_damage(), "{expected}");
    }
}

#[test]
fn a_key_of_digests_that_is_lost_or_another_ledger_s_is_damage() {
    let another = |folder: &Folder| {
        let elsewhere = tempfile::tempdir().unwrap();
        let other = folder::init(elsewhere.path()).unwrap().folder;
        let key = folder::secrets(&other).unwrap().get(index_key::SECRET).unwrap().unwrap();
        folder::secrets(folder).unwrap().put(index_key::SECRET, &key).unwrap();
    };
    let lost = |folder: &Folder| {
        assert!(folder::secrets(folder).unwrap().remove(index_key::SECRET).unwrap());
    };
    let cut = |folder: &Folder| {
        let short = SecretBytes::new(vec![1; 31]);
        folder::secrets(folder).unwrap().put(index_key::SECRET, &short).unwrap();
    };
    let cases: [&dyn Fn(&Folder); 3] = [&another, &lost, &cut];
    for damage in cases {
        let temp = tempfile::tempdir().unwrap();
        let folder = folder_with_trade(temp.path());
        damage(&folder);
        let Err(Finding::Damage { seq: None, reason }) = verify(temp.path(), |_| {}) else {
            panic!("it was not found")
        };
        assert!(reason.contains("tells payments apart"), "{reason}");
        let opened = folder::open(temp.path(), |_| {}).unwrap();
        let refused = Sealing::open(&opened).unwrap_err();
        assert!(matches!(refused, BootError::IndexKeyMissing { .. }), "{refused}");
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
    append(&mut live, [NameVariant::of_carrier(name.into()).into()]);
    // A row is named by its first position, that of the head before the carrier.
    let seq = Seq(live.ledger.last().seq.0 - 1);
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
    let (id, account) = (OrderId(9), ACCOUNT);
    let unknown = OrderRef { id, account, line: 1, attempt: 1, assignment: 0 };
    let events = [
        Event::Account(AccountEvent::AccountOpened {
            account: ACCOUNT,
            name: None,
            credit_limit: Micros::ZERO,
        }),
        Event::Order(OrderEvent::OrderDoubted { order: unknown, ended: None }),
    ];
    let mut groups = Groups::new();
    groups.add(Head::system(live.last_at), |all| all.extend(events));
    ledger::append_row(&mut live, &groups);
    drop(live);
    let error = folder::open(temp.path(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("damaged at sequence 9"), "{error}");
    let found = verify(temp.path(), |_| {});
    assert!(matches!(found, Err(Finding::Damage { seq: Some(Seq(9)), .. })), "{found:?}");
}

#[test]
fn a_time_that_runs_back_is_damage() {
    let temp = tempfile::tempdir().unwrap();
    folder::init(temp.path()).unwrap();
    let mut live = opened(temp.path());
    let (mut groups, early) = (Groups::new(), Head::system(Time(1)));
    live.engine.execute(early, &ledger::account().into(), &mut groups).unwrap();
    ledger::append_row(&mut live, &groups);
    drop(live);
    let error = folder::open(temp.path(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("sequence 7") && error.contains("its time"), "{error}");
}

/// The real binary on a folder: its exit code and what it says on standard error.
pub(super) fn ran(words: &[&str], dir: &Path) -> (Option<i32>, String) {
    let mut process = nexnum()
        .args(words)
        .arg(dir)
        .stdin(Stdio::null())
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
        (&["key", "create", "--admin", "--data"], temp.path()),
    ] {
        check_damage(words, path);
    }
}

#[test]
fn a_reader_that_left_is_no_failure_of_what_is_printed() {
    let temp = tempfile::tempdir().unwrap();
    let created = folder::init(temp.path()).unwrap();
    let config = folder::config_path(&created.folder);
    for (words, path) in [
        (&["provider", "callback", "--data"][..], temp.path()),
        (&["serve", "--check-config", "--config"], config.as_path()),
        (&["key", "create", "--admin", "--data"], temp.path()),
    ] {
        assert_eq!(ran(words, path), (Some(0), String::new()), "{words:?}");
    }
    // But for the one key that is shown this once.
    let (code, said) = ran(&["init"], &temp.path().join("new"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("nexnum key create --admin --data"), "{said}");
    // Nor does a refusal become a panic where it cannot be told.
    let mut process = nexnum()
        .args(["verify", "/nowhere"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stderr.take());
    assert_eq!(process.wait().unwrap().code(), Some(1));
}

#[track_caller]
fn check_damage(words: &[&str], path: &Path) {
    let (code, said) = ran(words, path);
    assert_eq!(code, Some(3), "{words:?}: {said}");
    assert!(!said.contains("panicked"), "{words:?}: {said}");
}

#[test]
fn a_lost_master_key_has_the_exit_code_of_damage_from_every_command_that_needs_it() {
    let temp = tempfile::tempdir().unwrap();
    let created = folder::init(temp.path()).unwrap();
    let config = folder::config_path(&created.folder);
    let provider = "[[providers]]\nname = \"a\"\ndriver = \"fivesim\"\nkey_secret = \"a\"\n";
    let text = format!("listen = \"127.0.0.1:0\"\ndata_dir = {:?}\n{provider}", temp.path());
    fs::write(&config, text).unwrap();
    fs::remove_file(created.folder.master_key()).unwrap();
    // The proof does without: the key may be kept elsewhere.
    assert_eq!(ran(&["verify"], temp.path()), (Some(0), String::new()));
    for (words, path) in [
        (&["serve", "--config"][..], config.as_path()),
        (&["serve", "--check-config", "--config"], config.as_path()),
        (&["provider", "callback", "--data"], temp.path()),
        (&["provider", "set-key", "a", "--data"], temp.path()),
    ] {
        check_damage(words, path);
    }
}
