//! What lists of open activations have shown of our account at a provider, and since when.
//!
//! An account may hold activations that are not ours: an operator bought them by hand, another
//! program did, a second market does. Promises: of each activation that a list shows, it says
//! between which moments of our clock it was made, as far as that can be proven. Leaves to
//! others: whose it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nexnum_driver::ActiveRow;
use nexnum_engine::time::Time;

use super::listed::Listed;
use super::server_clock::{ClockOffset, Look};

/// How far a moment without its zone may be from the true one, and a clock that is wrong.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Identifiers remembered of one list; a longer one proves nothing of rows without a date.
const IDS_MAX: usize = 50_000;

/// When a purchase was made, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// Not before this moment; `None` where nothing proves that it is new.
    pub(crate) after: Option<Time>,
    /// Not after this one.
    pub(crate) before: Time,
    /// How the two are known.
    pub(crate) dating: Dating,
}

/// How it is known when a purchase was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dating {
    /// By its date, on a clock that a purchase of ours in the same list vouches for.
    Sure,
    /// By its date, on the clock of the server that answered: a database behind that may have
    /// another.
    Likely,
    /// By the lists that show it and that do not.
    Lists,
}

/// How far the clock of a provider's database is from that of its server at the most: ten
/// minutes are seen where a clock was set by hand.
const SKEW_MS: u64 = 11 * 60_000;

impl Made {
    /// The span in which it was made if its provider's clocks differ.
    pub(crate) fn with_skew(self) -> (Time, Time) {
        let after = self.after.unwrap_or_default();
        match self.dating {
            Dating::Sure | Dating::Lists => (after, self.before),
            Dating::Likely => (Time(after.0.saturating_sub(SKEW_MS)), self.before.plus_ms(SKEW_MS)),
        }
    }
}

/// What a list says of one activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It is open.
    Open,
    /// It is not among the open ones.
    Absent,
    /// The list is cut before it.
    Cut,
}

/// An activation that lists have shown.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    /// When the last whole list without it was asked for.
    absent_at: Option<Time>,
    /// When the first list that shows it was there.
    seen_at: Time,
    /// When the last list that shows it as open was asked for.
    open_at: Option<Time>,
}

/// Purchases remembered with when they were made: as many as tell a clock.
const BOUGHT_MAX: usize = 256;

/// What the lists of one connection have shown.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    known: BTreeMap<Box<str>, Sighting>,
    /// When the last list that showed everything was asked for.
    whole_at: Option<Time>,
    /// When the last list was asked for.
    listed_at: Option<Time>,
    /// From when on that list shows everything.
    whole_from: Time,
    /// How the provider's clock stood to ours at the last list that says so.
    offset: Option<ClockOffset>,
    /// The last list had rows, each with its date.
    dated: bool,
    /// When the last purchases of ours were made, oldest first.
    bought: VecDeque<(Box<str>, Look)>,
}

impl Sightings {
    /// Takes a list in, unless a later one has come before it.
    pub(crate) fn note(&mut self, listed: &Listed) {
        let Listed { list, look, .. } = listed;
        if self.listed_at.is_some_and(|last| look.asked < last) {
            return;
        }
        let whole = !list.is_cut() && list.ids.iter().all(|id| !id.is_empty());
        let open: BTreeSet<&str> = list.rows.iter().map(|row| row.external_id.as_str()).collect();
        let before = std::mem::take(&mut self.known);
        let mut known: BTreeMap<Box<str>, Sighting> = BTreeMap::new();
        for id in list.ids.iter().filter(|id| !id.is_empty()) {
            let (absent_at, seen_at) = (self.whole_at, look.answered);
            let fresh = Sighting { absent_at, seen_at, open_at: None };
            let mut sighting = before.get(id.as_str()).copied().unwrap_or(fresh);
            if open.contains(id.as_str()) {
                sighting.open_at = Some(look.asked);
            }
            known.insert(id.as_str().into(), sighting);
        }
        if !whole {
            // What a cut list leaves out may come back into it, and is not new then.
            for (id, sighting) in before {
                known.entry(id).or_insert(sighting);
            }
        }
        let fits = known.len() <= IDS_MAX;
        self.known = if fits { known } else { BTreeMap::new() };
        self.whole_at = match (fits, whole) {
            (true, true) => Some(look.asked),
            (true, false) => self.whole_at,
            (false, _) => None,
        };
        self.listed_at = Some(look.asked);
        self.offset = listed.offset.or(self.offset);
        self.whole_from = if fits { listed.whole_from() } else { Time(u64::MAX) };
        let dated = list.rows.iter().all(|row| row.created.is_some());
        self.dated = !list.rows.is_empty() && dated && listed.offset.is_some();
    }

    /// Remembers between which moments a purchase of ours was made.
    pub(crate) fn bought(&mut self, external_id: &str, made: Look) {
        if self.bought.len() >= BOUGHT_MAX {
            self.bought.pop_front();
        }
        self.bought.push_back((external_id.into(), made));
    }

    /// Between which moments the last purchases of ours were made.
    pub(crate) fn all_bought(&self) -> BTreeMap<Box<str>, Look> {
        self.bought.iter().cloned().collect()
    }

    /// When a row of the last list was made, as far as lists prove it.
    pub(crate) fn made(&self, row: &ActiveRow) -> Made {
        let sighting = self.known.get(row.external_id.as_str());
        // What was there when a list was answered was made before, in the same millisecond at
        // the latest: a provider that is near answers within it.
        let seen = sighting.map_or(Time(u64::MAX), |known| known.seen_at);
        // A moment that may be that of another zone, or of a clock of which we know nothing,
        // proves age beyond a day, and nothing else.
        let about = row.created.or(row.created_unzoned).map(|about| about.plus_ms(DAY_MS));
        let before = about.map_or(seen, |latest| latest.min(seen));
        Made { after: sighting.and_then(|it| it.absent_at), before, dating: Dating::Lists }
    }

    /// True if a list that was there before a moment showed an activation.
    pub(crate) fn showed(&self, external_id: &str, before: Time) -> bool {
        self.known.get(external_id).is_some_and(|sighting| sighting.seen_at < before)
    }

    /// What the last list says of an activation that was bought at or after `since`; nothing
    /// if it was asked for before `not_before`.
    pub(crate) fn shown(&self, external_id: &str, since: Time, not_before: Time) -> Option<Shown> {
        let listed_at = self.listed_at.filter(|at| *at >= not_before)?;
        let open_at = self.known.get(external_id).and_then(|sighting| sighting.open_at);
        Some(match open_at {
            Some(at) if at == listed_at => Shown::Open,
            Some(_) | None if self.whole_from <= since => Shown::Absent,
            Some(_) | None => Shown::Cut,
        })
    }

    /// True if the last list shows an open activation that is one of ours.
    pub(crate) fn shows_any(&self, is_ours: impl Fn(&str) -> bool) -> bool {
        let Some(listed_at) = self.listed_at else { return false };
        let mut shown = self.known.iter().filter(|(_, it)| it.open_at == Some(listed_at));
        shown.any(|(id, _)| is_ours(id))
    }

    /// By the provider's clock, from when on a list has to go back so that it shows what was
    /// bought at or after a moment of ours: a day more where its clock is not known.
    pub(crate) fn reach(&self, since: Time) -> Time {
        let day_before = Time(since.0.saturating_sub(DAY_MS));
        self.offset.map_or(day_before, |offset| offset.theirs(since).0)
    }

    /// When the last list that showed everything was asked for, unless all rows of the last one
    /// have their dates: those prove what is new without a list from before.
    pub(crate) fn undated_since(&self) -> Option<Time> {
        if self.dated { None } else { Some(self.whole_at.unwrap_or_default()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::server_clock::ROUNDING_MS;
    use std::sync::Arc;

    use nexnum_driver::{ActiveList, GivenNumber};
    use nexnum_engine::ids::Number;

    fn row(id: &str, created: Option<u64>) -> ActiveRow {
        let number = GivenNumber::Read(Number(6_281_200_000_001));
        let external_id = id.to_owned();
        ActiveRow { external_id, number, created: created.map(Time), ..ActiveRow::default() }
    }

    /// A list that took a second.
    fn list(ids: &[&str], full: bool, asked_s: u64) -> Listed {
        let list = ActiveList {
            rows: ids.iter().map(|id| row(id, None)).collect(),
            listed: ids.len(),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            full,
            ..ActiveList::default()
        };
        Listed { list: Arc::new(list), pages: 1, look: at(asked_s), offset: None }
    }

    fn at(asked_s: u64) -> Look {
        Look { asked: Time(asked_s * 1_000), answered: Time(asked_s * 1_000 + 1_000) }
    }

    fn made(sightings: &Sightings, id: &str) -> (Option<u64>, u64) {
        let Made { after, before, .. } = sightings.made(&row(id, None));
        (after.map(|at| at.0), before.0)
    }

    #[test]
    fn an_undated_row_is_as_new_as_the_lists_without_it_prove() {
        let mut sightings = Sightings::default();
        assert_eq!(sightings.undated_since(), Some(Time(0)));
        sightings.note(&list(&["a"], false, 10));
        assert_eq!(made(&sightings, "a"), (None, 11_000), "no list before the first");
        sightings.note(&list(&["a", "b"], false, 20));
        assert_eq!(made(&sightings, "b"), (Some(10_000), 21_000));
        sightings.note(&list(&["b"], false, 30));
        sightings.note(&list(&["a", "b"], false, 40));
        assert_eq!(made(&sightings, "b"), (Some(10_000), 21_000), "as at its first sight");
        assert_eq!(sightings.undated_since(), Some(Time(40_000)));
    }

    #[test]
    fn a_list_shows_ours_if_an_open_one_of_its_rows_is_ours() {
        let mut sightings = Sightings::default();
        let ours = |id: &str| id == "a";
        assert!(!sightings.shows_any(ours), "no list yet");
        sightings.note(&list(&["a", "b"], true, 10));
        assert!(sightings.shows_any(ours));
        // A cut list forgets nothing, and shows what is in it alone.
        sightings.note(&list(&["b"], true, 20));
        assert!(!sightings.shows_any(ours));
    }

    #[test]
    fn a_list_that_comes_after_a_later_one_changes_nothing() {
        let mut sightings = Sightings::default();
        sightings.note(&list(&[], false, 10));
        sightings.note(&list(&["a"], false, 30));
        sightings.note(&list(&[], false, 20));
        assert_eq!(made(&sightings, "a"), (Some(10_000), 31_000));
        assert_eq!(sightings.shown("a", Time(0), Time(0)), Some(Shown::Open));
        assert_eq!(sightings.undated_since(), Some(Time(30_000)));
        sightings.note(&list(&["a"], true, 40));
        assert_eq!(sightings.undated_since(), Some(Time(30_000)), "a cut list is no baseline");
    }

    #[test]
    fn a_cut_list_proves_no_absence_and_forgets_nothing() {
        let mut sightings = Sightings::default();
        sightings.note(&list(&["a"], true, 10));
        sightings.note(&list(&["b"], true, 20));
        assert_eq!(made(&sightings, "b"), (None, 21_000));
        sightings.note(&list(&["a"], true, 30));
        assert_eq!(made(&sightings, "a"), (None, 11_000));
    }

    #[test]
    fn lists_whose_rows_are_dated_need_none_before_them() {
        let mut sightings = Sightings::default();
        let mut dated = list(&["a"], false, 100);
        dated.offset = Some(ClockOffset::of(at(100), Time(700_500)));
        Arc::make_mut(&mut dated.list).rows = vec![row("a", Some(700_500))];
        sightings.note(&dated);
        assert_eq!(sightings.undated_since(), None);
    }

    #[test]
    fn the_last_purchases_are_remembered_with_their_moments() {
        let mut sightings = Sightings::default();
        for id in 0..=BOUGHT_MAX as u64 {
            sightings.bought(&id.to_string(), at(id));
        }
        let bought = sightings.all_bought();
        assert_eq!(
            (bought.len(), bought.get("0"), bought.get("7")),
            (BOUGHT_MAX, None, Some(&at(7)))
        );
    }

    #[test]
    fn a_list_goes_back_as_far_by_the_provider_s_clock() {
        let mut sightings = Sightings::default();
        let since = Time(DAY_MS + 500_000);
        assert_eq!(sightings.reach(since), Time(500_000), "nothing is known of its clock");
        let ahead = ClockOffset::of(at(100), Time(700_000));
        sightings.note(&Listed { offset: Some(ahead), ..list(&[], false, 100) });
        sightings.note(&list(&[], false, 110));
        assert_eq!(sightings.reach(since), Time(since.0 + 599_000 - ROUNDING_MS));
    }

    #[test]
    fn a_moment_without_its_zone_or_its_clock_proves_age_beyond_a_day() {
        let mut sightings = Sightings::default();
        let now = 30 * 24 * 60 * 60;
        sightings.note(&list(&["a"], false, now));
        let made = |row: ActiveRow| sightings.made(&row);
        let day_s = DAY_MS / 1_000;
        let unzoned =
            |at_s: u64| ActiveRow { created_unzoned: Some(Time(at_s * 1_000)), ..row("a", None) };
        let seen = Time((now + 1) * 1_000);
        let by_lists = |before| Made { after: None, before, dating: Dating::Lists };
        assert_eq!(made(unzoned(now - day_s + 60)), by_lists(seen));
        let old = by_lists(Time((now - 60) * 1_000));
        assert_eq!(made(unzoned(now - day_s - 60)), old);
        assert_eq!(made(row("a", Some((now - day_s - 60) * 1_000))), old);
        assert_eq!(sightings.undated_since(), Some(Time(now * 1_000)));
    }

    #[test]
    fn the_last_list_is_a_witness_of_what_it_shows() {
        let mut sightings = Sightings::default();
        let shown = |sightings: &Sightings, id| sightings.shown(id, Time(0), Time(15_000));
        sightings.note(&list(&["a"], false, 10));
        assert_eq!(shown(&sightings, "a"), None, "it was asked for too early");
        sightings.note(&list(&["a"], false, 20));
        assert_eq!(shown(&sightings, "a"), Some(Shown::Open));
        assert_eq!(shown(&sightings, "b"), Some(Shown::Absent));
        let showed = |id, before| sightings.showed(id, Time(before));
        assert!(showed("a", 11_001) && !showed("a", 11_000) && !showed("b", 30_000));
        sightings.note(&list(&["b"], true, 30));
        assert_eq!(shown(&sightings, "a"), Some(Shown::Cut));
        let mut closed = list(&["a"], false, 40);
        Arc::make_mut(&mut closed.list).rows.clear();
        sightings.note(&closed);
        assert_eq!(shown(&sightings, "a"), Some(Shown::Absent), "listed, and not as open");
    }
}
