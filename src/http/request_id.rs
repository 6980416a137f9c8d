//! The id of a request: in the reply, in problems, in logs.
//!
//! A caller's own id is kept if it is harmless, else one is made: eight random characters
//! a process and eight of a counter. It identifies, it is no secret.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// `X-Request-Id`, in requests and replies.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id accepted from a caller: a UUID with a prefix fits, a document does not.
const GIVEN_LEN_MAX: usize = 64;

/// Crockford's base 32, lower case: no letters that look like digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// One request's id.
#[derive(Clone, Debug)]
pub enum RequestId {
    /// Made here.
    Made([u8; 16]),
    /// The caller's own.
    Given(HeaderValue),
}

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = match self {
            Self::Made(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Given(value) => value.to_str().ok(),
        };
        text.expect("both kinds are checked ASCII")
    }

    /// The id as a header value.
    #[must_use]
    pub fn to_value(&self) -> HeaderValue {
        match self {
            Self::Made(bytes) => HeaderValue::from_bytes(bytes).expect("base 32 is visible ASCII"),
            Self::Given(value) => value.clone(),
        }
    }
}

/// Gives every request of a server its id.
#[derive(Debug)]
pub struct RequestIds {
    prefix: [u8; 8],
    // Relaxed everywhere: only uniqueness is asked of it.
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that begin with `seed` in base 32 (its low 40 bits).
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { prefix: base32(seed), next: AtomicU64::new(0) }
    }

    /// The caller's id where it sent one of 1 to 64 of `A-Z a-z 0-9 . _ -`, else a new one.
    #[must_use]
    pub fn of(&self, headers: &HeaderMap) -> RequestId {
        match headers.get(X_REQUEST_ID) {
            Some(value) if is_harmless(value.as_bytes()) => RequestId::Given(value.clone()),
            _ => self.make(),
        }
    }

    /// A new id, for what is refused before its headers are known.
    pub(super) fn make(&self) -> RequestId {
        let count = base32(self.next.fetch_add(1, Ordering::Relaxed));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.prefix);
        bytes[8..].copy_from_slice(&count);
        RequestId::Made(bytes)
    }
}

fn is_harmless(id: &[u8]) -> bool {
    (1..=GIVEN_LEN_MAX).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The low 40 bits in eight digits.
fn base32(value: u64) -> [u8; 8] {
    let mut digits = [0; 8];
    for (i, digit) in digits.iter_mut().enumerate() {
        *digit = ALPHABET[(value >> (35 - 5 * i)) as usize & 31];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(ids: &RequestIds, given: Option<&str>) -> String {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).unwrap());
        }
        let id = ids.of(&headers);
        assert_eq!(id.to_value().to_str().unwrap(), id.as_str());
        id.as_str().to_owned()
    }

    #[test]
    fn ids_are_a_prefix_and_a_count() {
        let ids = RequestIds::new(0xff_ffff_fffe);
        assert_eq!(id_for(&ids, None), "zzzzzzzy00000000");
        assert_eq!(id_for(&ids, None), "zzzzzzzy00000001");
    }

    #[test]
    fn a_callers_id_is_kept_only_if_it_is_harmless() {
        let ids = RequestIds::new(0);
        assert_eq!(id_for(&ids, Some("a-B_c.9")), "a-B_c.9");
        for bad in ["", "a b", "x\"", "é", &"a".repeat(65)] {
            assert!(id_for(&ids, Some(bad)).starts_with("00000000"), "{bad:?}");
        }
    }
}
