//! Money: integer micros of the one ledger currency.
//!
//! Everything that adds, multiplies, rounds, parses or prints money is here. No
//! floating point, no silent wrap: an operation that leaves the range says so.

use std::fmt;

/// An amount in micros (10⁻⁶) of the ledger currency; negative in books and movements only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// Micros in one unit of the currency.
pub const MICROS_PER_UNIT: i64 = 1_000_000;

/// The largest amount one request may name: a billion units. Sums of nine
/// thousand such amounts still fit the type.
pub const AMOUNT_MAX: Micros = Micros(1_000_000_000 * MICROS_PER_UNIT);

/// The most that one number may cost or be sold for: 4,000 units. An order begins where its books are
/// at most half full (`limits::BOOK_MAX`), and moves a price and a cost at most: what a billion open
/// orders may still move fits into the other half.
pub const COST_MAX: Micros = Micros(4_000 * MICROS_PER_UNIT);

const _: () = assert!(COST_MAX.0 <= i64::MAX / 2 / 1_000_000_000);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseMoneyError {
    /// Empty, or not `digits[.digits]`.
    NotDecimal,
    /// A leading minus sign.
    Negative,
    /// More than six decimal places that are not zero.
    TooPrecise,
    /// Above [`AMOUNT_MAX`].
    TooLarge,
}

impl fmt::Display for ParseMoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDecimal => "is not a decimal number",
            Self::Negative => "is negative",
            Self::TooPrecise => "has more than 6 decimal places",
            Self::TooLarge => "is above 1000000000",
        })
    }
}

impl std::error::Error for ParseMoneyError {}

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole units of the currency. Panics above the range of `i64` micros.
    #[must_use]
    pub const fn units(units: i64) -> Self {
        Self(units * MICROS_PER_UNIT)
    }

    /// The sum, or `None` outside the range.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` outside the range.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The amount with its sign turned. Panics on `i64::MIN`, which no checked sum yields.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(-self.0)
    }

    /// True above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Parses a non-negative amount in units, `"12"`, `"0.4"` or `"0.123456"`.
    ///
    /// # Errors
    /// Names what is wrong with the text; spaces, signs, exponents and separators are refused.
    pub fn parse(text: &str) -> Result<Self, ParseMoneyError> {
        if text.starts_with('-') {
            return Err(ParseMoneyError::Negative);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(ParseMoneyError::NotDecimal);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 6 {
            return Err(ParseMoneyError::TooPrecise);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 10 {
            return Err(ParseMoneyError::TooLarge);
        }
        let number = |part: &str| part.bytes().fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
        let scale = 10i64.pow(6 - fraction.len() as u32);
        let micros = number(whole) * MICROS_PER_UNIT + number(fraction) * scale;
        if micros > AMOUNT_MAX.0 {
            return Err(ParseMoneyError::TooLarge);
        }
        Ok(Self(micros))
    }
}

/// Prints units with exactly six places, `"0.400000"`, a minus sign before negatives.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (unit, micros) = (MICROS_PER_UNIT as u64, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:06}", micros / unit, micros % unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, ParseMoneyError>) {
        assert_eq!(Micros::parse(text).map(|m| m.0), expected, "{text:?}");
    }

    #[test]
    fn an_amount_is_digits_with_at_most_six_places() {
        check("0", Ok(0));
        check("12", Ok(12_000_000));
        check("0.4", Ok(400_000));
        check("0.123456", Ok(123_456));
        check("0.1234560000", Ok(123_456));
        check("1000000000", Ok(AMOUNT_MAX.0));
        check("0.1234567", Err(ParseMoneyError::TooPrecise));
        check("1000000000.000001", Err(ParseMoneyError::TooLarge));
        check("99999999999999999999", Err(ParseMoneyError::TooLarge));
        check("-1", Err(ParseMoneyError::Negative));
        for text in ["", ".", "1.", ".5", "+1", "1e3", "1,5", " 1", "1.2.3", "١", "NaN"] {
            check(text, Err(ParseMoneyError::NotDecimal));
        }
    }

    #[test]
    fn an_amount_prints_with_six_places_and_parses_back() {
        for micros in [0, 1, 400_000, 999_999, 1_000_000, 12_345_678_901_234] {
            let text = Micros(micros).to_string();
            check(&text, Ok(micros));
        }
        assert_eq!(Micros(-1_500_000).to_string(), "-1.500000");
        assert_eq!(Micros(i64::MIN).to_string(), "-9223372036854.775808");
    }
}
