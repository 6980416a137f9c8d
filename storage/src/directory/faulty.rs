//! A directory in memory that loses power: what a sync has acknowledged survives, and each other
//! fact by itself or not.
//!
//! Facts are: that a name was given to a new file; that a name was taken away; that a file was
//! renamed, of which a cut may also leave both names; and of what is written to a file each piece
//! of 64 bytes, whether its bytes are there, or its place in the file alone. A sync of a file makes
//! its content durable and no name; one of the directory makes names durable and no content. All
//! subsets of what was not synced are tried, not a sample of them.
//!
//! The medium keeps the bytes of a file that has lost its names: they are gone only when they were
//! overwritten and that is durable.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use super::{DirectoryFile, FileDirectory};
use crate::error::StorageError;

/// What is written whole or not at all: less than a drive's sector, so that short files tear too.
const PIECE_LEN: usize = 64;
/// Survivors of one cut: above this a test would take minutes.
const SURVIVORS_MAX: usize = 1 << 16;

/// A handle on one directory; clones are handles on the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultyDirectory {
    medium: Rc<RefCell<Medium>>,
}

/// A file of it.
#[derive(Debug)]
pub(crate) struct FaultyFile {
    medium: Rc<RefCell<Medium>>,
    index: usize,
}

/// Which syncs say that they worked and do nothing: controls that a test has to notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lies {
    pub(crate) of_files: bool,
    pub(crate) of_directory: bool,
}

#[derive(Clone, Debug, Default)]
struct Medium {
    /// Names as the process sees them, by the file's index.
    names: BTreeMap<String, usize>,
    /// Names that are there after every cut, but for what is in `renames`.
    durable: BTreeMap<String, usize>,
    /// What happened to names since the directory's last sync, in order.
    unsynced: Vec<NameChange>,
    /// All files that ever were, also those without a name.
    files: Vec<Content>,
    steps: u64,
    cut_at: Option<u64>,
    is_cut: bool,
    lies: Lies,
}

#[derive(Clone, Debug)]
enum NameChange {
    Given(String, usize),
    Taken(String),
    Moved { from: String, to: String, index: usize },
}

#[derive(Clone, Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    at: usize,
    bytes: Vec<u8>,
}

/// Every change has three outcomes at a cut.
const OUTCOMES: usize = 3;

impl NameChange {
    /// Applies it as far as the cut left it: not at all, in part where that can be, or whole.
    fn apply(&self, outcome: usize, names: &mut BTreeMap<String, usize>) {
        match (self, outcome) {
            (_, 0) => {}
            (Self::Given(name, index), _) => {
                names.insert(name.clone(), *index);
            }
            (Self::Taken(name), _) => {
                names.remove(name);
            }
            (Self::Moved { from, to, index }, outcome) => {
                names.insert(to.clone(), *index);
                if outcome == 2 {
                    names.remove(from);
                }
            }
        }
    }
}

impl Piece {
    fn apply(&self, outcome: usize, content: &mut Vec<u8>) {
        let end = self.at + self.bytes.len();
        if outcome > 0 && content.len() < end {
            content.resize(end, 0);
        }
        if outcome == 2 {
            content[self.at..end].copy_from_slice(&self.bytes);
        }
    }
}

impl Medium {
    /// Counts an operation. The power may go in it: what it changes is not synced then.
    fn step(&mut self, change: impl FnOnce(&mut Self)) -> io::Result<()> {
        self.check_power()?;
        self.is_cut = self.cut_at == Some(self.steps);
        self.steps += 1;
        change(self);
        self.check_power()
    }

    /// As [`Medium::step`] for a sync, which does nothing when the power goes in it.
    fn sync(&mut self, sync: impl FnOnce(&mut Self)) -> io::Result<()> {
        self.step(|medium| {
            if !medium.is_cut {
                sync(medium);
            }
        })
    }

    fn check_power(&self) -> io::Result<()> {
        if self.is_cut { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.check_power()?;
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What a cut leaves, when each change has had its outcome of `outcomes`.
    fn after(&self, mut outcomes: impl FnMut() -> usize) -> Self {
        let mut names = self.durable.clone();
        self.unsynced.iter().for_each(|change| change.apply(outcomes(), &mut names));
        let mut left = |content: &Content| {
            let mut durable = content.durable.clone();
            content.unsynced.iter().for_each(|piece| piece.apply(outcomes(), &mut durable));
            Content { live: durable.clone(), durable, unsynced: Vec::new() }
        };
        let files = self.files.iter().map(&mut left).collect();
        Self { durable: names.clone(), names, files, ..Self::default() }
    }
}

impl FaultyDirectory {
    /// Lets the next `n` operations work; the power goes in the one after.
    pub(crate) fn cut_after(&self, n: u64) {
        let mut medium = self.medium.borrow_mut();
        medium.cut_at = Some(medium.steps + n);
    }

    /// From now on these syncs do nothing.
    pub(crate) fn lie(&self, lies: Lies) {
        self.medium.borrow_mut().lies = lies;
    }

    /// Operations so far.
    pub(crate) fn steps(&self) -> u64 {
        self.medium.borrow().steps
    }

    /// Whether the power is gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.medium.borrow().is_cut
    }

    /// Every directory that may be found after a cut now, each once.
    pub(crate) fn survivors(&self) -> Vec<Self> {
        let medium = self.medium.borrow();
        let pieces: usize = medium.files.iter().map(|file| file.unsynced.len()).sum();
        let changes = medium.unsynced.len() + pieces;
        let count = OUTCOMES.pow(changes as u32);
        assert!(count <= SURVIVORS_MAX, "{changes} changes are not synced: too many to try all");
        let mut seen = BTreeSet::new();
        let all = (0..count).map(|mut choice| {
            medium.after(|| {
                let outcome = choice % OUTCOMES;
                choice /= OUTCOMES;
                outcome
            })
        });
        let new = all.filter(|left| {
            let contents: Vec<_> = left.files.iter().map(|file| file.durable.clone()).collect();
            seen.insert((left.names.clone(), contents))
        });
        new.map(|left| Self { medium: Rc::new(RefCell::new(left)) }).collect()
    }

    /// The content of the file that was made last, as its writer sees it.
    pub(crate) fn last_written(&self) -> Vec<u8> {
        let medium = self.medium.borrow();
        medium.files.last().map_or(Vec::new(), |file| file.live.clone())
    }

    /// Whether eight bytes of these that follow one another are on the medium, in a file with or
    /// without a name.
    pub(crate) fn holds_part_of(&self, secret: &[u8]) -> bool {
        let medium = self.medium.borrow();
        let parts: BTreeSet<&[u8]> = secret.windows(8).collect();
        let mut contents = medium.files.iter().map(|file| &file.durable);
        contents.any(|content| content.windows(8).any(|part| parts.contains(part)))
    }
}

impl FileDirectory for FaultyDirectory {
    type File = FaultyFile;

    fn ensure(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn create(&self, name: &str) -> io::Result<FaultyFile> {
        let mut medium = self.medium.borrow_mut();
        if medium.find(name).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let index = medium.files.len();
        medium.step(|medium| {
            medium.files.push(Content::default());
            medium.names.insert(name.to_owned(), index);
            medium.unsynced.push(NameChange::Given(name.to_owned(), index));
        })?;
        Ok(FaultyFile { medium: Rc::clone(&self.medium), index })
    }

    fn open(&self, name: &str) -> io::Result<FaultyFile> {
        let index = self.medium.borrow().find(name)?;
        Ok(FaultyFile { medium: Rc::clone(&self.medium), index })
    }

    fn open_to_write(&self, name: &str) -> io::Result<FaultyFile> {
        self.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut medium = self.medium.borrow_mut();
        let index = medium.find(from)?;
        medium.step(|medium| {
            medium.names.remove(from);
            medium.names.insert(to.to_owned(), index);
            let (from, to) = (from.to_owned(), to.to_owned());
            medium.unsynced.push(NameChange::Moved { from, to, index });
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut medium = self.medium.borrow_mut();
        let index = medium.find(from)?;
        if medium.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        medium.step(|medium| {
            medium.names.insert(to.to_owned(), index);
            medium.unsynced.push(NameChange::Given(to.to_owned(), index));
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut medium = self.medium.borrow_mut();
        medium.find(name)?;
        medium.step(|medium| {
            medium.names.remove(name);
            medium.unsynced.push(NameChange::Taken(name.to_owned()));
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.medium.borrow_mut().sync(|medium| {
            if !medium.lies.of_directory {
                medium.durable = medium.names.clone();
                medium.unsynced.clear();
            }
        })
    }

    fn names(&self, max: usize) -> io::Result<Vec<String>> {
        let medium = self.medium.borrow();
        medium.check_power()?;
        assert!(medium.names.len() <= max);
        Ok(medium.names.keys().cloned().collect())
    }
}

impl DirectoryFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        let medium = self.medium.borrow();
        medium.check_power()?;
        Ok(medium.files[self.index].live.len() as u64)
    }

    fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let medium = self.medium.borrow();
        medium.check_power()?;
        let live = &medium.files[self.index].live;
        Ok(live[..live.len().min(max)].to_vec())
    }

    fn write(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let bytes = parts.concat();
        self.medium.borrow_mut().step(|medium| {
            let content = &mut medium.files[self.index];
            for (piece, at) in bytes.chunks(PIECE_LEN).zip((0..).step_by(PIECE_LEN)) {
                let piece = Piece { at, bytes: piece.to_vec() };
                piece.apply(2, &mut content.live);
                content.unsynced.push(piece);
            }
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.medium.borrow_mut().sync(|medium| {
            if !medium.lies.of_files {
                let content = &mut medium.files[self.index];
                content.durable = content.live.clone();
                content.unsynced.clear();
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Left = (Vec<String>, Vec<u8>);

    fn left(directory: &FaultyDirectory) -> BTreeSet<Left> {
        let each = |left: FaultyDirectory| {
            let names = left.names(9).unwrap();
            let first = names.first().map(|name| left.open(name).unwrap().read(99).unwrap());
            (names, first.unwrap_or_default())
        };
        directory.survivors().into_iter().map(each).collect()
    }

    fn expect(lines: &[(&[&str], &[u8])]) -> BTreeSet<Left> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        lines.iter().map(|(all, bytes)| (names(all), bytes.to_vec())).collect()
    }

    #[test]
    fn a_name_and_a_content_are_durable_by_syncs_of_their_own() {
        let directory = FaultyDirectory::default();
        let mut file = directory.create("a").unwrap();
        file.write(&[b"1"]).unwrap();
        let none: (&[&str], &[u8]) = (&[], b"");
        assert_eq!(
            left(&directory),
            expect(&[none, (&["a"], b""), (&["a"], b"\0"), (&["a"], b"1")])
        );
        file.sync().unwrap();
        assert_eq!(left(&directory), expect(&[none, (&["a"], b"1")]));
        directory.sync().unwrap();
        assert_eq!(left(&directory), expect(&[(&["a"], b"1")]));
        directory.rename("a", "b").unwrap();
        let renamed = [(&["a"][..], &b"1"[..]), (&["a", "b"], b"1"), (&["b"], b"1")];
        assert_eq!(left(&directory), expect(&renamed));
        directory.sync().unwrap();
        directory.remove("b").unwrap();
        assert_eq!(left(&directory), expect(&[none, (&["b"], b"1")]));
        directory.sync().unwrap();
        assert_eq!(left(&directory), expect(&[none]));
    }

    #[test]
    fn a_file_without_a_name_stays_on_the_medium_until_it_was_overwritten() {
        let (directory, secret) = (FaultyDirectory::default(), [7; 100]);
        let mut file = directory.create("a").unwrap();
        file.write(&[&secret]).unwrap();
        file.sync().unwrap();
        directory.remove("a").unwrap();
        directory.sync().unwrap();
        assert!(directory.survivors().iter().all(|left| left.holds_part_of(&secret)));
        file.write(&[&[0; 100]]).unwrap();
        let held = directory.survivors().iter().filter(|left| left.holds_part_of(&secret)).count();
        assert_eq!((held, directory.survivors().len()), (3, 4), "of two pieces each may stay");
        file.sync().unwrap();
        assert!(!directory.survivors().iter().any(|left| left.holds_part_of(&secret)));
    }

    #[test]
    fn after_the_cut_nothing_works_and_a_sync_that_lies_keeps_nothing() {
        let directory = FaultyDirectory::default();
        directory.lie(Lies { of_files: true, of_directory: true });
        let mut file = directory.create("a").unwrap();
        file.sync().unwrap();
        directory.sync().unwrap();
        assert!(left(&directory).contains(&(Vec::new(), Vec::new())));
        directory.cut_after(0);
        assert!(file.write(&[b"1"]).is_err() && directory.is_cut());
        assert!(directory.open("a").is_err() && file.read(1).is_err() && directory.sync().is_err());
        assert_eq!(directory.steps(), 4);
        assert!(left(&directory).contains(&(vec!["a".to_owned()], b"1".to_vec())));
    }
}
