//! Tables for what has dense ids, and queues for what grows old.
//!
//! The engine looks up orders several times a command, millions of times in a replay, in
//! the order in which they came: a search tree misses the cache at every level, these do
//! not. All iterate in key order, and what is equal has the same content, however it came
//! there. Leaves to others: what the rows mean.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use crate::ids::{AccountId, KeyId, LoadId, OfferId, OrderId, ProviderId, RailId, VariantId};
use crate::time::Time;

/// Slots of a page: 2 KiB of pointers. A page that is empty is given back, so that one
/// order that lives for weeks holds two kilobytes and not all that came after it.
const PAGE: usize = 256;

/// An id from a counter: small, dense, a table's index.
pub(crate) trait Dense: Copy {
    /// The index.
    fn index(self) -> usize;
    /// The id of an index that came from [`Dense::index`].
    fn at(index: usize) -> Self;
}

macro_rules! dense {
    ($($name:ident($int:ty)),*) => {$(
        impl Dense for $name {
            fn index(self) -> usize {
                self.0 as usize
            }

            fn at(index: usize) -> Self {
                Self(index as $int)
            }
        }
    )*};
}

dense!(
    AccountId(u32),
    KeyId(u32),
    ProviderId(u16),
    VariantId(u16),
    RailId(u16),
    LoadId(u32),
    OfferId(u32),
    OrderId(u64)
);

#[derive(Clone, Debug)]
struct Page<T> {
    slots: [Option<Box<T>>; PAGE],
    used: usize,
}

/// Values by dense id. A look-up is two loads. Ids that are gone cost nothing before the first
/// that is there, and behind it a pointer for each page: [`SPAN_MAX`] ids cost 128 MB.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, T> {
    /// None before the first page that has a value, and none behind the last.
    pages: VecDeque<Option<Box<Page<T>>>>,
    /// How many pages there would be before the first.
    skipped: usize,
    len: usize,
    keys: PhantomData<K>,
}

/// Ids from the first of a table on to which a value may be added: an order of four thousand
/// million orders ago has ended at any rate.
pub(crate) const SPAN_MAX: usize = 1 << 32;

impl<K, T> Default for Table<K, T> {
    fn default() -> Self {
        Self { pages: VecDeque::new(), skipped: 0, len: 0, keys: PhantomData }
    }
}

impl<K: Dense, T> Table<K, T> {
    /// Which of the pages has a key, and where it is there; `None` before the first page.
    fn place(&self, key: K) -> Option<(usize, usize)> {
        let page = (key.index() / PAGE).checked_sub(self.skipped)?;
        Some((page, key.index() % PAGE))
    }

    pub(crate) fn get(&self, key: K) -> Option<&T> {
        let (page, slot) = self.place(key)?;
        self.pages.get(page)?.as_ref()?.slots[slot].as_deref()
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        let (page, slot) = self.place(key)?;
        self.pages.get_mut(page)?.as_mut()?.slots[slot].as_deref_mut()
    }

    /// Whether a key is near enough to those that are there.
    pub(crate) fn has_room_for(&self, key: K) -> bool {
        let first = self.skipped * PAGE;
        let last = first + self.pages.len() * PAGE;
        let (low, high) = (first.min(key.index()), last.max(key.index()));
        self.pages.is_empty() || high - low <= SPAN_MAX
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value there; gives what was there before.
    pub(crate) fn insert(&mut self, key: K, value: T) -> Option<T> {
        let (page, slot) = (key.index() / PAGE, key.index() % PAGE);
        assert!(self.has_room_for(key), "ids in a table are near each other");
        if self.pages.is_empty() {
            self.skipped = page;
        }
        for _ in page..self.skipped {
            self.pages.push_front(None);
        }
        self.skipped = self.skipped.min(page);
        let page = page - self.skipped;
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let empty = || Box::new(Page { slots: [const { None }; PAGE], used: 0 });
        let page = self.pages[page].get_or_insert_with(empty);
        let before = page.slots[slot].replace(Box::new(value));
        if before.is_none() {
            page.used += 1;
            self.len += 1;
        }
        before.map(|value| *value)
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<T> {
        let (at, slot) = self.place(key)?;
        let page = self.pages.get_mut(at)?.as_mut()?;
        let value = page.slots[slot].take()?;
        page.used -= 1;
        self.len -= 1;
        if page.used == 0 {
            self.pages[at] = None;
            while self.pages.pop_front_if(|page| page.is_none()).is_some() {
                self.skipped += 1;
            }
            while self.pages.pop_back_if(|page| page.is_none()).is_some() {}
        }
        Some(*value)
    }

    /// Every value by its id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        let pages = (self.skipped..).zip(&self.pages);
        let pages = pages.filter_map(|(at, page)| Some((at, page.as_ref()?)));
        pages.flat_map(|(at, page)| {
            let slots = page.slots.iter().enumerate();
            slots
                .filter_map(move |(slot, value)| Some((K::at(at * PAGE + slot), value.as_deref()?)))
        })
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Dense, T> std::ops::Index<K> for Table<K, T> {
    type Output = T;

    fn index(&self, key: K) -> &T {
        self.get(key).expect("what a row names is in its table")
    }
}

impl<K: Dense + PartialEq, T: PartialEq> PartialEq for Table<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Dense + Eq, T: Eq> Eq for Table<K, T> {}

/// The length, then each id with its value: as an ordered map hashes.
impl<K: Dense + Hash, T: Hash> Hash for Table<K, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len);
        self.iter().for_each(|row| row.hash(state));
    }
}

/// What waits to grow old, oldest first. Time does not run back, so that what comes in
/// goes to the end; of one moment, the smaller comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aged<T> {
    rows: VecDeque<T>,
}

impl<T> Default for Aged<T> {
    fn default() -> Self {
        Self { rows: VecDeque::new() }
    }
}

impl<T: Ord> Aged<T> {
    pub(crate) fn insert(&mut self, row: T) {
        if self.rows.back().is_none_or(|last| *last < row) {
            self.rows.push_back(row);
        } else {
            // Only what came in the same moment is in the way, unless a clock ran back.
            let at = self.rows.partition_point(|known| *known < row);
            self.rows.insert(at, row);
        }
    }

    /// Puts many in, in any order: the queue is in order again afterwards.
    pub(crate) fn extend(&mut self, rows: impl IntoIterator<Item = T>) {
        self.rows.extend(rows);
        self.rows.make_contiguous().sort_unstable();
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.rows.front()
    }

    /// The latest moment up to `limit` at or before which at most `most` rows wait. What is
    /// of one moment is not parted: more may wait at the first moment of all.
    pub(crate) fn cut(&self, limit: Time, most: usize, at: impl Fn(&T) -> Time) -> Time {
        match self.rows.get(most).map(&at) {
            Some(over) if over <= limit => {
                let before = self.rows.partition_point(|row| at(row) < over);
                before.checked_sub(1).map_or(over, |last| at(&self.rows[last]))
            }
            Some(_) | None => limit,
        }
    }

    pub(crate) fn pop_first(&mut self) -> Option<T> {
        self.rows.pop_front()
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.rows.back()
    }

    /// The row with a key by which the rows are in order too.
    pub(crate) fn find<K: Ord>(&self, key: K, of: impl Fn(&T) -> K) -> Option<&T> {
        let at = self.rows.binary_search_by(|row| of(row).cmp(&key)).ok()?;
        self.rows.get(at)
    }

    pub(crate) fn pop_first_if(&mut self, is_due: impl FnOnce(&T) -> bool) -> Option<T> {
        self.rows.pop_front_if(|row| is_due(row))
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_table_behaves_as_an_ordered_map() {
        let (mut table, mut map) = (Table::<OrderId, u64>::default(), BTreeMap::new());
        let mut x = 7u64;
        for step in 0..20_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = OrderId((x >> 40) % 2_000);
            if x >> 63 == 0 {
                assert_eq!(table.insert(id, step), map.insert(id, step));
            } else {
                assert_eq!(table.remove(id), map.remove(&id));
            }
            assert_eq!(table.get(id), map.get(&id));
        }
        assert!(table.iter().eq(map.iter().map(|(id, value)| (*id, value))));
        assert_eq!(table.get(OrderId(u64::MAX)), None);
        assert_eq!(table.remove(OrderId(u64::MAX)), None);
    }

    #[test]
    fn a_table_is_equal_by_content_and_gives_back_its_pages() {
        let mut table = Table::<OrderId, u8>::default();
        for id in 1..=10_000 {
            table.insert(OrderId(id), 1);
        }
        for id in (1..=10_000).filter(|id| *id != 3_000) {
            table.remove(OrderId(id));
        }
        assert_eq!(table.pages.iter().flatten().count(), 1);
        let mut other = Table::default();
        other.insert(OrderId(3_000), 1);
        assert_eq!(table, other);
        other.insert(OrderId(2_999), 1);
        assert_ne!(table, other);
    }

    #[test]
    fn ids_far_from_zero_cost_nothing_before_them() {
        let mut table = Table::<OrderId, u8>::default();
        let far = 1 << 60;
        for id in [far, far + 300, far - 300] {
            table.insert(OrderId(id), 7);
        }
        assert!(
            table.pages.len() <= 4
                && table.iter().map(|(id, _)| id.0 + 300 - far).eq([0, 300, 600])
        );
        assert_eq!(table.get(OrderId(1)), None);
        assert_eq!(table.remove(OrderId(1)), None);
        let edge = far - 300 + SPAN_MAX as u64;
        assert!(
            table.has_room_for(OrderId(edge - 1_024)) && !table.has_room_for(OrderId(edge + 1_024))
        );
        assert!(!table.has_room_for(OrderId(1)) && !table.has_room_for(OrderId(u64::MAX)));
        // What is left first is where the span begins.
        table.remove(OrderId(far - 300));
        assert_eq!(table.remove(OrderId(far)), Some(7));
        assert!(table.pages.len() == 1 && table.has_room_for(OrderId(edge + 128)));
        table.remove(OrderId(far + 300));
        assert!(table.pages.is_empty() && table.has_room_for(OrderId(1)));
    }

    #[test]
    fn a_cut_takes_whole_moments_and_few_rows() {
        let mut queue = Aged::default();
        queue.extend([(Time(1), 1), (Time(1), 2), (Time(2), 3), (Time(4), 4), (Time(4), 5)]);
        let cut = |limit, most| queue.cut(Time(limit), most, |(at, _)| *at).0;
        assert_eq!([cut(9, 5), cut(9, 4), cut(9, 3), cut(9, 2), cut(9, 1)], [9, 2, 2, 1, 1]);
        assert_eq!([cut(3, 5), cut(3, 3), cut(3, 2), cut(1, 1), cut(0, 1)], [3, 3, 1, 1, 0]);
    }

    #[test]
    fn a_queue_is_in_order_whatever_comes_in() {
        let (mut queue, mut set) = (Aged::default(), BTreeSet::new());
        for row in [(1, 5), (1, 2), (1, 9), (3, 1), (3, 0), (2, 7)] {
            queue.insert(row);
            set.insert(row);
        }
        assert!(queue.iter().eq(set.iter()));
        let mut other = Aged::default();
        other.extend(set.iter().rev().copied());
        assert_eq!(queue, other);
        assert_eq!(queue.first(), Some(&(1, 2)));
        assert_eq!(queue.pop_first(), Some((1, 2)));
    }
}
