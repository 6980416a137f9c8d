//! Texts that are longer than an order keeps: the part that has the code stays.

/// The part of a text that is kept, at most so many bytes: its beginning, or the first part
/// that holds what matters, if the beginning does not.
pub fn fit(text: &str, len_max: usize, holds: impl Fn(&str) -> bool) -> &str {
    let head = &text[..text.floor_char_boundary(len_max)];
    if text.len() <= len_max || holds(head) {
        return head;
    }
    // Parts overlap by half, so that no code is cut, nor the words around it.
    let parts = (0..text.len()).step_by((len_max / 2).max(1)).map(|start| {
        let start = text.floor_char_boundary(start);
        &text[start..text.floor_char_boundary(start + len_max)]
    });
    parts.into_iter().find(|part| holds(part)).unwrap_or(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_with_the_code_is_kept() {
        let has_code = |part: &str| part.contains("482914");
        let filler = "请".repeat(700);
        for text in [
            "code 482914".to_owned(),
            format!("code 482914 {filler}"),
            format!("{filler} code 482914"),
            format!("{filler}{filler} code 482914 {filler}{filler}"),
        ] {
            let kept = fit(&text, 2_000, has_code);
            assert!(kept.len() <= 2_000 && has_code(kept), "{}", text.len());
        }
        let without = "é".repeat(3_000);
        assert_eq!(fit(&without, 2_000, has_code).len(), 2_000);
        assert_eq!(fit(&without, 1, has_code), "");
        assert_eq!(fit("", 0, has_code), "");
    }
}
