//! Until when each provider asked for pauses, across starts.
//!
//! Promises: a pause that is a second old holds after a kill, each of a provider's; at another
//! address it does not.

use std::collections::BTreeMap;
use std::path::Path;

use nexnum_engine::time::Time;
use parking_lot::Mutex;

use super::dispatch::PauseOf;
use crate::kept_file::KeptFile;

/// The file's name in the data folder: a line a pause, the moment by our clock in milliseconds,
/// what pauses, the address that asked for it, and its provider's name.
const FILE: &str = "pauses";
/// How far two readings of one pause may be apart.
const SAME_MS: u64 = 1_000;

/// A pause of a provider's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeptPause {
    /// Of which calls.
    pub(super) of: PauseOf,
    /// Until when.
    pub(super) until: Time,
}

/// The pauses of one provider, at the address where it asked for them.
#[derive(Debug, Default)]
struct OfOne {
    base_url: String,
    pauses: Vec<KeptPause>,
}

/// The pauses of all providers.
#[derive(Debug)]
pub(super) struct KeptPauses {
    file: KeptFile,
    known: Mutex<BTreeMap<String, OfOne>>,
}

impl KeptPauses {
    /// Those that a data folder keeps.
    pub(super) fn open(folder: &Path) -> Self {
        let file = KeptFile::new(folder, FILE);
        let mut known = BTreeMap::<_, OfOne>::new();
        for (name, base_url, pause) in file.rows(parse) {
            let of_one = known.entry(name).or_default();
            of_one.base_url = base_url;
            of_one.pauses.push(pause);
        }
        Self { file, known: Mutex::new(known) }
    }

    /// The pauses of a provider at an address.
    pub(super) fn of(&self, name: &str, base_url: &str) -> Vec<KeptPause> {
        let known = self.known.lock();
        let known = known.get(name).filter(|known| known.base_url == base_url);
        known.map(|known| known.pauses.clone()).unwrap_or_default()
    }

    /// Notes how a provider pauses now. It waits for the disk if that has changed.
    pub(super) fn note(&self, name: &str, base_url: &str, pauses: Vec<KeptPause>) {
        let mut known = self.known.lock();
        let is_same = |(one, other): (&KeptPause, &KeptPause)| {
            one.of == other.of && one.until.0.abs_diff(other.until.0) <= SAME_MS
        };
        match known.get(name) {
            None if pauses.is_empty() => return,
            Some(OfOne { base_url: at, pauses: before })
                if at == base_url
                    && before.len() == pauses.len()
                    && before.iter().zip(&pauses).all(is_same) =>
            {
                return;
            }
            Some(_) | None => {}
        }
        if pauses.is_empty() {
            known.remove(name);
        } else {
            known.insert(name.to_owned(), OfOne { base_url: base_url.to_owned(), pauses });
        }
        self.file.write(known.iter().flat_map(|(name, OfOne { base_url, pauses })| {
            let line = move |KeptPause { of, until }: &KeptPause| {
                format!("{}\t{}\t{base_url}\t{name}", until.0, of.word())
            };
            pauses.iter().map(line)
        }));
    }
}

fn parse(line: &str) -> Option<(String, String, KeptPause)> {
    let columns: Vec<_> = line.splitn(4, '\t').collect();
    let [until, of, base_url, name] = columns[..] else { return None };
    let (of, until) = (PauseOf::of_word(of)?, Time(until.parse().ok()?));
    Some((name.to_owned(), base_url.to_owned(), KeptPause { of, until }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::dispatch::Lane;
    use std::fs;

    #[test]
    fn a_pause_is_known_after_a_restart_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptPauses::open(folder.path());
        let (kept, at) = (open(), "http://a");
        let pause = |of, until| KeptPause { of, until: Time(until) };
        kept.note("My\tSMS", at, Vec::new());
        assert!(!folder.path().join(FILE).exists());
        let two =
            vec![pause(PauseOf::One(Lane::Buy), 90_000), pause(PauseOf::One(Lane::Sync), 95_000)];
        kept.note("My\tSMS", at, two.clone());
        kept.note("other", at, vec![pause(PauseOf::All, 80_000)]);
        kept.note("other", at, vec![pause(PauseOf::All, 80_900)]);
        assert_eq!(open().of("My\tSMS", at), two);
        assert_eq!(open().of("other", at), [pause(PauseOf::All, 80_000)]);
        assert!(open().of("third", at).is_empty() && open().of("other", "http://b").is_empty());
        kept.note("other", "http://b", vec![pause(PauseOf::All, 80_000)]);
        assert_eq!(open().of("other", "http://b"), [pause(PauseOf::All, 80_000)]);
        kept.note("other", "http://b", Vec::new());
        assert_eq!(open().of("other", "http://b"), []);
        let text = "soon\tall\thttp://a\tother\n1\tnothing\thttp://a\tother\n1\tall\tother\n1\n";
        fs::write(folder.path().join(FILE), text).unwrap();
        assert_eq!(open().of("other", at), []);
    }
}
