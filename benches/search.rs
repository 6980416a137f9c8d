//! Search: texts of one, two and three words, with what is on sale of each hit among a million
//! offers, as a page of ten hits asks it; the hits of whole countries and services alone.
//!
//! The market is that of `market/mod.rs`. Printed besides: how long the index takes to build,
//! and the resident memory it adds.

#[allow(dead_code, reason = "the module is shared and this bench needs no random product")]
mod market;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexnum::market::search::{Search, Subject};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::grid::Grid;
use nexnum_engine::ids::{CountryId, ServiceId};

const ROUNDS: usize = 500;
const LIMIT: usize = 10;

const TEXTS: [(&str, &[&str]); 5] = [
    ("1 word, whole or a code", &["telegram", "indonesia", "tg", "us", "whatsapp", "google"]),
    ("1 word, its beginning", &["t", "te", "indo", "wha", "goo", "unit"]),
    ("1 word, misspelt", &["telegarm", "indonezia", "watsap", "вотсапп", "facebok", "germnay"]),
    ("2 words", &["telegram indonesia", "united states", "watsap germany", "тг индонезия"]),
    ("3 words", &["united states telegram", "telegarm indonezia cheap", "google voice france"]),
];

fn main() {
    let (grid, _) = market::of_a_million_offers();
    let catalog = Catalog::load();
    let (before, began) = (resident_kib(), Instant::now());
    let search = Search::new(catalog, Arc::clone(&grid));
    println!(
        "built in {:?}, {} KiB resident more",
        began.elapsed(),
        resident_kib().saturating_sub(before)
    );
    for (what, texts) in TEXTS {
        let find = |text: &&str| drop(black_box(search.find(text, LIMIT).expect("it is found")));
        print_times(what, times(texts, find));
    }
    print_times(
        "50 hits of a letter",
        times(&["a"], |text| {
            drop(black_box(search.find(text, 50).expect("it is found")));
        }),
    );
    sums(&grid);
    hits_by_kind(&search);
}

/// The cost of the sums alone.
fn sums(grid: &Grid) {
    let countries: Vec<_> = (0..250).map(CountryId).collect();
    let services: Vec<_> = (0..1_200).map(ServiceId).collect();
    let in_country = |id: &CountryId| {
        black_box(grid.on_sale_in(*id));
    };
    print_times("on sale in a country", times(&countries, in_country));
    let of_service = |id: &ServiceId| {
        black_box(grid.on_sale_of(*id));
    };
    print_times("on sale of a service", times(&services, of_service));
}

/// What the hits of the bench are, to see that they are what was meant.
fn hits_by_kind(search: &Search) {
    for text in TEXTS.iter().flat_map(|(_, texts)| *texts) {
        let hits = search.find(text, LIMIT).expect("it is found");
        let kinds = hits.iter().map(|hit| match hit.subject {
            Subject::Country(_) => 'C',
            Subject::Service(_) => 'S',
            Subject::Product(_) => 'P',
        });
        println!("{text}: {}", kinds.collect::<String>());
    }
}

fn times<T>(what: &[T], mut run: impl FnMut(&T)) -> Vec<Duration> {
    let rounds = 0..ROUNDS;
    let all = rounds.flat_map(|_| what);
    all.map(|one| {
        let began = Instant::now();
        run(one);
        began.elapsed()
    })
    .collect()
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{what}: {} p50 {:?} p99 {:?} max {:?}", times.len(), at(50), at(99), at(100));
}

fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("the system tells");
    let pages: u64 = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("pages");
    pages * 4
}
