//! API keys, and the only place that draws randomness.
//!
//! A key is 32 characters: a prefix that says what it is for, base62 letters drawn at
//! random, and six base62 letters that are the CRC-32 (IEEE) of all before them. So a
//! mistyped key is refused without a look at any table, and a scanner finds a leaked one.
//! Promises: a key is printed only by the command that creates it; only hashes are kept.

use std::fmt;

use sha2::{Digest, Sha256};

/// Characters of a key: clients of the handler protocol check this length.
pub const KEY_LEN: usize = 32;

/// Characters at the end that check the others.
const CHECK_LEN: usize = 6;

/// Characters of a key that may be shown, to tell keys apart: the prefix and four more,
/// which leaves at least 77 random bits.
pub const SHOWN_LEN: usize = 12;

/// Digits before letters, upper case before lower: the order of the bytes.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Trading for an account.
    Live,
    /// Trading in the sandbox market.
    Test,
    /// Operating the business.
    Admin,
}

impl KeyKind {
    const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Admin];

    /// What its keys begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Live => "nx_live_",
            Self::Test => "nx_test_",
            Self::Admin => "nx_admin_",
        }
    }
}

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

/// A key in full, as its owner gets it once.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// Prints the part that may be shown.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…)", self.shown())
    }
}

impl ApiKey {
    /// The key's text: a secret.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its first characters, which may be shown.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.0[..SHOWN_LEN]
    }

    /// What the ledger keeps of it.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.0)
    }
}

/// Draws a new key.
///
/// # Errors
/// The system gave no random bytes.
pub fn generate(kind: KeyKind) -> Result<ApiKey, NoRandomness> {
    let mut text = String::with_capacity(KEY_LEN);
    text.push_str(kind.prefix());
    while text.len() < KEY_LEN - CHECK_LEN {
        // Bytes above the last whole multiple of 62 are drawn again: no letter is likelier.
        let drawn = random_bytes::<KEY_LEN>()?;
        let letters = drawn.iter().filter(|byte| **byte < 248);
        let missing = KEY_LEN - CHECK_LEN - text.len();
        text.extend(letters.take(missing).map(|byte| letter(u32::from(*byte))));
    }
    push_check(&mut text);
    Ok(ApiKey(text))
}

/// What the text claims to be, if its length, letters and check fit. Says nothing about
/// whether such a key was ever issued.
#[must_use]
pub fn check(text: &str) -> Option<KeyKind> {
    let kind = KeyKind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
    let random = &text.as_bytes()[kind.prefix().len()..];
    if text.len() != KEY_LEN || !random.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let mut expected = text[..KEY_LEN - CHECK_LEN].to_owned();
    push_check(&mut expected);
    (expected == text).then_some(kind)
}

/// The hash by which a key is known: 100 random bits need no slow one.
#[must_use]
pub fn sha256(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Random bytes from the system.
///
/// # Errors
/// The system gave none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}

/// Appends the check of what is there: six letters hold 35 bits, a CRC has 32.
fn push_check(text: &mut String) {
    let crc = crc32fast::hash(text.as_bytes());
    let places = (0..CHECK_LEN as u32).rev();
    text.extend(places.map(|place| letter(crc / 62u32.pow(place))));
}

fn letter(n: u32) -> char {
    char::from(BASE62[n as usize % BASE62.len()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn key(kind: KeyKind) -> String {
        generate(kind).unwrap().reveal().to_owned()
    }

    #[test]
    fn a_new_key_has_32_letters_and_checks_as_its_kind() {
        for kind in KeyKind::ALL {
            let drawn: BTreeSet<String> = (0..500).map(|_| key(kind)).collect();
            assert_eq!(drawn.len(), 500, "no key comes twice");
            for text in drawn {
                assert_eq!((text.len(), check(&text)), (KEY_LEN, Some(kind)), "{text}");
            }
        }
    }

    #[test]
    fn every_letter_is_drawn() {
        let random: String = (0..500).map(|_| key(KeyKind::Live)[8..26].to_owned()).collect();
        let seen: BTreeSet<u8> = random.bytes().collect();
        assert_eq!(seen, BASE62.iter().copied().collect());
    }

    #[test]
    fn a_key_keeps_its_form() {
        // The check of a published key never changes: clients compute it too.
        let mut text = "nx_live_0123456789ABCDEFGH".to_owned();
        push_check(&mut text);
        assert_eq!(text, "nx_live_0123456789ABCDEFGH34BSLg");
        assert_eq!(check(&text), Some(KeyKind::Live));
    }

    #[test]
    fn a_key_prints_only_its_beginning() {
        let key = generate(KeyKind::Admin).unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("ApiKey({}…)", &key.reveal()[..SHOWN_LEN]));
        assert!(!shown.contains(&key.reveal()[SHOWN_LEN..]));
    }

    #[test]
    fn anything_else_is_no_key() {
        let good = key(KeyKind::Test);
        for text in [
            "",
            "nx_live_",
            "nx_live_00000000000000000000000",
            &good[1..],
            &good[..31],
            &format!("{good}0"),
            &good.replace("nx_test_", "nx_live_"),
            &good.to_uppercase(),
            "nx_test_ééééééééééé0",
        ] {
            assert_eq!(check(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn one_changed_letter_is_always_noticed(at in 0..KEY_LEN, by in 1..62u32) {
            let text = key(KeyKind::Live);
            let mut bytes = text.clone().into_bytes();
            let old = BASE62.iter().position(|letter| *letter == bytes[at]).unwrap_or(0);
            bytes[at] = letter(old as u32 + by) as u8;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assume!(changed != text);
            prop_assert_eq!(check(&changed), None);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            prop_assert_eq!(check(&text), None);
            prop_assert_eq!(check(&format!("nx_live_{text}")), None);
        }
    }
}
