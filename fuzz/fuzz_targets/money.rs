//! Amounts: what parses is what `rust_decimal` reads, prints with six places, and comes
//! back; what does not parse is no amount.

#![no_main]

use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use nexnum_engine::money::{AMOUNT_MAX, MICROS_PER_UNIT, Micros, ParseMoneyError};
use rust_decimal::Decimal;

fn decimal(micros: i64) -> Decimal {
    Decimal::from(micros) / Decimal::from(MICROS_PER_UNIT)
}

fn check_text(text: &str) {
    // `rust_decimal` rounds what has more than 28 places; longer texts are not compared.
    let exact = (text.len() <= 25).then(|| Decimal::from_str(text).ok()).flatten();
    match Micros::parse(text) {
        Ok(amount) => {
            assert!((0..=AMOUNT_MAX.0).contains(&amount.0), "{text:?} is out of range");
            if text.len() <= 25 {
                assert_eq!(exact, Some(decimal(amount.0)), "{text:?}");
            }
            check_amount(amount.0);
        }
        Err(ParseMoneyError::Negative) => assert!(text.starts_with('-')),
        Err(ParseMoneyError::TooPrecise) => {
            let places = exact.map(|exact| exact.normalize().scale());
            assert!(places.is_none_or(|places| places > 6), "{text:?} has {places:?} places");
        }
        Err(ParseMoneyError::TooLarge) => {
            let large = exact.is_none_or(|exact| exact > decimal(AMOUNT_MAX.0));
            assert!(large, "{text:?} is not too large");
        }
        Err(ParseMoneyError::NotDecimal) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let digits =
                |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            assert!(!digits(whole) || !digits(fraction), "{text:?} is a decimal");
        }
    }
}

fn check_amount(micros: i64) {
    let text = Micros(micros).to_string();
    assert_eq!(Decimal::from_str(&text), Ok(decimal(micros)), "{micros}");
    let (_, places) = text.split_once('.').expect("six places are printed");
    assert_eq!(places.len(), 6, "{text}");
    if (0..=AMOUNT_MAX.0).contains(&micros) {
        assert_eq!(Micros::parse(&text), Ok(Micros(micros)));
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_text(text);
    }
    if let Some(eight) = bytes.first_chunk::<8>() {
        check_amount(i64::from_le_bytes(*eight));
    }
});
