//! Values as outputs hold them: amounts, moments, identifiers and texts within bounds.

use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::reply::Misfit;

/// Characters of a provider's identifier or code.
pub(super) const CODE_MAX: usize = 128;
/// Characters of a code in a message; a longer word is a text.
const MESSAGE_CODE_MAX: usize = 10;

/// An identifier or code, if it is of a sane length.
pub(super) fn code(text: String) -> Result<String, Misfit> {
    if text.chars().count() > CODE_MAX { Err(Misfit) } else { Ok(text) }
}

/// An identifier or code that is no reason to refuse what stands beside it: `None` if it is
/// of no sane length.
pub(super) fn minor_code(text: String) -> Option<String> {
    code(text).ok()
}

/// The beginning of a name that only people read.
pub(super) fn cut_name(text: String) -> String {
    cut(text, CODE_MAX)
}

fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// What providers write in the place of a message that is not there yet.
const NOTHING: [&str; 6] = ["0", "false", "null", "none", "nil", "undefined"];

/// True if a field of a message stands for none: no message has these words alone.
pub(super) fn is_nothing(field: &str) -> bool {
    NOTHING.iter().any(|word| field.trim().eq_ignore_ascii_case(word))
}

/// Text and code of a message, whole: the reply bounds them, and a code may stand at its end. What a provider gives as the code is a text if it is longer
/// than a code or has blanks: several put the whole message there.
pub(super) fn text_and_code(
    text: Option<String>,
    code: Option<String>,
) -> (Option<String>, Option<String>) {
    let [text, code] = [text, code].map(|field| field.filter(|field| !is_nothing(field)));
    let is_code = |word: &str| {
        word.chars().count() <= MESSAGE_CODE_MAX && !word.contains(char::is_whitespace)
    };
    let (text, code) = match (text, code) {
        (text, Some(code)) if is_code(&code) => (text, Some(code)),
        (None, long) => (long, None),
        (Some(text), Some(long)) if !text.contains(&long) => {
            (Some(format!("{text}\n{long}")), None)
        }
        (text, Some(_) | None) => (text, None),
    };
    (text, code)
}

pub(super) fn read_cost(text: &str, scale: u32) -> Result<Micros, Misfit> {
    parse_amount(text, scale, Rounding::Up).filter(|cost| cost.0 >= 0).ok_or(Misfit)
}

/// Above this a Unix time is in milliseconds: as seconds it is the year 5138.
const UNIX_SECONDS_MAX: u64 = 100_000_000_000;

/// RFC 3339 or Unix seconds or milliseconds; a local time without its zone is no moment.
pub(super) fn parse_time(text: &str) -> Option<Time> {
    if let Ok(unix) = text.parse::<u64>() {
        let is_seconds = unix < UNIX_SECONDS_MAX;
        return Some(Time(if is_seconds { unix * 1000 } else { unix }));
    }
    moment(text.parse().ok()?)
}

/// A date and a time of day without a zone (`2022-06-01 16:59:16`), as if it were UTC.
pub(super) fn parse_unzoned(text: &str) -> Option<Time> {
    if !text.contains(':') || text.parse::<jiff::Timestamp>().is_ok() {
        return None;
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    moment(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

fn moment(stamp: jiff::Timestamp) -> Option<Time> {
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

/// Decimals above which an amount was written by a program that counts in floats:
/// 0.30000000000000004 is its way to write 0.3.
const EXACT_DECIMALS_MAX: u32 = 12;
/// Significant digits above which it was, however few of them are decimals: a float has 15 that
/// are sure.
const EXACT_DIGITS_MAX: u32 = 15;

/// Reads an amount as written (`15`, `"0.2500"`, `1e-3`), divided by 10^`scale`. A float's
/// last digits mean nothing, so that it is rounded to the nearest micro, whatever `rounding`
/// says; but what is above zero costs something.
pub(crate) fn parse_amount(text: &str, scale: u32, rounding: Rounding) -> Option<Micros> {
    let text = text.trim();
    if scale == 0
        && let Ok(amount) = Micros::parse(text)
    {
        return Some(amount);
    }
    let plain = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)).ok()?;
    let scaled = plain.checked_div(Decimal::from(10u64.checked_pow(scale)?))?;
    let digits =
        plain.normalize().mantissa().unsigned_abs().checked_ilog10().map_or(1, |at| at + 1);
    if plain.scale() > EXACT_DECIMALS_MAX || digits > EXACT_DIGITS_MAX {
        let nearest = scaled.round_dp_with_strategy(6, RoundingStrategy::MidpointAwayFromZero);
        if !nearest.is_zero() {
            return to_micros(nearest, rounding);
        }
    }
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
        check("1e-3", 0, Some(1_000), Some(1_000));
        check("2.5E2", 0, Some(250_000_000), Some(250_000_000));
        check("1250", 2, Some(12_500_000), Some(12_500_000));
        check("-0.5", 0, Some(-500_000), Some(-500_000));
        for text in ["", "abc", "1,5", "NaN", "1e400", "99999999999", "0x10", "--1"] {
            check(text, 0, None, None);
        }
        check("1", 40, None, None);
    }

    #[test]
    fn a_moment_has_its_zone_and_a_local_time_is_told_apart() {
        let check = |text: &str, zoned: Option<u64>, unzoned: Option<u64>| {
            assert_eq!(parse_time(text), zoned.map(Time), "{text}");
            assert_eq!(parse_unzoned(text), unzoned.map(Time), "{text}");
        };
        check("2022-06-01T16:59:16+03:00", Some(1_654_091_956_000), None);
        check("2022-06-01T16:59:16.5Z", Some(1_654_102_756_500), None);
        check("2022-06-01 16:59:16", None, Some(1_654_102_756_000));
        check("2022-06-01T16:59:16", None, Some(1_654_102_756_000));
        check("1654102756", Some(1_654_102_756_000), None);
        check("1654102756000", Some(1_654_102_756_000), None);
        for none in ["2022-06-01", "16:59:16", "yesterday", "", "01.06.2022 16:59"] {
            check(none, None, None);
        }
    }

    #[test]
    fn a_float_is_the_nearest_micro_and_what_is_shorter_is_rounded() {
        check("0.30000000000000004", 0, Some(300_000), Some(300_000));
        check("0.10000000000000001", 0, Some(100_000), Some(100_000));
        check("0.28999999999999998", 0, Some(290_000), Some(290_000));
        check("-0.69999999999999996", 0, Some(-700_000), Some(-700_000));
        check("30.000000000000004", 2, Some(300_000), Some(300_000));
        check("1.0000000000000001e-1", 0, Some(100_000), Some(100_000));
        check("0.123456000001", 0, Some(123_457), Some(123_456));
        check("12345.700000000001", 0, Some(12_345_700_000), Some(12_345_700_000));
        check("123456.69999999999", 0, Some(123_456_700_000), Some(123_456_700_000));
        check("1234570.0000000001", 2, Some(12_345_700_000), Some(12_345_700_000));
        check("12345.7000001", 0, Some(12_345_700_001), Some(12_345_700_000));
        check("0.0000001", 0, Some(1), Some(0));
        check("0.00000000000000001", 0, Some(1), Some(0));
    }
}
