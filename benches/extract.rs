//! The code in a message: all messages of the tuning corpus, one after the other, as they come to a
//! market; each of them a hundred times over, for the slowest; and texts of 16 KiB, the most that is
//! looked at.
//!
//! Printed: microseconds a message on average and at most, and for the long texts each. It fails if
//! a message that comes after others takes more than 5 µs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use nexnum::message::extract::extract;

const ROUNDS: u32 = 100;
/// More than a message may take that comes after others, on average in the quickest tenth of the
/// rounds: other work on the machine makes rounds slower, and none quicker.
const MOST: Duration = Duration::from_micros(5);
const LONG: [(&str, &str); 4] = [
    ("digits", "1"),
    ("hyphens", "1-"),
    ("words", "your code 482913 "),
    ("Chinese", "验证码482913"),
];

fn main() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/messages/tuning.jsonl");
    let corpus = std::fs::read_to_string(corpus).expect("the corpus is in the repository");
    let messages: Vec<serde_json::Value> =
        corpus.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    // Texts beside each other: one that has just come need not be fetched from all over the memory.
    let texts: Vec<(String, String)> = messages
        .iter()
        .map(|message| {
            let field = |name| message[name].as_str().unwrap_or_default().to_owned();
            (field("text"), field("sender"))
        })
        .collect();
    drop(messages);
    // The table of words is read once, here.
    let began = Instant::now();
    black_box(extract("Your code is 482913", ""));
    println!("the first message of a process: {:?}", began.elapsed());
    let count = u32::try_from(texts.len()).expect("a small corpus");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for (text, sender) in &texts {
            black_box(extract(black_box(text), sender));
        }
        rounds.push(began.elapsed() / count);
    }
    rounds.sort_unstable();
    let [mean, quick] = [2, 10].map(|part| rounds[rounds.len() / part]);
    println!(
        "{count} messages, one after the other: {mean:?} on average, {quick:?} in quick rounds"
    );
    let (mut slowest, mut each) = (Duration::ZERO, Duration::ZERO);
    for (text, sender) in &texts {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            black_box(extract(black_box(text), sender));
        }
        let took = began.elapsed() / ROUNDS;
        (slowest, each) = (slowest.max(took), each + took);
    }
    println!("each a hundred times over: {:?} on average, at most {slowest:?}", each / count);
    for (what, part) in LONG {
        let text = part.repeat(16 * 1024 / part.len());
        let began = Instant::now();
        for _ in 0..ROUNDS {
            black_box(extract(black_box(&text), ""));
        }
        println!("16 KiB of {what}: {:?}", began.elapsed() / ROUNDS);
    }
    assert!(quick <= MOST, "a message takes {quick:?}, more than {MOST:?}");
}
