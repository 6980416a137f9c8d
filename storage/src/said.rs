//! What a message says, and how it is written down to be sealed.
//!
//! Each of its three parts, sender, text and code in this order, has its length before it in two
//! bytes, the lower one first. A part that is not there has the length zero.

use std::fmt;

use nexnum_engine::activation::MessageParts;

/// What a message says; a part that it does not have is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Who sent it.
    pub sender: Box<str>,
    /// The text.
    pub text: Box<str>,
    /// The code in it.
    pub code: Box<str>,
}

/// Prints nothing of it: messages stay out of logs.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Said(…)")
    }
}

impl Said {
    /// Which parts it has.
    #[must_use]
    pub const fn has(&self) -> MessageParts {
        let Self { sender, text, code } = self;
        MessageParts { sender: !sender.is_empty(), text: !text.is_empty(), code: !code.is_empty() }
    }

    /// Its bytes.
    ///
    /// # Panics
    /// If a part has more than 65,535 bytes: the bounds of messages are far below.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = [&self.sender, &self.text, &self.code];
        let len: usize = parts.iter().map(|part| 2 + part.len()).sum();
        let mut bytes = Vec::with_capacity(len);
        for part in parts {
            let len = u16::try_from(part.len()).expect("a part is within its bound");
            bytes.extend(len.to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }

    /// What these bytes say; `None` if they are none of a message.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut part = || {
            let (len, rest) = bytes.split_first_chunk::<2>()?;
            let (part, rest) = rest.split_at_checked(u16::from_le_bytes(*len).into())?;
            bytes = rest;
            std::str::from_utf8(part).ok().map(Box::from)
        };
        let said = Self { sender: part()?, text: part()?, code: part()? };
        bytes.is_empty().then_some(said)
    }

    /// Adds what came later: what is there already stays.
    pub fn complete(&mut self, later: Self) {
        let Self { sender, text, code } = later;
        let parts = [(&mut self.sender, sender), (&mut self.text, text), (&mut self.code, code)];
        for (known, part) in parts {
            if known.is_empty() {
                *known = part;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sender: &str, text: &str, code: &str) -> Said {
        Said { sender: sender.into(), text: text.into(), code: code.into() }
    }

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        for known in [
            said("", "", ""),
            said("Telegram", "Code 12345", "12345"),
            said("", "", "1"),
            said("Ü", &"é".repeat(1_000), ""),
        ] {
            let bytes = known.to_bytes();
            assert_eq!(Said::from_bytes(&bytes), Some(known));
            for len in 0..bytes.len() {
                assert_eq!(Said::from_bytes(&bytes[..len]), None, "{len} bytes");
            }
        }
        assert_eq!(Said::from_bytes(&[0; 7]), None, "a byte more");
        assert_eq!(Said::from_bytes(&[1, 0, 0xFF, 0, 0, 0, 0]), None, "no text");
    }

    #[test]
    fn what_comes_later_fills_what_is_not_there() {
        let mut known = said("", "", "12345");
        known.complete(said("Telegram", "", "99999"));
        known.complete(said("Signal", "Code 12345", ""));
        assert_eq!(known, said("Telegram", "Code 12345", "12345"));
        let has = MessageParts { sender: true, text: true, code: true };
        assert_eq!((known.has(), said("", "", "").has()), (has, MessageParts::default()));
    }
}
