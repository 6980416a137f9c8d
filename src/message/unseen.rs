//! Characters that show nothing, and texts that say nothing.

/// True for a mark that is not seen: joiners, directions, variants.
pub(super) fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// True for a text that shows nothing: it is no message, and no buyer pays for one.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_unseen(c))
}

/// What providers show in the place of a message that has not come, in small letters.
const PLACEHOLDERS: [&str; 17] = [
    "empty",
    "false",
    "n/a",
    "na",
    "nil",
    "no code",
    "no message",
    "no messages",
    "no sms",
    "none",
    "null",
    "pending",
    "undefined",
    "wait",
    "waiting",
    "waiting for code",
    "waiting for sms",
];

/// True for what stands in the place of a provider's message: each line has no letter and no
/// digit, or is a word that says that none is there. No buyer pays for it.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    text.lines().all(|line| {
        let shown: String = line.chars().filter(|c| !is_unseen(*c)).collect();
        let said = shown.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        said.is_empty() || PLACEHOLDERS.contains(&&*said)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_no_message() {
        let all =
            ["", "-", "********", "N/A", " n/a ", "NULL", "waiting...", "[Waiting]", "-\nwaiting"];
        for text in all.into_iter().chain(PLACEHOLDERS) {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in ["1", "码", "Waiting for you: https://t.me/login", "NA12", "Welcome", "***1"] {
            assert!(!is_placeholder(text), "{text:?}");
        }
    }

    #[test]
    fn a_text_is_blank_if_it_shows_nothing() {
        for text in ["", " ", "\u{a0}\u{3000}\n", "\u{200b}\u{200e}", "\0\u{feff}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in [".", "\u{200b}1", "码"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
