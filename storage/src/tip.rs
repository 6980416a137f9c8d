//! The tip: the manifest's words in a file of its own, kept up with every commit.
//!
//! It is written in place and not synced, which costs a commit some microseconds. A killed process
//! leaves the last word there; after a power cut it may be an older one, a mixture, which its check
//! tells, or none. It is written after the commit, so it never knows more than the ledger holds.

use std::io;
use std::path::{Path, PathBuf};

use crate::directory::{DirectoryFile, DiskDirectory, FileDirectory};
use crate::error::StorageError;
use crate::manifest::Manifest;

/// The ending of a tip that is begun.
const NEW: &str = "new";

/// A tip that goes along with a ledger.
#[derive(Debug)]
pub(crate) struct Tip<D: FileDirectory = DiskDirectory> {
    path: PathBuf,
    file: D::File,
}

impl Tip {
    /// Begins a tip at `path`, in place of the one there, whichever user owns it: it is a new file,
    /// for which only the folder has to be ours.
    pub(crate) fn begin(path: &Path, manifest: &Manifest) -> Result<Self, StorageError> {
        let (directory, _) = DiskDirectory::of(path);
        let begun = Self::begin_in(&directory, path, manifest);
        begun.map_err(|e| StorageError::io("beginning", path, e))
    }

    /// Writes where the ledger ends now. The text never gets shorter: a sequence number
    /// only grows.
    pub(crate) fn note(&mut self, manifest: &Manifest) -> Result<(), StorageError> {
        self.put(manifest).map_err(|e| StorageError::io("writing", &self.path, e))
    }
}

impl<D: FileDirectory> Tip<D> {
    fn begin_in(directory: &D, path: &Path, manifest: &Manifest) -> io::Result<Self> {
        let name =
            |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (new, name) = (name(&tip_new(path)), name(path));
        match directory.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut tip = Self { path: path.to_owned(), file: directory.create(&new)? };
        tip.put(manifest)?;
        directory.rename(&new, &name)?;
        Ok(tip)
    }

    fn put(&mut self, manifest: &Manifest) -> io::Result<()> {
        self.file.write(&[manifest.format().as_bytes()])
    }
}

/// Where a new tip is begun, before it takes the place of the one at `path`.
pub(crate) fn tip_new(path: &Path) -> PathBuf {
    path.with_extension(NEW)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nexnum_engine::ids::Seq;

    use super::*;
    use crate::directory::faulty::FaultyDirectory;
    use crate::format::{Hash, LedgerId};
    use crate::position::Position;

    const NAME: &str = "TIP";

    fn at(seq: u64) -> Manifest {
        Manifest {
            id: LedgerId([0xAB; 16]),
            known: Position { seq: Seq(seq), hash: Hash([seq as u8; 32]) },
        }
    }

    fn text(directory: &FaultyDirectory) -> Option<String> {
        let bytes = directory.open(NAME).ok()?.read(1_000).unwrap();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A tip that was there, a start, and the ends that follow it; the power goes after so many steps.
    /// Where the start's tip `settles`, the system has written it to the disk by itself before the
    /// first end. Gives the last end that was about to be noted, and whether all were.
    fn noted(directory: &FaultyDirectory, steps: u64, settles: bool) -> (u64, bool) {
        let path = Path::new(NAME);
        let mut old = Tip::begin_in(directory, path, &at(3)).unwrap();
        old.file.sync().unwrap();
        directory.sync().unwrap();
        directory.cut_after(steps);
        let Ok(mut tip) = Tip::begin_in(directory, path, &at(5)) else { return (5, false) };
        if settles && (tip.file.sync().is_err() || directory.sync().is_err()) {
            return (5, false);
        }
        let ends: &[u64] = if settles { &[7, 80_000] } else { &[80_000] };
        for end in ends {
            if tip.put(&at(*end)).is_err() {
                return (*end, false);
            }
        }
        (80_000, true)
    }

    #[test]
    fn a_cut_leaves_a_word_that_was_said_or_one_that_its_check_refuses() {
        let (mut words, mut mixtures) = (BTreeSet::new(), 0);
        let mut look = |left: &FaultyDirectory, last: u64| {
            match text(left).map(|text| (Manifest::parse(&text), text)) {
                Some((Ok(said), _)) => {
                    let seq = said.known.seq.0;
                    assert!(said == at(seq) && seq <= last, "{said:?}, with {last} as the last");
                    words.insert(seq);
                }
                Some((Err(_), text)) => mixtures += usize::from(!text.is_empty()),
                None => {}
            }
            // What a cut left is in no start's way.
            Tip::begin_in(left, Path::new(NAME), &at(9)).unwrap();
            assert_eq!(text(left).as_deref(), Some(&*at(9).format()));
        };
        for settles in [false, true] {
            for steps in 0.. {
                let directory = FaultyDirectory::default();
                let (last, is_done) = noted(&directory, steps, settles);
                directory.survivors().iter().for_each(|left| look(left, last));
                if is_done {
                    break;
                }
            }
        }
        assert_eq!(words, BTreeSet::from([3, 5, 7, 80_000]));
        assert!(mixtures > 10, "{mixtures}: without its check each would be taken for a word");
    }
}
