//! Spans of time, to be asked which of them touch another.

use nexnum_engine::ids::Product;
use nexnum_engine::time::Time;

/// Spans of which it is asked whether any touches another.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Begin and end; once sorted, the end is the latest up to here.
    spans: Vec<(Time, Time)>,
}

impl Spans {
    pub(super) fn push(&mut self, from: Time, to: Time) {
        self.spans.push((from, to));
    }

    pub(super) fn sort(&mut self) {
        self.spans.sort_unstable();
        let mut latest = Time(0);
        for (_, to) in &mut self.spans {
            latest = latest.max(*to);
            *to = latest;
        }
    }

    pub(super) fn touch(&self, from: Time, to: Time) -> bool {
        let begun = self.spans.partition_point(|(begin, _)| *begin <= to);
        self.spans[..begun].last().is_some_and(|(_, latest)| *latest >= from)
    }
}

/// The products whose spans touch another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touching {
    None,
    One(Product),
    Several,
}

/// Spans of products, of which it is asked whose touch another.
#[derive(Debug, Default)]
pub(super) struct SpansOfProducts {
    spans: Vec<(Time, Time, Product)>,
    /// Once sorted: of the spans up to each, the latest end and whose it is, and the latest end
    /// of another product's.
    latest: Vec<[Option<(Time, Product)>; 2]>,
}

impl SpansOfProducts {
    pub(super) fn push(&mut self, from: Time, to: Time, of: Product) {
        self.spans.push((from, to, of));
    }

    pub(super) fn sort(&mut self) {
        self.spans.sort_unstable();
        let mut latest = [None; 2];
        let spans = self.spans.iter().map(|(_, to, of)| {
            latest = latest_with(latest, (*to, *of));
            latest
        });
        self.latest = spans.collect();
    }

    pub(super) fn touching(&self, from: Time, to: Time) -> Touching {
        let begun = self.spans.partition_point(|(begin, ..)| *begin <= to);
        let latest = self.latest[..begun].last().copied().unwrap_or_default();
        match latest.map(|it| it.filter(|(end, _)| *end >= from)) {
            [Some(_), Some(_)] => Touching::Several,
            [Some((_, of)), None] => Touching::One(of),
            [None, _] => Touching::None,
        }
    }
}

fn latest_with(
    [first, second]: [Option<(Time, Product)>; 2],
    new: (Time, Product),
) -> [Option<(Time, Product)>; 2] {
    let is_later = |it: Option<(Time, Product)>| it.is_none_or(|(end, _)| new.0 > end);
    let is_first_s = first.is_some_and(|(_, of)| of == new.1);
    match (is_later(first), is_first_s) {
        (true, true) => [Some(new), second],
        (true, false) => [Some(new), first],
        (false, false) if is_later(second) => [first, Some(new)],
        (false, _) => [first, second],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_engine::ids::{CountryId, ServiceId};

    #[test]
    fn it_is_known_whose_spans_touch_another_if_they_are_one_product_s() {
        let product = |id| Product::activation(CountryId(id), ServiceId(1));
        // All spans of up to three products with a begin and a length below four.
        let drawn = |mut seed: u64| {
            let mut below = move |end| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 40) % end
            };
            let mut span = move || (below(8), below(4), below(3) as u16);
            (0..5).map(|_| span()).collect::<Vec<_>>()
        };
        for seed in 0..500 {
            let (spans, mut all) = (drawn(seed), SpansOfProducts::default());
            for (from, len, of) in &spans {
                all.push(Time(*from), Time(from + len), product(*of));
            }
            all.sort();
            for (from, to) in (0..12).flat_map(|from| (from..12).map(move |to| (from, to))) {
                let touch =
                    spans.iter().filter(|(begin, len, _)| *begin <= to && begin + len >= from);
                let mut of: Vec<_> = touch.map(|(_, _, of)| *of).collect();
                of.sort_unstable();
                of.dedup();
                let expected = match &of[..] {
                    [] => Touching::None,
                    [one] => Touching::One(product(*one)),
                    _ => Touching::Several,
                };
                assert_eq!(all.touching(Time(from), Time(to)), expected, "{spans:?} {from} {to}");
            }
        }
    }
}
