//! The code in a message: one linear pass, no patterns of services yet.
//!
//! A code is a word of 4 to 8 digits, two groups of digits joined by one hyphen
//! (`123-456`), or digits behind a letter and a hyphen (`G-123456`). Phone numbers,
//! dates and amounts are longer, shorter or otherwise joined. Of several the first counts.

/// Digits of a code, hyphens aside.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=8;

/// The code in a text as a person would type it: digits only, `None` where there is none.
#[must_use]
pub fn extract(text: &str) -> Option<String> {
    words(text).find_map(code)
}

/// Runs of letters, digits and what joins digits to one figure.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '-' | '+' | '/' | '.' | ',' | ':');
    let ends = |c: char| matches!(c, '-' | '/' | '.' | ',' | ':');
    text.split(move |c| !joins(c)).flat_map(move |run| {
        // "code:1234" and "1234.Do" are a word and a code; "12.50" and "10:30" are neither.
        let word = run.trim_matches(ends);
        let split = !is_figure(word);
        word.split(move |c| split && matches!(c, ':' | '.' | ',' | '/'))
    })
}

/// True for digits joined by points, colons and the like: dates, times, amounts.
fn is_figure(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'/' | b'.' | b',' | b':'))
}

fn code(word: &str) -> Option<String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let joined = match word.split_once('-') {
        None if digits(word) => word.to_owned(),
        Some((left, right)) if digits(left) && digits(right) && left.len() == right.len() => {
            format!("{left}{right}")
        }
        Some((letter, right)) if is_letter(letter) && digits(right) => right.to_owned(),
        None | Some(_) => return None,
    };
    DIGITS.contains(&joined.len()).then_some(joined)
}

fn is_letter(text: &str) -> bool {
    text.len() == 1 && text.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(extract(text).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn a_code_is_found_in_texts_of_many_kinds() {
        check("Your code is 12345", Some("12345"));
        check("Telegram code: 54321. Don't share it", Some("54321"));
        check("G-123456 is your Google verification code.", Some("123456"));
        check("Your WhatsApp code: 123-456", Some("123456"));
        check("<#> 4821 is your Uber code. qlRnn4A1sbt", Some("4821"));
        check("Код подтверждения: 84736. Никому его не сообщайте", Some("84736"));
        check("您的验证码是 572910，请勿泄露", Some("572910"));
        check("code:99887766", Some("99887766"));
        check("[TikTok] 3344 是你的验证码", Some("3344"));
    }

    #[test]
    fn figures_that_are_no_codes_are_passed_over() {
        check("", None);
        check("Call +6281234567890 now", None);
        check("You paid 12.50 at 10:30 on 01/02/2024", None);
        check("123", None);
        check("123456789", None);
        check("order ABC-12345 shipped", None);
        check("Your balance is 1,234.56. Your code is 7788", Some("7788"));
    }
}
