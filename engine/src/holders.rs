//! Orders by what stands for their numbers.
//!
//! Tokens fall anywhere: one tree of them misses the cache at each of its levels, and grows with
//! the orders of an hour. Here a look-up misses once or twice. Promises: what is equal has the same
//! content, however it came there; the orders of a token come in order; nothing depends on where a
//! token lies. Tokens are made under a key, so that no client can choose many that lie together.

use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::ids::{OrderId, ProviderId, Token};

/// Tables that the tokens are dealt out to: a table that grows moves its rows, and no order is to
/// wait for the moving of a million.
const TABLES: usize = 256;

/// A token is its own hash: its bits are spread already.
#[derive(Clone, Copy, Debug, Default)]
struct TokenBits(u64);

impl Hasher for TokenBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a token is one integer");
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}

/// Who has a number; most numbers have one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum HeldBy {
    One(ProviderId, OrderId),
    /// Two at least.
    #[expect(clippy::box_collection, reason = "they are few, and the rows of the others small")]
    Many(Box<BTreeSet<(ProviderId, OrderId)>>),
}

impl HeldBy {
    fn rows(&self) -> impl Iterator<Item = (ProviderId, OrderId)> {
        let (one, many) = match self {
            Self::One(provider, order) => (Some((*provider, *order)), None),
            Self::Many(rows) => (None, Some(rows.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[expect(clippy::disallowed_types, reason = "nothing random is in it, and no caller walks over it")]
type Table = std::collections::HashMap<Token, HeldBy, BuildHasherDefault<TokenBits>>;

/// Orders by the tokens of their numbers, and the providers that those are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberHolders {
    tables: Box<[Table]>,
    len: usize,
}

impl Default for NumberHolders {
    fn default() -> Self {
        Self { tables: (0..TABLES).map(|_| Table::default()).collect(), len: 0 }
    }
}

/// By other bits than those that a table goes by: its lowest and highest.
const fn table_of(token: Token) -> usize {
    (token.0 >> 32) as usize % TABLES
}

impl NumberHolders {
    /// Adds an order.
    pub fn insert(&mut self, token: Token, provider: ProviderId, order: OrderId) {
        use std::collections::hash_map::Entry;
        let row = (provider, order);
        let is_new = match self.tables[table_of(token)].entry(token) {
            Entry::Vacant(free) => {
                free.insert(HeldBy::One(provider, order));
                true
            }
            Entry::Occupied(mut known) => match known.get_mut() {
                HeldBy::Many(rows) => rows.insert(row),
                HeldBy::One(a, b) if (*a, *b) == row => false,
                HeldBy::One(a, b) => {
                    let rows = BTreeSet::from([(*a, *b), row]);
                    known.insert(HeldBy::Many(Box::new(rows)));
                    true
                }
            },
        };
        self.len += usize::from(is_new);
    }

    /// Takes an order out; nothing happens if it is not there.
    pub fn remove(&mut self, token: Token, provider: ProviderId, order: OrderId) {
        let (row, table) = ((provider, order), &mut self.tables[table_of(token)]);
        let Some(known) = table.get_mut(&token) else { return };
        let was_there = match known {
            HeldBy::One(a, b) if (*a, *b) == row => table.remove(&token).is_some(),
            HeldBy::One(..) => false,
            HeldBy::Many(rows) => {
                let was_there = rows.remove(&row);
                if let (1, Some((provider, order))) = (rows.len(), rows.first().copied()) {
                    *known = HeldBy::One(provider, order);
                }
                was_there
            }
        };
        self.len -= usize::from(was_there);
    }

    /// Moves the orders on a number from one token to another, and gives them.
    pub fn rename(&mut self, old: Token, new: Token) -> Vec<(ProviderId, OrderId)> {
        let moved: Vec<_> = self.of(old).collect();
        for (provider, order) in &moved {
            self.remove(old, *provider, *order);
            self.insert(new, *provider, *order);
        }
        moved
    }

    /// The orders on a number, each with its provider: by provider, oldest first.
    pub fn of(&self, token: Token) -> impl Iterator<Item = (ProviderId, OrderId)> {
        self.tables[table_of(token)].get(&token).into_iter().flat_map(HeldBy::rows)
    }

    /// How many orders there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_behave_as_an_ordered_set() {
        let (mut holders, mut set) = (NumberHolders::default(), BTreeSet::new());
        let mut x = 7u64;
        for _ in 0..20_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Few tokens, many in each of four tables, which differ in high and in low bits.
            let n = (x >> 40) % 97;
            let token = Token(((n % 4) << 32) | ((n / 4) << 57) | (n / 8));
            let (provider, order) = (ProviderId((x >> 50) as u16 % 3), OrderId((x >> 55) % 5));
            if x >> 63 == 0 {
                holders.insert(token, provider, order);
                set.insert((token, provider, order));
            } else {
                holders.remove(token, provider, order);
                set.remove(&(token, provider, order));
            }
            let all = set.iter().filter(|(known, ..)| *known == token);
            assert!(holders.of(token).eq(all.map(|(_, provider, order)| (*provider, *order))));
            assert_eq!((holders.len(), holders.is_empty()), (set.len(), set.is_empty()));
        }
        // However it came there.
        let mut again = NumberHolders::default();
        for (token, provider, order) in set.iter().rev() {
            again.insert(*token, *provider, *order);
        }
        assert_eq!(holders, again);
        let (token, provider, order) = *set.first().unwrap();
        again.remove(token, provider, order);
        assert_ne!(holders, again);
    }
}
