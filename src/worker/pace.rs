//! How often an activation is asked about, and when next: pure, without a clock.

use nexnum_engine::activation::ActivationState;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use super::schedule::Want;
use super::visit::{Watch, due_by};

/// Slowest asking about an activation that waits for a message: with the exchange, half of
/// what a code may be late.
const PAUSE_MAX_MS: u64 = 8_000;
/// Asking about an activation that has all it wants, or has ended.
const PAUSE_REST_MS: u64 = 15_000;
/// Up to this age most messages come, and polls are faster.
const YOUNG_MS: u64 = 20_000;
/// Age at which polls have become twice as slow.
const AGE_MS: u64 = 120_000;
/// Slowest asking of a provider that does not answer.
const PAUSE_FAILED_MAX_MS: u64 = 60_000;
/// Slowest asking about one whose time is over and whose last look brought no answer: it is ended
/// without one a little later.
const PAUSE_OVER_MS: u64 = 2_000;
/// How long before its time is over an activation at rest is asked about once more.
const REST_LAST_MS: u64 = 1_500;
/// Before an activation is asked about again for which there was no room or no turn.
pub(super) const PAUSE_NO_ROOM_MS: u64 = 1_000;

/// Which moment of an activation is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Its first poll: most messages come at once.
    First,
    Next,
    /// The same as before, for which there was no room.
    NoRoom,
}

/// What an activation is asked about for.
pub(super) fn want(order: &Order, watch: Watch) -> Want {
    match order.state {
        ActivationState::Init | ActivationState::Active => Want::Message,
        // A list shows the message that is there already.
        ActivationState::Received if order.awaits_another => Want::Answer,
        ActivationState::Received => Want::Rest,
        ActivationState::Completed
        | ActivationState::Cancelled
        | ActivationState::TimedOut
        | ActivationState::Failed => {
            if watch.settled {
                Want::Rest
            } else {
                Want::Answer
            }
        }
    }
}

/// When an activation is asked about next that has so long until then: its last look is when its
/// time is over.
pub(super) fn due(order: &Order, now: Time, pause_ms: u64) -> Time {
    let due = now.plus_ms(pause_ms);
    match due_by(order) {
        Some(last) if last > now => last.min(due),
        // It did not come: until the refund an answer may still bring a code.
        Some(_) => due.min(now.plus_ms(PAUSE_OVER_MS)),
        // What may have come without a wish is worth a call to spare before its time is over.
        None => rests_until(order).filter(|last| *last > now).map_or(due, |last| last.min(due)),
    }
}

/// When an activation that has a message, and whose buyer awaits no other, is asked about last.
fn rests_until(order: &Order) -> Option<Time> {
    let assignment = order.assignment.as_ref().filter(|_| !order.state.is_closed())?;
    Some(Time(assignment.expires_at.0.saturating_sub(REST_LAST_MS)))
}

/// How long until an activation is asked about again.
pub(super) fn pause_ms(
    (base, lists): (u64, bool),
    age_ms: u64,
    want: Want,
    watch: Watch,
    moment: Moment,
) -> u64 {
    if watch.failures > 0 {
        return (base << watch.failures.min(6)).min(PAUSE_FAILED_MAX_MS.max(base));
    }
    match (want, moment) {
        (_, Moment::NoRoom) => PAUSE_NO_ROOM_MS.min(base),
        (Want::Rest, Moment::First | Moment::Next) => PAUSE_REST_MS.max(base),
        // A list costs the same however many are young.
        (Want::Message, Moment::First | Moment::Next) if lists && age_ms < YOUNG_MS => base / 3,
        (Want::Message | Want::Answer, Moment::First) => base / 2,
        (Want::Message | Want::Answer, Moment::Next) if age_ms < YOUNG_MS => base * 2 / 3,
        (Want::Message | Want::Answer, Moment::Next) => {
            (base + base * age_ms / AGE_MS).min(PAUSE_MAX_MS.max(base))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_slow_with_age_with_rest_and_with_failures() {
        let minute = 60_000;
        let of = |base, age, want, failures| {
            let watch = Watch { failures, ..Watch::default() };
            pause_ms((base, false), age, want, watch, Moment::Next)
        };
        let ages = [0, minute, 2 * minute, 4 * minute, 20 * minute];
        assert_eq!(
            ages.map(|age| of(5_000, age, Want::Message, 0)),
            [3_333, 7_500, 8_000, 8_000, 8_000]
        );
        assert_eq!(of(5_000, 0, Want::Rest, 0), 15_000);
        assert_eq!(of(20_000, 20 * minute, Want::Message, 0), 20_000);
        assert_eq!(
            [1, 2, 3, 4, 60].map(|n| of(5_000, 0, Want::Message, n)),
            [10_000, 20_000, 40_000, 60_000, 60_000]
        );
    }

    #[test]
    fn the_first_poll_comes_early_and_one_without_room_soon() {
        let of =
            |lists, moment| pause_ms((5_000, lists), 0, Want::Message, Watch::default(), moment);
        assert_eq!((of(false, Moment::First), of(false, Moment::NoRoom)), (2_500, 1_000));
        assert_eq!((of(true, Moment::First), of(true, Moment::Next)), (1_666, 1_666));
    }
}
