//! Phone numbers that look right for their country: dial code, a mobile prefix, the usual length.
//!
//! They are made up; some will be numbers in use. Nothing is ever sent to them.

use nexnum_engine::catalog::Country;
use nexnum_engine::ids::Number;

/// National mobile prefixes, and how many national digits follow the dial code in all.
type Plan = (&'static str, &'static [&'static str], u32);

/// Countries whose numbers people will look at; the dial code +1 needs its area codes.
const PLANS: &[Plan] = &[
    ("AG", &["268"], 10),
    ("AI", &["264"], 10),
    ("AR", &["911", "9351", "9341"], 11),
    ("AT", &["660", "664", "676"], 10),
    ("AU", &["40", "41", "43", "47"], 9),
    ("BB", &["246"], 10),
    ("BD", &["17", "18", "19"], 10),
    ("BR", &["119", "219", "319", "419"], 11),
    ("BS", &["242"], 10),
    ("BY", &["25", "29", "33", "44"], 9),
    ("CA", &["416", "514", "604", "647"], 10),
    ("CL", &["9"], 9),
    ("CN", &["135", "138", "150", "186"], 11),
    ("CO", &["300", "310", "320"], 10),
    ("CZ", &["60", "72", "77"], 9),
    ("DE", &["151", "160", "175", "176"], 11),
    ("DM", &["767"], 10),
    ("DO", &["809", "829", "849"], 10),
    ("EE", &["5"], 8),
    ("EG", &["10", "11", "12"], 10),
    ("ES", &["6"], 9),
    ("FI", &["40", "44", "50"], 9),
    ("FR", &["6", "7"], 9),
    ("GB", &["73", "74", "75", "77"], 10),
    ("GD", &["473"], 10),
    ("GH", &["24", "54", "55"], 9),
    ("HK", &["5", "6", "9"], 8),
    ("ID", &["812", "813", "822", "831", "857", "878", "895"], 11),
    ("IL", &["50", "52", "54"], 9),
    ("IN", &["70", "81", "90", "98"], 10),
    ("IT", &["320", "333", "347"], 10),
    ("JM", &["876"], 10),
    ("JP", &["70", "80", "90"], 10),
    ("KE", &["70", "71", "72"], 9),
    ("KG", &["55", "70", "77"], 9),
    ("KH", &["10", "12", "97"], 8),
    ("KN", &["869"], 10),
    ("KR", &["10"], 10),
    ("KY", &["345"], 10),
    ("KZ", &["701", "705", "747", "777"], 10),
    ("LC", &["758"], 10),
    ("LT", &["6"], 8),
    ("LV", &["2"], 8),
    ("MA", &["6"], 9),
    ("MS", &["664"], 10),
    ("MX", &["55", "33", "81"], 10),
    ("MY", &["11", "12", "16", "19"], 9),
    ("NG", &["803", "806", "813", "906"], 10),
    ("NL", &["6"], 9),
    ("PE", &["9"], 9),
    ("PH", &["905", "917", "926", "995"], 10),
    ("PK", &["300", "321", "345"], 10),
    ("PL", &["50", "60", "72", "88"], 9),
    ("PR", &["787", "939"], 10),
    ("PT", &["91", "92", "96"], 9),
    ("RO", &["72", "74", "76"], 9),
    ("RU", &["901", "903", "916", "926", "958", "999"], 10),
    ("SA", &["50", "53", "55"], 9),
    ("SE", &["70", "72", "73", "76"], 9),
    ("SG", &["8", "9"], 8),
    ("TC", &["649"], 10),
    ("TH", &["6", "8", "9"], 9),
    ("TR", &["530", "532", "541", "555"], 10),
    ("TT", &["868"], 10),
    ("UA", &["50", "63", "67", "93"], 9),
    ("US", &["206", "305", "415", "646", "702", "917"], 10),
    ("UZ", &["90", "91", "97"], 9),
    ("VC", &["784"], 10),
    ("VG", &["284"], 10),
    ("VN", &["32", "70", "86", "90"], 9),
    ("ZA", &["60", "71", "82"], 9),
];

/// A number of the country, picked by `word`; `None` where the country has no dial code.
pub(crate) fn number(country: &Country, word: u64) -> Option<Number> {
    let dial: u64 = country.dial_code.parse().ok()?;
    let (prefix, len) = PLANS
        .binary_search_by_key(&country.iso2, |plan| plan.0)
        .map(|at| (PLANS[at].1[(word >> 48) as usize % PLANS[at].1.len()], PLANS[at].2))
        .unwrap_or(("7", if country.dial_code.len() < 3 { 9 } else { 8 }));
    let free = len - prefix.len() as u32;
    let local: u64 = prefix.parse().ok()?;
    // The first free digit is 2 to 9: several plans allow no 0 or 1 there.
    let first = 2 + (word >> 40) % 8;
    let rest = 10u64.pow(free - 1);
    Some(Number((dial * 10u64.pow(len)) + local * 10u64.pow(free) + first * rest + word % rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::mix;
    use nexnum_engine::catalog::Catalog;

    #[test]
    fn every_country_with_a_dial_code_has_numbers_that_begin_with_it() {
        assert!(PLANS.is_sorted_by_key(|plan| plan.0));
        for (id, country) in Catalog::load().countries() {
            for word in 0..20 {
                let Some(number) = number(country, mix(1, &[u64::from(id.0), word])) else {
                    assert!(country.dial_code.parse::<u64>().is_err(), "{}", country.iso2);
                    continue;
                };
                let text = number.to_string();
                assert!(text.starts_with(country.dial_code), "{} {text}", country.iso2);
                assert_eq!(Number::parse(&text), Some(number), "{} {text}", country.iso2);
                assert!((9..=14).contains(&text.len()), "{} {text}", country.iso2);
            }
        }
    }

    #[test]
    fn an_indonesian_number_is_mobile() {
        let catalog = Catalog::load();
        let country = catalog.country(catalog.country_by_iso("ID").unwrap()).unwrap();
        assert_eq!(number(country, 0).unwrap().to_string(), "6281220000000");
    }
}
