//! Latencies in buckets: exact below 64 ns, then 32 buckets an octave, so within 3.2 %.

/// Buckets an octave, as a power of two.
const FINE_BITS: u32 = 5;
/// Longest latency that has a bucket of its own: 2^40 ns, 18 minutes; longer ones count as that.
const BITS_MAX: u32 = 40;
const BUCKETS: usize = ((BITS_MAX - FINE_BITS + 1) as usize) << FINE_BITS;

/// Counts of latencies.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts one latency.
    pub fn record(&mut self, ns: u64) {
        self.counts[bucket(ns)] += 1;
        self.total += 1;
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// How many were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The latency in nanoseconds that so many of a thousand do not exceed; 0 without any.
    #[must_use]
    pub fn per_mille(&self, share: u64) -> u64 {
        let rank = (u128::from(self.total) * u128::from(share)).div_ceil(1_000);
        let mut seen = 0_u128;
        for (at, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank.max(1) {
                return highest_in(at);
            }
        }
        0
    }
}

/// Octaves above the exact part share their top bits with the bucket's number.
fn bucket(ns: u64) -> usize {
    let ns = ns.min((1 << BITS_MAX) - 1);
    let bits = u64::BITS - ns.leading_zeros();
    let shift = bits.saturating_sub(FINE_BITS + 1);
    ((shift as usize) << FINE_BITS) + (ns >> shift) as usize
}

fn highest_in(bucket: usize) -> u64 {
    let exact = 2_usize << FINE_BITS;
    if bucket < exact {
        return bucket as u64;
    }
    let shift = (bucket >> FINE_BITS) - 1;
    let top = (bucket - (shift << FINE_BITS)) as u64;
    ((top + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_a_bucket_that_is_at_most_a_32nd_wide() {
        let mut last = 0;
        for bits in 0..BITS_MAX {
            for ns in [(1_u64 << bits) - 1, 1 << bits, (1 << bits) + (1 << bits) / 3] {
                let at = bucket(ns);
                let high = highest_in(at);
                assert!(at < BUCKETS && at >= last, "{ns}: bucket {at}");
                assert!(high >= ns && high - ns <= ns / 32, "{ns}: up to {high}");
                assert_eq!(bucket(high), at, "{ns}");
                last = bucket((1 << bits) - 1);
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn shares_are_ranks_and_sums_add_up() {
        let (mut all, mut odd) = (Histogram::default(), Histogram::default());
        assert_eq!(all.per_mille(500), 0);
        for n in 1..=50 {
            (if n % 2 == 0 { &mut all } else { &mut odd }).record(n);
        }
        all.add(&odd);
        assert_eq!(all.total(), 50);
        let found = [0, 20, 500, 900, 1_000].map(|share| all.per_mille(share));
        assert_eq!(found, [1, 1, 25, 45, 50]);
    }
}
