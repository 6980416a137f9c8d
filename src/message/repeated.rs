//! What makes a callback the same when it comes again, and when its message came first. Its digest
//! is under the key that never changes: a source's id is the same at any time.
//!
//! Promises: a source's id is the same at any time; without one, equal texts are one message as
//! long as each comes soon after the one before. Leaves to others: which callbacks are known.

use nexnum_engine::time::Time;
use nexnum_storage::index_key::{IndexKey, Indexed};

use crate::json::JsonFault;
use crate::message::callback::{PostedMessage, number};
use crate::message::extract;
use crate::message::identity::{REPEATED_MS, RETRIED_MS, may_hold_code};

/// How long a callback without an id is the same.
const MINUTE_MS: u64 = 60_000;

/// What makes a callback the same when it comes again: the source's id at its number, else
/// what it says within the same minute.
#[must_use]
pub fn key(
    index: &IndexKey,
    read: &Result<PostedMessage, JsonFault>,
    body: &[u8],
    now: Time,
) -> u128 {
    let minute = (now.0 / MINUTE_MS).to_le_bytes();
    let Ok(posted) = read else {
        return index.digest(Indexed::Callback, &[b"callback body", body, &minute]);
    };
    key_in(index, posted, minute)
}

/// When a message came first that came at a moment: equal texts, each soon after the one before,
/// are one. `known` says of a key, with the end of its minute, when its callback came.
#[must_use]
pub fn first_came(
    index: &IndexKey,
    posted: &PostedMessage,
    came: Time,
    known: impl Fn(u128, Time) -> Option<Time>,
) -> Time {
    let may_hold_code =
        may_hold_code(&posted.text) || extract::extract(&posted.text, &posted.sender).is_some();
    let mut first = came;
    loop {
        let since = same_since(may_hold_code, first);
        let is_before = |at: &Time| (since..first).contains(at);
        let mut before = keys_before(index, posted, since, first);
        match before.find_map(|(key, end)| known(key, end).filter(is_before)) {
            Some(at) => first = at,
            None => return first,
        }
    }
}

/// When at the latest a refused callback came that a source sends again without an id.
#[must_use]
pub fn refused_since(now: Time) -> Time {
    Time(now.0.saturating_sub(RETRIED_MS))
}

/// From when on an equal text that came is the same message. One that can hold no code is as often
/// another of the same words.
fn same_since(may_hold_code: bool, now: Time) -> Time {
    let repeated_ms = if may_hold_code { RETRIED_MS } else { REPEATED_MS };
    Time(now.0.saturating_sub(repeated_ms))
}

/// The keys of the same message in the minutes before, from a moment on, each with the end of
/// its minute; none if its id is its key.
fn keys_before(
    index: &IndexKey,
    posted: &PostedMessage,
    since: Time,
    now: Time,
) -> impl Iterator<Item = (u128, Time)> {
    let minutes = since.0 / MINUTE_MS..now.0 / MINUTE_MS;
    let minutes = minutes.filter(|_| posted.id.is_none());
    minutes.map(|minute| {
        let end = Time((minute + 1) * MINUTE_MS - 1);
        (key_in(index, posted, minute.to_le_bytes()), end)
    })
}

fn key_in(index: &IndexKey, posted: &PostedMessage, minute: [u8; 8]) -> u128 {
    let PostedMessage { number: said, sender, text, id, service: _ } = posted;
    let number = number(posted).map_or_else(|| said.clone(), |number| number.to_string());
    let digest = |parts: &[&[u8]]| index.digest(Indexed::Callback, parts);
    match id {
        Some(id) => digest(&[b"callback id", number.as_bytes(), id.as_bytes()]),
        None => {
            let (number, sender, text) = (number.as_bytes(), sender.as_bytes(), text.as_bytes());
            digest(&[b"callback", number, sender, text, &minute])
        }
    }
}

/// What a callback is by its id at its number; `None` without both.
#[must_use]
pub fn id_key(index: &IndexKey, posted: &PostedMessage) -> Option<u128> {
    number(posted).filter(|_| posted.id.is_some()).map(|_| key_in(index, posted, [0; 8]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    use super::*;
    use crate::message::callback::read;

    fn index() -> &'static IndexKey {
        static INDEX: LazyLock<IndexKey> = LazyLock::new(|| IndexKey::draw().unwrap());
        &INDEX
    }

    fn key_of(body: &str, now: u64) -> u128 {
        key(index(), &read("", body.as_bytes()), body.as_bytes(), Time(now))
    }

    #[test]
    fn a_callback_is_the_same_by_its_id_or_within_its_minute() {
        let plain = r#"{"number": "+6281", "text": "code 1234"}"#;
        assert_eq!(key_of(plain, 0), key_of(plain, 59_999));
        assert_ne!(key_of(plain, 0), key_of(plain, 60_000));
        let numbered = |number, text| {
            key_of(&format!(r#"{{"number": "{number}", "text": "{text}", "id": "7"}}"#), 0)
        };
        let other = r#"{"number": "628100000", "text": "other", "id": "7"}"#;
        assert_eq!(numbered("+628100000", "code"), key_of(other, 900_000));
        assert_ne!(numbered("+628100000", "code"), numbered("+628100001", "code"));
        assert_eq!(key_of("{", 0), key_of("{", 1));
        assert_ne!(key_of("{", 0), key_of("[", 0));
    }

    #[test]
    fn a_source_that_tries_again_in_another_minute_is_known_for_an_hour() {
        let body = br#"{"number": "+628100000", "text": "code 1234"}"#;
        let read = read("", body);
        let (now, minute) = (Time(7_230_000), MINUTE_MS);
        let posted = read.as_ref().expect("it can be read");
        let before: Vec<_> = keys_before(index(), posted, same_since(true, now), now).collect();
        assert_eq!(before.len(), 60);
        assert_eq!(before[0], (key(index(), &read, body, Time(3_600_000)), Time(3_659_999)));
        assert_eq!(
            before[59],
            (key(index(), &read, body, Time(7_200_000 - minute)), Time(7_199_999))
        );
    }

    #[test]
    fn an_equal_text_without_a_code_is_the_same_for_two_minutes_alone() {
        let body = br#"{"number": "+628100000", "text": "Tap to log in"}"#;
        let (read, now) = (read("", body), Time(7_230_000));
        let since = same_since(false, now);
        assert_eq!(since, Time(7_110_000));
        let posted = read.as_ref().expect("it can be read");
        let keys: Vec<_> = keys_before(index(), posted, since, now).map(|(key, _)| key).collect();
        assert_eq!(keys, [7_080_000, 7_140_000].map(|at| key(index(), &read, body, Time(at))));
        assert_eq!(same_since(false, Time(5)), Time(0));
    }

    #[test]
    fn a_text_that_is_sent_each_minute_came_when_the_first_of_them_came() {
        let first = |text: &str, before: &[u64], came: u64| {
            let body = format!(r#"{{"number": "+628100000", "text": "{text}"}}"#);
            let read = read("", body.as_bytes());
            let keys = before
                .iter()
                .map(|at| (key(index(), &read, body.as_bytes(), Time(*at)), Time(*at)));
            let known: BTreeMap<_, _> = keys.collect();
            let posted = read.as_ref().expect("it can be read");
            first_came(index(), posted, Time(came), |key, _| known.get(&key).copied()).0
        };
        let each: Vec<_> = (10..20).map(|minute| minute * MINUTE_MS + 500).collect();
        assert_eq!(first("Tap to log in", &each, 20 * MINUTE_MS), each[0]);
        assert_eq!(first("Tap to log in", &each[..8], 20 * MINUTE_MS), 20 * MINUTE_MS);
        let apart = [10, 60, 110].map(|minute| minute * MINUTE_MS);
        assert_eq!(first("code 48291", &apart, 160 * MINUTE_MS), apart[0]);
        assert_eq!(first("Tap to log in", &apart, 160 * MINUTE_MS), 160 * MINUTE_MS);
    }
}
