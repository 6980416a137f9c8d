//! Numbers that look random and follow from the seed: the same question has the same answer.
//!
//! Nothing here is fit for secrets.

/// A well-mixed 64-bit word of a seed and what it is asked about.
///
/// *Source*: the output function of splitmix64 (Steele, Lea, Flood 2014), once a part.
pub(crate) fn mix(seed: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(scramble(seed), |word, part| scramble(word ^ part.wrapping_add(GOLDEN)))
}

/// 2⁶⁴ divided by the golden ratio, the increment of splitmix64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn scramble(word: u64) -> u64 {
    let word = word.wrapping_add(GOLDEN);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// A whole number from `low` to `high`, both included; `low` if the range is empty.
pub(crate) fn between(word: u64, low: u64, high: u64) -> u64 {
    match high.saturating_sub(low).checked_add(1) {
        Some(span) => low + word % span,
        None => word,
    }
}

/// True with the probability `rate` of 0 to 1.
pub(crate) fn chance(word: u64, rate: f64) -> bool {
    // 2⁵³ steps are what the float can tell apart.
    const STEPS: f64 = 9_007_199_254_740_992.0;
    ((word >> 11) as f64) < rate * STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_another_one_another() {
        assert_eq!(mix(1, &[2, 3]), mix(1, &[2, 3]));
        assert_ne!(mix(1, &[2, 3]), mix(1, &[3, 2]));
        assert_ne!(mix(1, &[0]), mix(2, &[0]));
    }

    #[test]
    fn a_range_includes_both_ends_and_a_rate_is_a_share() {
        assert_eq!((between(0, 5, 7), between(2, 5, 7), between(3, 5, 7)), (5, 7, 5));
        assert_eq!((between(9, 5, 5), between(9, 5, 4), between(9, 0, u64::MAX)), (5, 5, 9));
        let hits = (0..10_000).filter(|&word| chance(mix(7, &[word]), 0.25)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!(!chance(0, 0.0) && chance(u64::MAX, 1.0));
    }
}
