//! API keys: issued, revoked, looked up.

use nexnum_engine::command::{IssueKey, RevokeKey};
use nexnum_engine::group::Origin;
use nexnum_engine::ids::{AccountId, KeyId};

use super::Access;
use crate::keys::{self, ApiKey, KeyKind, NoRandomness};
use crate::market::Refused;
use crate::market::read_model::KeyView;

/// A key that was issued: its text is shown once, the ledger holds its hash.
#[derive(Debug)]
pub struct IssuedKey {
    /// Its id.
    pub id: KeyId,
    /// The key.
    pub key: ApiKey,
}

/// Why a key was not issued or revoked.
#[derive(Debug)]
pub enum KeyRefusal {
    /// The engine refused, or did not take the command.
    Refused(Refused),
    /// No key could be drawn.
    NoRandomness(NoRandomness),
    /// It is the last admin key that works.
    LastAdminKey,
}

impl From<Refused> for KeyRefusal {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NoRandomness> for KeyRefusal {
    fn from(error: NoRandomness) -> Self {
        Self::NoRandomness(error)
    }
}

impl Access {
    /// The key of this text, if it is one that works.
    #[must_use]
    pub fn find_key(&self, text: &str) -> Option<KeyView> {
        // The checksum turns away typing errors and guesses before any table is asked.
        keys::check(text)?;
        self.market.read_model.key(&keys::sha256(text))
    }

    /// Whose a key is that works; `None` of an operator's.
    #[must_use]
    pub fn account_of(&self, key: KeyId) -> Option<AccountId> {
        self.market.read_model.account_of(key)
    }

    /// Issues a key to an account, or to the operators.
    ///
    /// # Errors
    /// The refusal; no key works then.
    pub async fn issue_key(
        &self,
        origin: &Origin,
        account: Option<AccountId>,
    ) -> Result<IssuedKey, KeyRefusal> {
        let kind = if account.is_some() { KeyKind::Live } else { KeyKind::Admin };
        let key = keys::generate(kind)?;
        let (hash, prefix) = (key.sha256(), key.shown().into());
        let id = self.market.execute(origin, IssueKey { account, hash, prefix }).await?;
        Ok(IssuedKey { id, key })
    }

    /// Revokes a key; the last admin key that works stays.
    ///
    /// # Errors
    /// The refusal.
    pub async fn revoke_key(&self, origin: &Origin, key: KeyId) -> Result<(), KeyRefusal> {
        let operators = || self.market.read_model.admin_keys();
        let _under_way = if operators().contains(&key) {
            // Counted before the second look, so that two at once cannot take the last two.
            let under_way = self.revocations.begin();
            if operators().len() <= under_way.count {
                return Err(KeyRefusal::LastAdminKey);
            }
            Some(under_way)
        } else {
            None
        };
        self.market.execute(origin, RevokeKey { key }).await?;
        Ok(())
    }
}
