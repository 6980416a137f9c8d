//! What a sandbox is made of: sizes, times, shares of silence and faults.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use nexnum_engine::money::Micros;

use crate::wire::PROVIDERS;

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where all randomness comes from.
    pub seed: u64,
    /// How long after a purchase or a request a message comes, in milliseconds.
    pub sms_delay_ms: RangeInclusive<u64>,
    /// How long a number must be held before it may be cancelled, in milliseconds.
    pub min_cancel_age_ms: u64,
    /// After how long a number closes by itself, in milliseconds.
    pub lifetime_ms: u64,
    /// The share of numbers, 0 to 1, that never get a message.
    pub silent: f64,
    /// A further code is the first one again, as services send it while it is valid.
    pub same_code: bool,
    /// The share of calls, 0 to 1, that misbehave in a random way.
    pub faults: f64,
    /// About how many offers each provider lists: handler protocol, 5sim, SMSPool.
    pub offers: [usize; PROVIDERS],
    /// Where journals are kept; `None` forgets everything at the end.
    pub journal_dir: Option<PathBuf>,
    /// How long a call takes, in milliseconds.
    pub latency_ms: RangeInclusive<u64>,
    /// How long a drift step lasts, in milliseconds; each step moves one offer in twenty.
    pub drift_step_ms: u64,
    /// What the account at each provider starts with.
    pub balance: Micros,
    /// Rows of the handler protocol's list of open activations that one call shows, from
    /// `start` on, as HeroSMS cuts it; `None` shows all, as others do.
    pub handler_page: Option<usize>,
    /// By how much the providers' clock is ahead of this machine's, in milliseconds; negative
    /// is behind.
    pub clock_skew_ms: i64,
    /// By how much the clock that dates their rows is ahead of the one that dates their
    /// replies, in milliseconds; negative is behind.
    pub rows_skew_ms: i64,
    /// The ports to listen on, in the order of `offers`; 0 takes a free one.
    pub ports: [u16; PROVIDERS],
}

/// A whole market with the timings of real providers.
impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            sms_delay_ms: 4_000..=20_000,
            min_cancel_age_ms: 120_000,
            lifetime_ms: 1_200_000,
            silent: 0.03,
            same_code: false,
            faults: 0.0,
            offers: [38_000, 66_000, 20_000],
            journal_dir: None,
            latency_ms: 10..=60,
            drift_step_ms: 15_000,
            balance: Micros::units(100_000),
            handler_page: Some(100),
            clock_skew_ms: 0,
            rows_skew_ms: 0,
            ports: [0; PROVIDERS],
        }
    }
}

impl SandboxConfig {
    /// For tests: a few hundred offers, no latency, messages at once, none left out.
    #[must_use]
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            sms_delay_ms: 0..=0,
            silent: 0.0,
            offers: [300; PROVIDERS],
            latency_ms: 0..=0,
            ..Self::default()
        }
    }
}
