//! What history keeps for receipts: it reads back as it was written, and an altered row is named.

use nexnum_engine::event::ClosedDay;
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_storage::Hash;
use nexnum_storage::day_tree::{DayTree, row_leaf};
use nexnum_storage::history::{self, DayNode, DayRow, HistoryBatch, HistoryTables};

use redb::ReadableTable;

use crate::run::ID;

const DAY: u32 = 20_787;

fn tree(rows: u8) -> DayTree {
    let mut tree = DayTree::default();
    (0..rows).for_each(|row| _ = tree.push(row_leaf(Hash([row; 32]))));
    tree
}

fn closed(day: u32) -> ClosedDay {
    ClosedDay { day, root: [day as u8; 32], rows: u64::from(day) }
}

/// A history with positions of two orders, two days and what was closed.
fn filled(path: &std::path::Path) -> HistoryTables {
    let (history, _) = HistoryTables::open(path, ID, Seq(0)).unwrap();
    let mut batch = HistoryBatch::new(Seq(9));
    for (order, seq) in [(7, 4), (7, 300), (8, 5), (7, 6)] {
        batch.position(OrderId(order), Seq(seq));
    }
    batch.day(DAY, DayRow { tail: Seq(3), tree: tree(5) });
    batch.day(DAY + 2, DayRow { tail: Seq(9), tree: tree(1) });
    batch.day_node(DAY, 0, DayNode { first: Seq(1), hash: Hash([1; 32]) });
    batch.day_node(DAY, 1, DayNode { first: Seq(2), hash: Hash([2; 32]) });
    batch.day_node(DAY + 2, 0, DayNode { first: Seq(8), hash: Hash([3; 32]) });
    [5, 6, 9].into_iter().for_each(|day| batch.closed_day(closed(day)));
    assert_eq!(batch.len(), 12);
    history.apply(&batch).unwrap();
    history.flush().unwrap();
    history
}

#[test]
fn what_receipts_are_made_of_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let history = filled(&folder.path().join("history.redb"));
    let positions = |order| history.positions_of(OrderId(order)).unwrap();
    assert_eq!(positions(7), [Seq(4), Seq(6), Seq(300)]);
    assert_eq!((positions(8), positions(9)), (vec![Seq(5)], vec![]));
    let first = (DAY, DayRow { tail: Seq(3), tree: tree(5) });
    let second = (DAY + 2, DayRow { tail: Seq(9), tree: tree(1) });
    assert_eq!(history.day_from(0).unwrap().as_ref(), Some(&first));
    assert_eq!(history.day_from(DAY).unwrap(), Some(first));
    assert_eq!(history.day_from(DAY + 1).unwrap().as_ref(), Some(&second));
    assert_eq!(history.day_from(DAY + 3).unwrap(), None);
    assert_eq!(history.last_day().unwrap(), Some(second));
    let nodes: Vec<u64> = history.day_nodes(DAY).unwrap().iter().map(|it| it.first.0).collect();
    assert_eq!(nodes, [1, 2]);
    let closed_before = |before, limit| history.closed_days(before, limit).unwrap();
    assert_eq!(closed_before(None, 2), [closed(9), closed(6)]);
    assert_eq!(closed_before(Some(6), 5), [closed(5)]);
    assert_eq!((closed_before(Some(5), 5), closed_before(Some(0), 5)), (vec![], vec![]));
    assert_eq!(closed_before(None, 0), []);
}

#[test]
fn an_altered_row_is_named() {
    type Alter = fn(&redb::WriteTransaction);
    /// Turns a bit of the row under a key.
    fn turn<K: redb::Key + 'static>(
        transaction: &redb::WriteTransaction,
        table: redb::TableDefinition<'_, K, &[u8]>,
        key: impl for<'a> std::borrow::Borrow<K::SelfType<'a>>,
    ) {
        let mut table = transaction.open_table(table).unwrap();
        let mut value = table.get(key.borrow()).unwrap().unwrap().value().to_vec();
        value[9] ^= 1;
        table.insert(key.borrow(), &value[..]).unwrap();
    }
    let cases: [(Alter, &str); 4] = [
        (
            |it| {
                let table = redb::TableDefinition::<(u64, u64), u32>::new("positions");
                it.open_table(table).unwrap().insert((7, 6), 1).unwrap();
            },
            "a position of order 7 was altered",
        ),
        (
            |it| turn::<u32>(it, redb::TableDefinition::new("days"), DAY),
            "the tree of day 20787 was altered",
        ),
        (
            |it| turn::<(u32, u32)>(it, redb::TableDefinition::new("day_nodes"), (DAY, 1)),
            "node 1 of day 20787 was altered",
        ),
        (
            |it| turn::<u32>(it, redb::TableDefinition::new("closed_days"), 6_u32),
            "the root of day 6 was altered",
        ),
    ];
    for (alter, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.redb");
        drop(filled(&path));
        assert_eq!(history::check(&path, ID).unwrap(), Some(Seq(9)));
        let database = redb::Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        alter(&transaction);
        transaction.commit().unwrap();
        drop(database);
        let error = history::check(&path, ID).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
