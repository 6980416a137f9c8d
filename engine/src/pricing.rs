//! Margins: from what a provider takes to what a buyer pays.
//!
//! Promises: never below cost, rounded once and upwards, integers only. Which margin a
//! provider has is the operator's decision and comes in as a value.

use crate::money::Micros;

/// What is added to a cost: the larger of a share of it and a floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Margin {
    /// Share of the cost in millionths: 200,000 is 20 %.
    pub share_ppm: u32,
    /// The least that is added.
    pub floor: Micros,
}

/// Prices are multiples of this, a hundredth of a cent, as the providers' own lists are.
pub const PRICE_STEP: Micros = Micros(100);

const WHOLE_PPM: u128 = 1_000_000;

/// The price of a unit that costs `cost`, in whole steps of [`PRICE_STEP`], rounded up.
/// `None` if an amount is negative or the price leaves the range of money.
#[must_use]
pub fn sell_price(cost: Micros, margin: Margin) -> Option<Micros> {
    let cost = u128::try_from(cost.0).ok()?;
    let floor = u128::try_from(margin.floor.0).ok()?;
    let step = u128::from(PRICE_STEP.0.unsigned_abs());
    // The share keeps its remainder until the one rounding at the end.
    let exact = cost * (WHOLE_PPM + u128::from(margin.share_ppm));
    let least = (cost + floor) * WHOLE_PPM;
    let steps = exact.max(least).div_ceil(step * WHOLE_PPM);
    i64::try_from(steps * step).ok().map(Micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cost: i64, share_ppm: u32, floor: i64, expected: Option<i64>) {
        let price = sell_price(Micros(cost), Margin { share_ppm, floor: Micros(floor) });
        assert_eq!(price, expected.map(Micros), "{cost} + {share_ppm} ppm, at least {floor}");
        if let Some(price) = price {
            assert!(price.0 >= cost && price.0 % PRICE_STEP.0 == 0);
        }
    }

    #[test]
    fn a_price_is_cost_plus_the_larger_of_share_and_floor_rounded_up() {
        check(200_000, 200_000, 0, Some(240_000));
        check(200_000, 200_000, 50_000, Some(250_000));
        check(200_000, 0, 0, Some(200_000));
        check(0, 200_000, 0, Some(0));
        check(0, 200_000, 1, Some(100));
        check(1, 0, 0, Some(100));
        check(100, 1, 0, Some(200));
        check(123_456, 150_000, 10_000, Some(142_000));
        check(123_400, 0, 0, Some(123_400));
        check(3, 333_333, 0, Some(100));
    }

    #[test]
    fn a_price_out_of_range_is_none() {
        check(-1, 0, 0, None);
        check(1, 0, -1, None);
        check(i64::MAX, 0, 0, None);
        check(i64::MAX, u32::MAX, i64::MAX, None);
        check(i64::MAX - 7, 0, 0, Some(i64::MAX - 7));
    }
}
