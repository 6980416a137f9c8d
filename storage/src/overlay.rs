//! A file under a sheet of glass: redb may write to it, and nothing reaches the file.
//!
//! Promises: reads give what was written here, else what is in the file. What is written is lost
//! when it is dropped, unless the glass was lifted: then the file gets every write in its order,
//! with the syncs between them, as if there had been no glass, and so does everything after.
//! It exists because a database whose writer was killed can only be opened by one that writes,
//! and what is being examined must stay as it is until it is known to be whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use redb::{BackendError, StorageBackend};

use crate::error::StorageError;
use crate::file::file_backend;

/// What is kept or fetched at a time.
const PAGE_LEN: u64 = 4096;

/// Pages that are kept, and pages' worth of writes that wait to be let through: 256 MiB. A recovery
/// writes the header, and the allocator's state when it is closed, below 1 KiB a MiB of file.
const PAGES_MAX: usize = 1 << 16;

/// The byte that a writer of redb's has locked once its file needs no recovery. A reader that
/// shares the file asks for that lock, and opens the file without a recovery if it is held.
const CONSISTENT_BYTE: u64 = (1 << 62) + 4;

/// The file and what was written over it. Clones are handles on the same glass.
#[derive(Clone, Debug)]
pub(crate) struct Overlay {
    under: Arc<dyn StorageBackend>,
    kind: Kind,
    glass: Arc<Mutex<Glass>>,
    /// Whether the file is read and written as it is. Set under the lock of the glass.
    lifted: Arc<AtomicBool>,
}

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The file is open for reading alone, and locked as by a reader.
    Examined,
    /// The same, and a writer that was killed counts as alive: no recovery is asked for.
    AsLeft,
    /// It may be lifted: the file is locked as by a writer.
    Liftable,
}

#[derive(Debug)]
struct Glass {
    len: u64,
    /// How much of the file shows: all of it, until it was cut.
    shown: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
    /// What is to be done to the file if the glass is lifted.
    deeds: Option<Vec<Deed>>,
    /// Bytes in these.
    deeds_len: usize,
}

/// What was done to the file, as it appears.
#[derive(Debug)]
enum Deed {
    Write(u64, Box<[u8]>),
    SetLen(u64),
    Sync,
}

impl Overlay {
    /// Over a file that is there and not empty.
    pub(crate) fn over(path: &Path) -> Result<Self, StorageError> {
        Self::over_file(path, Kind::Examined)
    }

    /// As [`Overlay::over`], for a database that is read as its writer left it. What commits in two
    /// phases can be read so after a kill: the last commit is whole, and only which pages are free
    /// has to be found out by one who writes.
    pub(crate) fn over_as_left(path: &Path) -> Result<Self, StorageError> {
        Self::over_file(path, Kind::AsLeft)
    }

    /// Over a backend that is written to once the glass is lifted.
    pub(crate) fn liftable(under: impl StorageBackend, place: &Path) -> Result<Self, StorageError> {
        Self::new(Arc::new(under), place, Kind::Liftable)
    }

    fn over_file(path: &Path, kind: Kind) -> Result<Self, StorageError> {
        let file = File::open(path).map_err(|e| StorageError::io("opening", path, e))?;
        Self::new(Arc::new(file_backend(file, path)?), path, kind)
    }

    fn new(under: Arc<dyn StorageBackend>, place: &Path, kind: Kind) -> Result<Self, StorageError> {
        let len = under.len().map_err(|e| StorageError::io("measuring", place, e))?;
        if len == 0 {
            return Err(StorageError::EmptyLedger { path: place.to_owned() });
        }
        let deeds = (kind == Kind::Liftable).then(Vec::new);
        let glass = Glass { len, shown: len, pages: BTreeMap::new(), deeds, deeds_len: 0 };
        let (glass, lifted) = (Arc::new(Mutex::new(glass)), Arc::default());
        Ok(Self { under, kind, glass, lifted })
    }

    /// Does to the file what was done on the glass, and takes the glass away. A failure, or a
    /// kill meanwhile, leaves the file as one in a recovery would.
    ///
    /// # Errors
    /// The failure; the database above must not be used any more.
    ///
    /// # Panics
    /// If the file is open for reading alone.
    pub(crate) fn lift(&self) -> io::Result<()> {
        let mut glass = self.glass.lock();
        let deeds = glass.deeds.take().expect("it is liftable, and lifted once");
        for deed in deeds {
            match deed {
                Deed::Write(offset, data) => self.under.write(offset, &data)?,
                Deed::SetLen(len) => self.under.set_len(len)?,
                Deed::Sync => self.under.sync_data()?,
            }
        }
        glass.pages.clear();
        // Pairs with the loads of those who read or write meanwhile.
        self.lifted.store(true, Ordering::Release);
        Ok(())
    }

    /// The glass, until it is lifted.
    fn glass(&self) -> Option<MutexGuard<'_, Glass>> {
        let is_lifted = || self.lifted.load(Ordering::Acquire);
        if is_lifted() {
            return None;
        }
        let glass = self.glass.lock();
        // It may have been lifted while this thread waited for the lock.
        (!is_lifted()).then_some(glass)
    }
}

impl Glass {
    /// Refuses what reaches beyond the end.
    fn within(&self, offset: u64, len: usize) -> io::Result<()> {
        let end = offset.checked_add(len as u64);
        if end.is_some_and(|end| end <= self.len) {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// What the file shows from `offset` on; zeros where it shows nothing.
    fn read_under(
        &self,
        under: &dyn StorageBackend,
        offset: u64,
        out: &mut [u8],
    ) -> io::Result<()> {
        let shown = self.shown.saturating_sub(offset).min(out.len() as u64) as usize;
        let (there, beyond) = out.split_at_mut(shown);
        beyond.fill(0);
        if there.is_empty() { Ok(()) } else { under.read(offset, there) }
    }

    /// Remembers what is to be done when the glass is lifted.
    fn note(&mut self, deed: impl FnOnce() -> Deed, len: usize) -> io::Result<()> {
        let Some(deeds) = &mut self.deeds else { return Ok(()) };
        self.deeds_len += len;
        if self.deeds_len > PAGES_MAX * PAGE_LEN as usize {
            return Err(too_much());
        }
        deeds.push(deed());
        Ok(())
    }

    /// The page, fetched from the file when it is written to first.
    fn page(&mut self, under: &dyn StorageBackend, number: u64) -> io::Result<&mut [u8]> {
        if !self.pages.contains_key(&number) {
            if self.pages.len() >= PAGES_MAX {
                return Err(too_much());
            }
            let mut page = vec![0; PAGE_LEN as usize].into_boxed_slice();
            self.read_under(under, number * PAGE_LEN, &mut page)?;
            self.pages.insert(number, page);
        }
        Ok(self.pages.get_mut(&number).expect("it is there or was inserted above"))
    }
}

fn too_much() -> io::Error {
    let bytes = PAGES_MAX as u64 * PAGE_LEN;
    io::Error::other(format!("the recovery writes more than the {bytes} bytes that memory takes"))
}

/// The pages that `len` bytes from `offset` on touch: each one's number, where in it they
/// begin, and which of the bytes are its.
fn touched(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let begin = (at % PAGE_LEN) as usize;
        let taken = (PAGE_LEN as usize - begin).min(len - done);
        let range = done..done + taken;
        done += taken;
        (taken > 0).then_some((at / PAGE_LEN, begin, range))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64, io::Error> {
        self.glass().map_or_else(|| self.under.len(), |glass| Ok(glass.len))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let Some(glass) = self.glass() else { return self.under.read(offset, out) };
        glass.within(offset, out.len())?;
        glass.read_under(&*self.under, offset, out)?;
        for (number, begin, range) in touched(offset, out.len()) {
            if let Some(page) = glass.pages.get(&number) {
                let len = range.len();
                out[range].copy_from_slice(&page[begin..begin + len]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let Some(mut glass) = self.glass() else { return self.under.set_len(len) };
        glass.note(|| Deed::SetLen(len), 0)?;
        // What is cut off must not show again when the file grows: whole pages go, and the
        // rest of a page that is cut through.
        if len < glass.len {
            glass.pages.split_off(&len.div_ceil(PAGE_LEN));
            let rest = (len % PAGE_LEN) as usize;
            if let Some(page) = glass.pages.get_mut(&(len / PAGE_LEN)) {
                page[rest..].fill(0);
            }
        }
        glass.shown = glass.shown.min(len);
        glass.len = len;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.glass()
            .map_or_else(|| self.under.sync_data(), |mut glass| glass.note(|| Deed::Sync, 0))
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let Some(mut glass) = self.glass() else { return self.under.write(offset, data) };
        glass.within(offset, data.len())?;
        glass.note(|| Deed::Write(offset, data.into()), data.len())?;
        for (number, begin, range) in touched(offset, data.len()) {
            let page = glass.page(&*self.under, number)?;
            page[begin..begin + range.len()].copy_from_slice(&data[range]);
        }
        Ok(())
    }

    fn close(&self) -> Result<(), io::Error> {
        self.under.close()
    }

    // A process that only reads needs a reader's lock, and gets no other on the file.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        match self.kind {
            Kind::Liftable => self.under.try_lock_range(start, end),
            Kind::Examined | Kind::AsLeft => self.under.try_lock_shared_range(start, end),
        }
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.under.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        match self.kind {
            Kind::Liftable => self.under.lock_range(start, end),
            Kind::Examined | Kind::AsLeft => self.under.lock_shared_range(start, end),
        }
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.kind == Kind::AsLeft && start == Bound::Included(CONSISTENT_BYTE) {
            return Ok(true);
        }
        self.under.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is done to a file of some pages.
    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Resize(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = (0..20_000u64, prop::collection::vec(any::<u8>(), 1..9_000));
        prop_oneof![
            bytes.prop_map(|(at, bytes)| Step::Write(at, bytes)),
            (0..30_000u64).prop_map(Step::Resize),
        ]
    }

    /// Does it to the overlay and to what a file would hold.
    fn take(step: Step, overlay: &Overlay, model: &mut Vec<u8>) {
        match step {
            Step::Write(at, bytes) => {
                let end = at as usize + bytes.len();
                let fits = end <= model.len();
                assert_eq!(overlay.write(at, &bytes).is_ok(), fits);
                if fits {
                    model[at as usize..end].copy_from_slice(&bytes);
                }
            }
            Step::Resize(len) => {
                overlay.set_len(len).unwrap();
                model.resize(len as usize, 0);
            }
        }
        let mut read = vec![9; model.len()];
        overlay.read(0, &mut read).unwrap();
        assert!(read == *model);
        assert!(overlay.read(1, &mut read).is_err() || read.is_empty());
    }

    fn a_file() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let original: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8 + 1).collect();
        std::fs::write(&path, &original).unwrap();
        (folder, path, original)
    }

    proptest! {
        #[test]
        fn it_reads_as_a_file_would_and_the_file_stays(steps in prop::collection::vec(step(), 1..20)) {
            let (_folder, path, original) = a_file();
            let overlay = Overlay::over(&path).unwrap();
            let mut model = original.clone();
            steps.into_iter().for_each(|step| take(step, &overlay, &mut model));
            prop_assert!(std::fs::read(&path).unwrap() == original);
        }

        #[test]
        fn a_glass_that_is_lifted_has_done_to_the_file_what_was_done_to_it(
            steps in prop::collection::vec(step(), 1..20),
            lifted_after in 0..20usize,
        ) {
            let (_folder, path, original) = a_file();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            let overlay = Overlay::liftable(file_backend(file, &path).unwrap(), &path).unwrap();
            let mut model = original.clone();
            let (under, over) = steps.split_at(lifted_after.min(steps.len()));
            under.iter().cloned().for_each(|step| take(step, &overlay, &mut model));
            prop_assert!(std::fs::read(&path).unwrap() == original);
            overlay.lift().unwrap();
            prop_assert!(std::fs::read(&path).unwrap() == model);
            // The file alone is written from now on.
            for step in over.iter().cloned() {
                if let Step::Write(at, bytes) = &step && *at as usize + bytes.len() > model.len() {
                    continue;
                }
                take(step, &overlay, &mut model);
                prop_assert!(std::fs::read(&path).unwrap() == model);
            }
        }
    }
}
