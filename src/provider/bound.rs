//! The connections that attempts to buy are bound to, while their orders are in memory.
//!
//! Bounded by the orders in memory, and by the attempts that one may have. They are forgotten a few
//! at a time, in turn: a look costs the same however many there are.

use std::collections::VecDeque;

use nexnum_engine::ids::OrderId;
use papaya::HashMap;
use parking_lot::Mutex;

/// An order's attempt.
pub(super) type Attempt = (OrderId, u8);

/// What each attempt is bound to.
#[derive(Debug)]
pub(super) struct Bound<T> {
    all: HashMap<Attempt, T>,
    /// Each of them once, in the order in which they are looked at.
    turns: Mutex<VecDeque<Attempt>>,
}

impl<T> Default for Bound<T> {
    fn default() -> Self {
        Self { all: HashMap::new(), turns: Mutex::default() }
    }
}

impl<T: Clone> Bound<T> {
    pub(super) fn get(&self, attempt: Attempt) -> Option<T> {
        self.all.pin().get(&attempt).cloned()
    }

    pub(super) fn bind(&self, attempt: Attempt, to: T) {
        if self.all.pin().insert(attempt, to).is_none() {
            self.turns.lock().push_back(attempt);
        }
    }

    /// Whether any is bound to such a one.
    pub(super) fn any(&self, is_sought: impl Fn(&T) -> bool) -> bool {
        self.all.pin().values().any(is_sought)
    }

    /// The attempts that are bound to such a one.
    pub(super) fn attempts(&self, is_sought: impl Fn(&T) -> bool) -> Vec<Attempt> {
        let all = self.all.pin();
        let kept = all.iter().filter(|(_, to)| is_sought(to));
        kept.map(|(attempt, _)| *attempt).collect()
    }

    /// Looks at the next ones, so many at most, and forgets those whose orders have left memory.
    pub(super) fn forget(&self, most: usize, has_left: impl Fn(OrderId) -> bool) {
        let mut turns = self.turns.lock();
        for _ in 0..most.min(turns.len()) {
            let Some(attempt) = turns.pop_front() else { return };
            if has_left(attempt.0) {
                self.all.pin().remove(&attempt);
            } else {
                turns.push_back(attempt);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn those_of_orders_that_have_left_are_forgotten_a_few_at_a_time() {
        let bound = Bound::default();
        for id in 0..1_000 {
            bound.bind((OrderId(id), 1), id);
            bound.bind((OrderId(id), 1), id + 1);
        }
        let looked = Cell::new(0);
        let has_left = |OrderId(id): OrderId| {
            looked.update(|looked| looked + 1);
            id % 2 == 0
        };
        bound.forget(100, has_left);
        assert_eq!(looked.replace(0), 100, "a look costs no more");
        assert_eq!((bound.get((OrderId(98), 1)), bound.get((OrderId(100), 1))), (None, Some(101)));
        for _ in 1..10 {
            bound.forget(100, has_left);
        }
        assert_eq!(looked.replace(0), 900, "each is there once");
        assert_eq!(bound.attempts(|_| true).len(), 500);
        bound.forget(1_000, has_left);
        assert_eq!(looked.get(), 500, "what is left has its turn again");
        assert!(bound.any(|to| *to == 2) && !bound.any(|to| *to == 1));
    }
}
