//! What idempotency keys were used for.
//!
//! Promises: a key of the last hour is answered from memory; for an older one the ledger is read, on a
//! thread that may wait, by a few at a time. Leaves to others: the request that is under way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::group::{KeyUse, Made};
use nexnum_engine::ids::{AccountId, Seq};
use nexnum_engine::replies::{AskedKey, KeyUseRefusal};
use nexnum_storage::{Reader, StorageError};
use tokio::sync::Semaphore;

use super::read_model::ReadModel;
use super::replay::Decoded;

/// Look-ups at a time: each reads a row, which may be some megabytes, and the one before it, which it
/// has to follow; and a client may repeat an old key for as long as it likes.
const READ_AT_ONCE: usize = 2;
/// How long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(2);

/// Why there is no answer to what a key was used for, or why it is a refusal.
#[derive(Debug, thiserror::Error)]
pub enum KeyUseError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] StorageError),
    /// The ledger has something else where the key's command should be.
    #[error("position {0} of the ledger is not the head of the command with this idempotency key")]
    NoKey(Seq),
    /// Others are read for, or the server stops.
    #[error("too many old keys are looked up")]
    Busy,
    /// The key was used with another request.
    #[error("the key was used with another request")]
    Mismatch,
}

/// What idempotency keys were used for.
#[derive(Clone)]
pub struct KeyUses(Arc<Inner>);

struct Inner {
    read_model: Arc<ReadModel>,
    ledger: Reader,
    slots: Arc<Semaphore>,
}

impl fmt::Debug for KeyUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyUses").finish_non_exhaustive()
    }
}

impl KeyUses {
    pub(super) fn new(read_model: Arc<ReadModel>, ledger: Reader) -> Self {
        let slots = Arc::new(Semaphore::new(READ_AT_ONCE));
        Self(Arc::new(Inner { read_model, ledger, slots }))
    }

    /// What an account's request with this key made, if it was made before. What the ledger had to
    /// be read for goes into `asked`, for the command.
    ///
    /// # Errors
    /// [`KeyUseError`].
    pub async fn find(
        &self,
        account: AccountId,
        asked: &mut AskedKey,
    ) -> Result<Option<Made>, KeyUseError> {
        // Each turn reads one position more; few keys share their bits.
        loop {
            match self.0.read_model.made_for(account, asked) {
                Ok(made) => return Ok(made),
                Err(KeyUseRefusal::Mismatch) => return Err(KeyUseError::Mismatch),
                Err(KeyUseRefusal::Unread(at))
                    if asked.read.iter().any(|(read, _)| *read == at) =>
                {
                    return Err(KeyUseError::NoKey(at));
                }
                Err(KeyUseRefusal::Unread(at)) => asked.read.push((at, self.read(at).await?)),
            }
        }
    }

    /// What the head at a position says of its command's key.
    async fn read(&self, at: Seq) -> Result<KeyUse, KeyUseError> {
        let turn = Arc::clone(&self.0.slots).acquire_owned();
        let turn = tokio::time::timeout(TURN_WAIT, turn).await.map_err(|_| KeyUseError::Busy)?;
        let ledger = self.0.ledger.clone();
        let read = tokio::task::spawn_blocking(move || {
            // Held to the end, also when the client has hung up.
            let _slot = turn.expect("the slots are never closed");
            look_up(&ledger, at)
        });
        read.await.map_err(|_| KeyUseError::Busy)?
    }
}

fn look_up(ledger: &Reader, at: Seq) -> Result<KeyUse, KeyUseError> {
    let row = Decoded::holding(ledger, at)?.ok_or(KeyUseError::NoKey(at))?;
    let head = row.groups.heads(row.first).find(|(seq, _)| *seq == at);
    head.and_then(|(_, head)| head.key_use).ok_or(KeyUseError::NoKey(at))
}
