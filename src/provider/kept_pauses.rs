//! Until when each provider asked for a pause, across starts.
//!
//! Promises: a pause that is a second old holds after a kill. A file that is missing, or cannot be
//! read or written, knows of none. Of several pauses of a provider the longest is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nexnum_engine::time::Time;
use parking_lot::Mutex;

use super::dispatch::PauseOf;
use crate::kept_file;

/// The file's name in the data folder: a line a provider, the moment by our clock in milliseconds,
/// what pauses, and its name.
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

/// The pauses of all providers.
#[derive(Debug)]
pub(super) struct KeptPauses {
    path: PathBuf,
    known: Mutex<BTreeMap<String, KeptPause>>,
}

impl KeptPauses {
    /// Those that a data folder keeps.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let known = text.lines().filter_map(|line| {
            let columns: Vec<_> = line.splitn(3, '\t').collect();
            let [until, of, name] = columns[..] else { return None };
            let (of, until) = (PauseOf::of_word(of)?, Time(until.parse().ok()?));
            Some((name.to_owned(), KeptPause { of, until }))
        });
        Self { path, known: Mutex::new(known.collect()) }
    }

    /// The pause of a provider.
    pub(super) fn of(&self, name: &str) -> Option<KeptPause> {
        self.known.lock().get(name).copied()
    }

    /// Notes how a provider pauses now. It waits for the disk if that has changed.
    pub(super) fn note(&self, name: &str, pause: Option<KeptPause>) {
        let mut known = self.known.lock();
        let is_same = |one: KeptPause, other: KeptPause| {
            one.of == other.of && one.until.0.abs_diff(other.until.0) <= SAME_MS
        };
        match (known.get(name).copied(), pause) {
            (None, None) => return,
            (Some(before), Some(pause)) if is_same(before, pause) => return,
            (_, Some(pause)) => drop(known.insert(name.to_owned(), pause)),
            (Some(_), None) => drop(known.remove(name)),
        }
        let line = |(name, pause): (&String, &KeptPause)| {
            format!("{}\t{}\t{name}\n", pause.until.0, pause.of.word())
        };
        kept_file::write(&self.path, &known.iter().map(line).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::dispatch::Lane;

    #[test]
    fn a_pause_is_known_after_a_restart_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptPauses::open(folder.path());
        let kept = open();
        let pause = |of, until| Some(KeptPause { of, until: Time(until) });
        kept.note("My\tSMS", None);
        assert!(!folder.path().join(FILE).exists());
        kept.note("My\tSMS", pause(PauseOf::One(Lane::Buy), 90_000));
        kept.note("other", pause(PauseOf::All, 80_000));
        kept.note("other", pause(PauseOf::All, 80_900));
        assert_eq!(open().of("My\tSMS"), pause(PauseOf::One(Lane::Buy), 90_000));
        assert_eq!((open().of("other"), open().of("third")), (pause(PauseOf::All, 80_000), None));
        kept.note("other", None);
        assert_eq!(open().of("other"), None);
        fs::write(folder.path().join(FILE), "soon\tall\tother\n1\tnothing\tother\n1\n").unwrap();
        assert_eq!(open().of("other"), None);
    }
}
