//! How many files the process may open, and how many connections that leaves.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::config::Config;
use crate::attention::{Attention, AttentionKind, AttentionSubject};

/// Descriptors of the server itself: its ledger and databases, its listeners, the runtime.
const OWN: u64 = 128;
/// Descriptors of a provider: its calls at once, and connections that are kept for the next.
const OF_PROVIDER: u64 = 32;
/// What is asked for where there is no hard limit: systems refuse to have none.
const ENDLESS: u64 = 1 << 20;

/// Raises the process's limit to the hard one, and gives how many connections each listener may
/// have. Fewer than the configuration says are told to the operator.
pub(super) fn connections(config: &Config, attention: &Attention) -> u32 {
    let wanted = config.limits.connections_max.get();
    let Some(limit) = raise() else { return wanted };
    let listeners = 1 + u64::from(config.metrics_listen.is_some());
    let left = left(limit, listeners, config.providers.len() as u64);
    let allowed = u32::try_from(left).unwrap_or(u32::MAX).min(wanted);
    let lowered = (allowed < wanted).then(|| {
        format!(
            "at most {allowed} connections are served, and not limits.connections_max = {wanted}: \
             the process may open {limit} files; raise its limit (LimitNOFILE, ulimit -n) or lower \
             the setting"
        )
    });
    attention.report(AttentionKind::ConnectionLimitLowered, AttentionSubject::default(), lowered);
    allowed
}

/// What is left of `limit` for the connections of one listener; some, whatever the limit.
fn left(limit: u64, listeners: u64, providers: u64) -> u64 {
    let reserved = OWN + OF_PROVIDER * providers;
    (limit.saturating_sub(reserved).max(limit / 4) / listeners).max(1)
}

/// The limit of this process after it was raised as far as it may be; `None` without one.
fn raise() -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let current = before.current?;
    let most = before.maximum.unwrap_or(ENDLESS);
    if most <= current {
        return Some(current);
    }
    let raised = Rlimit { current: Some(most), maximum: before.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => Some(most),
        Err(error) => {
            tracing::warn!(%error, current, "the limit of open files could not be raised");
            Some(current)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_own_descriptors_come_first() {
        assert_eq!(left(1_024, 1, 3), 1_024 - 128 - 96);
        assert_eq!(left(1_024, 2, 3), 400);
        assert_eq!(left(96, 1, 3), 24, "a quarter, where nothing would be left");
        assert_eq!(left(1, 2, 0), 1);
        assert_eq!(left(1 << 20, 1, 1_000), (1 << 20) - 32_128);
    }

    #[test]
    fn a_lower_limit_is_told_as_long_as_it_holds() {
        let attention = Attention::default();
        let mut config = Config::default();
        config.limits.connections_max = u32::MAX.try_into().unwrap();
        let allowed = connections(&config, &attention);
        let (rows, _) = attention.rows(9);
        let [row] = &rows[..] else { panic!("one row: {rows:?}") };
        assert_eq!(row.kind, AttentionKind::ConnectionLimitLowered);
        assert!(row.text.contains(&format!("at most {allowed} connections")), "{row:?}");
        config.limits.connections_max = 1.try_into().unwrap();
        assert_eq!(connections(&config, &attention), 1);
        assert_eq!(attention.rows(9).0, []);
    }
}
