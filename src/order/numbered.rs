//! Which ids messages turned out to have that came without one: a source may give an id with some
//! and none with others, and send the same message once with its id and once without.
//!
//! Memory alone. Leaves to others: what makes two messages the same (`message/identity.rs`).

use std::collections::BTreeMap;

use nexnum_engine::ids::OrderId;
use parking_lot::Mutex;

/// Messages whose ids are known; the oldest orders' are forgotten first.
const NUMBERED_MAX: usize = 65_536;

/// By order and digest of a message that came without an id: the digest of its id.
#[derive(Debug, Default)]
pub(super) struct Numbered(Mutex<BTreeMap<(OrderId, u128), u128>>);

impl Numbered {
    /// True if a message that came without an id has this one, which it has from now on unless it
    /// has another.
    pub(super) fn is(&self, order: OrderId, message: u128, id: u128) -> bool {
        let mut known = self.0.lock();
        let is_it = *known.entry((order, message)).or_insert(id) == id;
        if known.len() > NUMBERED_MAX {
            known.pop_first();
        }
        is_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_came_without_an_id_has_the_first_that_is_given() {
        let numbered = Numbered::default();
        let is = |id| numbered.is(OrderId(1), 7, id);
        assert_eq!((is(1), is(2), is(1)), (true, false, true));
        assert!(numbered.is(OrderId(2), 7, 2), "another order's");
    }
}
