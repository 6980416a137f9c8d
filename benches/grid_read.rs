//! Reading the grid: the first 20 asks of a random product with live price and stock
//! among a million offers, alone and beside a publisher that re-prices a list of
//! 100,000 rows again and again.
//!
//! The market is that of `market/mod.rs`. Printed besides: the memory of the million
//! offers, and how reads and publishes are distributed, each read timed with a clock
//! that takes some 25 ns itself.

mod market;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use market::Random;
use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::ids::ProviderId;
use nexnum_engine::money::Micros;

const READS: usize = 2_000_000;
const PROVIDER: ProviderId = ProviderId(1);

fn grid_read(criterion: &mut Criterion) {
    let (grid, mut rows) = market::of_a_million_offers();
    println!("{} offers: {} bytes", market::OFFERS, grid.bytes());
    let mut random = Random(7);
    criterion.bench_function("best_20_of_1m_offers", |bencher| {
        bencher.iter(|| best_20(&grid, &mut random));
    });
    criterion.bench_function("publish_100k_rows_unchanged", |bencher| {
        bencher.iter(|| publish(&grid, &rows));
    });
    criterion.bench_function("publish_100k_rows_repriced", |bencher| {
        bencher.iter(|| reprice(&grid, &mut rows, &mut random));
    });
    reads_beside_publishes(&grid, rows);
}

fn best_20(grid: &Grid, random: &mut Random) -> i64 {
    let asks = grid.asks(random.product()).take(20);
    asks.map(|ask| ask.price.0 + i64::from(ask.stock)).sum()
}

fn publish(grid: &Grid, rows: &[Listing]) {
    grid.publish(PROVIDER, rows, Coverage::Whole).expect("the rows are in range");
}

fn reprice(grid: &Grid, rows: &mut [Listing], random: &mut Random) {
    for row in rows.iter_mut() {
        row.cost = Micros(10_000 + i64::from(random.below(2_000_000)));
        row.price = Micros(row.cost.0 * 6 / 5);
        row.stock = 1 + random.below(10_000);
    }
    publish(grid, rows);
}

fn reads_beside_publishes(grid: &Grid, mut rows: Vec<Listing>) {
    print_times("reads alone", read_times(grid));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let (mut random, mut times) = (Random(13), Vec::new());
            while !done.load(Ordering::Relaxed) {
                let began = Instant::now();
                reprice(grid, &mut rows, &mut random);
                times.push(began.elapsed());
            }
            times
        });
        print_times("reads beside publishes", read_times(grid));
        done.store(true, Ordering::Relaxed);
        let times = publisher.join().expect("a publish does not panic");
        print_times("publishes beside reads", times);
    });
}

fn read_times(grid: &Grid) -> Vec<Duration> {
    let mut random = Random(11);
    let read = |_| {
        let began = Instant::now();
        black_box(best_20(grid, &mut random));
        began.elapsed()
    };
    (0..READS).map(read).collect()
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000];
    let (p50, p99, p999, max) = (at(500), at(990), at(999), at(1000));
    println!("{what}: {} p50 {p50:?} p99 {p99:?} p99.9 {p999:?} max {max:?}", times.len());
}

criterion_group!(benches, grid_read);
criterion_main!(benches);
