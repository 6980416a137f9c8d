//! Folders that a newer version has written, whose rows are not what their hashes stand for, or
//! whose ledger was put back.

use std::fs;

use nexnum::market::folder::{self, BootError};
use nexnum::market::verify::{Finding, verify};
use nexnum_engine::command::BeginEpoch;
use nexnum_engine::event::{AccountEvent, CatalogVersion, Epoch, Event};
use nexnum_engine::group::{Actor, Groups, Head};
use nexnum_engine::ids::{KeyId, Seq};
use nexnum_storage::merkle::SALT_LEN;
use nexnum_storage::{Batch, Hash, Ledger, Payload, Salt, StorageError};

use super::damage::ran;
use super::{append, folder_with_trade, opened};

#[test]
fn a_ledger_that_a_newer_version_has_written_is_refused_as_newer_and_not_as_damaged() {
    // A head without events, then an event; each with a tag, a field or an actor that is not known.
    let head = &[0u8, 2, 0, 1][..];
    for (records, reason) in [
        ([head, &[250, 1, 0]].concat(), "a tag that this version does not know"),
        ([head, &[3, 2, 1, 7]].concat(), "fields that this version does not know"),
        ([&[0, 2, 0, 99], head].concat(), "a tag that this version does not know"),
    ] {
        let temp = tempfile::tempdir().unwrap();
        let folder = folder_with_trade(temp.path());
        let mut live = opened(temp.path());
        let (last, epoch) = (live.ledger.last(), live.ledger.epoch());
        let (first, payload) = (Seq(last.seq.0 + 1), [&[7; SALT_LEN], &records[..]].concat());
        let (at, root) = (live.last_at, Hash::default());
        let batch = Batch { first, at, count: 2, root, payload: &payload };
        live.ledger.append(&batch, last, epoch).unwrap();
        drop(live);
        let before = fs::read(folder.ledger()).unwrap();
        let error = folder::open(temp.path(), |_| {}).unwrap_err();
        let BootError::Storage(StorageError::NewerLedger { seq, .. }) = &error else {
            panic!("{error}")
        };
        assert!(*seq == first && error.to_string().contains(reason), "{error}");
        assert!(matches!(verify(temp.path(), |_| {}), Err(Finding::Unreadable(_))));
        let (code, said) = ran(&["verify"], temp.path());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("was written by a newer version"), "{said}");
        assert!(fs::read(folder.ledger()).unwrap() == before, "it is left as it is");
    }
}

#[test]
fn records_that_are_not_what_their_row_has_the_root_of_are_found_by_verify() {
    let temp = tempfile::tempdir().unwrap();
    folder_with_trade(temp.path());
    let mut live = opened(temp.path());
    let (last, epoch) = (live.ledger.last(), live.ledger.epoch());
    let mut groups = Groups::new();
    let revoked = Event::Account(AccountEvent::KeyRevoked { key: KeyId(1) });
    let by = |key| Head::of(Actor::Key(KeyId(key)), live.last_at);
    groups.add(by(1), |events| events.push(revoked.clone()));
    let salt = Salt([7; SALT_LEN]);
    let written = Payload::of(&groups, &salt, Seq(last.seq.0 + 1));
    // The same events, said to be another actor's: all checksums and the chain hold.
    let mut others = Groups::new();
    others.add(by(2), |events| events.push(revoked));
    let others = Payload::of(&others, &salt, Seq(last.seq.0 + 1));
    let forged = Batch { payload: others.batch().payload, ..written.batch() };
    live.ledger.append(&forged, last, epoch).unwrap();
    drop(live);
    drop(opened(temp.path()));
    let Err(Finding::Damage { seq, reason }) = verify(temp.path(), |_| {}) else {
        panic!("the records were not held against their root")
    };
    assert_eq!(seq, Some(Seq(last.seq.0 + 1)));
    assert!(reason.contains("has the root of"), "{reason}");
}

#[test]
fn each_writer_says_which_program_it_is_and_another_catalogue_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    folder::issue_admin_key(opened(temp.path())).unwrap();
    let mut live = opened(temp.path());
    let state = live.engine.state();
    let last = state.epoch().cloned().unwrap();
    assert_eq!(state.ledger().unwrap().currency, *b"USD");
    assert_eq!((last.epoch, &*last.program), (3, env!("CARGO_PKG_VERSION")), "the third opening");
    // A newer version, whose catalogue has more countries.
    let more = CatalogVersion { countries: last.catalog.countries + 1, ..last.catalog };
    let epoch = Epoch { epoch: 9, program: "7.0.0".into(), catalog: more, ..last };
    append(&mut live, [BeginEpoch { epoch }.into()]);
    drop(live);
    let before = fs::read(folder.ledger()).unwrap();
    let error = folder::open(temp.path(), |_| {}).unwrap_err();
    assert!(matches!(error, BootError::OtherCatalog { .. }) && !error.is_damage(), "{error}");
    assert!(error.to_string().contains("written by version 7.0.0"), "{error}");
    assert!(fs::read(folder.ledger()).unwrap() == before, "it is left as it is");
    // That it is whole can be said without the catalogue.
    verify(temp.path(), |_| {}).unwrap();
}

#[test]
fn a_ledger_that_was_put_back_is_noticed_by_the_history_that_followed_it_further() {
    let temp = tempfile::tempdir().unwrap();
    let folder = folder_with_trade(temp.path());
    let older = [folder.ledger(), folder.manifest(), folder.tip()];
    let older = older.map(|path| (fs::read(&path).unwrap(), path));
    let mut live = opened(temp.path());
    super::trade(&mut live, 3);
    let end = live.ledger.last().seq;
    live.history.apply(&nexnum_storage::history::HistoryBatch::new(end)).unwrap();
    live.history.flush().unwrap();
    drop(live);
    for (bytes, path) in older {
        fs::write(path, bytes).unwrap();
    }
    let error = folder::open(temp.path(), |_| {}).unwrap_err();
    let BootError::Storage(StorageError::Ahead { cursor, last, .. }) = &error else {
        panic!("{error}")
    };
    assert!(*cursor == end && *last < end, "{error}");
    assert!(matches!(verify(temp.path(), |_| {}), Err(Finding::Damage { .. })));
    // The way out that the error names.
    fs::rename(folder.history(), temp.path().join("moved away")).unwrap();
    drop(opened(temp.path()));
}
