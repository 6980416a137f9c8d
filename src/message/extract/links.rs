//! Codes that stand nowhere but in an address: bound to a site by `@site #code`, or behind the
//! last slash of a link that the reader shall open, or called so by the link itself.

use super::code::{Code, Figure, Shape};
use super::cues::Kind;
use super::items::{Item, Level, Row};
use super::sides::REACH;

/// A code that a browser is told of in the format for it.
const BOUND: u8 = 75;
/// A code in a link.
const LINKED: u8 = 68;

/// The code that is in an address, and how likely it is, in percent.
pub(super) fn judge(row: &Row, text: &str) -> Option<(Code, u8)> {
    if !row.items.iter().any(|item| matches!(item, Item::Link { .. } | Item::Bound)) {
        return None;
    }
    if let Some(figure) = bound(row) {
        return Some((figure.code, BOUND));
    }
    // What the link itself calls a code needs no word for it in the text.
    let look = if speaks_of_code(row) { in_link } else { told };
    let mut found = None;
    for (at, item) in row.items.iter().enumerate() {
        let Item::Link { start, end } = *item else { continue };
        if row.items.len() > 1 && !is_asked_for(row, at) {
            continue;
        }
        match (found, look(&text[start..end])) {
            (None, code) => found = code,
            // Two links with two codes: neither is sure.
            (Some(known), Some(code)) if known != code => return None,
            (Some(_), _) => {}
        }
    }
    found.map(|code| (code, LINKED))
}

/// True if a message speaks of a code, or of a number and a link, so that one may be in the
/// other.
fn speaks_of_code(row: &Row) -> bool {
    let says = |kind: Kind| row.items.contains(&Item::Cue(kind));
    says(Kind::Otp) || says(Kind::Code) || says(Kind::Number) && says(Kind::Link)
}

/// True if the sentence of a link speaks of signing in, or asks to open it.
fn is_asked_for(row: &Row, at: usize) -> bool {
    let ends = |item: &&Item| !matches!(item, Item::Break(Level::Sentence));
    let asks = |item: &Item| match item {
        Item::Cue(kind) => matches!(
            kind,
            Kind::Otp | Kind::Code | Kind::Verify | Kind::Enter | Kind::Link | Kind::Open
        ),
        Item::Words(_) | Item::Figure(_) | Item::Joint | Item::Break(_) => false,
        Item::Link { .. } | Item::Bound => false,
    };
    let ahead = row.items[..at].iter().rev().take(REACH).take_while(ends);
    let behind = row.items[at + 1..].iter().take(REACH).take_while(ends);
    ahead.chain(behind).any(asks)
}

fn bound(row: &Row) -> Option<Figure> {
    let at = row.items.iter().position(|item| *item == Item::Bound)?;
    let Some(Item::Figure(figure)) = row.items.get(at + 1) else { return None };
    let figure = row.figures[*figure];
    matches!(figure.shape, Shape::Digits | Shape::Mixed).then_some(figure)
}

/// Digits of a code in a link; shorter and longer ones are pages, users and dates.
const LEN: std::ops::RangeInclusive<usize> = 4..=8;

/// Names of the part of a link that is a code.
const NAMES: &[&str] = &["otp", "code", "pin", "passcode", "token", "verification_code", "otc"];

/// Parts of a path behind which a code is.
const HEADS: &[&str] = &["login", "otp", "verify"];

/// What stands behind the site.
fn path_of(link: &str) -> Option<&str> {
    let (_, rest) = link.split_once("://").unwrap_or(("", link));
    rest.find(['/', '?', '#']).map(|at| &rest[at + 1..])
}

/// The part that the link itself calls a code: "?otp=482913&user=77310", "/login/84410".
fn told(link: &str) -> Option<Code> {
    let path = path_of(link)?;
    let mut named = path.split(['?', '#', '&', ';']).filter_map(|field| {
        let (name, value) = field.split_once('=')?;
        let digits = name != "token" || value.bytes().all(|b| b.is_ascii_digit());
        (NAMES.contains(&name) && digits && is_code(value)).then_some(value)
    });
    if let Some(code) = named.next() {
        return Code::of([code]);
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.split('/').skip_while(|part| !HEADS.contains(part));
    let code = parts.nth(1)?;
    let digits = code.bytes().all(|b| b.is_ascii_digit()) && is_code(code);
    (digits && parts.all(str::is_empty)).then(|| Code::of([code])).flatten()
}

/// The one part of a link that may be a code.
fn in_link(link: &str) -> Option<Code> {
    if let Some(code) = told(link) {
        return Some(code);
    }
    let path = path_of(link)?;
    let mut parts = path.split(['/', '?', '#', '&', '=', ';']).filter(|part| is_code(part));
    let code = parts.next()?;
    parts.all(|other| other == code).then(|| Code::of([code])).flatten()
}

fn is_code(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let capitals = part.bytes().filter(u8::is_ascii_uppercase).count();
    let date = part.len() == 8 && (part.starts_with("20") || part.starts_with("19"));
    LEN.contains(&part.len()) && digits > 0 && digits + capitals == part.len() && !date
}
