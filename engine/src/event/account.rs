//! What happens to customers' accounts and their keys.

use super::bulk::Bulk;
use crate::ids::{AccountId, AddressNumber, KeyId};
use crate::money::Micros;
use crate::sealed::SealedValue;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Trade for its account.
    Trade,
    /// Operate the business; belongs to no account (id 0).
    Admin,
}

/// The operator's name for an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountName {
    /// What it is told from others by: a digest under the index key.
    pub digest: u128,
    /// The name, sealed under the account's identity key.
    pub sealed: SealedValue,
}

/// An event of accounts or keys.
#[derive(Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// A customer's account was opened.
    AccountOpened {
        /// Dense id.
        account: AccountId,
        /// The operator's name for it, unique, where it has one.
        name: Option<AccountName>,
        /// How far below zero the wallet may go.
        credit_limit: Micros,
    },
    /// An API key was issued.
    KeyIssued {
        /// Dense id.
        key: KeyId,
        /// Whose; 0 for operators.
        account: AccountId,
        /// What it may do.
        scope: Scope,
        /// SHA-256 of the key: the key itself is nowhere.
        hash: [u8; 32],
        /// Its first characters, to tell keys apart.
        prefix: Box<str>,
    },
    /// A key stopped working.
    KeyRevoked {
        /// Which.
        key: KeyId,
    },
    /// A caller came from an address that is not known yet.
    AddressSeen {
        /// Whose caller; 0 for operators.
        account: AccountId,
        /// What heads of groups name it by.
        address: AddressNumber,
        /// What it is known again by.
        digest: u128,
        /// The address in words, sealed under the account's identity key.
        sealed: SealedValue,
    },
}

impl AccountEvent {
    pub(super) fn bulk(&self) -> Bulk {
        let sealed = match self {
            Self::AccountOpened { name, .. } => name.as_ref().map(|name| &name.sealed),
            Self::AddressSeen { sealed, .. } => Some(sealed),
            Self::KeyIssued { .. } | Self::KeyRevoked { .. } => None,
        };
        Bulk { rows: 0, text_len: sealed.map_or(0, SealedValue::wire_len_max) }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "AccountOpened",
            Self::KeyIssued { .. } => "KeyIssued",
            Self::KeyRevoked { .. } => "KeyRevoked",
            Self::AddressSeen { .. } => "AddressSeen",
        }
    }
}
