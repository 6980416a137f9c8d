//! Sealed values without a cipher: the engine looks at nothing of them but key and length.

use nexnum_engine::activation::{MessageParts, SealedParts};
use nexnum_engine::command::{Command, Incoming, MakeSealKey};
use nexnum_engine::event::{AccountName, LoadedNumber};
use nexnum_engine::ids::{AccountId, OfferId, Token};
use nexnum_engine::sealed::{KeyHandle, KeyOwner, SealedValue, TAG_LEN};
use nexnum_engine::state::State;

/// The key of the day on which tests seal.
pub const DAY_KEY: KeyHandle = KeyHandle(100);

/// The key is made: before anything is sealed under it.
pub fn make_day_key() -> Command {
    MakeSealKey { handle: DAY_KEY, owner: KeyOwner::Day(100) }.into()
}

/// The key of all loads of an offer.
pub const fn load_key(offer: OfferId) -> KeyHandle {
    KeyHandle(1_000 + offer.0 as u128)
}

/// That key is made.
pub fn make_load_key(offer: OfferId) -> Command {
    MakeSealKey { handle: load_key(offer), owner: KeyOwner::Load(offer) }.into()
}

/// The identity key of an account.
pub const fn identity_key(account: AccountId) -> KeyHandle {
    KeyHandle(2_000 + account.0 as u128)
}

/// That key is made.
pub fn make_identity_key(account: AccountId) -> Command {
    MakeSealKey { handle: identity_key(account), owner: KeyOwner::Identity(account) }.into()
}

/// The name of an account that is about to be opened, under a key; its digest is its first bytes.
pub fn named(handle: KeyHandle, name: &str) -> AccountName {
    let mut digest = [0; 16];
    name.bytes().zip(&mut digest).for_each(|(byte, of)| *of = byte);
    let digest = u128::from_le_bytes(digest);
    AccountName { digest, sealed: sealed_under(handle, name.len()) }
}

/// The name of the next account, under its key.
pub fn next_named(state: &State, name: &str) -> AccountName {
    named(identity_key(AccountId(state.counters().account.0 + 1)), name)
}

/// Numbers as they are loaded into an offer, each of which its token stands for.
pub fn loaded(offer: OfferId, tokens: impl IntoIterator<Item = Token>) -> Vec<LoadedNumber> {
    loaded_under(load_key(offer), tokens)
}

/// The same under another key.
pub fn loaded_under(key: KeyHandle, tokens: impl IntoIterator<Item = Token>) -> Vec<LoadedNumber> {
    let sealed = sealed_under(key, 13);
    tokens.into_iter().map(|token| LoadedNumber { token, sealed: sealed.clone() }).collect()
}

/// A value of so many bytes under a key.
pub fn sealed_under(handle: KeyHandle, clear_len: usize) -> SealedValue {
    let ciphertext = vec![b'x'; clear_len + TAG_LEN].into();
    SealedValue { handle, nonce: [1; 24], commitment: [2; 32], ciphertext }
}

/// A value of so many bytes under the day's key.
pub fn sealed(clear_len: usize) -> SealedValue {
    sealed_under(DAY_KEY, clear_len)
}

/// A message of these parts; those that are empty are not there.
pub fn message(digest: u128, [sender, text, code]: [&str; 3]) -> Incoming {
    let has =
        MessageParts { sender: !sender.is_empty(), text: !text.is_empty(), code: !code.is_empty() };
    let sealed = sealed([sender, text, code].iter().map(|part| part.len()).sum());
    Incoming { digest: digest.into(), said: SealedParts { has, sealed } }
}
