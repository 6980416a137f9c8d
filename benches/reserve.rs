//! Phase 1 of a sale: a unit claimed and given back, over a million offers and on one,
//! by one thread and by two; and the refusal of a buyer who comes too late.
//!
//! The market is that of `market/mod.rs`. A rate counts claim and release as one.
//! `cell` is the bare atomic word of an offer, `claim` the whole of what a request
//! does: the offer looked up, its provider asked, a claim made and dropped.

mod market;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use market::Random;
use nexnum_engine::grid::Grid;
use nexnum_engine::grid::cell::{Cell, CellTerms, Place, Spare};
use nexnum_engine::ids::{OfferId, Product, ProviderId, VariantId};
use nexnum_engine::money::{AMOUNT_MAX, Micros};

fn reserve(criterion: &mut Criterion) {
    let cells = cells();
    let spare = Spare::default();
    let cell = |random: &mut Random| {
        let cell = &cells[random.below(market::OFFERS) as usize];
        if cell.claim(&spare, AMOUNT_MAX).is_ok() {
            cell.release();
        }
    };
    let (grid, _) = market::of_a_million_offers();
    let any = |random: &mut Random| OfferId(1 + random.below(market::OFFERS));
    let hot = |_: &mut Random| OfferId(4_711);
    let gone = OfferId(815);
    grid.exhaust(gone);
    let mut group = criterion.benchmark_group("reserve");
    group.throughput(Throughput::Elements(1));
    for threads in [1, 2] {
        let mut measure = |name: &str, step: &(dyn Fn(&mut Random) + Sync)| {
            group.bench_function(format!("{name}/{threads}"), |bencher| {
                bencher.iter_custom(|rounds| spread(threads, rounds, step));
            });
        };
        measure("cell_of_1m", &cell);
        measure("claim_of_1m", &|random| claim(&grid, any(random)));
        measure("claim_hot", &|random| claim(&grid, hot(random)));
        measure("refused", &|_| claim(&grid, gone));
    }
}

/// A million listed cells, no grid around them.
fn cells() -> Vec<Cell> {
    let place =
        Place { product: Product::default(), provider: ProviderId(1), variant: VariantId::ANY };
    let listed = |_| {
        let cell = Cell::default();
        cell.list(place, CellTerms { cost: Micros(1), price: Micros(2) }, 1_000);
        cell
    };
    (0..market::OFFERS).map(listed).collect()
}

fn claim(grid: &Arc<Grid>, offer: OfferId) {
    drop(black_box(grid.claim(offer, AMOUNT_MAX)));
}

/// The time that `rounds` steps take, shared out among the threads.
fn spread(threads: u64, rounds: u64, step: &(dyn Fn(&mut Random) + Sync)) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut random = Random(1 + thread);
                for _ in 0..rounds.div_ceil(threads) {
                    step(&mut random);
                }
            });
        }
    });
    began.elapsed()
}

criterion_group!(benches, reserve);
criterion_main!(benches);
