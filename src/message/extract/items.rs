//! A message as a row of items: words that tell something, figures, other words, and what
//! divides them.

use super::code::Figure;
use super::cues::{Cue, Kind};
use super::figures::Builder;
use super::lexer::{AtomKind, Lexed};

/// How strongly two parts of a text are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Clause,
    Line,
    Sentence,
}

/// One thing in the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Cue(Kind),
    /// An index into [`Row::figures`].
    Figure(usize),
    /// Words that the table does not have, and how many.
    Words(u32),
    /// A colon or a dash.
    Joint,
    Break(Level),
    /// The address of a page; bytes `start..end` of the folded text.
    Link {
        start: usize,
        end: usize,
    },
    /// `@site #`, which binds the figure behind it to a site.
    Bound,
}

/// A message to be judged.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) items: Vec<Item>,
    pub(super) figures: Vec<Figure>,
}

impl Row {
    fn push_figure(&mut self, figure: Figure) {
        self.items.push(Item::Figure(self.figures.len()));
        self.figures.push(figure);
    }

    /// A word of the table at a place: the atom and the byte that follow it.
    fn take(
        &mut self,
        builder: Builder<'_>,
        (at, pos): (usize, usize),
        cue: Cue,
    ) -> (usize, usize) {
        // "482913 k" is no amount where "50k" is one.
        let text = builder.lexed.text.as_bytes();
        let letter = cue.end - cue.start == 1 && text[cue.start].is_ascii_alphabetic();
        let apart = letter && !(pos > 0 && text[pos - 1].is_ascii_digit());
        // "K T 9 P 2 W": a letter of a code, not a currency.
        let drawn = letter.then(|| builder.drawn(at, pos)).flatten();
        if let Some((figure, next)) = drawn {
            self.push_figure(figure);
            return (next, figure.end);
        }
        if apart && matches!(cue.kind, Kind::Currency | Kind::Unit) {
            self.items.push(Item::Words(1));
        } else {
            self.push_cue(builder, cue);
        }
        (at, cue.end)
    }

    /// Words of sales make another kind of code of the one beside them.
    fn push_cue(&mut self, builder: Builder<'_>, cue: Cue) {
        if self.is_of_next(builder, cue) {
            self.items.push(Item::Break(Level::Clause));
        }
        let kind = cue.kind;
        if !matches!(kind, Kind::Code | Kind::Trade | Kind::Thing) {
            self.items.push(Item::Cue(kind));
            return;
        }
        let [trade, code] = [Kind::Trade, Kind::Code].map(Item::Cue);
        match (kind, self.items.as_slice()) {
            (Kind::Code, [.., last]) if *last == trade => return,
            (Kind::Code, [.., last]) if *last == Item::Cue(Kind::Thing) => return,
            (Kind::Trade | Kind::Thing, [.., last]) if *last == code => {
                self.items.pop();
            }
            (Kind::Trade, [.., last, Item::Words(1) | Item::Cue(Kind::Is)]) if *last == code => {
                self.items.truncate(self.items.len() - 2);
            }
            _ => {}
        }
        self.items.push(Item::Cue(kind));
    }

    /// True for a currency between two figures, or a unit before a time, that belongs to the second
    /// one: "code 551902 $50.00", "551902 kl 14:22". A currency does if a blank stands before it
    /// and none behind it, or if the first figure is called a code and the second is an amount.
    fn is_of_next(&self, builder: Builder<'_>, cue: Cue) -> bool {
        let Some(Item::Figure(last)) = self.items.last() else { return false };
        let (figure, text) = (&self.figures[*last], &*builder.lexed.text);
        let (between, behind) = (&text[figure.end..cue.start], &text[cue.end..]);
        if between.is_empty() || !between.chars().all(|c| c == ' ') {
            return false;
        }
        let amount = behind.trim_start_matches([':', '.']);
        let is_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        match cue.kind {
            Kind::Currency if is_digit(amount) => true,
            Kind::Currency => {
                let is_long = figure.end - figure.start >= CALLED_LEN_MIN;
                let is_part = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b',');
                let next = amount.trim_start_matches(' ').split([' ', '\n']).next();
                let is_amount = next.is_some_and(|it| is_digit(it) && it.bytes().all(is_part));
                is_long && is_amount && builder.is_called(figure.start)
            }
            // A word for a code before a time is of the figure before it: "551902 code 14:22".
            Kind::Unit => starts_with_time(behind.trim_start_matches(' ')),
            _ => false,
        }
    }
}

/// Digits of a figure that is called a code, whatever amount follows it.
const CALLED_LEN_MIN: usize = 4;

/// True for `14:22` and what follows it.
fn starts_with_time(text: &str) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    match text.as_bytes() {
        [a, b':' | b'.', c, d, ..] => digits(&[*a, *c, *d]),
        [a, b, b':' | b'.', c, d, ..] => digits(&[*a, *b, *c, *d]),
        _ => false,
    }
}

/// Items of a name in brackets at the beginning of a message.
const HEAD_ITEMS_MAX: usize = 4;
/// Letters of a script without blanks that are about a word.
const DENSE_WORD: usize = 3;

/// Puts atoms and cues in one row.
pub(super) fn row(lexed: &Lexed, cues: &[Cue]) -> Row {
    let mut row =
        Row { items: Vec::with_capacity(lexed.atoms.len()), figures: Vec::with_capacity(8) };
    let builder = Builder { lexed, cues };
    let mut cue_at = 0;
    let (mut at, mut pos) = (0, 0);
    while let Some(atom) = lexed.atoms.get(at).copied() {
        if pos >= atom.end {
            at += 1;
            continue;
        }
        // Most atoms are blanks and words that the table does not have.
        let is_free = cues.get(cue_at).is_none_or(|cue| cue.start >= atom.end);
        if is_free && pos <= atom.start && is_dull(atom.kind) {
            row.items.extend((atom.kind != AtomKind::Blank).then_some(Item::Words(1)));
            at += 1;
            continue;
        }
        pos = pos.max(atom.start);
        cue_at += cues[cue_at..].iter().take_while(|cue| cue.start < pos).count();
        if let AtomKind::Link = atom.kind {
            (at, pos) = link(&mut row, lexed, at);
            continue;
        }
        // A letter or two that are a word of the table by chance do not cut a code.
        let inside = cues.get(cue_at).copied().filter(|cue| cue.start < atom.end);
        if let (Some(cue), AtomKind::Run(run)) = (inside, atom.kind)
            && run.digits
            && !cuts(lexed, at, pos, cue)
        {
            cue_at += 1;
            continue;
        }
        // A phrase that ends inside a figure is none, and "WXK-7PR-BAM" names no currency.
        if inside.is_some_and(|cue| is_of_figure(builder, at, cue)) {
            cue_at += 1;
            continue;
        }
        if let Some(cue) = inside.filter(|cue| cue.start == pos) {
            (at, pos) = row.take(builder, (at, pos), cue);
            continue;
        }
        let end = inside.map_or(atom.end, |cue| cue.start);
        if let AtomKind::Run(_) = atom.kind
            && let Some((figure, next)) = builder.build(at, pos, end)
        {
            row.push_figure(figure);
            (at, pos) = (if figure.end < atom.end { at } else { next }, figure.end);
            continue;
        }
        // The sender's name in brackets is apart from what follows it.
        let closes = matches!(atom.kind, AtomKind::Sign(']' | '】'));
        if closes && row.figures.is_empty() && row.items.len() <= HEAD_ITEMS_MAX {
            row.items.push(Item::Break(Level::Clause));
        }
        row.items.extend(item(lexed, at, pos, end));
        pos = end;
        at += usize::from(end == atom.end);
    }
    row
}

/// True for a blank, and for letters that no figure has.
fn is_dull(kind: AtomKind) -> bool {
    match kind {
        AtomKind::Blank => true,
        AtomKind::Run(run) => run.is_small_word(),
        AtomKind::Letters | AtomKind::Dense | AtomKind::Line | AtomKind::Sign(_) => false,
        AtomKind::Link => false,
    }
}

/// True for a word of the table that ends inside a figure, or is a group of a code by chance.
fn is_of_figure(builder: Builder<'_>, at: usize, cue: Cue) -> bool {
    let atom = builder.lexed.atoms[at];
    let is_whole = (cue.start, cue.end) == (atom.start, atom.end);
    cue.end > atom.end && splits(builder.lexed, cue.end) || is_whole && builder.is_group(at)
}

/// True between a letter and a digit.
fn splits(lexed: &Lexed, at: usize) -> bool {
    let bytes = lexed.text.as_bytes();
    bytes[at - 1].is_ascii_alphanumeric() && bytes.get(at).is_some_and(u8::is_ascii_digit)
}

/// Two letters of a currency that stand before an amount without a blank.
const LEADING: &[&str] = &["rs", "rm", "rp", "tk", "sh", "km", "br", "ks"];

/// True if a word of the table leaves nothing but digits of a run.
fn cuts(lexed: &Lexed, at: usize, pos: usize, cue: Cue) -> bool {
    let end = lexed.atoms[at].end;
    let kind = |at: usize| lexed.atoms.get(at).map(|atom| atom.kind);
    let grouped =
        kind(at + 1) == Some(AtomKind::Sign('-')) && matches!(kind(at + 2), Some(AtomKind::Run(_)));
    let digits = |from: usize, to: usize| {
        from < to && lexed.text.as_bytes()[from..to].iter().all(u8::is_ascii_digit)
    };
    let (before, after) = (cue.start > pos, cue.end < end);
    let drawn = lexed.text.as_bytes()[cue.start].is_ascii_uppercase();
    match cue.kind {
        _ if !before && !after => true,
        // "00H-61K" has no hours.
        Kind::Currency | Kind::Unit if grouped && drawn => false,
        Kind::Currency | Kind::Unit if before && !after => digits(pos, cue.start),
        Kind::Currency | Kind::Label | Kind::Number if grouped => false,
        // "yourcodeis482913".
        Kind::Otp | Kind::Code if before => {
            cue.end - cue.start >= 4 && end >= cue.end + 4 && digits(cue.end, end)
        }
        Kind::Otp | Kind::Code | Kind::Label | Kind::Currency | Kind::Number if !before => {
            let word = &lexed.text[cue.start..cue.end];
            let leads = word.len() > 2 || LEADING.iter().any(|it| word.eq_ignore_ascii_case(it));
            let cuts = cue.kind != Kind::Currency || leads;
            cuts && word.len() >= 2 && digits(cue.end, end)
        }
        Kind::Otp
        | Kind::Code
        | Kind::Enter
        | Kind::Done
        | Kind::Verify
        | Kind::With
        | Kind::Is
        | Kind::Stale
        | Kind::Instead
        | Kind::New
        | Kind::Open
        | Kind::Place
        | Kind::Trade
        | Kind::Thing
        | Kind::Person
        | Kind::Label
        | Kind::Tail
        | Kind::Unit
        | Kind::Currency
        | Kind::Month
        | Kind::Number
        | Kind::Link
        | Kind::Send => false,
    }
}

/// An address, or `@site #` where a line begins: the next atom, and where it begins.
fn link(row: &mut Row, lexed: &Lexed, at: usize) -> (usize, usize) {
    let kind = |at: usize| lexed.atoms.get(at).map(|atom| atom.kind);
    let atom = lexed.atoms[at];
    let after_at = at > 0 && kind(at - 1) == Some(AtomKind::Sign('@'));
    let begins = at < 2 || matches!(kind(at - 2), Some(AtomKind::Line | AtomKind::Blank));
    let hash = kind(at + 1) == Some(AtomKind::Blank)
        && kind(at + 2) == Some(AtomKind::Sign('#'))
        && matches!(kind(at + 3), Some(AtomKind::Run(_)));
    if after_at && begins && hash {
        row.items.push(Item::Bound);
        return (at + 3, lexed.atoms[at + 2].end);
    }
    row.items.push(Item::Link { start: atom.start, end: atom.end });
    (at + 1, atom.end)
}

/// What an atom is that is neither a cue nor a figure.
fn item(lexed: &Lexed, at: usize, pos: usize, end: usize) -> Option<Item> {
    match lexed.atoms[at].kind {
        // The beginning of a word that the table knows by its end.
        AtomKind::Letters if end < lexed.atoms[at].end => None,
        AtomKind::Run(run) if run.is_word() && end < lexed.atoms[at].end => None,
        // Prepositions of one letter, and the letters of a licence plate.
        AtomKind::Letters if lexed.text[pos..end].chars().nth(1).is_none() => None,
        AtomKind::Run(_) | AtomKind::Letters => Some(Item::Words(1)),
        AtomKind::Dense => {
            let letters = lexed.text[pos..end].chars().count();
            Some(Item::Words(u32::try_from(letters.div_ceil(DENSE_WORD)).unwrap_or(u32::MAX)))
        }
        AtomKind::Blank | AtomKind::Link => None,
        AtomKind::Line => Some(Item::Break(Level::Line)),
        AtomKind::Sign(sign) => match sign {
            '-' if is_inside(lexed, at) => None,
            ':' | '=' | '-' | '︰' => Some(Item::Joint),
            ',' | ';' | '|' | '，' | '、' | '；' | '،' | '؛' | '/' | '՝' => {
                Some(Item::Break(Level::Clause))
            }
            '.' | '…' if cuts_number(lexed, at) => None,
            '.' => ends_sentence(lexed, at).then_some(Item::Break(Level::Sentence)),
            '!' | '?' | '。' | '｡' | '।' | '॥' | '۔' | '؟' | '።' | '။' | '៕' | '…' | '։' => {
                Some(Item::Break(Level::Sentence))
            }
            // The Khmer full stop also stands where others write a comma.
            '។' => Some(Item::Break(Level::Sentence)),
            '၊' | '፣' | '፤' => Some(Item::Break(Level::Clause)),
            _ => None,
        },
    }
}

/// True for points in the place of digits: `DE…4821`, `12..21`.
fn cuts_number(lexed: &Lexed, at: usize) -> bool {
    let point = |at: usize| matches!(lexed.atoms[at].kind, AtomKind::Sign('.' | '…'));
    let first = (0..at).rev().take(3).take_while(|at| point(*at)).last().unwrap_or(at);
    let last = (at..lexed.atoms.len()).take(3).take_while(|at| point(*at)).last().unwrap_or(at);
    let several = first < last || lexed.atoms[at].kind == AtomKind::Sign('…');
    let ends = |at: Option<usize>, digit: fn(&u8) -> bool, last: bool| {
        let atom = at
            .and_then(|at| lexed.atoms.get(at))
            .filter(|atom| matches!(atom.kind, AtomKind::Run(_)));
        let text = atom.map_or("", |atom| lexed.of(*atom)).as_bytes();
        (if last { text.last() } else { text.first() }).is_some_and(digit)
    };
    let named: fn(&u8) -> bool = |b| b.is_ascii_uppercase() || b.is_ascii_digit();
    several
        && ends(first.checked_sub(1), named, true)
        && ends(last.checked_add(1), u8::is_ascii_digit, false)
}

/// True for a dash with no blank beside it.
fn is_inside(lexed: &Lexed, at: usize) -> bool {
    let open = |at: Option<usize>| {
        let kind = at.and_then(|at| lexed.atoms.get(at)).map(|atom| atom.kind);
        matches!(kind, None | Some(AtomKind::Blank | AtomKind::Line))
    };
    !open(at.checked_sub(1)) && !open(at.checked_add(1))
}

/// A point ends a sentence unless the word before it is an abbreviation and digits follow.
fn ends_sentence(lexed: &Lexed, at: usize) -> bool {
    let before = at.checked_sub(1).map(|at| lexed.atoms[at]);
    let short = before.is_some_and(|atom| match atom.kind {
        AtomKind::Run(run) => run.is_word() && lexed.of(atom).len() <= 3,
        AtomKind::Letters => lexed.of(atom).chars().count() <= 3,
        AtomKind::Dense | AtomKind::Blank | AtomKind::Line | AtomKind::Sign(_) | AtomKind::Link => {
            false
        }
    });
    // "B.TECH", "JUMIA.MA".
    let bytes = lexed.text.as_bytes();
    let capital =
        |at: Option<usize>| at.is_some_and(|at| bytes.get(at).is_some_and(u8::is_ascii_uppercase));
    if capital(lexed.atoms[at].start.checked_sub(1)) && capital(Some(lexed.atoms[at].end)) {
        return false;
    }
    let next = lexed.atoms[at + 1..].iter().find(|atom| atom.kind != AtomKind::Blank);
    let digits = next.is_some_and(|atom| lexed.of(*atom).starts_with(|c: char| c.is_ascii_digit()));
    !(short && digits)
}
