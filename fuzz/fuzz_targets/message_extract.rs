//! Messages: no text breaks the extraction, what it finds has the alphabet of codes, and the
//! time grows no faster than the text.
//!
//! The first line is the sender, the rest the text.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use nexnum::message::extract::{CodeField, extract, from_provider, read};

fn check_code(code: &str) {
    assert!((3..=10).contains(&code.len()), "{code:?}");
    assert!(code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()), "{code:?}");
}

fuzz_target!(|bytes: &[u8]| {
    let all = String::from_utf8_lossy(bytes);
    let (sender, text) = all.split_once('\n').unwrap_or(("", &all));
    if let Some(found) = extract(text, sender) {
        check_code(&found.code);
        assert!((58..=99).contains(&found.confidence));
    }
    match from_provider(text) {
        CodeField::Code(code) => check_code(&code),
        CodeField::Text(kept) => assert_eq!(kept, text),
    }
    let readable = read(sender, text, "");
    if !readable.code.is_empty() {
        check_code(&readable.code);
    }
    // As long a text as is looked at, made of this one.
    if !text.is_empty() && bytes.first().is_some_and(|b| b % 64 == 0) {
        let long = text.repeat(32 * 1024 / text.len() + 1);
        let began = Instant::now();
        let _found = extract(&long, sender);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
});
