//! The clock that dates a list's rows, as purchases of ours show it.
//!
//! Pure. A provider's database may have another clock than the server that answers for it. A
//! purchase of ours was made between two moments that we know, so that its row tells how the
//! one that dates rows stands to ours.

use nexnum_engine::time::Time;

use crate::provider::server_clock::{ClockOffset, Look};

/// Rows that tell more than a second or two apart, or purchases that took long, tell nothing.
const WIDTH_MAX_MS: u64 = 6_000;

/// How the clock of rows stands to ours, by rows with their moments and the purchases that
/// they show. `None` without one, or where they contradict each other by much.
pub(super) fn of_rows(rows: impl Iterator<Item = (Time, Look)>) -> Option<ClockOffset> {
    let told = rows.map(|(created, bought)| ClockOffset::of(bought, created));
    let told: Vec<_> = told.filter(|offset| offset.width_ms() <= WIDTH_MAX_MS).collect();
    let all = told.iter().copied().reduce(ClockOffset::or_as)?;
    if all.width_ms() > WIDTH_MAX_MS {
        return None;
    }
    // Of one clock all of them are true.
    let (first, others) = told.split_first()?;
    Some(others.iter().try_fold(*first, |all, one| all.and(*one)).unwrap_or(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rows tell of purchases that were made at these seconds and took so long, on a
    /// clock that is so far ahead and shows whole seconds.
    fn told(rows: &[(u64, u64, i64)]) -> Option<(i64, i64)> {
        let row = |(at_s, took_ms, ahead_ms): &(u64, u64, i64)| {
            let asked = Time((1_000 + at_s) * 1_000 + 700);
            let created = (asked.0.saturating_add_signed(*ahead_ms)) / 1_000 * 1_000;
            (Time(created), Look { asked, answered: asked.plus_ms(*took_ms) })
        };
        let offset = of_rows(rows.iter().map(row))?;
        let base = Time(10_000_000);
        let (earliest, latest) = offset.ours(base);
        Some((earliest.0 as i64 - base.0 as i64, latest.0 as i64 - base.0 as i64))
    }

    #[test]
    fn a_purchase_of_ours_tells_how_the_clock_of_rows_stands_to_ours() {
        for ahead_ms in [-600_000, -3_000, -1_000, 0, 20_000] {
            let (least, most) = told(&[(100, 200, ahead_ms), (130, 100, ahead_ms)]).unwrap();
            assert!((least..=most).contains(&-ahead_ms), "{ahead_ms}: {least}..{most}");
        }
    }

    #[test]
    fn a_purchase_that_took_seconds_leaves_open_no_more_than_the_others_do() {
        let slow = told(&[(100, 3_500, 0)]).unwrap();
        let with_others = told(&[(100, 3_500, 0), (130, 200, 0), (150, 2_000, 0)]).unwrap();
        assert_eq!(slow.1 - slow.0, 5_500);
        assert!(with_others.1 - with_others.0 <= 2_200, "{with_others:?}");
        assert!((with_others.0..=with_others.1).contains(&0));
        // Of several clocks, what any of them may show.
        let apart = told(&[(100, 200, 0), (130, 200, 3_000)]).unwrap();
        assert!(apart.0 <= -3_000 && apart.1 >= 0, "{apart:?}");
    }

    #[test]
    fn purchases_that_took_long_or_contradict_each_other_tell_nothing() {
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[(100, 14_000, 0)]), None);
        assert!(told(&[(100, 14_000, 0), (120, 100, 0)]).is_some(), "the short one does");
        assert_eq!(told(&[(100, 200, 0), (130, 200, 30_000)]), None);
    }
}
