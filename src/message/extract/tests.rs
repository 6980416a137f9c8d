//! Messages of many kinds and languages, and texts that no service sends.

use std::time::{Duration, Instant};

use super::extract;

/// A code and a text a line, a tab between them; `-` where there is none.
const EXAMPLES: &str = include_str!("examples.txt");

/// Line breaks and invisible characters are written as in Rust.
pub(super) fn unescaped(text: &str) -> String {
    let signs = [
        ("\\n", "\n"),
        ("\\u200b", "\u{200b}"),
        ("\\u200e", "\u{200e}"),
        ("\\u200f", "\u{200f}"),
        ("\\u2060", "\u{2060}"),
        ("\\u00ad", "\u{ad}"),
    ];
    signs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn the_examples_have_the_codes_that_a_reader_would_enter() {
    let lines = EXAMPLES.lines().filter(|line| !line.starts_with("##"));
    let mut wrong = Vec::new();
    for line in lines {
        let (code, text) = line.split_once('\t').unwrap();
        let text = unescaped(text);
        let found = extract(&text, "").map(|found| found.code);
        if found.as_deref().unwrap_or("-") != code {
            wrong.push(format!("{code}, found {found:?}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_figure_that_has_only_a_sign_beside_it_is_a_code() {
    for text in ["4410.", "4410,", " 4410!\n", "#4410", "№4410"] {
        assert_eq!(extract(text, "").map(|found| found.code), Some("4410".into()), "{text}");
    }
    assert_eq!(extract("#441", ""), None);
}

#[test]
fn the_number_that_a_message_comes_from_is_not_its_code() {
    let text = "Your code will come in another message from 48213.";
    assert_eq!(extract(text, "48213"), None);
    let named = "Your code is 48213";
    assert_eq!(extract(named, "48213").map(|found| found.code), Some("48213".into()));
}

#[test]
fn a_word_before_a_time_is_of_the_figure_before_it() {
    let code = |text| extract(text, "").map(|found| found.code);
    for text in ["551902 code 14:22", "551902 PIN 14:22 4471", "Your code is 551902 at 14:22"] {
        assert_eq!(code(text), Some("551902".into()), "{text}");
    }
    for text in ["551902 expired 14:22", "551902 order 14:22"] {
        assert_eq!(code(text), None, "{text}");
    }
}

#[test]
fn a_group_of_capitals_may_be_the_letters_of_a_currency() {
    let code = |text| extract(text, "").map(|found| found.code);
    for (text, right) in [
        ("Your code is WXK-UPR-BAM", "WXKUPRBAM"),
        ("Your code is WXK-Q7R-BTN", "WXKQ7RBTN"),
        ("Your code is BAM-7K2-QPR", "BAM7K2QPR"),
        ("Your code is 7K2-BAM", "7K2BAM"),
    ] {
        assert_eq!(code(text), Some(right.into()), "{text}");
    }
    assert_eq!(code("Paid BAM-500 today"), None);
    assert_eq!(code("Rate EUR-USD-GBP today 4500"), None);
}

#[test]
fn a_word_of_the_sender_s_name_is_not_its_code() {
    let text = "Kindly type recovery key k7tq2mx4 in UAE PASS, small letters only.";
    assert_eq!(extract(text, "UAEPASS"), None);
}

#[test]
fn a_text_that_ends_behind_a_dash_is_read() {
    for end in [" - ", " -", "- ", " -\n", " - 1", ". ", ", ", " · ", "_", "·"] {
        for figure in ["482", "482913", "4821", "48 29"] {
            let _found = extract(&format!("Your code is {figure}{end}"), "");
        }
    }
    assert_eq!(
        extract("Your code is 482913 - ", "").map(|found| found.code),
        Some("482913".into())
    );
}

#[test]
fn a_code_in_groups_has_no_small_letters() {
    for text in ["The code 941.0by", "The code 94.1b", "The code 94.10.2b", "The code 941·0by"] {
        let found = extract(text, "");
        let small = found.is_some_and(|found| found.code.bytes().any(|b| b.is_ascii_lowercase()));
        assert!(!small, "{text}");
    }
}

#[test]
fn a_figure_beside_the_word_for_code_is_surer_than_one_elsewhere() {
    let confidence = |text: &str| extract(text, "").unwrap().confidence;
    assert!(confidence("Your code is 482913") > 90);
    // Of the figures that the text ties to the code in other words, nearly all are codes.
    assert!(confidence("Orchard: 482913. Never share this code.") > 90);
    assert!(confidence("Hello 482913") < 90);
}

/// Texts that would be slow if the work on a character grew with the text: one that is eight times as
/// long takes about eight times as long, and 64 times if it did. The least of three tries is compared
/// with the least of three in the same run, however busy the machine is.
#[test]
fn endless_texts_take_no_longer_than_their_beginning() {
    let least = |part: &str, len: usize| {
        let text = part.repeat(len / part.len());
        let tries = [(); 3].map(|()| {
            let began = Instant::now();
            let _found = extract(&text, "");
            began.elapsed()
        });
        tries.into_iter().min().unwrap()
    };
    // The table of words is read once.
    assert_eq!(extract("Your code", ""), None);
    for part in [
        "1",
        "-",
        "1-",
        "A-",
        "A1-",
        "X",
        "*",
        "1 ",
        "1,",
        "1, ",
        "12.",
        "a.",
        "a.b/",
        "(1)",
        "+1 ",
        "code ",
        "code1",
        "otp",
        "验证码",
        "1验",
        "@a.com #1 ",
        "http://a/1 ",
        ":",
        "\n",
        "1\n",
        "é",
        "\u{200f}",
        "123456 ",
        "order 123456 ",
        "AB-123 ",
        "x1",
        "XX1 ",
        "رمز",
        "c\u{fffd}de 1 ",
        "\u{fffd}",
        "Ã³",
        "сode",
        "new 1 old 2 ",
        "PDN ",
        "A 1 ",
        "code: A1 ",
    ] {
        let (short, long) = (least(part, 4_000), least(part, 32_000));
        let most = 4 * 8 * short + Duration::from_millis(10);
        assert!(long < most, "{part:?}: {short:?} and {long:?}");
    }
}

#[test]
fn no_text_breaks_the_work_and_every_code_has_the_alphabet_of_codes() {
    // Pieces of messages in every order of three, with seams in the middle of words.
    let pieces = [
        "code",
        "is",
        ":",
        "482913",
        "AB-12",
        "G-",
        "-",
        " ",
        "\n",
        "4",
        "12.50",
        "$",
        "€ ",
        "验证码",
        "رمز ",
        "٤٨٢٩",
        "\u{200f}",
        "https://a.b/",
        "@a.com #",
        "*",
        "(",
        ")",
        "+",
        "x",
        "XX",
        "é",
        "\u{1d7d2}",
        "分钟",
        ",",
        "5",
    ];
    for one in pieces {
        for two in pieces {
            for three in pieces {
                let text = format!("{one}{two}{three}{two}{one}");
                if let Some(found) = extract(&text, "") {
                    let code = &*found.code;
                    assert!((3..=10).contains(&code.len()), "{text:?}: {code}");
                    let fits = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
                    assert!(code.bytes().all(fits), "{text:?}: {code}");
                    assert!((68..=99).contains(&found.confidence), "{text:?}");
                }
            }
        }
    }
}

#[test]
fn years_and_days_beside_the_name_of_a_month_are_no_code() {
    let dates = [
        "3 Mar 2025",
        "Mar 3 2025",
        "March 3rd, 2025",
        "3rd of March 2025",
        "14 Sept. 2026",
        "3-Mar-2025",
        "03-MAR-2025",
        "3MAR2025",
        "5 May 2025",
        "12 de marzo de 2025",
        "12 marca 2025",
        "12 марта 2025 г.",
        "12 травня 2025",
        "12. března 2025",
        "2025. március 3",
        "2025. gada 3. marts",
        "2025 m. kovo 3 d.",
        "3 มีนาคม 2568",
        "3 พ.ค. 2568",
        "12 มีนาคม 2025",
        "12 marzo 2025",
        "12 Mart 2025",
        "12 Μαρτίου 2025",
        "12 مارس 2025",
        "3 فروردین ۱۴۰۴",
        "12 במרץ 2025",
        "12 मार्च 2025",
        "12 মার্চ 2025",
        "12 март 2025",
        "3 мая 2025",
        "12 Maret 2025",
        "12 Machi 2025",
        "12 მარტი 2025",
        "12 մարտի 2025",
        "12. maaliskuuta 2025",
        "12 மார்ச் 2025",
    ];
    let texts = [
        "Your PIN was changed on {}. Not you? Call us.",
        "Ihre Anmeldung: {}",
        "Your verification request was received {}",
        "Google: Your password was changed {}.",
    ];
    for date in dates {
        for text in texts {
            let text = text.replace("{}", date);
            assert_eq!(extract(&text, "Google"), None, "{text}");
        }
        for text in ["Your code is 441820, asked for {}.", "Login {}: 441820 is your code."] {
            let text = text.replace("{}", date);
            let found = extract(&text, "Google").map(|found| found.code);
            assert_eq!(found.as_deref(), Some("441820"), "{text}");
        }
    }
    assert_eq!(extract("On 3 Mar 2025 you asked for a code: aB3xZ9", "Google"), None);
}

#[test]
fn a_year_that_is_called_a_code_is_one_beside_a_date() {
    let text = "Your verification code is 2025. It expires on 3 Mar 2026.";
    assert_eq!(extract(text, "").map(|found| found.code).as_deref(), Some("2025"));
}

#[test]
fn versions_of_programs_and_numbers_of_machines_are_no_code() {
    for text in [
        "Новый вход: Chrome 120, Windows 10, Москва 18:22. Не вы? Смените пароль.",
        "Your bank card was locked after 3 wrong PIN entries at ATM 882014.",
    ] {
        assert_eq!(extract(text, ""), None, "{text}");
    }
}

#[test]
fn a_link_may_call_a_part_of_it_the_code() {
    for (text, code) in [
        ("Login: https://t.me/login/84410", "84410"),
        ("https://t.me/login/84410", "84410"),
        ("Verify: https://id.example/otp/441820?exp=1764000000", "441820"),
        ("Log in: https://app.shop.example/login?code=771204&uid=4410293", "771204"),
        ("https://m.example.com/verify#otp=K7Q4XD", "K7Q4XD"),
    ] {
        let found = extract(text, "Shop").map(|found| found.code);
        assert_eq!(found.as_deref(), Some(code), "{text}");
    }
    for text in [
        "Read more: https://news.example/p/482139",
        "Log in: https://shop.example/login?token=9f3ab2c4",
        "Log in: https://shop.example/login/user/482139",
    ] {
        assert_eq!(extract(text, "Shop"), None, "{text}");
    }
}

#[test]
fn codes_in_tibetan_are_found_as_are_those_in_assamese() {
    for text in ["ཁྱེད་ཀྱི་ར་སྤྲོད་ཨང་གྲངས། ༤༤༡༨༢༠", "আপোনাৰ অ'টিপি ৪৪১৮২০"]
    {
        assert_eq!(extract(text, "").map(|found| found.code).as_deref(), Some("441820"), "{text}");
    }
}
