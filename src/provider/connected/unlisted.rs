//! A provider whose list of open activations does not come, while it may answer all else: the
//! operator is told once this lasts, until a list comes.

use nexnum_driver::ProviderError;
use nexnum_engine::time::Time;

use super::Connected;
use crate::attention::AttentionKind;
use crate::provider::consequence;

/// Lists in a row that fail before it is told, and for how long they have failed then.
const TIMES_MIN: u32 = 3;
const LASTED_MS: u64 = 30_000;

/// The lists that failed since the last one that came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unlisted {
    since: Option<Time>,
    times: u32,
    is_told: bool,
}

impl Unlisted {
    /// True once it has lasted.
    fn fails(&mut self, now: Time) -> bool {
        let since = *self.since.get_or_insert(now);
        self.times = self.times.saturating_add(1);
        self.is_told |= self.times >= TIMES_MIN && now.ms_since(since) >= LASTED_MS;
        self.is_told
    }
}

impl Connected {
    /// A list came.
    pub(in crate::provider) fn has_listed(&self) {
        if std::mem::take(&mut *self.unlisted.lock()).is_told && !self.is_retired() {
            self.attention.clear(AttentionKind::ActiveListFailed, self.name());
        }
    }

    /// A list did not come. A call that was not made says nothing of the provider.
    pub(crate) fn has_no_list(&self, now: Time, error: &ProviderError) {
        if !consequence::of(error.kind).is_noted || self.is_retired() {
            return;
        }
        if self.unlisted.lock().fails(now) {
            let text = format!(
                "its list of open activations does not come ({}: {}): each activation is asked \
                 about alone, and purchases in doubt wait for the list",
                error.kind.word(),
                error.excerpt
            );
            self.attention.raise(AttentionKind::ActiveListFailed, self.name(), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_fail_are_told_once_it_lasts() {
        let mut unlisted = Unlisted::default();
        let told = [0, 10_000, 29_999, 30_000, 31_000].map(|at| unlisted.fails(Time(at)));
        assert_eq!(told, [false, false, false, true, true]);
        let mut seldom = Unlisted::default();
        assert_eq!([0, 60_000, 120_000].map(|at| seldom.fails(Time(at))), [false, false, true]);
    }
}
