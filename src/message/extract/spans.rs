//! Figures that say when, or for how long: they look like codes of groups, and are none whatever
//! stands beside them.

use super::code::is_year;

/// Words before a time in which something has to be done, and its units.
const WITHIN: [&str; 4] = ["within", "in", "for", "after"];
const UNITS: [&str; 6] = ["seconds", "second", "secs", "minutes", "mins", "hours"];

/// True for hours of the day, "8-18", for a date, "27 11 2026", and for a time in English, "within
/// 3600 seconds", at these bytes of a folded text.
pub(super) fn is_span(text: &str, start: usize, end: usize) -> bool {
    let figure = &text[start..end];
    let is_whole = figure.bytes().all(|b| b.is_ascii_alphanumeric());
    !is_whole && (is_hours(figure) || is_date(figure)) || is_time(&text[..start], &text[end..])
}

/// An hour of one digit and a later one of two.
fn is_hours(figure: &str) -> bool {
    let Some((from, to)) = figure.split_once('-') else { return false };
    let is_hour =
        |hour: &str, len: usize| hour.len() == len && hour.bytes().all(|b| b.is_ascii_digit());
    is_hour(from, 1) && is_hour(to, 2) && to <= "24"
}

/// A day, a month and a year of our time.
fn is_date(figure: &str) -> bool {
    let mut groups = figure.split(' ');
    let mut part = |most: u32| {
        let part = groups.next().filter(|part| part.len() <= 2).and_then(|part| part.parse().ok());
        part.is_some_and(|part: u32| (1..=most).contains(&part))
    };
    part(31) && part(12) && groups.next().is_some_and(is_year) && groups.next().is_none()
}

fn is_time(before: &str, after: &str) -> bool {
    // Most figures have no such unit behind them.
    let begins = |c: char| matches!(c, 's' | 'm' | 'h' | 'S' | 'M' | 'H');
    if !after.trim_start().starts_with(begins) {
        return false;
    }
    let word = before.trim_end().rsplit(|c: char| !c.is_ascii_alphabetic()).next();
    let unit = after.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next();
    let is_one = |word: Option<&str>, all: &[&str]| {
        word.is_some_and(|word| all.iter().any(|known| known.eq_ignore_ascii_case(word)))
    };
    is_one(word, &WITHIN) && is_one(unit, &UNITS)
}

#[cfg(test)]
mod tests {
    use super::super::extract;

    #[test]
    fn hours_dates_and_times_are_no_code() {
        for text in [
            "Your password is in the app. Open 8-18",
            "Geöffnet 8-20, Ihr Code liegt bereit.",
            "营业时间9-21，凭验证码取货",
            "เปิด 8-20 รหัสอยู่ในแอป",
            "Otevřeno 8-18, kód najdete v aplikaci.",
            "You requested a code on 27 11 2026",
            "Enter your 4 digit PIN within 3600 seconds",
            "Use your code within 1440 minutes",
        ] {
            assert_eq!(extract(text, ""), None, "{text}");
        }
        for (text, code) in [
            ("Your code is 27 11 90", "271190"),
            ("Your code is 482913. Use it within 3600 seconds", "482913"),
        ] {
            let found = extract(text, "").map(|found| found.code);
            assert_eq!(found, Some(code.into()), "{text}");
        }
    }
}
