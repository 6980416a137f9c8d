//! What needs the operator's attention: a row for each condition, from when it is noticed
//! until its cause is gone.
//!
//! Promises: a row is logged when it appears and when it goes, and not between, however often
//! its condition is noticed; the list is bounded. Leaves to others: what counts as such a
//! condition, and when it is over. What happened once is kept in the data folder, and so is what an
//! answer alone ends; any other condition is noticed anew after a start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

use crate::clock::Clock;

mod kept;
mod row;

use self::kept::{Kept, KeptLine};
pub use self::row::{AttentionKind, AttentionRow, AttentionSubject};
use self::row::{EVENT_KEPT_MS, Key, Lasts};

/// Rows of one kind: as many as there may be providers.
const OF_KIND_MAX: usize = 1_000;
/// Rows that the operator has dealt with, remembered for a start.
const SETTLED_MAX: usize = 10_000;
/// Bytes of a row's text: the kind of an error and the beginning of a reply.
const TEXT_LEN_MAX: usize = 500;
/// A row cannot be taken off the list: it goes when its cause is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseLasts;

/// The list. A clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Attention {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    clock: Arc<Clock>,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    rows: BTreeMap<Key, AttentionRow>,
    /// Conditions of a kind that found no room, counted until it has some again.
    left_out: BTreeMap<AttentionKind, u64>,
    /// What the operator has dealt with and the ledger still tells at a start.
    settled: BTreeMap<Key, Time>,
    kept: Kept,
}

impl Attention {
    /// An empty list.
    #[must_use]
    pub fn new(clock: &Arc<Clock>) -> Self {
        let (clock, list) = (Arc::clone(clock), Mutex::default());
        Self { shared: Arc::new(Shared { clock, list }) }
    }

    /// The list that a data folder keeps: what happened within a day, and what lasts.
    #[must_use]
    pub fn open(clock: &Arc<Clock>, folder: &Path) -> Self {
        let list = Mutex::new(List::open(folder, clock.now()));
        Self { shared: Arc::new(Shared { clock: Arc::clone(clock), list }) }
    }

    /// Writes what happened into the data folder, if that has changed. It waits for the disk.
    pub fn keep(&self) {
        let unkept = {
            let List { kept, rows, settled, .. } = &mut *self.shared.list.lock();
            kept.unkept(rows, settled, self.shared.clock.now())
        };
        if let Some(unkept) = unkept {
            unkept.write();
        }
    }

    /// Notes what the ledger tells at a start, unless its row is there or was dealt with.
    pub(crate) fn recall(
        &self,
        kind: AttentionKind,
        subject: impl Into<AttentionSubject>,
        text: impl Into<String>,
    ) {
        let key = (kind, subject.into());
        let (now, mut list) = (self.shared.clock.now(), self.shared.list.lock());
        if !list.rows.contains_key(&key) && !list.settled.contains_key(&key) {
            list.note(now, kind.lasts(), key, text.into());
        }
    }

    /// Notes a condition: a new row, or once more the one that is there.
    pub fn raise(
        &self,
        kind: AttentionKind,
        subject: impl Into<AttentionSubject>,
        text: impl Into<String>,
    ) {
        self.note(kind.lasts(), (kind, subject.into()), text.into());
    }

    /// Notes a condition whose row stays until it is cleared, whatever others of its kind do.
    pub fn hold(&self, kind: AttentionKind, subject: impl Into<AttentionSubject>, text: &str) {
        self.note(Lasts::UntilCleared, (kind, subject.into()), text.to_owned());
    }

    fn note(&self, lasts: Lasts, key: Key, text: String) {
        let (now, mut list) = (self.shared.clock.now(), self.shared.list.lock());
        list.note(now, lasts, key, text);
    }

    /// Has the rows of a kind about a provider's orders last as long as they are among these, and
    /// from then on as any of their kind, with other words for what `lasts`; those that are not
    /// there are noted.
    pub fn hold_orders(
        &self,
        kind: AttentionKind,
        provider: &str,
        texts: &BTreeMap<OrderId, String>,
        (lasts, ended): (&str, &str),
    ) {
        let (now, mut list) = (self.shared.clock.now(), self.shared.list.lock());
        for (_, row) in list.rows.iter_mut().filter(|((of, _), _)| *of == kind) {
            if row.subject.provider.as_deref() == Some(provider) {
                let is_held = row.subject.order.is_some_and(|order| texts.contains_key(&order));
                if is_held {
                    row.lasts = Lasts::UntilCleared;
                } else {
                    (row.lasts, row.text) = (kind.lasts(), row.text.replace(lasts, ended));
                }
            }
        }
        let has_left_out = list.left_out.contains_key(&kind);
        for (order, text) in texts {
            let key = (kind, (provider, *order).into());
            if list.rows.contains_key(&key) {
                continue;
            }
            if list.of_kind(kind) < OF_KIND_MAX {
                list.add(now, Lasts::UntilCleared, key, text.clone());
            } else if !has_left_out {
                // Counted once, however often they are looked at.
                list.leave_out(kind);
            }
        }
    }

    /// What the rows of a kind are about.
    pub(crate) fn subjects(&self, kind: AttentionKind) -> Vec<AttentionSubject> {
        let list = self.shared.list.lock();
        let of_kind = list.rows.keys().filter(|(of, _)| *of == kind);
        of_kind.map(|(_, about)| about.clone()).collect()
    }

    /// Whether there is such a row.
    pub(crate) fn has(&self, kind: AttentionKind, subject: impl Into<AttentionSubject>) -> bool {
        self.shared.list.lock().rows.contains_key(&(kind, subject.into()))
    }

    /// Notes that a condition's cause is gone. Nothing happens if there is no such row.
    pub fn clear(&self, kind: AttentionKind, subject: impl Into<AttentionSubject>) {
        self.shared.list.lock().remove(&(kind, subject.into()), self.shared.clock.now());
    }

    /// Takes the rows of a kind off the list, since the operator has dealt with them: those about
    /// a provider and an order, or about any, whose cause is not known to last. Gives how many
    /// there were.
    ///
    /// # Errors
    /// The cause of all of them lasts, and with it they do.
    pub fn settle(
        &self,
        kind: AttentionKind,
        provider: Option<&str>,
        order: Option<OrderId>,
    ) -> Result<usize, CauseLasts> {
        let mut list = self.shared.list.lock();
        let is_meant = |key: &Key| {
            key.0 == kind
                && provider.is_none_or(|wanted| key.1.provider.as_deref() == Some(wanted))
                && order.is_none_or(|wanted| key.1.order == Some(wanted))
        };
        let meant = list.rows.iter().filter(|(key, _)| is_meant(key));
        let lasts = |(_, row): &(&_, &AttentionRow)| match row.lasts {
            Lasts::UntilCleared | Lasts::UntilProven => true,
            Lasts::ADay | Lasts::UntilQuiet => false,
        };
        let (lasting, over): (Vec<_>, Vec<_>) = meant.partition(lasts);
        if over.is_empty() && !lasting.is_empty() {
            return Err(CauseLasts);
        }
        let keys: Vec<_> = over.into_iter().map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| list.settle(key, self.shared.clock.now()));
        Ok(keys.len())
    }

    /// Notes a condition where there is a text for it, and else that its cause is gone.
    pub fn report(
        &self,
        kind: AttentionKind,
        subject: impl Into<AttentionSubject>,
        text: Option<impl Into<String>>,
    ) {
        match text {
            Some(text) => self.raise(kind, subject, text),
            None => self.clear(kind, subject),
        }
    }

    /// Notes that a provider is gone, and with it all rows about it.
    pub fn forget_provider(&self, provider: &str) {
        let mut list = self.shared.list.lock();
        let of_it = |key: &&Key| key.1.provider.as_deref() == Some(provider);
        let keys: Vec<_> = list.rows.keys().filter(of_it).cloned().collect();
        let now = self.shared.clock.now();
        keys.iter().for_each(|key| list.remove(key, now));
    }

    /// At most `most` of the rows, oldest first, and how many conditions are not among them.
    #[must_use]
    pub fn rows(&self, most: usize) -> (Vec<AttentionRow>, u64) {
        let mut list = self.shared.list.lock();
        list.expire(self.shared.clock.now());
        let mut rows: Vec<_> = list.rows.values().cloned().collect();
        rows.sort_by_key(|row| row.since);
        let left_out = rows.len().saturating_sub(most) as u64 + list.left_out.values().sum::<u64>();
        rows.truncate(most);
        (rows, left_out)
    }

    /// How many rows of each kind there are, with those that found no room.
    #[must_use]
    pub fn counts(&self) -> Vec<(AttentionKind, u64)> {
        let mut list = self.shared.list.lock();
        list.expire(self.shared.clock.now());
        let left_out = |kind| list.left_out.get(&kind).copied().unwrap_or(0);
        let count = |kind| (kind, list.of_kind(kind) as u64 + left_out(kind));
        AttentionKind::ALL.iter().map(|kind| count(*kind)).collect()
    }
}

impl List {
    /// The list that a data folder keeps.
    fn open(folder: &Path, now: Time) -> Self {
        let kept = Kept::at(folder);
        let mut list = Self::default();
        for line in kept.read(now) {
            match line {
                KeptLine::Settled(key, at) if list.settled.len() < SETTLED_MAX => {
                    list.settled.insert(key, at);
                }
                KeptLine::Row(row) if list.of_kind(row.kind) < OF_KIND_MAX => {
                    row.log_begin();
                    list.rows.insert((row.kind, row.subject.clone()), row);
                }
                // It is longer than what was written.
                KeptLine::Settled(..) | KeptLine::Row(_) => {}
            }
        }
        Self { kept, ..list }
    }

    fn note(&mut self, now: Time, lasts: Lasts, key: Key, mut text: String) {
        text.truncate(text.floor_char_boundary(TEXT_LEN_MAX));
        self.expire(now);
        self.settled.remove(&key);
        if let Some(row) = self.rows.get_mut(&key) {
            (row.last_at, row.count) = (now, row.count.saturating_add(1));
            (row.text, row.lasts) = (text, lasts);
            return self.kept.repeated(key.0);
        }
        if self.of_kind(key.0) >= OF_KIND_MAX {
            return self.leave_out(key.0);
        }
        self.add(now, lasts, key, text);
    }

    fn of_kind(&self, kind: AttentionKind) -> usize {
        let from = (kind, AttentionSubject::default());
        self.rows.range(from..).take_while(|((of, _), _)| *of == kind).count()
    }

    fn add(&mut self, now: Time, lasts: Lasts, key: Key, text: String) {
        let (kind, subject) = key.clone();
        let row = AttentionRow { kind, subject, since: now, last_at: now, count: 1, text, lasts };
        row.log_begin();
        self.kept.changed(kind);
        self.rows.insert(key, row);
    }

    fn leave_out(&mut self, kind: AttentionKind) {
        let count = self.left_out.entry(kind).or_default();
        *count += 1;
        if *count == 1 {
            let kind = kind.word();
            tracing::warn!(kind, "more needs attention than is listed: the list is full");
        }
    }

    fn remove(&mut self, key: &Key, now: Time) {
        if let Some(row) = self.rows.remove(key) {
            row.log_end(now);
            self.kept.changed(key.0);
            // Those without a row are noticed again, if they last.
            self.left_out.remove(&key.0);
        }
    }

    fn settle(&mut self, key: &Key, now: Time) {
        self.remove(key, now);
        if key.0.lasts() == Lasts::ADay && self.settled.len() < SETTLED_MAX {
            self.settled.insert(key.clone(), now);
        }
    }

    /// Ends the rows of what happened long ago.
    fn expire(&mut self, now: Time) {
        let over = self.rows.iter().filter(|(_, row)| row.is_over(now));
        let over: Vec<_> = over.map(|(key, _)| key.clone()).collect();
        over.iter().for_each(|key| self.remove(key, now));
        self.settled.retain(|_, at| now.ms_since(*at) < EVENT_KEPT_MS);
    }
}

#[cfg(test)]
mod tests;
