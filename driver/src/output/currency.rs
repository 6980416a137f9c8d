//! Currencies as replies name them: by letters, by number or by sign.

use std::fmt;

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// The numbers of ISO 4217, old ones included, of the currencies that providers are known to
/// count in.
const NUMBERS: [(&str, &str); 20] = [
    ("840", "USD"),
    ("643", "RUB"),
    ("810", "RUB"),
    ("978", "EUR"),
    ("826", "GBP"),
    ("156", "CNY"),
    ("980", "UAH"),
    ("398", "KZT"),
    ("704", "VND"),
    ("356", "INR"),
    ("360", "IDR"),
    ("949", "TRY"),
    ("986", "BRL"),
    ("985", "PLN"),
    ("933", "BYN"),
    ("860", "UZS"),
    ("344", "HKD"),
    ("608", "PHP"),
    ("764", "THB"),
    ("458", "MYR"),
];

/// Signs and other names.
const SIGNS: [(&str, &str); 6] =
    [("$", "USD"), ("€", "EUR"), ("₽", "RUB"), ("£", "GBP"), ("RUR", "RUB"), ("RMB", "CNY")];

impl Currency {
    /// The US dollar.
    pub const USD: Self = Self(*b"USD");

    /// Its three letters.
    #[must_use]
    pub const fn letters(self) -> [u8; 3] {
        self.0
    }

    /// Reads a code (`USD`), a number (`840`) or a sign (`$`); `None` for what is none of
    /// them, as points and credits are.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let known = NUMBERS.iter().chain(&SIGNS).find(|(name, _)| *name == text);
        let code = known.map_or(text.as_str(), |(_, code)| code);
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_known_by_letters_number_or_sign() {
        let check = |text: &str, expected: Option<&str>| {
            let read = Currency::parse(text).map(|currency| currency.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("840", Some("USD"));
        check(" usd ", Some("USD"));
        check("$", Some("USD"));
        check("643", Some("RUB"));
        check("RUR", Some("RUB"));
        check("CHF", Some("CHF"));
        for none in ["", "points", "999", "U$D", "рубль", "US"] {
            check(none, None);
        }
    }
}
