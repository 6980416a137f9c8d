//! A disk in memory that counts what it is asked for. Clones are handles on the same disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use redb::StorageBackend;

/// What is held together: a disk of some hundred MiB grows without being copied.
const PART_LEN: usize = 1 << 20;

/// The disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountedDisk {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Parts that are held, and the length.
    disk: RwLock<(Vec<Box<[u8]>>, u64)>,
    read: AtomicU64,
    written: AtomicU64,
}

impl CountedDisk {
    /// Bytes that were read.
    pub(crate) fn read(&self) -> u64 {
        self.shared.read.load(Ordering::Relaxed)
    }

    /// Bytes that were written.
    pub(crate) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// How long it is.
    pub(crate) fn len(&self) -> u64 {
        self.shared.disk.read().1
    }

    /// Another disk with what is on this one now, as a kill of its writer leaves it.
    pub(crate) fn survivor(&self) -> Self {
        let shared =
            Shared { disk: RwLock::new(self.shared.disk.read().clone()), ..Shared::default() };
        Self { shared: Arc::new(shared) }
    }
}

/// The parts that `len` bytes from `offset` on touch: each one's number, where in it they begin,
/// and which of the bytes are its.
fn touched(
    offset: u64,
    len: usize,
) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
    let offset = usize::try_from(offset).expect("a disk in memory is addressable");
    let mut done = 0;
    std::iter::from_fn(move || {
        let (part, begin) = ((offset + done) / PART_LEN, (offset + done) % PART_LEN);
        let taken = (PART_LEN - begin).min(len - done);
        let range = done..done + taken;
        done += taken;
        (taken > 0).then_some((part, begin, range))
    })
}

impl StorageBackend for CountedDisk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(Self::len(self))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.shared.read.fetch_add(out.len() as u64, Ordering::Relaxed);
        let disk = self.shared.disk.read();
        for (part, begin, range) in touched(offset, out.len()) {
            let len = range.len();
            out[range].copy_from_slice(&disk.0[part][begin..begin + len]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut disk = self.shared.disk.write();
        let parts = usize::try_from(len).expect("it fits into memory").div_ceil(PART_LEN);
        assert!(len >= disk.1 || parts > 0, "a ledger is never cut to nothing");
        disk.0.resize(parts, vec![0; PART_LEN].into());
        disk.1 = len;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.shared.written.fetch_add(data.len() as u64, Ordering::Relaxed);
        let mut disk = self.shared.disk.write();
        for (part, begin, range) in touched(offset, data.len()) {
            disk.0[part][begin..begin + range.len()].copy_from_slice(&data[range]);
        }
        Ok(())
    }
}
