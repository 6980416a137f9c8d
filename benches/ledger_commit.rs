//! Durable appends to the embedded ledger: batches of 1, 64 and 1024 events of 128
//! bytes, one row a batch, each commit waiting for the disk under the temporary
//! folder. Then the way back: reading and checking a ledger of 2¹⁸ such events.
//!
//! Set TMPDIR to measure a certain disk; on a memory file system the syncs cost nothing.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::{Batch, Hash, Ledger, LedgerId, RedbLedger};

const EVENT_BYTES: usize = 128;
const READ_EVENTS: u32 = 1 << 18;
const READ_BATCH: u32 = 256;

fn new_ledger(folder: &tempfile::TempDir) -> RedbLedger {
    RedbLedger::create(&folder.path().join("ledger.redb"), LedgerId([1; 16]))
        .expect("the temporary folder takes a new ledger")
}

fn append(ledger: &mut RedbLedger, payload: &[u8], count: u32) {
    let last = ledger.last();
    let (first, at, root) = (Seq(last.seq.0 + 1), Time(last.seq.0), Hash::default());
    let batch = Batch { first, at, count, root, payload };
    ledger.append(&batch, last, ledger.epoch()).expect("the disk takes the batch");
}

fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("ledger_commit");
    group.sample_size(20);
    for count in [1u32, 64, 1024] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut ledger = new_ledger(&folder);
        let payload = vec![0x5A; count as usize * EVENT_BYTES];
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(format!("{count}_events"), |b| {
            b.iter(|| append(&mut ledger, &payload, count));
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut ledger = new_ledger(&folder);
    let payload = vec![0x5A; READ_BATCH as usize * EVENT_BYTES];
    for _ in 0..READ_EVENTS / READ_BATCH {
        append(&mut ledger, &payload, READ_BATCH);
    }
    let mut group = c.benchmark_group("ledger_read");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(READ_EVENTS)));
    group.bench_function("256_events_a_row", |b| {
        b.iter_batched(
            || ledger.read(Seq(1)).expect("the ledger reads"),
            |rows| {
                rows.map(|row| {
                    row.and_then(|row| row.payload().map(<[u8]>::len)).expect("a sound row")
                })
                .sum::<usize>()
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, commit, read);
criterion_main!(benches);
