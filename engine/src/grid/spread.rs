//! The asks of a product in the order in which an order tries them: as the ladder has them,
//! and among asks of one price and priority as the providers' weights share them out.
//!
//! Promises: of many orders in a row each provider is first for as many as its weight says,
//! evenly and without chance; what serves at its place in line is not moved before what is
//! cheaper. Allocates nothing. Leaves to others: what serves an order.

use super::{Ask, Asks, Grid};
use crate::ids::{OfferId, Product, ProviderId};

/// Asks of one price that are shared out at once; what is beyond them is shared out after them.
const TIES_MAX: usize = 64;
/// Providers among them that get a share: more do not agree on a price.
const PROVIDERS_MAX: usize = 16;
/// Places of such a line that are shared out: an order has no more attempts.
const CHOSEN_MAX: usize = 8;
/// 2⁶⁴ divided by the golden ratio: its multiples fill the range evenly, whatever number of
/// them is taken, and also every second or third of them.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The asks of a product as an order tries them; see [`Grid::in_turn`].
struct Spread<'a, S, T> {
    grid: &'a Grid,
    asks: Asks<'a>,
    serves: S,
    turn: T,
    /// An ask that was read ahead and is not of the group.
    ahead: Option<Ask>,
    group: [OfferId; TIES_MAX],
    len: usize,
    next: usize,
}

impl Grid {
    /// The asks of a product in the order in which an order tries them: as [`Grid::asks`], and
    /// those of one price and priority that `serves` holds of shared out by the providers'
    /// weights, as the `turn` has it that is asked for where there is something to share.
    pub fn in_turn<S: Fn(&Ask) -> bool, T: Fn() -> u64>(
        &self,
        product: Product,
        serves: S,
        turn: T,
    ) -> impl Iterator<Item = Ask> {
        let (asks, group) = (self.asks(product), [OfferId(0); TIES_MAX]);
        Spread { grid: self, asks, serves, turn, ahead: None, group, len: 0, next: 0 }
    }

    /// The turn that the next order has.
    #[must_use]
    pub fn next_turn(&self) -> u64 {
        self.turns.next()
    }

    /// The turn of an order, which no other order gets.
    pub fn take_turn(&self) -> u64 {
        self.turns.take()
    }
}

impl<S: Fn(&Ask) -> bool, T: Fn() -> u64> Iterator for Spread<'_, S, T> {
    type Item = Ask;

    fn next(&mut self) -> Option<Ask> {
        if self.next < self.len {
            self.next += 1;
            return self.grid.ask(self.group[self.next - 1]);
        }
        let first = self.ahead.take().or_else(|| self.asks.next())?;
        self.ahead = self.asks.next();
        if !self.ahead.is_some_and(|ahead| is_tie(&first, &ahead)) {
            return Some(first);
        }
        self.gather(first);
        self.grid.ask(self.group[0])
    }
}

/// An ask of a group that serves.
#[derive(Clone, Copy, Default)]
struct Candidate {
    offer: OfferId,
    provider: ProviderId,
    weight: u8,
}

impl<S: Fn(&Ask) -> bool, T: Fn() -> u64> Spread<'_, S, T> {
    /// Reads the asks that tie with the first, and puts those that serve in their order; the
    /// others keep their places.
    fn gather(&mut self, first: Ask) {
        let (mut places, mut line) = ([0; TIES_MAX], [Candidate::default(); TIES_MAX]);
        let mut serving = 0;
        (self.len, self.next) = (0, 1);
        let mut read = Some(first);
        while let Some(ask) = read.filter(|ask| is_tie(&first, ask) && self.len < TIES_MAX) {
            if (self.serves)(&ask) {
                let Ask { offer, provider, weight, .. } = ask;
                (places[serving], line[serving]) =
                    (self.len, Candidate { offer, provider, weight });
                serving += 1;
            }
            self.group[self.len] = ask.offer;
            self.len += 1;
            read = self.ahead.take().or_else(|| self.asks.next());
        }
        self.ahead = read;
        let line = &mut line[..serving];
        if line.iter().any(|candidate| candidate.provider != line[0].provider) {
            share_out(line, (self.turn)());
            for (place, candidate) in places.iter().zip(line) {
                self.group[*place] = candidate.offer;
            }
        }
    }
}

fn is_tie(first: &Ask, ask: &Ask) -> bool {
    (ask.price, ask.priority) == (first.price, first.priority)
}

/// Puts what serves in the order that the turn gives it: each provider by its weight, its own
/// asks in the order of the ladder.
fn share_out(line: &mut [Candidate], turn: u64) {
    // From the middle on, so that the first order goes where most of them go.
    let point = turn.wrapping_mul(GOLDEN).wrapping_add(1 << 63);
    for at in 0..line.len().min(CHOSEN_MAX) {
        let chosen = choose(&line[at..], point.rotate_left(29 * at as u32));
        line[at..=at + chosen].rotate_right(1);
    }
}

/// Which candidate is at `point` of the range, where the first one of each provider has a part
/// of the provider's weight.
fn choose(line: &[Candidate], point: u64) -> usize {
    let (mut firsts, mut len, mut total) = ([0; PROVIDERS_MAX], 0, 0);
    for (at, candidate) in line.iter().enumerate() {
        let is_its = |first: &usize| line[*first].provider == candidate.provider;
        if len < PROVIDERS_MAX && !firsts[..len].iter().any(is_its) {
            firsts[len] = at;
            len += 1;
            total += u64::from(candidate.weight);
        }
    }
    let mut rest = ((u128::from(point) * u128::from(total)) >> 64) as u64;
    for first in &firsts[..len] {
        match rest.checked_sub(u64::from(line[*first].weight)) {
            Some(beyond) => rest = beyond,
            None => return *first,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Coverage, Listing};
    use crate::ids::{CountryId, ServiceId, VariantId};
    use crate::money::Micros;

    const PRODUCT: Product = Product::activation(CountryId(1), ServiceId(1));

    /// Offers by provider, offer, price and stock; each on a variant of its own.
    fn grid_of(rows: &[(u16, u32, i64, u32)]) -> Grid {
        let grid = Grid::new(2, 2);
        for (provider, offer, price, stock) in rows {
            let listing = Listing {
                offer: OfferId(*offer),
                product: PRODUCT,
                variant: VariantId(*offer as u16),
                cost: Micros(*price),
                price: Micros(*price),
                stock: *stock,
            };
            grid.publish(ProviderId(*provider), &[listing], Coverage::Delta).unwrap();
        }
        grid
    }

    fn order(grid: &Grid, turn: u64) -> Vec<u32> {
        let asks = grid.in_turn(PRODUCT, |ask| ask.stock > 0, || turn);
        asks.map(|ask| ask.offer.0).collect()
    }

    /// How often each offer is the first that serves, of so many turns.
    fn firsts(grid: &Grid, turns: impl Iterator<Item = u64>) -> Vec<(u32, usize)> {
        let mut firsts = std::collections::BTreeMap::new();
        for turn in turns {
            let served = grid.in_turn(PRODUCT, |ask| ask.stock > 0, || turn);
            let first = served.filter(|ask| ask.stock > 0).map(|ask| ask.offer.0).next();
            *firsts.entry(first.unwrap()).or_default() += 1;
        }
        firsts.into_iter().collect()
    }

    /// That each was the first for so many of the turns, give or take two in a hundred.
    #[track_caller]
    fn check(grid: &Grid, turns: impl Iterator<Item = u64> + Clone, expected: &[(u32, usize)]) {
        let (found, most) = (firsts(grid, turns.clone()), turns.count() / 50);
        let near = |(one, other): (&(u32, usize), &(u32, usize))| {
            one.0 == other.0 && one.1.abs_diff(other.1) <= most
        };
        let all = found.len() == expected.len() && found.iter().zip(expected).all(near);
        assert!(all, "{found:?} {expected:?}");
    }

    #[test]
    fn equal_asks_are_shared_out_by_the_providers_weights() {
        let grid = grid_of(&[(1, 1, 10, 5), (2, 2, 10, 5), (3, 3, 10, 5)]);
        grid.set_weight(ProviderId(2), 6);
        grid.set_weight(ProviderId(3), 3);
        // Also of every second or third order, should another product have the others.
        for step in [1, 2, 3, 7] {
            let turns = (0..1_000).map(|turn| turn * step);
            check(&grid, turns, &[(1, 100), (2, 600), (3, 300)]);
        }
        check(&grid, 1_000_000..1_000_050, &[(1, 5), (2, 30), (3, 15)]);
    }

    #[test]
    fn the_first_order_goes_where_most_go_whatever_the_order_of_the_offers() {
        for heavy in [1, 2] {
            let grid = grid_of(&[(1, 1, 10, 5), (2, 2, 10, 5)]);
            grid.set_weight(ProviderId(heavy), 10);
            assert_eq!(order(&grid, 0)[0], u32::from(heavy));
        }
    }

    #[test]
    fn what_is_behind_the_first_is_shared_out_too() {
        let grid = grid_of(&[(1, 1, 10, 5), (2, 2, 10, 5), (3, 3, 10, 5)]);
        grid.set_weight(ProviderId(1), 98);
        let seconds = (0..1_000).map(|turn| order(&grid, turn)).filter(|order| order[0] == 1);
        let (twos, threes): (Vec<_>, Vec<_>) = seconds.partition(|order| order[1] == 2);
        assert!(twos.len().abs_diff(threes.len()) < 50, "{} {}", twos.len(), threes.len());
    }

    #[test]
    fn a_dearer_ask_and_one_of_lower_priority_wait_whatever_their_weight() {
        let grid = grid_of(&[(1, 1, 10, 5), (2, 2, 11, 5), (3, 3, 10, 5), (4, 4, 10, 5)]);
        grid.set_weight(ProviderId(2), 100);
        grid.set_weight(ProviderId(4), 100);
        grid.set_priority(ProviderId(1), 1);
        grid.set_priority(ProviderId(3), 1);
        check(&grid, 0..100, &[(1, 50), (3, 50)]);
        assert!((0..100).all(|turn| order(&grid, turn)[2..] == [4, 2]));
    }

    #[test]
    fn a_provider_has_its_weight_once_however_many_carriers_it_lists() {
        let mut rows: Vec<_> = (1..=20).map(|offer| (1, offer, 10, 5)).collect();
        rows.push((2, 21, 10, 5));
        let grid = grid_of(&rows);
        check(&grid, 0..100, &[(1, 50), (21, 50)]);
        let second = (0..100).map(|turn| order(&grid, turn)).find(|order| order[0] == 21).unwrap();
        assert_eq!(second[1..], (1..=20).collect::<Vec<_>>());
    }

    #[test]
    fn what_does_not_serve_keeps_its_place_and_takes_no_share() {
        let grid = grid_of(&[(1, 1, 10, 0), (2, 2, 10, 5), (3, 3, 10, 0), (4, 4, 10, 5)]);
        grid.set_weight(ProviderId(1), 100);
        check(&grid, 0..100, &[(2, 50), (4, 50)]);
        assert!(
            (0..100).map(|turn| order(&grid, turn)).all(|order| order[0] == 1 && order[2] == 3)
        );
    }

    #[test]
    fn asks_beyond_those_shared_out_at_once_are_all_tried() {
        let rows: Vec<_> = (1..=200).map(|n| (1 + n as u16 % 100, n, 10, 5)).collect();
        let grid = grid_of(&rows);
        for turn in 0..20 {
            let mut all = order(&grid, turn);
            all.sort_unstable();
            assert_eq!(all, (1..=200).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_provider_s_asks_take_no_turn() {
        let grid = grid_of(&[(1, 1, 10, 5), (1, 2, 10, 5), (2, 3, 20, 5)]);
        let all: Vec<_> = grid.in_turn(PRODUCT, |_| true, || grid.take_turn()).collect();
        assert_eq!((all.len(), grid.next_turn()), (3, 0));
    }
}
