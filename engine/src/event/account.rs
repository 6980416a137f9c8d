//! What happens to customers' accounts and their keys.

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

/// An event of accounts or keys.
#[derive(Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// A customer's account was opened.
    AccountOpened {
        /// Dense id.
        account: AccountId,
        /// The operator's name for it, unique.
        name: Box<str>,
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
