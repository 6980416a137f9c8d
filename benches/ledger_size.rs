//! What a ledger costs by its size: a commit of 200 bytes at 0, 1 and 4 GiB, and the start after
//! a kill there. The disk under the temporary folder is asked for every byte that is counted.
//!
//! It fails if a commit writes more to a long ledger than to a short one, or if a start reads more
//! than twice what the file holds. Set TMPDIR to measure a certain disk; 4.1 GiB are written.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nexnum_engine::ids::Seq;
use nexnum_engine::time::Time;
use nexnum_storage::{Batch, CheckedLedger, Hash, Ledger, LedgerId, Manifest, RedbLedger};
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

const GIB: u64 = 1 << 30;
const SIZES: [u64; 3] = [0, GIB, 4 * GIB];
const COMMITS: usize = 2_000;
const EVENT: [u8; 200] = [0x5A; 200];
/// A page of the database takes it whole.
const FILLING: usize = (8 << 20) - 4096;

/// A file that counts what it is asked for, and can be cut off from its writer as by a kill.
#[derive(Clone, Debug)]
struct CountedFile {
    file: Arc<FileBackend>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    written: AtomicU64,
    killed: AtomicBool,
}

impl CountedFile {
    fn open(path: &Path) -> Self {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = FileBackend::new(file.expect("the temporary folder takes a file"));
        Self { file: Arc::new(file.expect("the file can be locked")), counts: Arc::default() }
    }

    fn unless_killed(&self, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.counts.killed.load(Ordering::Relaxed) { Ok(()) } else { act() }
    }
}

impl StorageBackend for CountedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.counts.read.fetch_add(out.len() as u64, Ordering::Relaxed);
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.unless_killed(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.unless_killed(|| self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.counts.written.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.unless_killed(|| self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

fn append(ledger: &mut RedbLedger, payload: &[u8]) {
    let last = ledger.last();
    let (first, at, root) = (Seq(last.seq.0 + 1), Time(last.seq.0), Hash::default());
    let batch = Batch { first, at, count: 1, root, payload };
    ledger.append(&batch, last, ledger.epoch()).expect("the disk takes the batch");
}

/// Commits events; gives the bytes that one writes, and the times in order.
fn commits(file: &CountedFile, ledger: &mut RedbLedger) -> (u64, Vec<Duration>) {
    let before = file.counts.written.load(Ordering::Relaxed);
    let mut times: Vec<Duration> = (0..COMMITS)
        .map(|_| {
            let started = Instant::now();
            append(ledger, &EVENT);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let written = file.counts.written.load(Ordering::Relaxed) - before;
    (written / COMMITS as u64, times)
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ledger.redb");
    let mut file = CountedFile::open(&path);
    let mut ledger = RedbLedger::create_on(file.clone(), &path, LedgerId([1; 16]))
        .expect("the temporary folder takes a new ledger");
    let filling = vec![0x5A; FILLING];
    // The tree is as high from now on as at the other sizes.
    commits(&file, &mut ledger);
    commits(&file, &mut ledger);
    let mut short = 0;
    for size in SIZES {
        while file.len().expect("the file has a length") < size {
            append(&mut ledger, &filling);
        }
        let (written, times) = commits(&file, &mut ledger);
        let manifest: Manifest = ledger.manifest();
        file.counts.killed.store(true, Ordering::Relaxed);
        drop(ledger);

        file = CountedFile::open(&path);
        let (len, started) = (file.len().expect("the file has a length"), Instant::now());
        let checked = CheckedLedger::open_on(file.clone(), &path).expect("it is whole");
        ledger = checked.into_ledger(&manifest).expect("nothing is missing");
        let (took, read) = (started.elapsed(), file.counts.read.load(Ordering::Relaxed));
        println!(
            "{:4.2} GiB: a commit writes {written} bytes, p50 {:?}, p99 {:?}; a start after a kill \
             reads {:.2} times the file in {took:?}",
            len as f64 / GIB as f64,
            times[COMMITS / 2],
            times[COMMITS * 99 / 100],
            read as f64 / len as f64,
        );
        if size == 0 {
            short = written;
        }
        // A tree that is one level higher writes one page more.
        assert!(written <= short + 4096, "a commit to a long ledger writes more");
        assert!(size == 0 || read <= 2 * len, "a start reads the file more than twice");
    }
}
