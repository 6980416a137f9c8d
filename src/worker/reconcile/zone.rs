//! The time zone of a provider's moments, where its list has them without one.
//!
//! Pure. A row of ours whose purchase we know tells by how much the moments are off the
//! provider's own clock: zones differ by quarters of an hour, and a purchase takes less.

use nexnum_engine::limits::BUY_TIME_MS;
use nexnum_engine::time::Time;

use crate::provider::server_clock::ClockOffset;
use crate::provider::sightings::Made;

/// Zones are whole quarters of an hour off UTC.
const QUARTER_MS: i64 = 15 * 60 * 1000;
/// A purchase takes less, so that no two zones fit it.
const _: () = assert!(BUY_TIME_MS < QUARTER_MS as u64 / 2);

/// What is added to UTC in the moments of a list: `None` without a row of ours, or where they
/// contradict each other. Each row is what the list says as if it were UTC, and when its order
/// was placed by our clock.
pub(super) fn of_rows(
    rows: impl Iterator<Item = (Time, Time)>,
    offset: ClockOffset,
) -> Option<i64> {
    let mut zone = None;
    for (unzoned, placed_at) in rows {
        let found = of_row(unzoned, placed_at, offset)?;
        if *zone.get_or_insert(found) != found {
            return None;
        }
    }
    zone
}

fn of_row(unzoned: Time, placed_at: Time, offset: ClockOffset) -> Option<i64> {
    let (earliest, latest) = offset.theirs(placed_at);
    let least = unzoned.0 as i64 - (latest.0 + BUY_TIME_MS) as i64;
    let most = unzoned.0 as i64 - earliest.0 as i64;
    let zone = most.div_euclid(QUARTER_MS) * QUARTER_MS;
    (zone >= least).then_some(zone)
}

/// The moment, by the provider's clock, of a row that was made between two moments of ours:
/// the zone is the one that puts it between them. `None` where several do, or none.
pub(super) fn within(unzoned: Time, made: Made, offset: ClockOffset) -> Option<Time> {
    let (earliest, latest) = (offset.theirs(made.after?).0, offset.theirs(made.before).1);
    let most = unzoned.0 as i64 - earliest.0 as i64;
    let zone = most.div_euclid(QUARTER_MS) * QUARTER_MS;
    let moment = zoned(unzoned, zone);
    let is_sure = latest.ms_since(earliest) < QUARTER_MS as u64;
    (is_sure && moment <= latest).then_some(moment)
}

/// A moment of such a list by the provider's clock.
pub(super) fn zoned(unzoned: Time, zone: i64) -> Time {
    Time(unzoned.0.saturating_add_signed(-zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::server_clock::Look;
    use crate::provider::sightings::Dating;

    const HOUR: i64 = 60 * 60 * 1000;
    const PLACED: Time = Time(1_800_000_000_000);

    /// The zone that rows bought so long after their orders give; the provider's clock is ten
    /// minutes ahead.
    fn zone(rows: &[(i64, u64)]) -> Option<i64> {
        let look = Look { asked: Time(PLACED.0 + 500_000), answered: Time(PLACED.0 + 501_000) };
        let offset = ClockOffset::of(look, Time(PLACED.0 + 1_100_500));
        let bought = |after_ms| Time(PLACED.0 + 600_000 + after_ms);
        let row = |(zone, after_ms): &(i64, u64)| {
            (Time(bought(*after_ms).0.saturating_add_signed(*zone)), PLACED)
        };
        of_rows(rows.iter().map(row), offset)
    }

    #[test]
    fn a_purchase_of_ours_tells_the_zone_of_its_list() {
        for hours in [-12, -5, 0, 3, 14] {
            assert_eq!(zone(&[(hours * HOUR, 300)]), Some(hours * HOUR));
            assert_eq!(zone(&[(hours * HOUR, 170_000)]), Some(hours * HOUR));
        }
        assert_eq!(
            zone(&[(5 * HOUR + HOUR / 2, 300), (5 * HOUR + HOUR / 2, 9_000)]),
            Some(19_800_000)
        );
        assert_eq!(zoned(Time(20_000_000), 19_800_000), Time(200_000));
    }

    #[test]
    fn a_row_that_lists_place_within_a_minute_is_dated_to_the_second() {
        let look = Look { asked: PLACED, answered: PLACED.plus_ms(100) };
        let offset = ClockOffset::of(look, PLACED.plus_ms(600_050));
        let before = PLACED.plus_ms(60_000);
        let made = Made { after: Some(PLACED), before, dating: Dating::Lists };
        let theirs = PLACED.plus_ms(600_000 + 40_000);
        for zone in [-12 * HOUR, 0, HOUR / 4, 3 * HOUR] {
            let unzoned = Time(theirs.0.saturating_add_signed(zone));
            assert_eq!(within(unzoned, made, offset), Some(theirs));
        }
        let after_it = PLACED.plus_ms(600_000 + 70_000);
        assert_eq!(within(after_it, made, offset), None, "no zone puts it there");
        let long = Made { before: PLACED.plus_ms(900_000), ..made };
        assert_eq!(within(theirs, long, offset), None, "two may");
        assert_eq!(within(theirs, Made { after: None, ..made }, offset), None);
    }

    #[test]
    fn rows_that_contradict_each_other_or_the_clock_tell_none() {
        assert_eq!(zone(&[]), None);
        assert_eq!(zone(&[(0, 300), (HOUR, 300)]), None);
        assert_eq!(zone(&[(HOUR / 10, 300)]), None, "six minutes are no zone");
    }
}
