//! What the buyers of a run do, and the numbers that it is drawn from.

use std::ops::Range;
use std::time::Duration;

use nexnum_driver::CallLimits;

/// Numbers from a seed: the mixes are the same on each machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn of(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }
}

/// What the buyers of a run do.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    pub(super) limits: CallLimits,
    /// Open activations that a list shows in one page; `None` where there is no such list.
    pub(super) page: Option<usize>,
    /// The list leaves the code of one activation in so many out, if not of none.
    pub(super) hides: u64,
    /// How late a code may be.
    pub(super) late: Duration,
    /// Codes that are due before are in time or not.
    pub(super) settled: Duration,
    pub(super) buyers: usize,
    /// Milliseconds from the purchase to the code; beyond the run there is none.
    pub(super) code_after: Range<u64>,
    /// Of a hundred purchases, how many are cancelled instead of waited for.
    pub(super) cancelled: u64,
    pub(super) cancel_after: Range<u64>,
    /// Of a hundred purchases, how many lose their reply.
    pub(super) lost: u64,
    /// Milliseconds of a call.
    pub(super) call: Range<u64>,
    /// How long a number lives.
    pub(super) lifetime: Duration,
    /// Between two price lists.
    pub(super) sync: Duration,
    pub(super) run: Duration,
}
