//! A disk in memory that loses power, fails and lies on purpose, from a seed.
//!
//! Promises: what a sync has acknowledged survives a cut; of what was written
//! since, a seeded random subset of 512-byte sectors does, in any combination, as
//! on a real drive with a volatile cache. The same seed and the same operations
//! give the same survivor. Clones are handles on the same disk.
//!
//! Writes, syncs and changes of length are counted as operations; reads are not.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

/// What a drive writes whole or not at all.
const SECTOR_LEN: usize = 512;

/// A handle on one simulated disk; see the module.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    seed: u64,
    /// What reads see: every write so far.
    live: Vec<u8>,
    /// What is certain to be there after a cut.
    durable: Vec<u8>,
    /// What happened since the last sync, in order.
    pending: Vec<Pending>,
    ops: u64,
    cut_at: Option<u64>,
    fail_at: Option<(u64, io::ErrorKind)>,
    powered: bool,
    lying: bool,
}

#[derive(Debug)]
enum Pending {
    Sector { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// What a counted operation meets.
enum Step {
    Works,
    Fails(io::ErrorKind),
    PowerGoes,
}

impl FaultyDisk {
    /// An empty disk without faults, until some are asked for.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::holding(Vec::new(), seed)
    }

    fn holding(image: Vec<u8>, seed: u64) -> Self {
        let disk = Disk {
            seed,
            live: image.clone(),
            durable: image,
            pending: Vec::new(),
            ops: 0,
            cut_at: None,
            fail_at: None,
            powered: true,
            lying: false,
        };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Lets the next `n` operations work; the power goes during the one after.
    /// From then on every operation fails, reads too.
    pub fn cut_after(&self, n: u64) {
        let mut disk = self.disk.lock();
        disk.cut_at = Some(disk.ops + n);
    }

    /// Lets the next `n` operations work and the one after fail with `kind`, once.
    /// A failed write may have reached some sectors; after a failed sync some of
    /// what was written will never be durable, although later syncs succeed.
    pub fn fail_after(&self, n: u64, kind: io::ErrorKind) {
        let mut disk = self.disk.lock();
        disk.fail_at = Some((disk.ops + n, kind));
    }

    /// Makes every later sync report success without doing anything: the control
    /// that a test of durability has to notice.
    pub fn lie_about_syncs(&self) {
        self.disk.lock().lying = true;
    }

    /// The operations so far.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.disk.lock().ops
    }

    /// The bytes on the disk, as its user sees them.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.disk.lock().live.len() as u64
    }

    /// Whether nothing was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.disk.lock().powered
    }

    /// A new disk without faults that holds what is left after the power returns;
    /// if it was not cut, as if it were cut now. This disk stays as it is.
    #[must_use]
    pub fn survivor(&self) -> Self {
        let disk = self.disk.lock();
        let mut random = SplitMix(disk.seed ^ disk.ops.wrapping_mul(0xA076_1D64_78BD_642F));
        // In eighths. Losing nothing and losing all are the corners that a fair coin never finds.
        let chance = [0, 1, 4, 4, 7, 8][random.below(6)];
        let mut image = disk.durable.clone();
        for change in &disk.pending {
            if random.below(8) < chance {
                change.apply(&mut image);
            }
        }
        Self::holding(image, random.next())
    }

    /// Flips one bit of what is on the disk, durably.
    ///
    /// # Panics
    /// If the disk is shorter.
    pub fn flip_bit(&self, bit: u64) {
        let at = usize::try_from(bit / 8).expect("a disk in memory is addressable");
        let mut disk = self.disk.lock();
        disk.live[at] ^= 1 << (bit % 8);
        if let Some(byte) = disk.durable.get_mut(at) {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Where `pattern` begins on the disk, first to last, in bytes.
    #[must_use]
    pub fn find(&self, pattern: &[u8]) -> Vec<u64> {
        let disk = self.disk.lock();
        let windows = disk.live.windows(pattern.len().max(1)).enumerate();
        windows.filter(|(_, window)| *window == pattern).map(|(at, _)| at as u64).collect()
    }

    pub(crate) fn disk_len(&self) -> io::Result<u64> {
        let disk = self.disk.lock();
        disk.check_power()?;
        Ok(disk.live.len() as u64)
    }

    pub(crate) fn disk_read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.disk.lock();
        disk.check_power()?;
        let start = address(offset)?;
        let end = start.checked_add(out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = disk.live.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn disk_write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let start = address(offset)?;
        match disk.step()? {
            Step::Works => {
                disk.write(start, bytes);
                Ok(())
            }
            Step::Fails(kind) => {
                let reached = bytes.len() / 2;
                disk.write(start, &bytes[..reached]);
                Err(kind.into())
            }
            Step::PowerGoes => {
                disk.write(start, bytes);
                Err(power_gone())
            }
        }
    }

    pub(crate) fn disk_set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let len = address(len)?;
        match disk.step()? {
            Step::Works => {
                disk.set_len(len);
                Ok(())
            }
            Step::Fails(kind) => Err(kind.into()),
            Step::PowerGoes => {
                disk.set_len(len);
                Err(power_gone())
            }
        }
    }

    pub(crate) fn disk_sync(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        match disk.step()? {
            Step::Works => {
                if !disk.lying {
                    disk.sync();
                }
                Ok(())
            }
            Step::Fails(kind) => {
                disk.forget_some();
                Err(kind.into())
            }
            Step::PowerGoes => Err(power_gone()),
        }
    }
}

impl Disk {
    fn check_power(&self) -> io::Result<()> {
        if self.powered { Ok(()) } else { Err(power_gone()) }
    }

    /// Counts an operation and says what it meets.
    fn step(&mut self) -> io::Result<Step> {
        self.check_power()?;
        let op = self.ops;
        self.ops += 1;
        if self.cut_at == Some(op) {
            self.powered = false;
            return Ok(Step::PowerGoes);
        }
        match self.fail_at {
            Some((at, kind)) if at == op => Ok(Step::Fails(kind)),
            Some(_) | None => Ok(Step::Works),
        }
    }

    fn write(&mut self, start: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = start + bytes.len();
        if end > self.live.len() {
            self.set_len(end);
        }
        self.live[start..end].copy_from_slice(bytes);
        for at in (start / SECTOR_LEN * SECTOR_LEN..end).step_by(SECTOR_LEN) {
            let sector = &self.live[at..(at + SECTOR_LEN).min(self.live.len())];
            self.pending.push(Pending::Sector { at, bytes: sector.to_vec() });
        }
    }

    fn set_len(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.pending.push(Pending::Length(len));
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// The kernel marks pages clean when a sync fails: reads still see them, and no
    /// later sync will write them.
    fn forget_some(&mut self) {
        let mut random = SplitMix(self.seed ^ self.ops);
        self.pending.retain(|_| random.below(2) == 0);
    }
}

impl Pending {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(len) => image.resize(*len, 0),
            Self::Sector { at, bytes } => {
                // A sector beyond the end has no place in the file if the new length was lost.
                let end = (at + bytes.len()).min(image.len());
                if let Some(there) = image.get_mut(*at..end) {
                    there.copy_from_slice(&bytes[..there.len()]);
                }
            }
        }
    }
}

fn address(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn power_gone() -> io::Error {
    io::Error::other("the power is gone")
}

/// `SplitMix64`: enough to choose sectors, and the same on every machine.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("below a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(disk: &FaultyDisk, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        disk.disk_read(0, &mut out).unwrap();
        out
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_comes_by_whole_sectors() {
        let (mut kept, mut lost) = (0, 0);
        for seed in 0..50 {
            let disk = FaultyDisk::new(seed);
            disk.disk_set_len(4 * 512).unwrap();
            disk.disk_write(0, &[1; 4 * 512]).unwrap();
            disk.disk_sync().unwrap();
            disk.disk_write(512, &[2; 2 * 512]).unwrap();
            let image = read(&disk.survivor(), 4 * 512);
            assert_eq!(image, read(&disk.survivor(), 4 * 512), "seed {seed}");
            for sector in image.chunks(512) {
                assert!(sector.iter().all(|b| *b == sector[0]), "seed {seed}");
            }
            assert_eq!((image[0], image[3 * 512]), (1, 1), "seed {seed}");
            kept += usize::from(image[512] == 2) + usize::from(image[1024] == 2);
            lost += usize::from(image[512] == 1) + usize::from(image[1024] == 1);
        }
        assert!(kept > 20 && lost > 20, "{kept} kept, {lost} lost");
    }

    #[test]
    fn after_the_cut_nothing_works_any_more() {
        let disk = FaultyDisk::new(1);
        disk.cut_after(1);
        disk.disk_write(0, &[1]).unwrap();
        assert!(disk.disk_sync().is_err());
        assert!(disk.is_cut());
        assert!(disk.disk_len().is_err());
        assert!(disk.disk_read(0, &mut [0]).is_err());
        assert!(disk.disk_write(0, &[1]).is_err());
        assert_eq!(disk.ops(), 2);
    }

    #[test]
    fn a_failure_comes_once_and_a_failed_sync_loses_what_it_was_to_keep() {
        let lost = (0..20).filter(|seed| {
            let disk = FaultyDisk::new(*seed);
            disk.disk_write(0, &[7; 512]).unwrap();
            disk.fail_after(0, io::ErrorKind::StorageFull);
            assert_eq!(disk.disk_sync().unwrap_err().kind(), io::ErrorKind::StorageFull);
            disk.disk_sync().unwrap();
            assert_eq!(read(&disk, 512), [7; 512]);
            disk.survivor().disk_len().unwrap() == 0 || read(&disk.survivor(), 512) != [7; 512]
        });
        assert!(lost.count() > 5);
    }
}
