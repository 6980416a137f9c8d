//! The training: makes the table from the corpus and from the examples, the same bytes each time.
//!
//! Messages of the corpus were read by those who wrote the table of cues, messages to come were
//! not. So each message is learnt three times, with all of its cues and with part of them taken
//! away: the model learns what to think where a language has words that the table does not have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::features::Features;
use super::table::{HEAD, LEN, TABLE, Table, check, slots};
use super::{choose, scene};
use crate::message::extract::code::Code;
use crate::message::extract::{cues, items, lexer, links, mend};

/// What a table begins with: its form.
const FORM: [u8; 4] = *b"NXM1";
const CORPUS: &str = include_str!("../../../../tests/data/messages/tuning.jsonl");
const EXAMPLES: &str = include_str!("../examples.txt");
const LESSONS: &str = include_str!("lessons.txt");
/// Percent of the cues that each copy of a message is without.
const LOST: [u32; 3] = [0, 40, 60];
/// Rounds over all messages; the weights of the second half are averaged.
const ROUNDS: usize = 12;
/// How far a weight moves at first.
const RATE: f64 = 0.1;
/// How strongly a weight is drawn back to nothing.
const DECAY: f64 = 0.001;
/// Messages that have a feature that is learnt.
const MESSAGES_MIN: usize = 2;
/// Units of a weight.
const UNITS: f64 = 128.0;

/// In the place of an author's initial.
const EXAMPLE: char = '-';

struct Message {
    author: char,
    text: String,
    sender: String,
    code: Option<String>,
}

/// A message with part of its cues.
struct Sample {
    message: usize,
    features: Vec<u32>,
    figures: Vec<Figure>,
}

struct Figure {
    features: Vec<u32>,
    right: bool,
}

/// The authors' initials begin the ids.
fn messages() -> Vec<Message> {
    let field = |value: &Value| value.as_str().map(str::to_owned);
    let corpus = CORPUS.lines().map(|line| {
        let message: Value = serde_json::from_str(line).expect("a line of the corpus is JSON");
        let id = message["id"].as_str().expect("a message has an id");
        Message {
            author: id.chars().next().expect("an id is not empty"),
            text: field(&message["text"]).expect("a message has a text"),
            sender: field(&message["sender"]).unwrap_or_default(),
            code: field(&message["code"]),
        }
    });
    let written = EXAMPLES.lines().chain(LESSONS.lines());
    let written = written.filter(|line| !line.starts_with("##")).map(|line| {
        let (code, text) = line.split_once('\t').expect("a code, a tab, a text");
        let code = (code != "-").then(|| code.to_owned());
        let text = crate::message::extract::tests::unescaped(text);
        Message { author: EXAMPLE, text, sender: String::new(), code }
    });
    corpus.chain(written).collect()
}

/// A number that a word and a seed always have.
fn drawn(word: &str, seed: u32) -> u32 {
    let start = 0x811c_9dc5 ^ seed.wrapping_mul(0x9e37_79b1);
    let hash = word.bytes().fold(start, |hash, b| {
        (hash ^ u32::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    });
    let hash = (hash ^ (hash >> 15)).wrapping_mul(0x85eb_ca6b);
    hash ^ (hash >> 13)
}

fn sample(message: &Message, at: usize, copy: u32, lost: u32) -> Sample {
    let text = mend::mend(&message.text);
    let lexed = lexer::lex(&text);
    let mut cues = cues::find(&lexed.text);
    cues.retain(|cue| drawn(&lexed.text[cue.start..cue.end], copy) % 100 >= lost);
    let row = items::row(&lexed, &cues);
    let scene = scene(&row, &lexed, &message.sender);
    let mut features = Features::default();
    scene.message(&mut features);
    let open = scene.known.each.iter().enumerate().filter(|(_, one)| scene.may_be(one));
    let figures = open.map(|(at, one)| {
        let mut features = Features::default();
        scene.figure(at, &mut features);
        let right = message.code.as_deref() == Some(one.figure.code.as_str());
        Figure { features: features.hashes().collect(), right }
    });
    Sample { message: at, features: features.hashes().collect(), figures: figures.collect() }
}

fn samples(messages: &[Message]) -> Vec<Sample> {
    let copies =
        |(at, message)| (1..).zip(LOST).map(move |(copy, lost)| sample(message, at, copy, lost));
    let all = messages.iter().enumerate().flat_map(copies);
    all.filter(|sample| !sample.figures.is_empty()).collect()
}

/// Features that enough messages have, numbered.
fn numbered(samples: &[&Sample]) -> BTreeMap<u32, usize> {
    let mut count: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for sample in samples {
        let figures = sample.figures.iter().flat_map(|figure| &figure.features);
        for feature in sample.features.iter().chain(figures) {
            let (messages, last) = count.entry(*feature).or_insert((0, usize::MAX));
            *messages += usize::from(*last != sample.message);
            *last = sample.message;
        }
    }
    let learnt = count.into_iter().filter(|(_, (messages, _))| *messages >= MESSAGES_MIN);
    learnt.map(|(feature, _)| feature).zip(0..).collect()
}

/// e to a power that is not positive. The steps are those of every machine, which the library's
/// function does not promise.
fn exp(power: f64) -> f64 {
    (0..14).fold((1.0 + power / 16_384.0).max(0.0), |power, _| power * power)
}

/// Numbers of the features of a message and of its figures, and whether a figure is right.
struct Lesson {
    message: Vec<usize>,
    figures: Vec<(Vec<usize>, bool)>,
}

/// Weights, each with what it has moved so far.
struct Weights {
    weights: Vec<f64>,
    moved: Vec<f64>,
}

impl Weights {
    fn sum(&self, features: &[usize]) -> f64 {
        features.iter().map(|at| self.weights[*at]).sum()
    }

    /// Takes a step against a slope, the smaller the further a weight has moved.
    fn step(&mut self, features: &[usize], slope: f64) {
        if slope.abs() < 1e-4 {
            return;
        }
        for at in features {
            let slope = slope + DECAY * self.weights[*at];
            self.moved[*at] += slope * slope;
            self.weights[*at] -= RATE * slope / self.moved[*at].sqrt();
        }
    }

    /// Learns one message: the right figure becomes more likely, or that there is none.
    fn learn(&mut self, Lesson { message, figures }: &Lesson) {
        let base = self.sum(message);
        let scores: Vec<f64> = figures.iter().map(|(figure, _)| base + self.sum(figure)).collect();
        let top = scores.iter().copied().fold(0.0, f64::max);
        let odds: Vec<f64> = scores.iter().map(|score| exp(score - top)).collect();
        let all = exp(-top) + odds.iter().sum::<f64>();
        let right = odds.iter().zip(figures).filter(|(_, (_, right))| *right);
        let right: f64 = right.map(|(odds, _)| odds).sum();
        let mut total = 0.0;
        for (odds, (figure, is_right)) in odds.iter().zip(figures) {
            let wanted = if *is_right && right > 0.0 { odds / right } else { 0.0 };
            let slope = (odds / all - wanted) / 3.0;
            total += slope;
            self.step(figure, slope);
        }
        self.step(message, total);
    }
}

/// The weights of the features, by their hash.
fn train(samples: &[&Sample]) -> Vec<(u32, f64)> {
    let numbers = numbered(samples);
    let known = |features: &[u32]| -> Vec<usize> {
        features.iter().filter_map(|feature| numbers.get(feature).copied()).collect()
    };
    let lessons = samples.iter().map(|sample| {
        let figures = sample.figures.iter();
        let figures = figures.map(|figure| (known(&figure.features), figure.right));
        Lesson { message: known(&sample.features), figures: figures.collect() }
    });
    let lessons: Vec<Lesson> = lessons.collect();
    let count = numbers.len();
    let mut weights = Weights { weights: vec![0.0; count], moved: vec![0.01; count] };
    let mut sums = vec![0.0; count];
    let mut order: Vec<usize> = (0..lessons.len()).collect();
    let mut random = 12_345_u64;
    for round in 0..ROUNDS {
        for at in (1..order.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(at, (random >> 33) as usize % (at + 1));
        }
        for at in &order {
            weights.learn(&lessons[*at]);
        }
        if round >= ROUNDS / 2 {
            sums.iter_mut().zip(&weights.weights).for_each(|(sum, weight)| *sum += weight);
        }
    }
    let rounds = (ROUNDS - ROUNDS / 2) as f64;
    numbers.into_keys().zip(sums).map(|(feature, sum)| (feature, sum / rounds)).collect()
}

/// The table's bytes: of the weights that are not nothing, the greatest first, as far as there
/// is room where they belong.
fn packed(weights: &[(u32, f64)]) -> Box<[u8; LEN]> {
    let units = |weight: f64| (weight * UNITS).round().clamp(-127.0, 127.0) as i8;
    let mut weights: Vec<(u32, i8)> =
        weights.iter().map(|(feature, weight)| (*feature, units(*weight))).collect();
    weights.retain(|(_, weight)| *weight != 0);
    weights.sort_by_key(|(feature, weight)| (u8::MAX - weight.unsigned_abs(), *feature));
    let mut table = Box::new([0; LEN]);
    let mut count = 0_u32;
    for (feature, weight) in weights {
        let places = slots(feature);
        let taken = places.iter().any(|at| table[at + 1] != 0 && table[*at] == check(feature));
        let free = places.into_iter().find(|at| table[at + 1] == 0);
        if let Some(at) = free.filter(|_| !taken) {
            [table[at], table[at + 1]] = [check(feature), weight.to_le_bytes()[0]];
            count += 1;
        }
    }
    table[..4].copy_from_slice(&FORM);
    table[4..8].copy_from_slice(&fingerprint().to_le_bytes());
    table[8..HEAD].copy_from_slice(&count.to_le_bytes());
    table
}

/// A sum of the features of a message that has many.
fn fingerprint() -> u32 {
    let text = "Orchard: your code is 482 913, not AB-77. 验证码 4821。\nKlub 7716 €";
    let message =
        Message { author: EXAMPLE, text: text.into(), sender: "Orchard".into(), code: None };
    let sample = sample(&message, 0, 0, 0);
    let figures = sample.figures.iter().flat_map(|figure| &figure.features);
    sample.features.iter().chain(figures).fold(0, |sum, feature| sum.rotate_left(1) ^ feature)
}

/// What the model and the links of a message say, with part of the cues.
fn answer(table: Table, message: &Message, lost: u32) -> Option<(Code, u8)> {
    let text = mend::mend(&message.text);
    let lexed = lexer::lex(&text);
    let mut cues = cues::find(&lexed.text);
    cues.retain(|cue| drawn(&lexed.text[cue.start..cue.end], 7_777) % 100 >= lost);
    let row = items::row(&lexed, &cues);
    let judged = choose(table, &scene(&row, &lexed, &message.sender));
    judged.or_else(|| links::judge(&row, &lexed.text))
}

/// Counts of answers.
#[derive(Default)]
struct Tally {
    there: u32,
    found: u32,
    right: u32,
    /// By tens of percent: answers, and right ones.
    sure: [(u32, u32); 10],
}

impl Tally {
    fn count(&mut self, message: &Message, answer: Option<(Code, u8)>) {
        self.there += u32::from(message.code.is_some());
        let Some((code, percent)) = answer else { return };
        let right = u32::from(message.code.as_deref() == Some(code.as_str()));
        self.found += 1;
        self.right += right;
        let sure = &mut self.sure[usize::from(percent / 10)];
        *sure = (sure.0 + 1, sure.1 + right);
    }

    fn percent(&self) -> (f64, f64) {
        let percent = |of: u32| 100.0 * f64::from(self.right) / f64::from(of);
        (percent(self.found), percent(self.there))
    }
}

/// Where the bytes of a new training go, to be copied over the table.
const WRITTEN: &str = "NEXNUM_TRAINED_TABLE";

#[test]
fn the_table_fits_the_features() {
    assert_eq!(TABLE[..4], FORM);
    assert_eq!(TABLE[4..8], fingerprint().to_le_bytes(), "features have changed: train again");
    let count = TABLE[HEAD..].chunks(2).filter(|slot| slot[1] != 0).count();
    assert_eq!(TABLE[8..HEAD], u32::try_from(count).unwrap().to_le_bytes());
    assert!(count > 10_000, "{count} weights");
}

#[test]
fn the_table_is_what_the_corpus_teaches() {
    let samples = samples(&messages());
    let table = packed(&train(&samples.iter().collect::<Vec<_>>()));
    if let Ok(path) = std::env::var(WRITTEN) {
        std::fs::write(path, *table).unwrap();
    }
    assert!(*table == *TABLE, "another table: {WRITTEN} names a file for it");
}

/// Percent of the cues that are taken from messages to be measured: none, and about as many as
/// an author's have whose words the table lacks.
const MEASURED: [u32; 2] = [0, 20];

/// Prints what the model makes of the messages of each author when it has learnt from the
/// others alone.
#[test]
fn messages_of_an_author_who_is_left_out_are_read_as_well() {
    let messages = messages();
    let samples = samples(&messages);
    let authors: BTreeSet<char> = messages.iter().map(|message| message.author).collect();
    let mut all = MEASURED.map(|_| Tally::default());
    for author in authors.into_iter().filter(|author| *author != EXAMPLE) {
        let others = samples.iter().filter(|one| messages[one.message].author != author);
        let table = packed(&train(&others.collect::<Vec<_>>()));
        for (lost, all) in MEASURED.iter().zip(&mut all) {
            let mut tally = Tally::default();
            for message in messages.iter().filter(|message| message.author == author) {
                let answer = answer(Table(&table), message, *lost);
                tally.count(message, answer);
                all.count(message, answer);
            }
            let (precision, recall) = tally.percent();
            println!("{author} without {lost} % of cues: {precision:.2} %, {recall:.2} %");
        }
    }
    for (lost, tally) in MEASURED.iter().zip(all) {
        let (precision, recall) = tally.percent();
        let sure = tally.sure;
        println!("all without {lost} % of cues: {precision:.2} %, {recall:.2} %; {sure:?}");
        assert!(precision >= 98.5 && recall >= 97.5, "{precision} %, {recall} %");
    }
}
