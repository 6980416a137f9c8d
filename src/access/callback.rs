//! The secrets of own stock's callback: the token in its path, and the key that signs bodies.
//!
//! Both change together, and those before go on for a while, so that a gateway can be set to
//! the new ones. They are sealed in the data folder; in memory a token is a digest.

use arc_swap::ArcSwap;
use nexnum_driver::Secret;
use nexnum_engine::time::Time;
use nexnum_storage::secrets::{SecretBytes, Secrets};
use nexnum_storage::{Folder, StorageError};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::digest;
use crate::keys::{self, NoRandomness};
use crate::market::folder::{self, BootError};

/// Where the token is kept among the secrets.
const TOKEN: &str = "hook.own";
/// Where the key is.
const SIGNING_KEY: &str = "hook.own.key";
/// Where those before are, with the moment at which they end.
const BEFORE: &str = "hook.own.before";
/// Where the digests of the tokens before are, the newest first.
const RETIRED: &str = "hook.own.retired";
/// How many of them are known.
const RETIRED_MAX: usize = 8;
/// What a signature begins with.
const SIGNATURE_PREFIX: &str = "sha256=";

/// Why the secrets are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum CallbackSecretError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] BootError),
    /// The file of secrets.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Whether a token of ours is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAge {
    /// It is.
    Taken,
    /// Its time is over: a gateway has not been set to the one that replaced it.
    Expired,
}

/// A token and the key beside it.
#[derive(Clone, Debug)]
struct CallbackPair {
    token: Secret,
    token_sha256: [u8; 32],
    key: Secret,
}

impl CallbackPair {
    fn new(token: String, key: String) -> Self {
        let token_sha256 = keys::sha256(&token);
        Self { token: Secret::new(token), token_sha256, key: Secret::new(key) }
    }

    fn has_token(&self, token_sha256: &[u8; 32]) -> bool {
        bool::from(self.token_sha256.ct_eq(token_sha256))
    }
}

#[derive(Debug)]
struct CallbackPairs {
    current: CallbackPair,
    /// The pair before, and until when it is taken.
    before: Option<(CallbackPair, Time)>,
    /// The digests of the tokens before, in hexadecimal digits, the newest first.
    retired: Vec<String>,
}

/// The secrets of a data folder's callback.
#[derive(Debug)]
pub struct CallbackSecrets {
    folder: Folder,
    pairs: ArcSwap<CallbackPairs>,
    /// One change at a time: each begins with what the last one left.
    changing: Mutex<()>,
}

impl CallbackSecrets {
    /// Those of a folder, drawn when they are asked for first.
    ///
    /// # Errors
    /// They cannot be read, or there is no randomness to draw the first.
    pub fn open(folder: &Folder) -> Result<Self, CallbackSecretError> {
        let store = folder::secrets(folder)?;
        let current = CallbackPair::new(kept(&store, TOKEN)?, kept(&store, SIGNING_KEY)?);
        let before = read(&store, BEFORE)?.and_then(|text| {
            let mut parts = text.splitn(3, ' ');
            let until = parts.next()?.parse().ok()?;
            Some((CallbackPair::new(parts.next()?.into(), parts.next()?.into()), Time(until)))
        });
        let retired = read(&store, RETIRED)?.unwrap_or_default();
        let retired = retired.split_whitespace().map(str::to_owned).collect();
        let pairs = ArcSwap::from_pointee(CallbackPairs { current, before, retired });
        Ok(Self { folder: folder.clone(), pairs, changing: Mutex::default() })
    }

    /// The token in the path.
    #[must_use]
    pub fn token(&self) -> Secret {
        self.pairs.load().current.token.clone()
    }

    /// The key that bodies are signed with.
    #[must_use]
    pub fn signing_key(&self) -> Secret {
        self.pairs.load().current.key.clone()
    }

    /// Whether callbacks with this token are taken at `now`; `None` if it is none of ours, or
    /// older than the last ones.
    #[must_use]
    pub fn age(&self, token: &str, now: Time) -> Option<TokenAge> {
        let (pairs, sha256) = (self.pairs.load(), keys::sha256(token));
        if pairs.taken(now).any(|pair| pair.has_token(&sha256)) {
            return Some(TokenAge::Taken);
        }
        let sha256 = hex(&sha256);
        let is_it = |known: &String| bool::from(known.as_bytes().ct_eq(sha256.as_bytes()));
        pairs.retired.iter().any(is_it).then_some(TokenAge::Expired)
    }

    /// True if a signature is one of this body, `sha256=` and the HMAC-SHA256 in hexadecimal
    /// digits, with a key that is taken at `now`.
    #[must_use]
    pub fn is_signed(&self, body: &[u8], signature: &str, now: Time) -> bool {
        let Some(said) = signature.trim().strip_prefix(SIGNATURE_PREFIX) else { return false };
        let said = said.to_ascii_lowercase();
        let pairs = self.pairs.load();
        pairs.taken(now).any(|pair| {
            let hmac = digest::hmac_sha256(pair.key.expose().as_bytes(), body);
            bool::from(hex(&hmac).as_bytes().ct_eq(said.as_bytes()))
        })
    }

    /// Draws new secrets; those before are taken until `until`, and those before them no more.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub fn rotate(&self, until: Time) -> Result<(), CallbackSecretError> {
        let _one_at_a_time = self.changing.lock();
        let store = folder::secrets(&self.folder)?;
        let (before, retired) = {
            let pairs = self.pairs.load();
            let old = std::iter::once(hex(&pairs.current.token_sha256));
            let retired = old.chain(pairs.retired.iter().cloned()).take(RETIRED_MAX);
            (pairs.current.clone(), retired.collect::<Vec<_>>())
        };
        let current = CallbackPair::new(drawn::<16>()?, drawn::<32>()?);
        // The old ones first: a crash in between leaves them valid.
        let (token, key) = (before.token.expose(), before.key.expose());
        put(&store, BEFORE, &format!("{} {token} {key}", until.0))?;
        put(&store, RETIRED, &retired.join(" "))?;
        put(&store, SIGNING_KEY, current.key.expose())?;
        put(&store, TOKEN, current.token.expose())?;
        let before = Some((before, until));
        self.pairs.store(CallbackPairs { current, before, retired }.into());
        Ok(())
    }
}

impl CallbackPairs {
    fn taken(&self, now: Time) -> impl Iterator<Item = &CallbackPair> {
        let before = self.before.as_ref().filter(|(_, until)| now < *until);
        std::iter::once(&self.current).chain(before.map(|(pair, _)| pair))
    }
}

fn read(store: &Secrets, name: &str) -> Result<Option<String>, StorageError> {
    let known = store.get(name)?;
    Ok(known.map(|known| String::from_utf8_lossy(known.expose()).into_owned()))
}

fn put(store: &Secrets, name: &str, text: &str) -> Result<(), StorageError> {
    store.put(name, &SecretBytes::new(text.as_bytes().to_vec()))
}

/// The secret of this name, drawn now if there is none.
fn kept(store: &Secrets, name: &str) -> Result<String, CallbackSecretError> {
    if let Some(known) = read(store, name)? {
        return Ok(known);
    }
    let text = drawn::<16>()?;
    put(store, name, &text)?;
    Ok(text)
}

fn drawn<const N: usize>() -> Result<String, NoRandomness> {
    keys::random_bytes::<N>().map(|bytes| hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_change_together_and_those_before_go_on_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("market");
        folder::init(&path).unwrap();
        let folder = Folder::at(path);
        let secrets = CallbackSecrets::open(&folder).unwrap();
        let (token, key) = (secrets.token(), secrets.signing_key());
        let signature = |key: &Secret| {
            format!("sha256={}", hex(&digest::hmac_sha256(key.expose().as_bytes(), b"body")))
        };
        assert_eq!(secrets.age(token.expose(), Time(1)), Some(TokenAge::Taken));
        assert_eq!(secrets.age("other", Time(1)), None);
        assert!(secrets.is_signed(b"body", &signature(&key), Time(1)));
        for wrong in ["", "sha256=", &signature(&key)[7..], &signature(&token)] {
            assert!(!secrets.is_signed(b"body", wrong, Time(1)), "{wrong}");
        }
        assert!(!secrets.is_signed(b"bodi", &signature(&key), Time(1)));

        secrets.rotate(Time(100)).unwrap();
        let again = CallbackSecrets::open(&folder).unwrap();
        for secrets in [&secrets, &again] {
            assert_ne!(secrets.token().expose(), token.expose());
            let age = |token: &Secret, now| secrets.age(token.expose(), Time(now));
            assert_eq!(age(&secrets.token(), 100), Some(TokenAge::Taken));
            assert!(secrets.is_signed(b"body", &signature(&secrets.signing_key()), Time(100)));
            assert_eq!(age(&token, 99), Some(TokenAge::Taken), "in its grace");
            assert!(secrets.is_signed(b"body", &signature(&key), Time(99)));
            assert_eq!(age(&token, 100), Some(TokenAge::Expired), "after it");
            assert!(!secrets.is_signed(b"body", &signature(&key), Time(100)));
        }
    }

    #[test]
    fn changes_at_once_leave_one_pair_and_every_token_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("market");
        folder::init(&path).unwrap();
        let folder = Folder::at(path);
        let secrets = CallbackSecrets::open(&folder).unwrap();
        let first = secrets.token();
        std::thread::scope(|scope| {
            for _ in 0..RETIRED_MAX {
                scope.spawn(|| secrets.rotate(Time(0)).unwrap());
            }
        });
        let again = CallbackSecrets::open(&folder).unwrap();
        assert_eq!(secrets.token().expose(), again.token().expose());
        assert_eq!(again.age(first.expose(), Time(1)), Some(TokenAge::Expired));
        again.rotate(Time(0)).unwrap();
        assert_eq!(again.age(first.expose(), Time(1)), None, "it is the ninth");
    }
}
