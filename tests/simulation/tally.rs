//! What runs went through, so that a quiet simulation is noticed.

/// What happened in a run, to see that runs are worth something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) commands: u64,
    pub(crate) accepted: u64,
    pub(crate) commits: u64,
    pub(crate) cuts: u64,
    pub(crate) failures: u64,
    pub(crate) clean_stops: u64,
    pub(crate) interrupted_opens: u64,
    pub(crate) unanswered_kept: u64,
    pub(crate) unanswered_lost: u64,
    pub(crate) snapshots_used: u64,
    pub(crate) snapshots_damaged: u64,
    pub(crate) history_cuts: u64,
    pub(crate) history_failures: u64,
    pub(crate) rebuilt: u64,
    pub(crate) retired: u64,
    pub(crate) repeats: u64,
    pub(crate) key_reads: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.accepted += other.accepted;
        self.commits += other.commits;
        self.cuts += other.cuts;
        self.failures += other.failures;
        self.clean_stops += other.clean_stops;
        self.interrupted_opens += other.interrupted_opens;
        self.unanswered_kept += other.unanswered_kept;
        self.unanswered_lost += other.unanswered_lost;
        self.snapshots_used += other.snapshots_used;
        self.snapshots_damaged += other.snapshots_damaged;
        self.history_cuts += other.history_cuts;
        self.history_failures += other.history_failures;
        self.rebuilt += other.rebuilt;
        self.retired += other.retired;
        self.repeats += other.repeats;
        self.key_reads += other.key_reads;
    }
}
