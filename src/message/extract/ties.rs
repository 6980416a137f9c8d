//! What a word near a figure is worth, by its distance and by what stands between the two.
//! Points are percent; they were tuned on the corpus.

use super::items::Level;
use super::sides::Tie;

fn gap(tie: Tie) -> i32 {
    i32::try_from(tie.gap.min(100)).unwrap_or(100)
}

/// A word for code before the figure.
pub(super) fn before_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    let points = match tie.crossed {
        None if gap == 0 => 50,
        None if tie.joined => (50 - 3 * gap).max(36),
        None => (50 - 3 * gap).max(26),
        Some(Level::Clause) => (44 - 3 * gap).max(24),
        Some(Level::Line) if gap == 0 => 46,
        Some(Level::Line) => (36 - 3 * gap).max(22),
        Some(Level::Sentence) if gap == 0 => 34,
        Some(Level::Sentence) => (28 - 2 * gap).max(20),
    };
    points - 10 * tie.passed
}

/// A word for code behind it.
pub(super) fn after_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    match tie.crossed {
        None if tie.joined => (48 - 2 * gap).max(26),
        None => (44 - 4 * gap).max(22),
        Some(Level::Clause) => (40 - 4 * gap).max(22),
        Some(Level::Line) if gap == 0 => 36,
        Some(Level::Line | Level::Sentence) => 22,
    }
}

/// A word for signing in before it.
pub(super) fn verify_before_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    match tie.crossed {
        None if tie.joined => (40 - 3 * gap).max(14),
        None if gap == 0 => 24,
        None | Some(Level::Clause) => 14,
        Some(Level::Line | Level::Sentence) => 8,
    }
}

/// A word for signing in behind it.
pub(super) fn verify_after_points(tie: Tie) -> i32 {
    let gap = gap(tie);
    match tie.crossed {
        None if tie.joined => (32 - 2 * gap).max(14),
        None if gap == 0 => 24,
        None if gap <= 2 => 20,
        None | Some(Level::Clause) => 14,
        Some(Level::Line | Level::Sentence) => 8,
    }
}
