//! The rows of what happened, and of conditions that an answer alone ends, in a file of the data
//! folder: a start shows them again.
//!
//! Promises: a row that is a second old is there after a kill; what the operator has dealt with
//! does not come back.

use std::collections::BTreeMap;
use std::path::Path;

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;
use serde::{Deserialize, Serialize};

use super::row::{AttentionKind, AttentionRow, AttentionSubject, EVENT_KEPT_MS, Key, Lasts};
use crate::kept_file::KeptFile;

/// The file's name in the data folder: a line a row, in JSON.
const FILE: &str = "attention";
/// From one writing to the next, where rows have only been noticed again.
const REPEATED_MS: u64 = 60 * 1000;

/// Where rows are kept, and whether all of them are there.
#[derive(Debug, Default)]
pub(super) struct Kept {
    file: Option<KeptFile>,
    is_changed: bool,
    is_repeated: bool,
    written_at: Time,
}

/// What a line of the file says.
pub(super) enum KeptLine {
    /// Of what happened, or lasts.
    Row(AttentionRow),
    /// Of what the operator has dealt with, and when.
    Settled(Key, Time),
}

/// What the file is to say.
pub(super) struct Unkept {
    file: KeptFile,
    lines: Vec<String>,
}

/// A line of the file. A row that the operator has dealt with has no text.
#[derive(Serialize, Deserialize)]
struct Line {
    kind: String,
    provider: Option<Box<str>>,
    order: Option<u64>,
    since: u64,
    last_at: u64,
    count: u64,
    text: Option<String>,
}

impl Kept {
    /// What a data folder keeps.
    pub(super) fn at(folder: &Path) -> Self {
        Self { file: Some(KeptFile::new(folder, FILE)), ..Self::default() }
    }

    /// What is known of the last day.
    pub(super) fn read(&self, now: Time) -> Vec<KeptLine> {
        let parse = |line: &str| serde_json::from_str::<Line>(line).ok()?.read(now);
        self.file.as_ref().map(|file| file.rows(parse)).unwrap_or_default()
    }

    /// Notes that a row has come or gone.
    pub(super) fn changed(&mut self, kind: AttentionKind) {
        self.is_changed |= is_kept(kind);
    }

    /// Notes that a row was noticed again.
    pub(super) fn repeated(&mut self, kind: AttentionKind) {
        self.is_repeated |= is_kept(kind);
    }

    /// What is to be written, if that has changed.
    pub(super) fn unkept(
        &mut self,
        rows: &BTreeMap<Key, AttentionRow>,
        settled: &BTreeMap<Key, Time>,
        now: Time,
    ) -> Option<Unkept> {
        let file = self.file.clone()?;
        let is_due = self.is_repeated && now.ms_since(self.written_at) >= REPEATED_MS;
        if !self.is_changed && !is_due {
            return None;
        }
        (self.is_changed, self.is_repeated, self.written_at) = (false, false, now);
        // A kept kind is about a provider, an order or the server as a whole.
        let rows = rows.values().filter(|row| is_kept(row.kind) && row.subject.part.is_empty());
        let rows = rows.map(|row| Line {
            since: row.since.0,
            count: row.count,
            text: Some(row.text.clone()),
            ..Line::of(row.kind, &row.subject, row.last_at)
        });
        let settled = settled.iter().map(|((kind, about), at)| Line::of(*kind, about, *at));
        let lines = rows.chain(settled).filter_map(|line| serde_json::to_string(&line).ok());
        Some(Unkept { file, lines: lines.collect() })
    }
}

impl Unkept {
    /// Writes it. It waits for the disk.
    pub(super) fn write(self) {
        self.file.write(self.lines);
    }
}

impl Line {
    fn of(kind: AttentionKind, about: &AttentionSubject, at: Time) -> Self {
        let (kind, order) = (kind.word().to_owned(), about.order.map(|order| order.0));
        let provider = about.provider.clone();
        Self { kind, provider, order, since: at.0, last_at: at.0, count: 0, text: None }
    }

    fn read(self, now: Time) -> Option<KeptLine> {
        let Self { kind, provider, order, since, last_at, count, text } = self;
        let kind = *AttentionKind::ALL.iter().find(|known| known.word() == kind)?;
        let (since, last_at) = (Time(since), Time(last_at));
        let is_over = kind.lasts() == Lasts::ADay && now.ms_since(last_at) >= EVENT_KEPT_MS;
        if !is_kept(kind) || is_over {
            return None;
        }
        let subject = AttentionSubject { provider, order: order.map(OrderId), part: "" };
        let Some(text) = text else { return Some(KeptLine::Settled((kind, subject), last_at)) };
        let lasts = kind.lasts();
        Some(KeptLine::Row(AttentionRow { kind, subject, since, last_at, count, text, lasts }))
    }
}

fn is_kept(kind: AttentionKind) -> bool {
    match kind.lasts() {
        Lasts::ADay | Lasts::UntilProven => true,
        Lasts::UntilCleared | Lasts::UntilQuiet => false,
    }
}
