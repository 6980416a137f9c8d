//! What may be asked for accounts and keys.

use crate::ids::{AccountId, KeyId};
use crate::money::Micros;

/// Opens a customer's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAccount {
    /// Unique name.
    pub name: Box<str>,
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
