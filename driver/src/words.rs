//! What serde says of a value that does not fit, in words for those who wrote the value.
//!
//! Promises: no name of a type of ours, and no value that is a text: it may be a secret.

/// What is wrong with a value. `object` is what the language calls a group of fields.
#[must_use]
pub fn in_words(reason: &str, object: &str) -> String {
    let wrong = |lead: &str| reason.strip_prefix(lead)?.rsplit_once(", expected ");
    if let Some((found, wanted)) = wrong("invalid type: ") {
        return format!("must be {}, not {}", kind(wanted, object), found_kind(found, object));
    }
    if let Some((found, wanted)) = wrong("invalid value: ") {
        let not = match quoted(found) {
            Some(number) if !found.starts_with("string") => format!(", not {number}"),
            Some(_) | None => String::new(),
        };
        return format!("must be {}{not}", kind(wanted, object));
    }
    if let Some((len, wanted)) = wrong("invalid length ") {
        return format!("must be {}, not {len} long", kind(wanted, object));
    }
    if let Some((found, wanted)) = wrong("unknown variant ") {
        return format!("must be {wanted}, not {found}");
    }
    reason.to_owned()
}

/// What is expected: serde says it by Rust's names where it does not know better.
fn kind<'a>(wanted: &'a str, object: &'a str) -> &'a str {
    match wanted {
        "a borrowed string" | "path string" | "string" | "str" => "a string",
        "a boolean" | "bool" => "true or false",
        "a sequence" => "an array",
        "a map" | "map" | "an object" => object,
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        "a nonzero u64" | "a nonzero usize" => "a whole number of 1 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        _ if wanted.starts_with("struct ") => object,
        _ if wanted.starts_with("enum ") || wanted.starts_with("variant ") => {
            "one of the words that are known here"
        }
        _ if wanted.starts_with("tuple ") => "an array",
        _ => wanted,
    }
}

/// What is there.
fn found_kind<'a>(found: &'a str, object: &'a str) -> &'a str {
    match found.split(' ').next() {
        Some("integer" | "floating") => "a number",
        Some("boolean") => "true or false",
        Some("string" | "character" | "byte") => "a string",
        Some("sequence") => "an array",
        Some("map") => object,
        Some("null" | "unit" | "Option") => "null",
        Some(_) | None => found,
    }
}

fn quoted(text: &str) -> Option<&str> {
    text.split_once('`')?.1.strip_suffix('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_without_names_of_types() {
        for (reason, words) in [
            ("invalid type: null, expected struct Line", "must be a table, not null"),
            (
                "invalid type: sequence, expected a borrowed string",
                "must be a string, not an array",
            ),
            (
                "invalid type: string \"a, expected b\", expected a boolean",
                "must be true or false, not a string",
            ),
            (
                "invalid type: map, expected u16",
                "must be a whole number from 0 to 65535, not a table",
            ),
            (
                "invalid value: integer `-1`, expected u8",
                "must be a whole number from 0 to 255, not -1",
            ),
            ("invalid value: string \"key\", expected a name", "must be a name"),
            (
                "invalid length 3, expected a tuple of size 2",
                "must be a tuple of size 2, not 3 long",
            ),
            ("unknown variant `x`, expected one of `a`, `b`", "must be one of `a`, `b`, not `x`"),
            ("unknown field `x`, expected `a`", "unknown field `x`, expected `a`"),
        ] {
            assert_eq!(in_words(reason, "a table"), words);
        }
    }
}
