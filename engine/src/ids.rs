//! Identifiers: dense integers from the engine's own counters, one type each.
//!
//! Zero is never an identifier of something that lives, so that a table may
//! start at 1; the catalogue's rows, `VariantId::ANY` and `SourceId::ANY` are the exceptions.

use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($int:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A position in the ledger: the number of an event, or of the head of its group, from 1.
    Seq(u64);
    /// A customer's account.
    AccountId(u32);
    /// An API key.
    KeyId(u32);
    /// A person of the business or of a customer, who signs in.
    PersonId(u32);
    /// A provider of numbers; own stock is one.
    ProviderId(u16);
    /// A country: the row in the catalogue, from 0.
    CountryId(u16);
    /// A service: the row in the catalogue, from 0.
    ServiceId(u16);
    /// What narrows a product, such as its carrier, interned; 0 is "any".
    VariantId(u16);
    /// A provider's upstream source, such as one of its pools or partners, interned; 0 is "any".
    SourceId(u16);
    /// One provider's standing terms for a product.
    OfferId(u32);
    /// A way by which money comes in and goes out: a bank account, a card processor, a coin.
    RailId(u16);
    /// A load of numbers into own stock.
    LoadId(u32);
    /// An order and its activation, which share it.
    OrderId(u64);
    /// Which of its account's orders an order is, from 1: small enough for clients that parse no more
    /// than 31 bits.
    OrderNumber(u64);
    /// Which of the addresses of its account's callers an address is, from 1.
    AddressNumber(u32);
    /// A received message.
    MessageId(u64);
    /// A callback that came in.
    CallbackId(u64);
    /// A movement of money, by the position of its event.
    TransactionId(u64);
}

impl VariantId {
    /// Nothing asked for: whichever the provider gives.
    pub const ANY: Self = Self(0);
}

impl SourceId {
    /// None named: the provider has one, or chooses.
    pub const ANY: Self = Self(0);
}

/// As what a number is sold. An open set: others come with their features, and are products of
/// their own beside this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProductKind {
    /// For one service, and for the minutes in which its code comes by SMS.
    #[default]
    Activation,
}

/// What is sold: a country, a service and a kind. A variant narrows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product {
    /// Where the number is from.
    pub country: CountryId,
    /// Whose messages it receives.
    pub service: ServiceId,
    /// As what it is sold.
    pub kind: ProductKind,
}

impl Product {
    /// An activation.
    #[must_use]
    pub const fn activation(country: CountryId, service: ServiceId) -> Self {
        Self { country, service, kind: ProductKind::Activation }
    }
}

/// What stands for a phone number where numbers are told apart: 64 bits that nothing but a key can
/// make of it. Two numbers may share one: who finds an order by it compares the number as well.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Prints nothing of it: it stays the same as long as its key lives.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A phone number: E.164 digits with the country code, without the plus sign.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u64);

impl Number {
    /// Parses 5 to 15 digits that do not begin with 0; a leading `+` is allowed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let shaped = (5..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit());
        shaped.then(|| Self(digits.bytes().fold(0, |n, b| n * 10 + u64::from(b - b'0'))))
    }
}

/// Prints the digits without a plus sign.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Prints the last four digits only: whole numbers stay out of logs.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number(…{:04})", self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_not_whole_in_a_log() {
        assert_eq!(format!("{:?}", Number(6_281_234_560_012)), "Number(…0012)");
    }

    #[test]
    fn a_number_is_e164_digits() {
        assert_eq!(Number::parse("+6281234567890"), Some(Number(6_281_234_567_890)));
        assert_eq!(
            Number::parse("12025550123").map(|n| n.to_string()).as_deref(),
            Some("12025550123")
        );
        for text in ["", "+", "1234", "0123456", "1234567890123456", "12a45", "++12345", "١٢٣٤٥٦"]
        {
            assert_eq!(Number::parse(text), None, "{text:?}");
        }
    }
}
