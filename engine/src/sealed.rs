//! A value that was sealed outside the engine: what an event carries in place of a text that can
//! be forgotten.
//!
//! The engine neither seals nor opens: it has no keys and no randomness. It keeps the value as it
//! came, and knows by its handle which key opens it.

use std::fmt;
use std::sync::Arc;

use crate::ids::{AccountId, OfferId, OrderId, PersonId};
use crate::limits::{
    ADDRESS_LEN_MAX, CALLBACK_LEN_MAX, NAME_LEN_MAX, NOTE_LEN_MAX, REFERENCE_LEN_MAX, TEXT_LEN_MAX,
};

/// Bytes of the cipher's tag, behind the encrypted text.
pub const TAG_LEN: usize = 16;

/// The most bytes that a sealed value takes where it is written down, beside what is encrypted.
pub const SEALED_LEN_MAX: usize = 96;

/// The name of a key that values are sealed under: 128 random bits, never given to another key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHandle(pub u128);

impl KeyHandle {
    /// Parses 32 lower-case hexadecimal digits, as they are printed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == 32
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        u128::from_str_radix(text, 16).ok().filter(|_| shaped).map(Self)
    }
}

/// Prints 32 hexadecimal digits.
impl fmt::Display for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHandle({self})")
    }
}

/// Whose values a key seals: its kind, and what it is for. Kinds are only added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyOwner {
    /// A day's texts, codes and numbers. Days are those of UTC, counted from 1970-01-01.
    Day(u32),
    /// Who an account is: an erasure destroys this key and leaves the next one.
    Identity(AccountId),
    /// What bookkeeping law asks to keep of an account.
    Money(AccountId),
    /// Who a person is that signs in.
    Person(PersonId),
    /// The numbers of one load of own stock, for this offer. An offer may have several.
    Load(OfferId),
    /// The number of a rental, by its order.
    Rental(OrderId),
    /// None: the key makes what numbers and texts are found by, from the day after this one on, or at
    /// once if there is no other. Days are those of UTC, counted from 1970-01-01.
    Lookup(u32),
}

/// What a sealed value is. It is authenticated with the value, so that none opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What a message says: its sender, its text and its code, those that came together.
    Message,
    /// A phone number.
    Number,
    /// Where money is paid to, or a person reached.
    Address,
    /// Why a person did something, in words.
    Reason,
    /// A callback's body as it came in.
    CallbackBody,
    /// What a customer says of the person that it buys for.
    EndUser,
    /// A payment's reference.
    Reference,
    /// An account's or a person's name.
    Name,
    /// From which address a caller came.
    CallerAddress,
    /// A buyer's own reference of an order.
    OrderReference,
}

impl Purpose {
    /// Its byte in what is authenticated. A tag is only added and never used again.
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::Message => 2,
            Self::Number => 4,
            Self::Address => 5,
            Self::Reason => 6,
            Self::CallbackBody => 7,
            Self::EndUser => 8,
            Self::Reference => 9,
            Self::Name => 10,
            Self::CallerAddress => 11,
            Self::OrderReference => 12,
        }
    }

    /// The longest clear text, in bytes.
    #[must_use]
    pub const fn len_max(self) -> usize {
        match self {
            // Two bytes before each part say how long it is.
            Self::Message => TEXT_LEN_MAX + 2 * NAME_LEN_MAX + 6,
            Self::Address | Self::Reason => TEXT_LEN_MAX,
            Self::EndUser | Self::OrderReference => NOTE_LEN_MAX,
            Self::Number | Self::Name => NAME_LEN_MAX,
            Self::Reference => REFERENCE_LEN_MAX,
            Self::CallerAddress => ADDRESS_LEN_MAX,
            Self::CallbackBody => CALLBACK_LEN_MAX,
        }
    }
}

/// A sealed value: which key opens it, and what it is without that key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedValue {
    /// The key's name.
    pub handle: KeyHandle,
    /// Random: the value's subkey follows from it and the key.
    pub nonce: [u8; 24],
    /// Stands for the subkey: with it no other subkey opens the value.
    pub commitment: [u8; 32],
    /// The text, encrypted, with its tag of [`TAG_LEN`] bytes.
    pub ciphertext: Arc<[u8]>,
}

impl SealedValue {
    /// Bytes of the clear text.
    #[must_use]
    pub fn clear_len(&self) -> usize {
        self.ciphertext.len().saturating_sub(TAG_LEN)
    }

    /// The most bytes that it takes where it is written down, with what it says of its key.
    #[must_use]
    pub fn wire_len_max(&self) -> usize {
        self.ciphertext.len() + SEALED_LEN_MAX
    }

    /// Whether it may be what is sealed for a purpose, as far as its length says.
    #[must_use]
    pub fn fits(&self, purpose: Purpose) -> bool {
        (TAG_LEN..=TAG_LEN + purpose.len_max()).contains(&self.ciphertext.len())
    }
}

/// Shows the key's name and the length alone.
impl fmt::Debug for SealedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedValue({}, {} bytes)", self.handle, self.ciphertext.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_reads_back_as_it_is_printed_and_in_no_other_way() {
        let handle = KeyHandle(0xab << 64 | 7);
        assert_eq!(handle.to_string(), "00000000000000ab0000000000000007");
        assert_eq!(KeyHandle::parse(&handle.to_string()), Some(handle));
        assert_eq!(KeyHandle::parse(&"f".repeat(32)), Some(KeyHandle(u128::MAX)));
        let (plus, upper) = (format!("+{}", "0".repeat(31)), "F".repeat(32));
        for text in ["", "7", &"0".repeat(31), &"0".repeat(33), &plus, &upper, &"g".repeat(32)] {
            assert_eq!(KeyHandle::parse(text), None, "{text:?}");
        }
    }
}
