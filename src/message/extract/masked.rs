//! Codes that are hidden: "Your code is ******. Card 4410". Where signs stand in the place of the
//! code, no other figure is it.

use super::code::{Figure, Shape};
use super::cues::{Cue, Kind};
use super::wordlist::listed;

/// Signs that stand for digits; as many at least hide a code.
const SIGNS: [char; 3] = ['*', '•', '●'];
const SIGNS_MIN: usize = 3;
/// Letters and digits of it that are shown.
const SHOWN_MAX: usize = 2;
/// Bytes of a text that are looked at: one that hides its code is short.
const LOOKED_AT: usize = 2_000;
/// Words between a hidden code and the word for it.
const WORDS_MAX: usize = 3;
/// Signs that hide a code further from the word for it.
const FURTHER_SIGNS_MIN: usize = 4;
/// Bytes and words between the two; so many words only where the signs end a sentence.
const FURTHER_LEN_MAX: usize = 80;
const WORDS_FURTHER_MAX: usize = 8;
/// Bytes of the longest note.
const NOTE_LEN_MAX: usize = 24;
/// What a filter of messages writes in brackets in the place of a code.
const NOTES: &str = "
    hidden, masked, redacted, removed, скрыт, скрыто, сховано, приховано, oculto,
    masqué, verborgen, ukryt, gizli, مخفي, 隐藏, 隱藏, 非表示, 숨김";

/// True where signs stand in the place of the code, and beside no word for it stands the figure
/// that is taken for it: none where that is in a link.
pub(super) fn is_code_hidden(text: &str, cues: &[Cue], figure: Option<&Figure>) -> bool {
    let text = &text[..text.floor_char_boundary(LOOKED_AT)];
    if !hides_any(text) || figure.is_some_and(|figure| figure.end > text.len()) {
        return false;
    }
    let cues = &cues[..cues.partition_point(|cue| cue.end <= text.len())];
    // "KTBX-******".
    let tail = figure.map_or("", |figure| &text[figure.end..]);
    if tail.starts_with('-') && is_hidden(tail) {
        return true;
    }
    let codes = || cues.iter().filter(|cue| matches!(cue.kind, Kind::Otp | Kind::Code));
    let is_near = |cue: &Cue| {
        is_hidden(&text[behind(text, cues, cue)..]) || before(text, cue).any(ends_hidden)
    };
    let hides = |cue: &&Cue| match cue.kind {
        Kind::Otp | Kind::Code => is_near(cue) || is_hidden_further(text, cues, cue),
        Kind::Enter => is_hidden_further(text, cues, cue),
        _ => false,
    };
    let Some(hidden) = cues.iter().filter(hides).map(|cue| cue.kind).min() else { return false };
    let Some(figure) = figure else { return true };
    let is_hidden_behind = |cue: &Cue| is_hidden(&text[behind(text, cues, cue)..]);
    let is_beside = |cue: &&Cue| {
        behind(text, cues, cue) == figure.start
            || !is_hidden_behind(cue) && before(text, cue).any(|head| head.len() == figure.end)
    };
    // "Password: ******. Code: 482913", but "Code: ******. Anti-phishing code: BLUE77".
    let is_as_good = |cue: &&Cue| cue.kind == Kind::Otp || hidden >= Kind::Code;
    let mut beside = codes().filter(is_beside).filter(is_as_good);
    figure.shape != Shape::Digits || beside.next().is_none()
}

/// True if such signs follow a word in its sentence, where the words between name nothing else.
fn is_hidden_further(text: &str, cues: &[Cue], cue: &Cue) -> bool {
    let most = text.floor_char_boundary(cue.end + FURTHER_LEN_MAX);
    let Some(len) = text[cue.end..most].find(SIGNS) else { return false };
    let at = cue.end + len;
    let (between, signs) = (&text[cue.end..at], &text[at..]);
    let ends = |c: char| matches!(c, '.' | '!' | '?' | ',' | ';' | '(' | '\n' | '。' | '，' | '।');
    let names = |cue: &Cue| matches!(cue.kind, Kind::Label | Kind::Thing | Kind::Tail);
    let inside = cues.iter().filter(|other| (cue.end..at).contains(&other.start));
    let words = between.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).count();
    let rest = signs.trim_start_matches(SIGNS);
    // "The code for the card 3307 is ******".
    let joint = between.trim_end();
    let end = cue.end + joint.len();
    let is_joint = |cue: &Cue| cue.kind == Kind::Is && cue.end == end;
    let is_named = joint.ends_with(':') || inside.clone().any(is_joint);
    let is_other = between.contains(|c: char| c.is_ascii_digit()) || inside.clone().any(names);
    (is_named || !is_other)
        && !between.contains(ends)
        && !between.ends_with(|c: char| c.is_ascii_alphanumeric())
        && signs.chars().take_while(|c| SIGNS.contains(c)).count() >= FURTHER_SIGNS_MIN
        && is_hidden(signs)
        && (words <= WORDS_MAX
            || words <= WORDS_FURTHER_MAX && (rest.is_empty() || rest.starts_with(ends)))
}

/// What joins a word with its figure.
fn joins(c: char) -> bool {
    matches!(c, ' ' | '\n' | ':' | '=' | '-' | '"' | '\'' | '«' | '“' | '「')
}

/// Where the figure of a word stands that follows it.
fn behind(text: &str, cues: &[Cue], cue: &Cue) -> usize {
    let skip = |at: usize| text.len() - text[at..].trim_start_matches(joins).len();
    let at = skip(cue.end);
    let is = cues.iter().find(|cue| cue.start == at && cue.kind == Kind::Is);
    is.map_or(at, |is| skip(is.end))
}

/// What stands before a word for a code, without the last words: "… is your".
fn before<'a>(text: &'a str, cue: &Cue) -> impl Iterator<Item = &'a str> {
    let head = text[..cue.start].trim_end_matches(joins);
    let shorter = |head: &&'a str| {
        let rest = head.trim_end_matches(char::is_alphabetic);
        (rest.len() < head.len()).then(|| rest.trim_end_matches(joins))
    };
    std::iter::successors(Some(head), shorter).take(WORDS_MAX + 1)
}

/// True if such signs, or a note in their place, are anywhere in a text.
fn hides_any(text: &str) -> bool {
    // The bullets begin with 0xe2.
    memchr::memchr3_iter(b'*', 0xe2, b'[', text.as_bytes()).any(|at| is_hiding(&text[at..]))
}

/// True if signs in the place of a code begin a text, or a note in brackets.
fn is_hidden(text: &str) -> bool {
    is_hiding(text.trim_start_matches(joins))
}

fn is_hiding(text: &str) -> bool {
    let inside = text.strip_prefix('[').unwrap_or(text);
    let Some(sign) = inside.chars().next().filter(|c| SIGNS.contains(c)) else {
        return text.len() > inside.len() && inside.split(']').next().is_some_and(is_note);
    };
    let rest = inside.trim_start_matches([sign, '-', ' ']);
    let signs = &inside[..inside.len() - rest.len()];
    // "****4821", "**** 4821" are the last digits of something.
    let is_apart = signs.ends_with(' ');
    let is_shown = |b: &u8| b.is_ascii_digit() || !is_apart && b.is_ascii_alphabetic();
    let shown = rest.bytes().take_while(is_shown).count();
    signs.chars().filter(|c| *c == sign).count() >= SIGNS_MIN && shown <= SHOWN_MAX
}

/// True if such signs end a text, or a note in brackets.
fn ends_hidden(text: &str) -> bool {
    let inside = text.strip_suffix(']').unwrap_or(text);
    let Some(sign) = inside.chars().next_back().filter(|c| SIGNS.contains(c)) else {
        return text.len() > inside.len() && inside.rsplit('[').next().is_some_and(is_note);
    };
    let rest = inside.trim_end_matches([sign, '-', ' ']);
    let signs = inside[rest.len()..].chars().filter(|c| *c == sign).count();
    signs >= SIGNS_MIN && !rest.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_note(note: &str) -> bool {
    let note = (note.len() <= NOTE_LEN_MAX).then(|| note.to_lowercase());
    note.is_some_and(|note| listed(NOTES).any(|known| known == note))
}

#[cfg(test)]
mod tests {
    use super::super::extract;

    const HIDDEN: &[&str] = &[
        "N26: type the code ****** in the app to pay 63.10 EUR.",
        "Enter code ****** on your MOTO G85 to pair it.",
        "BANREY: TOKEN ****** para enviar RD$4,100.00 a la cta. 9707715526",
        "Clave ******. Dispositivo GALAXY A55. No la comparta",
        "Your code is ******. Anti-phishing: GRAPE42.",
        "Orchard code: ******. Your safe word is GRAPE42",
        "Tell the driver **** to start. KDB 915R, white Vitz.",
        "Le code ****** pour ajouter le Pixel 9A. Ne le partagez pas",
        "Gib ****** ein, um dein PIXEL 9A zu verbinden. N26",
        "動態密碼******，識別代碼QZRT，請勿告知他人",
        "【建行】验证码******，序号3307，如有疑问请拨95533",
        "【招行】动态密码******，如非本人操作请致电95555",
        "Код ****. Сотрудник банка 900 его не спросит.",
        "Mã OTP là ******. Tổng đài 19005526",
        "Your code ****** is for order 915526, keep it to yourself. Hotline 16555",
        "SPID: il codice OTP è ******. Non comunicarlo a nessuno",
        "Il codice OTP per SPID e' ******. Non comunicarlo a nessuno",
        "Tu codigo BBVA es ******. No lo compartas.",
        "Kod ******. Paczkomat WAW12M",
        "O codigo para levantar no agente 915526 e *****. Valido por 10 min.",
        "One-time password for the payment is ******. Ref. No. 915526. Never share it.",
        "****** — код для входа. Сотруднику банка 900 он не нужен.",
        "Nambari yako ni ****. Dereva Hamisi (T 915 DXK)",
        "TAN ****** statt der früheren TAN 91552",
        "您的登录码：******（卡号尾数3307，客服95588）",
        "認証コード ****** を入力。お問い合わせ 0570-915526",
        "Kode ****. Jangan beri siapa pun, telepon 1500915",
        "Your Orchard code is •••••• and card 3307 will be charged.",
        "[hidden] is the sign-in code for account 3307. Questions: 1930",
        "Your code is [redacted]. Card 3307",
        "Your code to add the payee is ******. Call 1590 if it was not you.",
        "OTP: QZRT-******. The letters are on your screen.",
        "Open https://ex.example/login/915526 or type the code ****",
        "Введите ****, чтобы войти. Водитель: А 915 ВС",
        "인증번호 ****** 카드 3307",
    ];

    /// What is hidden there is something else.
    const SHOWN: &[&str] = &[
        "Card ****: your code is 915526",
        "Your code for card **** 3307 is 915526",
        "915526 is your code for user ******.",
        "Password: ******. Code: 915526",
        "Login code 915526 for IVAN ***.",
        "*** Your Orchard code is 915526 ***",
        "Code 915526. Link: ex.example/******",
        "Use 915526 to pay ****3307.",
        "验证码915526，用户张***，请勿泄露",
        "Код 915526 для входа, логин iv****",
        "PIN **** stays the same. Your one-time password is 915526",
        "Account ******07, OTP 915526",
    ];

    #[test]
    fn a_text_whose_code_is_hidden_has_none() {
        let read: Vec<_> = HIDDEN.iter().filter(|text| extract(text, "").is_some()).collect();
        assert_eq!(read, Vec::<&&str>::new());
        for text in SHOWN {
            assert_eq!(extract(text, "").map(|found| found.code), Some("915526".into()), "{text}");
        }
    }
}
