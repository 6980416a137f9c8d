//! Ids as customers see them: `ord_` and thirteen letters and digits.
//!
//! Inside, ids count from one, so that shown as they are they would tell how much is sold. Each
//! kind has a permutation of all 64-bit numbers of its own, by XTEA under a key that BLAKE3 makes
//! of the ledger's: two ids are never shown alike, and what one kind shows says nothing of another.
//! Where a list is continued is a kind of its own for each account.
//!
//! Leaves to others: whether what an id names exists, and for whom.

use std::fmt;

use nexnum_engine::ids::{AccountId, MessageId, OrderId, OrderNumber, TransactionId};
use xtea::Xtea;
use xtea::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// Crockford's alphabet of base 32, in small letters: none of i, l, o and u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Bits of a letter, and letters of 64 bits.
const LETTER_BITS: u32 = 5;
const LETTERS: usize = 13;
/// Letters before the sign that ends them, and that sign.
const PREFIX_LEN: usize = 4;
/// Bytes of an id as it is shown.
const SHOWN_LEN: usize = PREFIX_LEN + LETTERS;

/// Why a text names nothing of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoId {
    /// It is the id of something else.
    #[error("begins with `{found}`, and what is asked for has an id that begins with `{expected}`")]
    OtherKind {
        /// How it begins.
        found: &'static str,
        /// How it would begin.
        expected: &'static str,
    },
    /// It is none at all.
    #[error("is no id: it has `{expected}` and {LETTERS} letters and digits, as it was shown")]
    Malformed {
        /// How it would begin.
        expected: &'static str,
    },
}

/// An id as it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ShownId([u8; SHOWN_LEN]);

impl ShownId {
    fn of(prefix: &str, hidden: u64) -> Self {
        let mut text = [0; SHOWN_LEN];
        text[..PREFIX_LEN].copy_from_slice(prefix.as_bytes());
        let mut rest = hidden;
        for letter in text[PREFIX_LEN..].iter_mut().rev() {
            *letter = ALPHABET[(rest % 32) as usize];
            rest >>= LETTER_BITS;
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters of ASCII")
    }
}

impl fmt::Display for ShownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ShownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kinds of what has an id that customers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Order,
    Activation,
    Message,
    Transaction,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Order, Self::Activation, Self::Message, Self::Transaction];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Order => "ord_",
            Self::Activation => "act_",
            Self::Message => "msg_",
            Self::Transaction => "txn_",
        }
    }
}

/// How the place is written at which a list goes on.
const CURSOR: &str = "cur_";
/// More than a list has places.
const PLACES_MAX: u64 = 1 << 48;

/// Shows the ids of one ledger, and reads them back.
pub struct PublicIds {
    key: [u8; 16],
    ciphers: [Xtea; Kind::ALL.len()],
}

/// The key stays out of logs.
impl fmt::Debug for PublicIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicIds").finish_non_exhaustive()
    }
}

impl PublicIds {
    /// Of a ledger with this key.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self { key, ciphers: Kind::ALL.map(|kind| cipher(&key, kind.prefix(), 0)) }
    }

    /// An order's.
    #[must_use]
    pub fn order(&self, id: OrderId) -> ShownId {
        self.show(Kind::Order, id.0)
    }

    /// An order's activation's.
    #[must_use]
    pub fn activation(&self, id: OrderId) -> ShownId {
        self.show(Kind::Activation, id.0)
    }

    /// A message's.
    #[must_use]
    pub fn message(&self, id: MessageId) -> ShownId {
        self.show(Kind::Message, id.0)
    }

    /// A transaction's.
    #[must_use]
    pub fn transaction(&self, id: TransactionId) -> ShownId {
        self.show(Kind::Transaction, id.0)
    }

    /// The order of an id.
    ///
    /// # Errors
    /// It is none of an order.
    pub fn read_order(&self, text: &str) -> Result<OrderId, NoId> {
        self.read(Kind::Order, text).map(OrderId)
    }

    /// The order whose activation an id is of.
    ///
    /// # Errors
    /// It is none of an activation.
    pub fn read_activation(&self, text: &str) -> Result<OrderId, NoId> {
        self.read(Kind::Activation, text).map(OrderId)
    }

    /// Where an account's list of orders, or of activations, goes on: below this number.
    #[must_use]
    pub fn orders_cursor(&self, account: AccountId, below: OrderNumber) -> ShownId {
        ShownId::of(CURSOR, hide(&self.list("orders", account), below.0))
    }

    /// The number of such a place.
    ///
    /// # Errors
    /// It is none, or one of another account or list.
    pub fn read_orders_cursor(&self, account: AccountId, text: &str) -> Result<OrderNumber, NoId> {
        place(&self.list("orders", account), text).map(OrderNumber)
    }

    /// Where an account's list of transactions goes on: below this one.
    #[must_use]
    pub fn transactions_cursor(&self, account: AccountId, below: TransactionId) -> ShownId {
        ShownId::of(CURSOR, hide(&self.list("transactions", account), below.0))
    }

    /// The transaction of such a place.
    ///
    /// # Errors
    /// It is none, or one of another account or list.
    pub fn read_transactions_cursor(
        &self,
        account: AccountId,
        text: &str,
    ) -> Result<TransactionId, NoId> {
        place(&self.list("transactions", account), text).map(TransactionId)
    }

    fn list(&self, name: &str, account: AccountId) -> Xtea {
        cipher(&self.key, name, account.0)
    }

    fn show(&self, kind: Kind, id: u64) -> ShownId {
        ShownId::of(kind.prefix(), hide(&self.ciphers[kind as usize], id))
    }

    fn read(&self, kind: Kind, text: &str) -> Result<u64, NoId> {
        Ok(unhide(&self.ciphers[kind as usize], hidden(kind.prefix(), text)?))
    }
}

/// The permutation of a kind, or of a list of an account.
fn cipher(key: &[u8; 16], of: &str, account: u32) -> Xtea {
    let mut hasher = blake3::Hasher::new_derive_key("NexNum 2026 ids as customers see them");
    hasher.update(key).update(&account.to_le_bytes()).update(of.as_bytes());
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    Xtea::new(&Array(key))
}

fn hide(cipher: &Xtea, id: u64) -> u64 {
    let mut block = Array(id.to_be_bytes());
    cipher.encrypt_block(&mut block);
    u64::from_be_bytes(block.0)
}

fn unhide(cipher: &Xtea, hidden: u64) -> u64 {
    let mut block = Array(hidden.to_be_bytes());
    cipher.decrypt_block(&mut block);
    u64::from_be_bytes(block.0)
}

/// A place in a list from its text. One of another list, or of another account, would be far beyond
/// the end of any: the chance that it is not is 1 in 65,536.
fn place(list: &Xtea, text: &str) -> Result<u64, NoId> {
    let place = unhide(list, hidden(CURSOR, text)?);
    if place < PLACES_MAX { Ok(place) } else { Err(NoId::Malformed { expected: CURSOR }) }
}

/// The 64 bits of a text that begins with a prefix; there is one text for each.
fn hidden(expected: &'static str, text: &str) -> Result<u64, NoId> {
    let Some(letters) = text.strip_prefix(expected) else {
        let prefixes = Kind::ALL.map(Kind::prefix).into_iter().chain([CURSOR]);
        let found = prefixes.into_iter().find(|prefix| text.starts_with(prefix));
        let other = |found| NoId::OtherKind { found, expected };
        return Err(found.map_or(NoId::Malformed { expected }, other));
    };
    let value = |letter: u8| ALPHABET.iter().position(|known| *known == letter);
    let joined = letters
        .bytes()
        .try_fold(0_u128, |joined, letter| Some(joined << LETTER_BITS | value(letter)? as u128));
    let fits = joined.filter(|_| letters.len() == LETTERS);
    let fits = fits.and_then(|joined| u64::try_from(joined).ok());
    fits.ok_or(NoId::Malformed { expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn ids() -> PublicIds {
        PublicIds::new(*b"0123456789abcdef")
    }

    #[test]
    fn an_id_reads_back_and_no_two_are_alike() {
        let ids = ids();
        let mut shown = HashSet::new();
        for id in (0..2_000).chain([u64::MAX, u64::MAX - 1, 1 << 63]) {
            let text = ids.order(OrderId(id)).to_string();
            assert_eq!(ids.read_order(&text), Ok(OrderId(id)));
            assert!(text.len() == SHOWN_LEN && text.starts_with("ord_"), "{text}");
            assert!(shown.insert(text[PREFIX_LEN..].to_owned()));
            let text = ids.activation(OrderId(id)).to_string();
            assert_eq!(ids.read_activation(&text), Ok(OrderId(id)));
            assert!(shown.insert(text[PREFIX_LEN..].to_owned()), "kinds do not tell of each other");
        }
    }

    #[test]
    fn ids_keep_their_form_for_ever() {
        let ids = ids();
        assert_eq!(ids.order(OrderId(1)).as_str(), "ord_0kvbnmq0mwekt");
        assert_eq!(ids.activation(OrderId(1)).as_str(), "act_6y9chnj9yt0f2");
        assert_eq!(ids.message(MessageId(1)).as_str(), "msg_7vpr491af0dp0");
        assert_eq!(ids.transaction(TransactionId(1)).as_str(), "txn_7k28ev0wtycr9");
        let account = AccountId(7);
        assert_eq!(ids.orders_cursor(account, OrderNumber(1)).as_str(), "cur_e1nxfttg7kj61");
        assert_eq!(
            ids.transactions_cursor(account, TransactionId(1)).as_str(),
            "cur_dfwrsatnzxmes"
        );
    }

    #[test]
    fn another_key_and_another_account_show_something_else() {
        let (ids, other) = (ids(), PublicIds::new([7; 16]));
        assert_ne!(ids.order(OrderId(1)), other.order(OrderId(1)));
        let cursor = |account| ids.orders_cursor(AccountId(account), OrderNumber(50));
        assert_ne!(cursor(1), cursor(2));
        let read = |account| ids.read_orders_cursor(AccountId(account), cursor(1).as_str());
        assert_eq!(read(1), Ok(OrderNumber(50)));
        assert_eq!(read(2), Err(NoId::Malformed { expected: "cur_" }));
        let one = ids.transactions_cursor(AccountId(1), TransactionId(50));
        assert_ne!(one, cursor(1));
        ids.read_orders_cursor(AccountId(1), one.as_str()).expect_err("of another list");
        let read = ids.read_transactions_cursor(AccountId(1), one.as_str());
        assert_eq!(read, Ok(TransactionId(50)));
    }

    #[test]
    fn what_is_no_id_is_refused_with_its_reason() {
        let ids = ids();
        let activation = ids.activation(OrderId(5));
        let refused = ids.read_order(activation.as_str()).unwrap_err().to_string();
        assert_eq!(
            refused,
            "begins with `act_`, and what is asked for has an id that begins with `ord_`"
        );
        let order = ids.order(OrderId(5)).to_string();
        let altered = [
            String::new(),
            "17".to_owned(),
            "ord_".to_owned(),
            order[..order.len() - 1].to_owned(),
            format!("{order}0"),
            order.to_ascii_uppercase(),
            "ord_zzzzzzzzzzzzz".to_owned(),
            "ord_00000000000u0".to_owned(),
            "ord_0000000000é0".to_owned(),
        ];
        for text in altered {
            assert_eq!(ids.read_order(&text), Err(NoId::Malformed { expected: "ord_" }), "{text}");
        }
    }
}
