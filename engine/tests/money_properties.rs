//! What holds of every amount.

use nexnum_engine::money::{AMOUNT_MAX, Micros, ParseMoneyError};
use proptest::prelude::*;

fn amount() -> impl Strategy<Value = Micros> {
    prop_oneof![0..=AMOUNT_MAX.0, 0..1_000_000i64, Just(0), Just(AMOUNT_MAX.0)].prop_map(Micros)
}

proptest! {
    #[test]
    fn what_is_printed_parses_back(amount in amount()) {
        prop_assert_eq!(Micros::parse(&amount.to_string()), Ok(amount));
    }

    #[test]
    fn a_parsed_text_is_the_number_it_says(whole in 0u64..2_000_000_000, digits in "[0-9]{0,9}") {
        let text = if digits.is_empty() { whole.to_string() } else { format!("{whole}.{digits}") };
        let padded = format!("{digits:0<9}");
        let nanos = i128::from(whole) * 1_000_000_000 + padded.parse::<i128>().expect("digits");
        let expected = if nanos % 1_000 != 0 {
            Err(ParseMoneyError::TooPrecise)
        } else if nanos / 1_000 > i128::from(AMOUNT_MAX.0) {
            Err(ParseMoneyError::TooLarge)
        } else {
            Ok((nanos / 1_000) as i64)
        };
        prop_assert_eq!(Micros::parse(&text).map(|amount| amount.0), expected, "{}", text);
    }

    #[test]
    fn any_text_is_an_amount_in_range_or_refused(text in "\\PC{0,24}|[-+0-9.]{0,24}") {
        if let Ok(amount) = Micros::parse(&text) {
            prop_assert!((Micros::ZERO..=AMOUNT_MAX).contains(&amount));
            prop_assert_eq!(Micros::parse(&amount.to_string()), Ok(amount));
        }
    }

    #[test]
    fn checked_arithmetic_is_exact_or_none(a in any::<i64>(), b in any::<i64>()) {
        let fits = |exact: i128| i64::try_from(exact).ok().map(Micros);
        let (x, y) = (i128::from(a), i128::from(b));
        prop_assert_eq!(Micros(a).checked_add(Micros(b)), fits(x + y));
        prop_assert_eq!(Micros(a).checked_sub(Micros(b)), fits(x - y));
    }

    #[test]
    fn a_printed_amount_is_exact(a in any::<i64>()) {
        let text = Micros(a).to_string();
        let (whole, places) = text.trim_start_matches('-').split_once('.').expect("has a point");
        let micros = whole.parse::<i128>().expect("digits") * 1_000_000
            + places.parse::<i128>().expect("digits");
        prop_assert_eq!(places.len(), 6);
        prop_assert_eq!(if a < 0 { -micros } else { micros }, i128::from(a));
    }
}
