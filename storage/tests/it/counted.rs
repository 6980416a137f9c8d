//! A disk in memory. Clones are handles on the same disk.

use std::io;
use std::sync::Arc;

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
}

impl CountedDisk {
    /// How long it is.
    pub(crate) fn len(&self) -> u64 {
        self.shared.disk.read().1
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
        let mut disk = self.shared.disk.write();
        for (part, begin, range) in touched(offset, data.len()) {
            disk.0[part][begin..begin + range.len()].copy_from_slice(&data[range]);
        }
        Ok(())
    }
}
