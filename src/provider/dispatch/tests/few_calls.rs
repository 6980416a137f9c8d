//! Where a provider allows a call in some seconds.

use super::*;

/// A call in 3.35 s, each at its time.
const WINDOWS: [(u32, u64); 1] = [(3, 10_000)];

#[tokio::test(start_paused = true)]
async fn calls_wait_for_several_turns_but_for_those_that_customers_wait_for() {
    let patience = |windows: &[(u32, u64)]| {
        let dispatcher = dispatcher(4, windows);
        LANES.map(|lane| dispatcher.patience(lane).as_millis())
    };
    assert_eq!(patience(&[(10, 1_000)]), [8_000, 2_000, 10_000, 25_000, 30_000, 55_000]);
    assert_eq!(patience(&WINDOWS), [8_000, 2_000, 20_100, 25_000, 30_000, 55_000]);
    assert_eq!(patience(&[(1, 19_950)]), [8_000, 2_000, 120_000, 120_000, 120_000, 120_000]);
}
