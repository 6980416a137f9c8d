//! What a provider's limits are too low for, as its operator should know before it is sold from.

use nexnum_driver::CallLimits;

/// How late a code may be at the most, and how many calls have their turn until it is asked for:
/// a cancel, a purchase that was paid for, balance and price list go before it.
const CODE_LATE_MS: u64 = 15_000;
const CODE_CALLS: u64 = 5;
/// Calls in each of its intervals with which balance and price list come in time beside polls,
/// cancels and purchases: one in six is theirs.
const SYNC_CALLS: u64 = 12;
/// Where calls are further apart they may be later than twice their interval, however long that is.
const APART_MAX_MS: u64 = 20_000;

/// What is late at a provider of these limits; `None` if nothing is.
#[must_use]
pub fn too_slow(limits: &CallLimits, sync_interval_ms: u64) -> Option<String> {
    let apart = limits.windows.iter().map(|window| {
        let calls = u64::from(window.calls.max(1));
        window.per_ms.div_ceil(calls)
    });
    let apart_ms = apart.max()?;
    let (code_ms, sync_ms) = (CODE_CALLS * apart_ms, SYNC_CALLS * apart_ms);
    let seconds = |ms: u64| ms.div_ceil(1_000);
    let mut late = Vec::new();
    if code_ms > CODE_LATE_MS {
        late.push(format!("a code may come {} s after it is due", seconds(code_ms)));
    }
    if apart_ms > APART_MAX_MS {
        late.push(
            "its balance and price list may be late whatever `sync_interval_s` is".to_owned(),
        );
    } else if sync_ms > sync_interval_ms {
        late.push(format!(
            "its balance and price list may be older than twice `sync_interval_s`, which is {}: {} \
             suit these limits",
            seconds(sync_interval_ms),
            seconds(sync_ms),
        ));
    }
    let tenths = apart_ms.div_ceil(100);
    let apart = format!("{}.{} s", tenths / 10, tenths % 10);
    (!late.is_empty())
        .then(|| format!("its driver's limits allow one call in {apart}: {}", late.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexnum_driver::{Driver, Window};

    fn told(windows: &[(u32, u64)], sync_interval_s: u64) -> String {
        let windows = windows.iter().map(|&(calls, per_ms)| Window { calls, per_ms }).collect();
        let limits = CallLimits { concurrency: 4, penalty_ms: 1, windows };
        too_slow(&limits, 1_000 * sync_interval_s).unwrap_or_default()
    }

    #[test]
    fn limits_that_are_too_low_for_what_is_promised_are_told() {
        assert_eq!(told(&[(10, 1_000), (200, 60_000)], 60), "");
        assert_eq!(told(&[(20, 60_000)], 60), "", "a call in three seconds is enough");
        let code =
            "its driver's limits allow one call in 5.0 s: a code may come 25 s after it is due";
        assert_eq!(told(&[(100, 1_000), (5, 25_000)], 60), code);
        let list = "its balance and price list may be older than twice `sync_interval_s`, which is \
                    59: 60 suit these limits";
        assert_eq!(told(&[(5, 25_000)], 59), format!("{code}, {list}"));
        assert!(told(&[(1, 20_001)], 86_400).contains("whatever `sync_interval_s` is"));
        // A day's calls count as well.
        assert!(told(&[(10, 1_000), (5_000, 86_400_000)], 60).contains("one call in 17.3 s"));
    }

    #[test]
    fn shipped_drivers_keep_what_is_promised_at_the_shortest_interval() {
        for (name, text) in Driver::shipped() {
            let driver = Driver::parse(text).unwrap();
            assert_eq!(too_slow(driver.limits(), 5_000), None, "{name}");
        }
    }
}
