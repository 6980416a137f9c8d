//! Activations that lists have shown and that were reported as not attributable, across starts.
//!
//! Promises: what was shown before a purchase began is not taken for it after a kill, or after a
//! list that left it out by mistake. It is forgotten a day after a list showed it last, by a whole
//! list without it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nexnum_engine::time::Time;
use parking_lot::Mutex;

use super::sightings::Made;
use crate::kept_file::KeptFile;

/// The file's name in the data folder: a line an activation, with the moments by our clock in
/// milliseconds of when it was seen first and shown last, its provider's name and its id in JSON.
const FILE: &str = "reported-rows";
/// Activations remembered of one provider. Others buy on an account that shows more: it counts
/// as shared then.
const ROWS_MAX: usize = 1_000;
/// How long one is remembered that whole lists do not show: an activation lasts for minutes or
/// hours.
const GONE_MS: u64 = 24 * 60 * 60 * 1000;
/// How old the moment may be that is written of when it was shown last: a list comes each second.
const WRITTEN_MS: u64 = 60 * 60 * 1000;

/// What is known of one activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    seen_at: Time,
    shown_at: Time,
}

/// What was reported, by provider and id.
type Rows = BTreeMap<String, BTreeMap<Box<str>, Row>>;

/// What lists showed that may be ours and may be a stranger's.
#[derive(Debug)]
pub(super) struct ReportedRows {
    file: KeptFile,
    rows: Mutex<Rows>,
}

impl ReportedRows {
    /// Those that a data folder keeps.
    pub(super) fn open(folder: &Path) -> Self {
        let file = KeptFile::new(folder, FILE);
        let mut rows = Rows::new();
        for (name, id, row) in file.rows(parse) {
            rows.entry(name).or_default().insert(id, row);
        }
        Self { file, rows: Mutex::new(rows) }
    }

    /// When an activation that was reported was seen first.
    pub(super) fn seen_at(&self, name: &str, external_id: &str) -> Option<Time> {
        Some(self.rows.lock().get(name)?.get(external_id)?.seen_at)
    }

    /// Takes in what is reported of a list, each with when it was seen first, and everything that
    /// the list shows. False if there is no room for one.
    pub(super) fn note<'a>(
        &self,
        name: &str,
        reported: impl Iterator<Item = (&'a str, Time)>,
        shown: &BTreeSet<&str>,
        is_cut: bool,
        now: Time,
    ) -> bool {
        let mut all = self.rows.lock();
        let rows = all.entry(name.to_owned()).or_default();
        // 1. What is there still, and what has been gone for long.
        let (before, mut is_changed) = (rows.len(), false);
        rows.retain(|id, row| {
            if shown.contains(&**id) {
                if now.ms_since(row.shown_at) >= WRITTEN_MS {
                    (row.shown_at, is_changed) = (now, true);
                }
                return true;
            }
            is_cut || now.ms_since(row.shown_at) < GONE_MS
        });
        is_changed |= rows.len() < before;
        // 2. What is new.
        let mut has_room = true;
        for (id, seen_at) in reported {
            if rows.contains_key(id) {
                continue;
            }
            if rows.len() >= ROWS_MAX {
                has_room = false;
                break;
            }
            rows.insert(id.into(), Row { seen_at, shown_at: now });
            is_changed = true;
        }
        if is_changed {
            self.file.write(lines(&all));
        }
        has_room
    }
}

/// When an activation was made that had been seen at a moment: not after it. Where it seems to be
/// newer, nothing proves that it is new.
pub(super) fn made_by(made: Made, seen_at: Option<Time>) -> Made {
    let Some(seen_at) = seen_at else { return made };
    let after = made.after.filter(|after| *after <= seen_at);
    Made { after, before: made.before.min(seen_at), ..made }
}

fn parse(line: &str) -> Option<(String, Box<str>, Row)> {
    let columns: Vec<_> = line.split('\t').collect();
    let [seen_at, shown_at, name, id] = columns[..] else { return None };
    let (seen_at, shown_at) = (Time(seen_at.parse().ok()?), Time(shown_at.parse().ok()?));
    let id: String = serde_json::from_str(id).ok()?;
    Some((name.to_owned(), id.into(), Row { seen_at, shown_at }))
}

fn lines(all: &Rows) -> impl Iterator<Item = String> {
    all.iter().flat_map(|(name, rows)| {
        rows.iter().map(move |(id, row)| {
            let id = serde_json::Value::from(&**id);
            format!("{}\t{}\t{name}\t{id}", row.seen_at.0, row.shown_at.0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::sightings::Dating;

    const NOW: Time = Time(1_000_000_000);

    fn note(rows: &ReportedRows, ids: &[&str], shown: &[&str], is_cut: bool, now: Time) -> bool {
        let shown = shown.iter().copied().collect();
        rows.note("one", ids.iter().map(|id| (*id, now)), &shown, is_cut, now)
    }

    #[test]
    fn what_was_reported_is_known_after_a_restart_with_when_it_was_seen_first() {
        let folder = tempfile::tempdir().unwrap();
        let open = || ReportedRows::open(folder.path());
        assert_eq!(open().seen_at("one", "a"), None);
        assert!(note(&open(), &["a", "b\t\n\"c"], &[], false, NOW));
        assert!(note(&open(), &["a"], &["a"], false, NOW.plus_ms(5_000)));
        let seen = |id| open().seen_at("one", id);
        assert_eq!((seen("a"), seen("b\t\n\"c"), seen("c")), (Some(NOW), Some(NOW), None));
        assert_eq!(open().seen_at("two", "a"), None);
    }

    #[test]
    fn it_is_forgotten_a_day_after_it_was_shown_by_a_whole_list_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let rows = ReportedRows::open(folder.path());
        let is_known = || rows.seen_at("one", "a").is_some();
        note(&rows, &["a"], &["a"], false, NOW);
        note(&rows, &[], &[], false, NOW.plus_ms(1_000));
        assert!(is_known(), "a list may leave it out by mistake");
        note(&rows, &[], &["a"], false, NOW.plus_ms(GONE_MS));
        let later = NOW.plus_ms(2 * GONE_MS);
        note(&rows, &[], &[], false, Time(later.0 - 1));
        note(&rows, &[], &[], true, later);
        assert!(is_known(), "a list that is cut proves nothing");
        note(&rows, &[], &[], false, later);
        assert!(!is_known());
    }

    #[test]
    fn more_than_there_is_room_for_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let rows = ReportedRows::open(folder.path());
        let ids: Vec<_> = (0..=ROWS_MAX).map(|id| id.to_string()).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        assert!(note(&rows, &ids[1..], &[], false, NOW));
        assert!(!note(&rows, &ids, &[], false, NOW));
        assert_eq!((rows.seen_at("one", "0"), rows.seen_at("one", "1")), (None, Some(NOW)));
    }

    #[test]
    fn what_was_seen_before_is_not_new_whatever_a_list_without_it_or_a_date_says() {
        let made = |after: Option<u64>, before| Made {
            after: after.map(Time),
            before: Time(before),
            dating: Dating::Lists,
        };
        assert_eq!(made_by(made(Some(50), 60), None), made(Some(50), 60));
        assert_eq!(made_by(made(Some(50), 60), Some(Time(20))), made(None, 20));
        assert_eq!(made_by(made(Some(10), 60), Some(Time(20))), made(Some(10), 20));
        assert_eq!(made_by(made(Some(10), 15), Some(Time(20))), made(Some(10), 15));
    }
}
