//! New tokens in place of old ones, in every table that has numbers.

use std::collections::BTreeSet;

use crate::activation::StockNumber;
use crate::event::{OrderToken, Renamed};
use crate::ids::{OfferId, ProviderId, Token};
use crate::state::{Quarantined, State};

/// Bits that tell at a glance that a token has no new one.
const GLANCE_BITS: usize = 1 << 18;

/// New tokens by the old ones, for a walk over a long stock: most of it is passed by at a glance.
struct NewTokens {
    /// By old token.
    sorted: Vec<Renamed>,
    /// A bit for each old token, by its lowest bits.
    glance: Box<[u64]>,
}

const fn glance_of(token: Token) -> (usize, u64) {
    let bit = token.0 as usize % GLANCE_BITS;
    (bit / 64, 1 << (bit % 64))
}

impl NewTokens {
    fn of(tokens: &[Renamed]) -> Self {
        let mut sorted = tokens.to_vec();
        sorted.sort_unstable_by_key(|renamed| renamed.old);
        let mut glance = vec![0; GLANCE_BITS / 64].into_boxed_slice();
        for renamed in tokens {
            let (word, bit) = glance_of(renamed.old);
            glance[word] |= bit;
        }
        Self { sorted, glance }
    }

    fn get(&self, old: Token) -> Option<Token> {
        let (word, bit) = glance_of(old);
        if self.glance[word] & bit == 0 {
            return None;
        }
        let at = self.sorted.binary_search_by_key(&old, |renamed| renamed.old).ok()?;
        Some(self.sorted[at].new)
    }
}

impl State {
    pub(super) fn retoken_stock(&mut self, tokens: &[Renamed]) {
        let own: Vec<ProviderId> = self.own_providers().collect();
        let mut in_stock = BTreeSet::new();
        for &Renamed { old, new } in tokens {
            let of_orders = self.retoken_sold(old, new);
            let of_stock = self.retoken_held(old, new, &mut in_stock);
            let of_seen = self.retoken_seen(&own, old, new);
            assert!(of_orders | of_stock | of_seen, "a token that is known gets a new one");
        }
        let new_tokens = NewTokens::of(tokens);
        for offer in in_stock {
            let Some(pool) = self.pools.get_mut(offer) else { continue };
            for number in &mut pool.next {
                number.token = new_tokens.get(number.token).unwrap_or(number.token);
            }
        }
    }

    /// Of orders on providers' numbers.
    pub(super) fn retoken_given(&mut self, orders: &[OrderToken]) {
        for OrderToken { order, new } in orders {
            let order = self.orders.get_mut(*order).expect("its order is in memory");
            let assignment = order.assignment.as_mut().expect("its order has a number");
            assert!(assignment.stock().is_none(), "a number of own stock is renamed by its token");
            assert_ne!(assignment.token, *new, "an order's number gets another token");
            assignment.token = *new;
        }
    }

    /// Of the orders in memory; false if none has the number.
    fn retoken_sold(&mut self, old: Token, new: Token) -> bool {
        let moved = self.holders.rename(old, new);
        for (_, id) in &moved {
            let order = self.orders.get_mut(*id).expect("an order on a number is in memory");
            order.assignment.as_mut().expect("it has the number").token = new;
        }
        !moved.is_empty()
    }

    /// Of what offers hold, and of those that rest; adds to `in_stock` the offers of which the number
    /// may be for sale. False if no offer holds it.
    fn retoken_held(&mut self, old: Token, new: Token, in_stock: &mut BTreeSet<OfferId>) -> bool {
        let offers: Vec<OfferId> = self.offers_with(old).collect();
        for &offer in &offers {
            self.held.remove(&(old, offer));
            assert!(self.held.insert((new, offer)), "a number is held once an offer");
            let Some((until, number)) = self.resting.remove(&(old, offer)) else {
                in_stock.insert(offer);
                continue;
            };
            self.quarantine.remove(&Quarantined { until, offer, number });
            let number = StockNumber { token: new, ..number };
            self.begin_rest(Quarantined { until, offer, number });
        }
        !offers.is_empty()
    }

    /// Of what the number received for orders that have left memory; false if it did not.
    fn retoken_seen(&mut self, own: &[ProviderId], old: Token, new: Token) -> bool {
        let mut moved = false;
        for &provider in own {
            let Some(seen) = self.seen.remove(&(provider, old)) else { continue };
            self.seen_ages.remove(&(seen.last, provider, old));
            self.seen_ages.insert((seen.last, provider, new));
            let before = self.seen.insert((provider, new), seen);
            assert_eq!(before, None, "a new token is no other number's");
            moved = true;
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_new_one_and_others_have_none() {
        // Some with the same lowest bits.
        let old = |n: u64| Token((n << 15) | (n % 3));
        let renamed = |n| Renamed { old: old(n), new: Token(u64::MAX - n) };
        let tokens = NewTokens::of(&(0..500).rev().map(renamed).collect::<Vec<_>>());
        for n in 0..1_000 {
            let expected = (n < 500).then_some(Token(u64::MAX - n));
            assert_eq!(tokens.get(old(n)), expected, "{n}");
        }
    }
}
