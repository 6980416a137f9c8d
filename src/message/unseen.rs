//! Characters that show nothing.

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

#[cfg(test)]
mod tests {
    use super::*;

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
