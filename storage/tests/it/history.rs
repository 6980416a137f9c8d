//! History: paging, what a crash leaves, what is set aside.

use std::fs;
use std::path::{Path, PathBuf};

use nexnum_engine::ids::{AccountId, OrderId, OrderNumber, Seq, TransactionId};
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::history::{self, HistoryBatch, HistoryTables, Opening, PAGE_LEN_MAX};
use nexnum_storage::{LedgerId, StorageError};

use crate::run::ID;

fn new_history() -> (tempfile::TempDir, PathBuf, HistoryTables) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.redb");
    let (history, opening) = HistoryTables::open(&path, ID, Seq(0)).unwrap();
    assert_eq!((opening, history.cursor()), (Opening::Created, Seq(0)));
    (folder, path, history)
}

/// The batch that ends at `seq`: an order and two transactions of one of 3 accounts.
fn batch(seq: u64) -> HistoryBatch {
    let account = AccountId(u32::try_from(seq % 3).unwrap());
    let mut batch = HistoryBatch::new(Seq(seq));
    batch.order((account, number(seq)), OrderId(seq), format!("order {seq}").as_bytes());
    for id in [seq * 2, seq * 2 + 1] {
        batch.transaction(account, TransactionId(id), format!("transaction {id}").as_bytes());
    }
    batch
}

/// The number that the order of this id has within its account.
const fn number(id: u64) -> OrderNumber {
    OrderNumber(id / 3 + 1)
}

fn apply(history: &HistoryTables, range: std::ops::RangeInclusive<u64>) {
    range.for_each(|seq| history.apply(&batch(seq)).unwrap());
}

/// Compares everything in the tables with what they should hold at their cursor.
fn check(history: &HistoryTables) {
    let cursor = history.cursor().0;
    for account in 0..3 {
        let orders: Vec<_> = (1..=cursor).rev().filter(|seq| seq % 3 == account).collect();
        let account = AccountId(u32::try_from(account).unwrap());
        let page = history.orders_of(account, None, PAGE_LEN_MAX).unwrap();
        let expected = orders.iter().map(|seq| (number(*seq), format!("order {seq}").into_bytes()));
        assert!(page.into_iter().eq(expected.take(PAGE_LEN_MAX)), "orders at {cursor}");
        let page = history.transactions_of(account, None, PAGE_LEN_MAX).unwrap();
        let expected = orders.iter().flat_map(|seq| [seq * 2 + 1, seq * 2]);
        let expected =
            expected.map(|id| (TransactionId(id), format!("transaction {id}").into_bytes()));
        assert!(page.into_iter().eq(expected.take(PAGE_LEN_MAX)), "transactions at {cursor}");
    }
}

#[test]
fn pages_come_newest_first_and_end_before_the_cursor() {
    let (_folder, _path, history) = new_history();
    apply(&history, 1..=20);
    check(&history);
    let numbers = |before, limit| -> Vec<u64> {
        let page = history.orders_of(AccountId(1), before, limit).unwrap();
        page.into_iter().map(|(number, _)| number.0).collect()
    };
    assert_eq!(numbers(None, 3), [7, 6, 5]);
    assert_eq!(numbers(Some(OrderNumber(5)), 3), [4, 3, 2]);
    assert_eq!(numbers(Some(OrderNumber(2)), 3), [1]);
    assert_eq!(numbers(Some(OrderNumber(1)), 3), []);
    assert_eq!(numbers(Some(OrderNumber(0)), 3), []);
    assert_eq!(numbers(None, 0), []);
    let page = history.transactions_of(AccountId(1), Some(TransactionId(9)), 2).unwrap();
    let ids: Vec<u64> = page.into_iter().map(|(id, _)| id.0).collect();
    assert_eq!(ids, [8, 3]);
    assert_eq!(history.transactions_of(AccountId(1), Some(TransactionId(0)), 2).unwrap(), []);
    assert_eq!(history.orders_of(AccountId(9), None, 10).unwrap(), []);
    assert_eq!(history.order(OrderId(5)).unwrap().unwrap(), b"order 5");
    assert_eq!(history.order(OrderId(21)).unwrap(), None);
}

#[test]
fn a_page_is_bounded_and_a_row_is_replaced() {
    let (_folder, _path, history) = new_history();
    let mut batch = HistoryBatch::new(Seq(1));
    assert!(batch.is_empty());
    for id in 0..=PAGE_LEN_MAX as u64 {
        batch.order((AccountId(1), OrderNumber(id)), OrderId(id), b"first");
    }
    assert_eq!(batch.len(), PAGE_LEN_MAX + 1);
    history.apply(&batch).unwrap();
    let mut again = HistoryBatch::new(Seq(2));
    again.order((AccountId(1), OrderNumber(3)), OrderId(3), b"second");
    history.apply(&again).unwrap();
    let page = history.orders_of(AccountId(1), None, usize::MAX).unwrap();
    assert_eq!(page.len(), PAGE_LEN_MAX);
    assert_eq!(history.order(OrderId(3)).unwrap().unwrap(), b"second");
}

#[test]
fn the_cursor_is_where_it_was_after_a_clean_reopening() {
    let (_folder, path, history) = new_history();
    apply(&history, 1..=7);
    assert_eq!((history.cursor(), history.durable_cursor()), (Seq(7), Seq(0)));
    history.flush().unwrap();
    assert_eq!(history.durable_cursor(), Seq(7));
    apply(&history, 8..=9);
    drop(history);
    let (history, opening) = HistoryTables::open(&path, ID, Seq(9)).unwrap();
    assert_eq!((opening, history.cursor()), (Opening::Resumed, Seq(9)));
    check(&history);
}

#[test]
fn a_cut_at_any_operation_leaves_rows_that_fit_their_cursor() {
    let place = Path::new("history");
    let mut lost = 0;
    for seed in 0..2 {
        for ops in 0.. {
            let disk = FaultyDisk::new(seed);
            let history = HistoryTables::create_on(disk.clone(), place, ID).unwrap();
            disk.cut_after(ops);
            let mut durable = Seq(0);
            let mut applied = 0;
            for seq in 1..=60 {
                if history.apply(&batch(seq)).is_err() {
                    break;
                }
                applied = seq;
                if seq % 20 == 0 && history.flush().is_ok() {
                    durable = history.durable_cursor();
                }
            }
            let ended = !disk.is_cut();
            let history = HistoryTables::open_on(disk.survivor(), place, ID, Seq(60)).unwrap();
            let found = history.cursor();
            assert!(found >= durable && found.0 <= applied + 1, "seed {seed}, cut {ops}: {found}");
            lost += u32::from(found.0 < applied);
            check(&history);
            if ended {
                break;
            }
        }
    }
    assert!(lost > 10, "only {lost} cuts lost what was not yet durable");
}

/// Makes a file say that it is of another format, or of none as the first files.
fn set_format(path: &Path, format: Option<u32>) {
    let database = redb::Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    let mut meta = transaction.open_table(table).unwrap();
    match format {
        Some(format) => drop(meta.insert("format", &format.to_le_bytes()[..]).unwrap()),
        None => drop(meta.remove("format").unwrap()),
    }
    drop(meta);
    transaction.commit().unwrap();
}

#[test]
fn a_history_ahead_of_its_ledger_stays_and_stops_the_start() {
    let (_folder, path, history) = new_history();
    apply(&history, 1..=5);
    drop(history);
    let error = HistoryTables::open(&path, ID, Seq(3)).unwrap_err();
    assert!(matches!(error, StorageError::Ahead { cursor: Seq(5), last: Seq(3), .. }), "{error}");
    assert!(error.is_damage() && error.to_string().contains("move this file away"), "{error}");
    let (history, opening) = HistoryTables::open(&path, ID, Seq(5)).unwrap();
    assert_eq!((history.cursor(), opening), (Seq(5), Opening::Resumed));
    check(&history);
}

#[test]
fn a_history_that_is_of_no_use_is_set_aside_and_begun_again() {
    let cases: [(&str, LedgerId, &str); 5] = [
        ("other ledger", LedgerId([1; 16]), "belongs to ledger a7a7"),
        ("newer", ID, "its format is 7, this program reads 6"),
        ("of before", ID, "its format is 5, this program reads 6"),
        ("older", ID, "its format is not 4 bytes"),
        ("noise", ID, "history.redb"),
    ];
    for (case, id, expected) in cases {
        let (_folder, path, history) = new_history();
        apply(&history, 1..=5);
        drop(history);
        match case {
            "newer" => set_format(&path, Some(7)),
            "of before" => set_format(&path, Some(5)),
            "older" => set_format(&path, None),
            "noise" => fs::write(&path, [0x5A; 9_000]).unwrap(),
            _ => {}
        }
        let (history, opening) = HistoryTables::open(&path, id, Seq(9)).unwrap();
        let Opening::SetAside { to, reason } = opening else { panic!("{case}: {opening:?}") };
        assert!(reason.contains(expected), "{case}: {reason}");
        assert!(to.ends_with("history.redb.aside") && to.exists(), "{case}");
        assert_eq!(history.cursor(), Seq(0), "{case}");
        apply(&history, 1..=2);
        check(&history);
    }
}

#[test]
fn a_history_that_another_process_has_is_left_alone() {
    let (_folder, path, history) = new_history();
    let error = HistoryTables::open(&path, ID, Seq(0)).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    apply(&history, 1..=3);
    check(&history);
    drop(history);
    let aside = history::set_aside(&path).unwrap();
    assert!(aside.exists() && !path.exists());
}

#[test]
fn a_flip_in_a_row_is_noticed() {
    let place = Path::new("history");
    let disk = FaultyDisk::new(3);
    let history = HistoryTables::create_on(disk.clone(), place, ID).unwrap();
    apply(&history, 1..=5);
    drop(history);
    let disk = disk.survivor();
    let mut noticed = 0;
    for at in disk.find(b"order 4") {
        let altered = disk.survivor();
        altered.flip_bit(at * 8 + 1);
        let history = HistoryTables::open_on(altered, place, ID, Seq(5)).unwrap();
        if let Err(error) = history.order(OrderId(4)) {
            assert!(error.to_string().contains("order 4 was altered"), "{error}");
            assert!(history.orders_of(AccountId(1), None, 9).is_err());
            noticed += 1;
        }
    }
    assert_eq!(noticed, 1);
}

#[test]
fn a_check_finds_damage_in_what_a_killed_writer_left_and_leaves_it_as_it_is() {
    let (folder, path, history) = new_history();
    apply(&history, 1..=30);
    history.flush().unwrap();
    apply(&history, 31..=40);
    let killed = folder.path().join("killed.redb");
    fs::copy(&path, &killed).unwrap();
    let sound = fs::read(&killed).unwrap();
    let found = history::check(&killed, ID).unwrap();
    assert_eq!(found, Some(history.durable_cursor()), "what was not flushed is not there");
    assert!(fs::read(&killed).unwrap() == sound);
    assert_eq!(history::check(&folder.path().join("none.redb"), ID).unwrap(), None);
    let error = history::check(&killed, LedgerId([1; 16])).unwrap_err();
    assert!(error.is_damage(), "{error}");

    // Both places of a row: the page in use and one that an earlier commit left behind.
    let row = b"transaction 41";
    let places = (0..sound.len()).filter(|at| sound[*at..].starts_with(row));
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        fs::write(&killed, &bytes).unwrap();
        let found = history::check(&killed, ID);
        assert!(fs::read(&killed).unwrap() == bytes, "it is left as it is");
        found.is_err_and(|error| error.is_damage())
    };
    assert!(places.filter(|at| flipped(*at)).count() > 0, "no flip in a row was found");
    // The magic number.
    assert!(flipped(3));
}
