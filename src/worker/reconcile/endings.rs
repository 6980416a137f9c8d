//! Which of a list's numbers are those of given orders, where it may leave the country code out.
//!
//! Pure. An account may have thousands of rows and tens of thousands of open orders: the numbers
//! of a list are sought in each order's by their lengths, of which there are few.

use std::collections::{BTreeMap, BTreeSet};

use nexnum_engine::ids::Number;

/// Numbers as a list has them.
#[derive(Debug, Default)]
pub(super) struct Endings {
    /// By the power of ten above those of their length.
    listed: BTreeMap<u64, BTreeSet<u64>>,
    /// Those of them that a number of ours ends with.
    ours: BTreeSet<u64>,
}

impl Endings {
    pub(super) fn of(listed: impl Iterator<Item = Number>) -> Self {
        let mut all = Self::default();
        for Number(digits) in listed {
            let above = 10_u64.saturating_pow(1 + digits.checked_ilog10().unwrap_or(0));
            all.listed.entry(above).or_default().insert(digits);
        }
        all
    }

    /// Notes which of them a number of ours is.
    pub(super) fn note(&mut self, Number(digits): Number) {
        for (above, listed) in &self.listed {
            // What has zeros before it is shorter, and none of that length.
            let ending = digits % above;
            if listed.contains(&ending) {
                self.ours.insert(ending);
            }
        }
    }

    /// Whether one of them is a number that was noted.
    pub(super) fn is_ours(&self, listed: Number) -> bool {
        self.ours.contains(&listed.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_number_is_ours_if_one_of_ours_ends_with_it() {
        let listed = [812_000_001, 62_812_000_001, 12_000_009, 62_812_000_002, 7].map(Number);
        let mut endings = Endings::of(listed.into_iter());
        assert!(!listed.iter().any(|number| endings.is_ours(*number)));
        endings.note(Number(62_812_000_001));
        // Shorter than one that is listed, and with zeros where another begins.
        endings.note(Number(12_000_001));
        endings.note(Number(1_000_000_009));
        let ours = listed.map(|number| endings.is_ours(number));
        assert_eq!(ours, [true, true, false, false, false]);
        endings.note(Number(812_000_002));
        endings.note(Number(62_012_000_009));
        let ours = listed.map(|number| endings.is_ours(number));
        assert_eq!(ours, [true, true, true, false, false], "the country code is ours to have");
    }
}
