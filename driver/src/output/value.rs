//! Values as outputs hold them: amounts, moments, identifiers and texts within bounds.

use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::reply::Misfit;

/// Characters of a provider's identifier or code.
const CODE_MAX: usize = 128;
/// Characters of a message's text: ten concatenated SMS, twice over.
const TEXT_MAX: usize = 4_096;

/// An identifier or code, if it is of a sane length.
pub(super) fn code(text: String) -> Result<String, Misfit> {
    if text.chars().count() > CODE_MAX { Err(Misfit) } else { Ok(text) }
}

pub(super) fn bounded_text(text: String) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

pub(super) fn read_cost(text: &str, scale: u32) -> Result<Micros, Misfit> {
    parse_amount(text, scale, Rounding::Up).filter(|cost| cost.0 >= 0).ok_or(Misfit)
}

/// RFC 3339 or Unix seconds; a local time without its zone is no moment.
pub(super) fn parse_time(text: &str) -> Option<Time> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000).map(Time);
    }
    let stamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok().map(Time)
}

/// Which way an amount that is finer than a micro goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Costs: never book less than was charged.
    Up,
    /// Balances and limits: never count on more than there is.
    Down,
}

/// Reads an amount as written (`15`, `"0.2500"`, `1e-3`), divided by 10^`scale`.
pub(super) fn parse_amount(text: &str, scale: u32, rounding: Rounding) -> Option<Micros> {
    let text = text.trim();
    if scale == 0
        && let Ok(amount) = Micros::parse(text)
    {
        return Some(amount);
    }
    let plain = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).ok()?;
    let scaled = plain.checked_div(Decimal::from(10u64.checked_pow(scale)?))?;
    to_micros(scaled, rounding)
}

/// Units to micros; `None` outside ±`AMOUNT_MAX`.
#[must_use]
pub fn to_micros(units: Decimal, rounding: Rounding) -> Option<Micros> {
    let strategy = match rounding {
        Rounding::Up => RoundingStrategy::ToPositiveInfinity,
        Rounding::Down => RoundingStrategy::ToNegativeInfinity,
    };
    let micros = units.checked_mul(Decimal::from(nexnum_engine::money::MICROS_PER_UNIT))?;
    let micros = micros.round_dp_with_strategy(0, strategy).to_i64()?;
    let most = nexnum_engine::money::AMOUNT_MAX.0;
    (-most..=most).contains(&micros).then_some(Micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, scale: u32, up: Option<i64>, down: Option<i64>) {
        assert_eq!(parse_amount(text, scale, Rounding::Up).map(|m| m.0), up, "{text}");
        assert_eq!(parse_amount(text, scale, Rounding::Down).map(|m| m.0), down, "{text}");
    }

    #[test]
    fn an_amount_is_read_exactly_and_rounded_only_below_a_micro() {
        check("15.0", 0, Some(15_000_000), Some(15_000_000));
        check(" 0.2500", 0, Some(250_000), Some(250_000));
        check("0.30000000000000004", 0, Some(300_001), Some(300_000));
        check("1e-3", 0, Some(1_000), Some(1_000));
        check("2.5E2", 0, Some(250_000_000), Some(250_000_000));
        check("1250", 2, Some(12_500_000), Some(12_500_000));
        check("-0.5", 0, Some(-500_000), Some(-500_000));
        for text in ["", "abc", "1,5", "NaN", "1e400", "99999999999", "0x10", "--1"] {
            check(text, 0, None, None);
        }
        check("1", 40, None, None);
    }
}
