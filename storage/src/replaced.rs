//! Files that are replaced whole: after a crash the old content or the new, never a mixture, and
//! never a name without a file.
//!
//! Promises: on return the file is durable under its name. What a crash left of a file that was
//! being written is in no later one's way.

use std::io;
use std::path::Path;

use crate::directory::{DirectoryFile, DiskDirectory, FileDirectory};
use crate::error::StorageError;

/// The ending of a file that is being written.
const TEMPORARY: &str = ".tmp";

/// Puts the parts, one after the other, in the place of whatever is at `path`; durable on return.
pub(crate) fn replace(path: &Path, parts: &[&[u8]]) -> Result<(), StorageError> {
    let (directory, name) = DiskDirectory::of(path);
    replace_in(&directory, &name, parts).map_err(|e| StorageError::io("replacing", path, e))
}

/// As [`replace`], but only where there is nothing.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let (directory, name) = DiskDirectory::of(path);
    create_in(&directory, &name, &[bytes]).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StorageError::AlreadyExists { path: path.to_owned() },
        _ => StorageError::io("creating", path, error),
    })
}

pub(crate) fn replace_in<D: FileDirectory>(
    directory: &D,
    name: &str,
    parts: &[&[u8]],
) -> io::Result<()> {
    let temporary = written(directory, name, parts)?;
    directory.rename(&temporary, name)?;
    directory.sync()
}

pub(crate) fn create_in<D: FileDirectory>(
    directory: &D,
    name: &str,
    parts: &[&[u8]],
) -> io::Result<()> {
    if directory.open(name).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let temporary = written(directory, name, parts)?;
    // Unlike a rename it fails if something has come to be there meanwhile.
    directory.link(&temporary, name)?;
    directory.remove(&temporary)?;
    directory.sync()
}

/// Writes the file under a temporary name, with its content durable: a name that it gets then never
/// stands for a file in part.
fn written<D: FileDirectory>(directory: &D, name: &str, parts: &[&[u8]]) -> io::Result<String> {
    let temporary = format!("{name}{TEMPORARY}");
    match directory.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = directory.create(&temporary)?;
    file.write(parts)?;
    file.sync()?;
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::faulty::{FaultyDirectory, Lies};

    const HONEST: Lies = Lies { of_files: false, of_directory: false };
    const OLD: &[u8] = &[b'a'; 100];
    const NEW: [&[u8]; 2] = [&[b'b'; 70], &[b'c'; 70]];

    type Change = fn(&FaultyDirectory) -> io::Result<()>;

    fn read(directory: &FaultyDirectory) -> Option<Vec<u8>> {
        directory.open("name").ok().map(|mut file| file.read(1_000).unwrap())
    }

    /// Cuts the power after each step of a change of what was there before; whatever may be left
    /// then is old or new as a whole, and new once the change is said to be done. The next change
    /// goes through. Gives how many directories were looked at, or the first that is wrong.
    fn check(before: Option<&[u8]>, lies: Lies, change: Change) -> Result<usize, String> {
        let new = NEW.concat();
        let mut looked_at = 0;
        for steps in 0.. {
            let directory = FaultyDirectory::default();
            if let Some(before) = before {
                replace_in(&directory, "name", &[before]).unwrap();
            }
            directory.lie(lies);
            directory.cut_after(steps);
            let is_done = change(&directory).is_ok();
            for left in directory.survivors() {
                looked_at += 1;
                let found = read(&left);
                let is_old = found.as_deref() == before && !is_done;
                if !is_old && found.as_ref() != Some(&new) {
                    return Err(format!("after {steps} steps: {found:?}"));
                }
                replace_in(&left, "name", &[b"next"]).map_err(|error| error.to_string())?;
                assert_eq!(read(&left).as_deref(), Some(&b"next"[..]));
            }
            if is_done {
                return Ok(looked_at);
            }
        }
        unreachable!("a change has few steps")
    }

    fn replaced(directory: &FaultyDirectory) -> io::Result<()> {
        replace_in(directory, "name", &NEW)
    }

    fn created(directory: &FaultyDirectory) -> io::Result<()> {
        create_in(directory, "name", &NEW)
    }

    #[test]
    fn a_cut_leaves_the_old_file_or_the_new_one() {
        assert!(check(Some(OLD), HONEST, replaced).unwrap() > 20);
        assert!(check(None, HONEST, replaced).unwrap() > 20);
        assert!(check(None, HONEST, created).unwrap() > 20);
    }

    #[test]
    fn a_sync_that_does_nothing_is_noticed() {
        let of_files = Lies { of_files: true, ..HONEST };
        let of_directory = Lies { of_directory: true, ..HONEST };
        for lies in [of_files, of_directory] {
            for change in [replaced, created] {
                check(None, lies, change).expect_err("nothing may be there");
            }
            check(Some(OLD), lies, replaced).expect_err("the old file may be there");
        }
    }

    #[test]
    fn what_is_there_is_not_created_again() {
        let directory = FaultyDirectory::default();
        create_in(&directory, "name", &[OLD]).unwrap();
        let again = created(&directory).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&directory).as_deref(), Some(OLD));
    }
}
