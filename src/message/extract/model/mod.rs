//! Which figure of a message is the code, and how likely: a linear model over what stands in the
//! message and around each figure, trained on the corpus (`tests/data/messages`).
//!
//! Promises: integer arithmetic alone, so that a message has the same answer on every machine;
//! work in proportion to the text. Leaves to others: what is a figure at all, and codes in links.

mod features;
mod table;
#[cfg(test)]
mod training;
mod words;

use features::{Features, Scene, may_be};
use table::{TABLE, Table};

use super::candidates::candidates;
use super::code::Code;
use super::items::Row;
use super::lexer::Lexed;
use super::spans::is_span;
use super::till::is_for_till;
use super::topic::Topic;

/// Percent that a code has at least: what is less likely is not found.
pub(super) const ENOUGH: u8 = 68;
/// Percent that a code has at most: a machine is never quite sure.
const MOST: u64 = 99;
/// Figures of a message that are judged; those behind them are left out.
const JUDGED_MAX: usize = 32;
/// Features that few figures and few messages have more of.
const FEATURES_FEW: usize = 96;

/// The code of a message and how likely it is, in percent.
pub(super) fn judge(row: &Row, lexed: &Lexed, sender: &str) -> Option<(Code, u8)> {
    if !row.figures.iter().any(|figure| may_be(figure, sender)) {
        return None;
    }
    let scene = scene(row, lexed, sender);
    let (code, percent) = choose(Table(TABLE), &scene)?;
    if is_for_till(row, &lexed.text, &scene.topic) {
        return None;
    }
    let mut said = row.figures.iter().filter(|figure| figure.code == code);
    let is_span = said.all(|figure| is_span(&lexed.text, figure.start, figure.end));
    (!is_span).then_some((code, percent))
}

/// The code of a message by a table.
fn choose(table: Table, scene: &Scene) -> Option<(Code, u8)> {
    // 1. What each figure scores against the message that has no code.
    let mut scores = [(0, 0); JUDGED_MAX];
    let mut judged = 0;
    let mut features = Features(Vec::with_capacity(FEATURES_FEW));
    let open = scene.known.each.iter().enumerate().filter(|(_, one)| scene.may_be(one));
    for (score, (at, _)) in scores.iter_mut().zip(open) {
        score.0 = at;
        features.0.clear();
        scene.figure(at, &mut features);
        score.1 = table.sum(&features);
        judged += 1;
    }
    if judged == 0 {
        return None;
    }
    let scores = &mut scores[..judged];
    features.0.clear();
    scene.message(&mut features);
    let message = table.sum(&features);
    for score in scores.iter_mut() {
        score.1 += message;
    }
    // 2. The best, and how likely it is among them all.
    let (best, most) = scores.iter().copied().rev().max_by_key(|(_, score)| *score)?;
    let code = |at: usize| scene.known.each[at].figure.code;
    let top = most.max(0);
    let likely = |score: i32| odds(top - score);
    let same = scores.iter().filter(|(at, _)| code(*at) == code(best));
    let right: u64 = same.map(|(_, score)| likely(*score)).sum();
    let all: u64 = likely(0) + scores.iter().map(|(_, score)| likely(*score)).sum::<u64>();
    let percent = u8::try_from((right * 100 / all).min(MOST)).expect("at most 99");
    (percent >= ENOUGH).then(|| (code(best), percent))
}

fn scene<'a>(row: &'a Row, lexed: &'a Lexed, sender: &'a str) -> Scene<'a> {
    let topic = Topic::of(row, &lexed.text, sender);
    let known = candidates(row, &topic, &lexed.text, sender);
    let words = words::words(lexed, &row.figures);
    Scene { row, text: &lexed.text, sender, topic, known, words }
}

/// Units of a weight in a step of the table of odds: weights are 128ths, steps are 32nds.
const UNITS_A_STEP: i32 = 4;

/// e to the power of -n/32, in 2^32nds.
const ODDS: [u64; 512] = {
    let mut odds = [1 << 32; 512];
    let mut at = 1;
    while at < odds.len() {
        // e^(-1/32) in 2^32nds.
        odds[at] = (odds[at - 1] * 4_162_825_044) >> 32;
        at += 1;
    }
    odds
};

/// How much less likely a figure is whose score is so much less.
fn odds(less: i32) -> u64 {
    let step = usize::try_from(less / UNITS_A_STEP).unwrap_or(0);
    ODDS.get(step).copied().unwrap_or(0)
}
