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
    // The first events of two orders are one row, and so are later ones that follow each other.
    for (order, seq) in [(7, 4), (8, 7)] {
        batch.placed(OrderId(order), Seq(seq));
        batch.position(OrderId(order), Seq(seq + 1));
    }
    for (order, seq) in [(7, 300), (7, 301), (8, 302), (7, 9)] {
        batch.position(OrderId(order), Seq(seq));
    }
    batch.placed(OrderId(10), Seq(400));
    batch.day(DAY, DayRow { tail: Seq(3), tree: tree(5) });
    batch.day(DAY + 2, DayRow { tail: Seq(9), tree: tree(1) });
    batch.day_node(DAY, 0, DayNode { first: Seq(1), hash: Hash([1; 32]) });
    batch.day_node(DAY, 1, DayNode { first: Seq(2), hash: Hash([2; 32]) });
    batch.day_node(DAY + 2, 0, DayNode { first: Seq(8), hash: Hash([3; 32]) });
    [5, 6, 9].into_iter().for_each(|day| batch.closed_day(closed(day)));
    assert_eq!(batch.len(), 13);
    history.apply(&batch).unwrap();
    history.flush().unwrap();
    history
}

#[test]
fn what_receipts_are_made_of_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let history = filled(&folder.path().join("history.redb"));
    let positions = |order| history.positions_of(OrderId(order)).unwrap();
    assert_eq!(positions(7), [4, 5, 9, 300, 301].map(Seq));
    assert_eq!(positions(8), [7, 8, 302].map(Seq));
    assert_eq!((positions(6), positions(9)), (vec![], vec![]));
    assert_eq!((positions(10), positions(11)), (vec![Seq(400)], vec![]));
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
fn positions_of_many_orders_read_back_whatever_row_they_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let (history, _) = HistoryTables::open(&folder.path().join("h.redb"), ID, Seq(0)).unwrap();
    let mut expected = std::collections::BTreeMap::<u64, Vec<Seq>>::new();
    let (mut seq, mut first) = (1, 1);
    // Batches with more orders than a row takes; one leaves orders out, one is far behind in the
    // ledger, and an order has more events in a run than a row of it takes.
    for (orders, skipped, gap, events) in
        [(600, 0, 0, 2), (3, 5, 0, 1), (2, 0, 1 << 33, 3), (1, 0, 1, 700), (300, 0, 2, 1)]
    {
        (seq, first) = (seq + gap, first + skipped);
        let mut batch = HistoryBatch::new(Seq(seq));
        for order in first..first + orders {
            let places = Seq(seq);
            batch.placed(OrderId(order), places);
            let later = (seq + 1..seq + events).map(Seq);
            later.clone().for_each(|seq| batch.position(OrderId(order), seq));
            expected.entry(order).or_default().extend([places].into_iter().chain(later));
            seq += events + 1;
        }
        // Of an order that was placed before.
        batch.position(OrderId(7), Seq(seq));
        expected.entry(7).or_default().push(Seq(seq));
        (seq, first) = (seq + 1, first + orders);
        history.apply(&batch).unwrap();
    }
    for order in 0..first + 2 {
        let positions = history.positions_of(OrderId(order)).unwrap();
        assert_eq!(positions, expected.remove(&order).unwrap_or_default(), "{order}");
    }
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
    let cases: [(Alter, &str); 5] = [
        (
            |it| turn::<u64>(it, redb::TableDefinition::new("placed"), 7_u64),
            "the positions of orders from 7 on were altered",
        ),
        (
            |it| {
                let table = redb::TableDefinition::<(u64, u64), (u32, u32)>::new("positions");
                let mut table = it.open_table(table).unwrap();
                let (len, sum) = table.get((7, 9)).unwrap().unwrap().value();
                table.insert((7, 9), (len + 1, sum)).unwrap();
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
