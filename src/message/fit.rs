//! Texts that are longer than an order keeps: what a reader needs of them stays.
//!
//! Promises: a text that fits stays as it is. Of a longer one the part with its code is kept, its
//! last links and what else may be a code, each with the words around it, then its end and as
//! much of its beginning as there is room for. `…` and a line break stand for what is left out.

use std::borrow::Cow;
use std::ops::Range;

use super::digits::ascii_digit;
use super::extract;

/// What stands for a part that is left out.
const MARK: &str = "…\n";
/// Bytes around a link or a code: the words before say what it is.
const AROUND: (usize, usize) = (160, 40);
/// How many links are kept: the last ones, as behind them often one ends the service.
const LINKS_MAX: usize = 2;
/// How many figures with letters, and without, that may be codes: the last ones.
const FIGURES_MAX: usize = 2;
/// Characters of such a one.
const FIGURE_LEN: std::ops::RangeInclusive<usize> = 3..=64;

/// A text from a sender in at most so many bytes, with the code that it has; empty if it has none.
pub fn fit<'a>(text: &'a str, len_max: usize, code: &str, sender: &str) -> Cow<'a, str> {
    let stands = |part: &str| part.split(|c: char| !c.is_alphanumeric()).any(|it| it == code);
    let found =
        |part: &str| extract::extract(part, sender).is_some_and(|found| *found.code == *code);
    cut(text, len_max, |part| !code.is_empty() && (stands(part) || found(part)))
}

/// `holds` says of a part whether the code is found in it.
fn cut(text: &str, len_max: usize, holds: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if text.len() <= len_max {
        return text.into();
    }
    let mut pieces = Pieces { text, len_max, ranges: Vec::new() };
    // 1. The code, with as few words as it is found by.
    let mut parts = [len_max / 4, len_max].into_iter().flat_map(|len| parts(text, len));
    if let Some(part) = parts.find(|part| holds(&text[part.clone()])) {
        pieces.add(part, len_max);
    }
    // 2. What else a reader may have to use, the last first.
    let Found { links, mixed, figures } = Found::of(text);
    let last = |all: Vec<Range<usize>>, most: usize| all.into_iter().rev().take(most);
    for link in last(links, LINKS_MAX) {
        pieces.add_around(link, len_max);
    }
    // 3. Of the rest a quarter is the beginning's.
    let most = len_max - len_max / 4;
    for figure in last(mixed, FIGURES_MAX).chain(last(figures, FIGURES_MAX)) {
        pieces.add_around(figure, most);
    }
    pieces.add(text.floor_char_boundary(text.len() - len_max / 8)..text.len(), most);
    // 4. The beginning.
    pieces.grow_beginning();
    pieces.joined().into()
}

/// The parts of a text of at most so many bytes: they overlap by half, so that no code is cut,
/// nor the words around it.
fn parts(text: &str, len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..text.len()).step_by((len / 2).max(1)).map(move |start| {
        let start = text.floor_char_boundary(start);
        start..text.floor_char_boundary(start + len)
    })
}

/// The parts of a text that are kept: in order, apart from one another.
struct Pieces<'a> {
    text: &'a str,
    len_max: usize,
    ranges: Vec<Range<usize>>,
}

impl Pieces<'_> {
    /// Keeps a part too, if all of them have at most so many bytes then.
    fn add(&mut self, part: Range<usize>, len_max: usize) -> bool {
        let mut all = self.ranges.clone();
        all.push(part);
        all.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in all.into_iter().filter(|range| !range.is_empty()) {
            match merged.last_mut() {
                // What is between them is no longer than its mark.
                Some(last) if range.start <= last.end + MARK.len() => {
                    last.end = last.end.max(range.end);
                }
                Some(_) | None => merged.push(range),
            }
        }
        let fits = len_of(&merged) <= len_max;
        if fits {
            self.ranges = merged;
        }
        fits
    }

    /// Keeps a part with the words around it, or else alone.
    fn add_around(&mut self, part: Range<usize>, len_max: usize) {
        let (before, after) = AROUND;
        let start = self.text.floor_char_boundary(part.start.saturating_sub(before));
        let end = self.text.floor_char_boundary(part.end + after);
        if !self.add(start..end, len_max) {
            self.add(part, len_max);
        }
    }

    /// Keeps as much of the beginning as there is room for.
    fn grow_beginning(&mut self) {
        loop {
            let first = self.ranges.first().filter(|first| first.start == 0);
            let end = first.map_or(0, |first| first.end);
            let room = self.len_max - len_of(&self.ranges);
            let grown = self.text.floor_char_boundary(end + room);
            // Where it reaches the next part there is room again.
            if grown == end || !self.add(0..grown, self.len_max) {
                return;
            }
        }
    }

    fn joined(&self) -> String {
        let mut joined = String::with_capacity(self.len_max);
        for range in &self.ranges {
            if range.start > 0 {
                joined.push_str(MARK);
            }
            joined.push_str(&self.text[range.clone()]);
        }
        joined
    }
}

/// Bytes of parts with their marks.
fn len_of(ranges: &[Range<usize>]) -> usize {
    let len = |range: &Range<usize>| range.len() + if range.start > 0 { MARK.len() } else { 0 };
    ranges.iter().map(len).sum()
}

/// Where a text has what its reader may have to use.
#[derive(Default)]
struct Found {
    links: Vec<Range<usize>>,
    /// Letters with digits: a code, also one that has small letters.
    mixed: Vec<Range<usize>>,
    figures: Vec<Range<usize>>,
}

impl Found {
    fn of(text: &str) -> Self {
        let mut found = Self::default();
        for run in
            runs(text, 0, |c| c.is_ascii_graphic() && !"<>\"'()[]{}".contains(c) || is_digit(c))
        {
            let written = &text[run.clone()];
            if is_link(written) {
                found.links.push(run);
                continue;
            }
            let is_of_figure = |c: char| c.is_ascii_alphanumeric() || c == '-' || is_digit(c);
            for figure in runs(written, run.start, is_of_figure) {
                let written = &text[figure.clone()];
                if !written.contains(is_digit) || !FIGURE_LEN.contains(&written.chars().count()) {
                    continue;
                }
                let has_letters = written.contains(|c: char| c.is_ascii_alphabetic());
                if has_letters { &mut found.mixed } else { &mut found.figures }.push(figure);
            }
        }
        found
    }
}

/// The runs of such characters in a text that begins at a place.
fn runs(text: &str, from: usize, is_of_run: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| is_of_run(*c)) {
        let (start, end) = (from + at, from + at + c.len_utf8());
        match runs.last_mut() {
            Some(run) if run.end == start => run.end = end,
            Some(_) | None => runs.push(start..end),
        }
    }
    runs
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || ascii_digit(c).is_some()
}

/// An address, also without its scheme: `t.me/login/48213`.
fn is_link(run: &str) -> bool {
    let has_host = |(host, path): (&str, &str)| host.contains('.') && !path.is_empty();
    run.contains("://") || run.starts_with("www.") || run.split_once('/').is_some_and(has_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 2_000;

    #[track_caller]
    fn kept(text: &str) -> String {
        let kept = cut(text, MAX, |part| part.contains("482914"));
        assert!(kept.len() <= MAX && kept.len() > MAX - 4, "{} of {}", kept.len(), text.len());
        // It is the text, with marks for what is left out.
        let mut rest = text;
        for piece in kept.split(MARK) {
            let at = rest.find(piece).unwrap_or_else(|| panic!("{piece}"));
            rest = &rest[at + piece.len()..];
        }
        kept.into_owned()
    }

    #[test]
    fn the_part_with_the_code_is_kept() {
        let filler = "请".repeat(700);
        for text in [
            format!("code 482914 {filler}"),
            format!("{filler} code 482914"),
            format!("{filler}{filler} code 482914 {filler}{filler}"),
            format!("{filler} code 482914 {filler} https://a.b/c {filler} aB3 {filler}"),
        ] {
            assert!(kept(&text).contains("code 482914"), "{}", text.len());
        }
        assert_eq!(cut("code 482914", MAX, |_| true), "code 482914");
        let without = "é".repeat(3_000);
        assert_eq!(kept(&without).len(), MAX);
        assert_eq!(cut(&without, 1, |_| false), "");
        assert_eq!(cut(&without, 0, |_| true), "");
        assert_eq!(cut("", 0, |_| false), "");
    }

    #[test]
    fn a_link_and_what_may_be_a_code_are_kept_wherever_they_are() {
        let thai = "กรุณาอ่านข้อกำหนดและเงื่อนไขการใช้บริการก่อนดำเนินการ ".repeat(14);
        let token = format!("https://app.example.com/in?t={}", "aZ9".repeat(400));
        for wanted in [
            "กดลิงก์ https://app.example.com/magic/Zk9dQpLm28dksl",
            "รหัสของคุณคือ aB3xZ9",
            "รหัสของคุณคือaB3xZ9",
            "รหัสของคุณคือ ๔๘๒๙๑",
            "open t.me/login/48213",
            "รหัส xk-92-ba",
            &token,
        ] {
            for text in [
                format!("{thai}{wanted}"),
                format!("{wanted} {thai}"),
                format!("{thai}{thai}{wanted} {thai}{thai}"),
                format!("{thai}{thai}{wanted} {thai}{thai} โทร 02-123-4567"),
            ] {
                assert!(kept(&text).contains(wanted), "{wanted}: {text}");
            }
        }
        // Of a code in letters alone, at the end, nothing tells where it is.
        let words = format!("{thai}{thai}รหัสของคุณคือ gleaming-otter");
        assert!(kept(&words).ends_with("gleaming-otter"));
        // The code is kept before anything else.
        let crowded = format!("{thai}code 482914 {thai}{}", token.repeat(3));
        assert!(kept(&crowded).contains("482914"));
    }
}
