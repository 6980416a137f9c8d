//! What may be asked for accounts and keys.

use crate::event::AccountName;
use crate::ids::{AccountId, KeyId};
use crate::money::Micros;
use crate::sealed::SealedValue;

/// Opens a customer's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAccount {
    /// Its name, which no other account has, sealed under the identity key of the next account; where
    /// it has one.
    pub name: Option<AccountName>,
    /// How far below zero the wallet may go.
    pub credit_limit: Micros,
}

/// Issues an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueKey {
    /// Whose; `None` for an operator's.
    pub account: Option<AccountId>,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Its first characters.
    pub prefix: Box<str>,
}

/// Ends a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokeKey {
    /// Which.
    pub key: KeyId,
}

/// Gives the address of an account's caller its number; one that is known has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberAddress {
    /// Whose caller; 0 for operators.
    pub account: AccountId,
    /// The digest of the address under the newest key of digests.
    pub digest: u128,
    /// The address in words, sealed under the account's identity key.
    pub sealed: SealedValue,
}
