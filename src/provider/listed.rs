//! A list of the open activations, when it was taken, and how far back it shows everything.

use std::sync::Arc;

use nexnum_driver::ActiveList;
use nexnum_engine::time::Time;

use super::server_clock::{ClockOffset, Look};

/// A list of the open activations.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) list: Arc<ActiveList>,
    /// How many pages it has.
    pub(crate) pages: u32,
    /// When it was taken.
    pub(crate) look: Look,
    /// How the provider's clock stands to ours, where its replies say so.
    pub(crate) offset: Option<ClockOffset>,
}

impl Listed {
    /// From when on, by our clock, it shows everything that is open: always, unless it is cut;
    /// then from its oldest row on, open or not. Never where a row could not be read: it may
    /// be the purchase that is looked for.
    pub(crate) fn whole_from(&self) -> Time {
        let (list, never) = (&self.list, Time(u64::MAX));
        if list.misfits > 0 {
            return never;
        }
        if list.is_cut() {
            let oldest = list.oldest.zip(self.offset);
            oldest.map_or(never, |(oldest, offset)| offset.ours(oldest).1)
        } else {
            Time(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::server_clock::ROUNDING_MS;

    fn list(listed: usize, oldest: Option<u64>, full: bool) -> ActiveList {
        ActiveList { listed, oldest: oldest.map(Time), full, ..ActiveList::default() }
    }

    /// From when on a list of a provider whose clock is ours, or unknown, is whole.
    fn from(list: &ActiveList, dated: bool) -> Time {
        let at = Time(1_000_000);
        let look = Look { asked: at, answered: at };
        let offset = dated.then(|| ClockOffset::of(look, at));
        Listed { list: Arc::new(list.clone()), pages: 1, look, offset }.whole_from()
    }

    const ROUNDED: Time = Time(5_000 + ROUNDING_MS);

    #[test]
    fn a_list_with_a_row_that_was_not_read_is_no_proof_of_absence() {
        let whole = list(3, Some(5_000), false);
        assert_eq!(from(&ActiveList { misfits: 1, ..whole }, true), Time(u64::MAX));
    }

    #[test]
    fn a_list_that_is_never_cut_shows_everything_at_any_length() {
        assert_eq!(from(&list(0, None, false), true), Time(0));
        assert_eq!(from(&list(5_000, None, false), false), Time(0));
    }

    #[test]
    fn a_page_shorter_than_asked_shows_everything_only_if_there_is_no_more() {
        let of = |total| ActiveList { total: Some(total), ..list(20, Some(5_000), false) };
        assert_eq!(from(&of(20), true), Time(0));
        assert_eq!(from(&of(21), true), ROUNDED);
    }

    #[test]
    fn a_full_page_shows_everything_only_from_its_oldest_row_on() {
        assert_eq!(from(&list(200, Some(5_000), true), true), ROUNDED);
        assert_eq!(from(&list(200, None, true), true), Time(u64::MAX));
        assert_eq!(from(&list(200, Some(5_000), true), false), Time(u64::MAX));
    }
}
