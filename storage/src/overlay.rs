//! A file under a sheet of glass: redb may write to it, and nothing reaches the file.
//!
//! Promises: reads give what was written here, else what is in the file; the file is
//! opened for reading alone and locked as by a reader. What is written is lost when it is
//! dropped. It exists because a database whose writer was killed can only be opened by
//! one that writes, and what is being examined must stay as it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;

use parking_lot::Mutex;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use crate::error::StorageError;
use crate::file::file_backend;

/// What is kept or fetched at a time.
const PAGE_LEN: u64 = 4096;

/// Pages that are kept: 256 MiB. A recovery writes the header and the allocator's state, well
/// below 1 KiB a MiB of file.
const PAGES_MAX: usize = 1 << 16;

/// The file and what was written over it.
#[derive(Debug)]
pub(crate) struct Overlay {
    under: FileBackend,
    glass: Mutex<Glass>,
}

#[derive(Debug)]
struct Glass {
    len: u64,
    /// How much of the file shows: all of it, until it was cut.
    shown: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Overlay {
    /// Over a file that is there and not empty.
    pub(crate) fn over(path: &Path) -> Result<Self, StorageError> {
        let file = File::open(path).map_err(|e| StorageError::io("opening", path, e))?;
        let under = file_backend(file, path)?;
        let len = under.len().map_err(|e| StorageError::io("measuring", path, e))?;
        if len == 0 {
            return Err(StorageError::EmptyLedger { path: path.to_owned() });
        }
        let glass = Glass { len, shown: len, pages: BTreeMap::new() };
        Ok(Self { under, glass: Mutex::new(glass) })
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
    fn read_under(&self, under: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let shown = self.shown.saturating_sub(offset).min(out.len() as u64) as usize;
        let (there, beyond) = out.split_at_mut(shown);
        beyond.fill(0);
        if there.is_empty() { Ok(()) } else { under.read(offset, there) }
    }

    /// The page, fetched from the file when it is written to first.
    fn page(&mut self, under: &FileBackend, number: u64) -> io::Result<&mut [u8]> {
        if !self.pages.contains_key(&number) {
            if self.pages.len() >= PAGES_MAX {
                return Err(io::Error::other("recovery writes more than is kept in memory"));
            }
            let mut page = vec![0; PAGE_LEN as usize].into_boxed_slice();
            self.read_under(under, number * PAGE_LEN, &mut page)?;
            self.pages.insert(number, page);
        }
        Ok(self.pages.get_mut(&number).expect("it is there or was inserted above"))
    }
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
        Ok(self.glass.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let glass = self.glass.lock();
        glass.within(offset, out.len())?;
        glass.read_under(&self.under, offset, out)?;
        for (number, begin, range) in touched(offset, out.len()) {
            if let Some(page) = glass.pages.get(&number) {
                let len = range.len();
                out[range].copy_from_slice(&page[begin..begin + len]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut glass = self.glass.lock();
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
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut glass = self.glass.lock();
        glass.within(offset, data.len())?;
        for (number, begin, range) in touched(offset, data.len()) {
            let page = glass.page(&self.under, number)?;
            page[begin..begin + range.len()].copy_from_slice(&data[range]);
        }
        Ok(())
    }

    fn close(&self) -> Result<(), io::Error> {
        self.under.close()
    }

    // A process that only reads needs a reader's lock, and gets no other on the file.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.under.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.under.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.lock_shared_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.under.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.under.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is done to a file of some pages.
    #[derive(Clone, Debug)]
    enum Deed {
        Write(u64, Vec<u8>),
        Resize(u64),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        let bytes = (0..20_000u64, prop::collection::vec(any::<u8>(), 1..9_000));
        prop_oneof![
            bytes.prop_map(|(at, bytes)| Deed::Write(at, bytes)),
            (0..30_000u64).prop_map(Deed::Resize),
        ]
    }

    proptest! {
        #[test]
        fn it_reads_as_a_file_would_and_the_file_stays(deeds in prop::collection::vec(deed(), 1..20)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let original: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8 + 1).collect();
            std::fs::write(&path, &original).unwrap();
            let overlay = Overlay::over(&path).unwrap();
            let mut model = original.clone();
            for deed in deeds {
                match deed {
                    Deed::Write(at, bytes) => {
                        let end = at as usize + bytes.len();
                        let fits = end <= model.len();
                        prop_assert_eq!(overlay.write(at, &bytes).is_ok(), fits);
                        if fits {
                            model[at as usize..end].copy_from_slice(&bytes);
                        }
                    }
                    Deed::Resize(len) => {
                        overlay.set_len(len).unwrap();
                        model.resize(len as usize, 0);
                    }
                }
                let mut read = vec![9; model.len()];
                overlay.read(0, &mut read).unwrap();
                prop_assert!(read == model);
                prop_assert!(overlay.read(1, &mut read).is_err() || read.is_empty());
            }
            prop_assert!(std::fs::read(&path).unwrap() == original);
        }
    }
}
