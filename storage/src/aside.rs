//! Files that are of no use and are kept all the same, under another name: so that they can be looked
//! at, and new ones begun in their place.
//!
//! Promises: the file keeps one of its two names at any cut, also with a new one in its place.

use std::io;
use std::path::{Path, PathBuf};

use crate::directory::{DiskDirectory, FileDirectory};
use crate::error::StorageError;

/// The ending of a file that was set aside.
const ASIDE: &str = "aside";

/// Moves a file out of the way, in place of one that was moved before. Returns where it is now.
///
/// # Errors
/// The failure.
pub fn set_aside(path: &Path) -> Result<PathBuf, StorageError> {
    let (directory, name) = DiskDirectory::of(path);
    let aside = set_aside_in(&directory, &name);
    aside.map_err(|e| StorageError::io("setting aside", path, e))?;
    Ok(path.with_added_extension(ASIDE))
}

fn set_aside_in<D: FileDirectory>(directory: &D, name: &str) -> io::Result<()> {
    directory.rename(name, &format!("{name}.{ASIDE}"))?;
    // Before a new one gets the name: it could be durable by itself, in the place of this one.
    directory.sync()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::DirectoryFile;
    use crate::directory::faulty::{FaultyDirectory, Lies};

    const OLD: [u8; 100] = [b'o'; 100];

    /// Sets a file aside and begins a new one; the power goes after each step. The old one is never
    /// lost.
    fn check(lies: Lies) -> Result<usize, String> {
        let mut looked_at = 0;
        for steps in 0.. {
            let directory = FaultyDirectory::default();
            let mut file = directory.create("history").unwrap();
            file.write(&[&OLD]).and_then(|()| file.sync()).unwrap();
            directory.sync().unwrap();
            directory.lie(lies);
            directory.cut_after(steps);
            let begun = set_aside_in(&directory, "history").and_then(|()| {
                let mut new = directory.create("history")?;
                new.write(&[b"new"])?;
                new.sync()?;
                directory.sync()
            });
            for left in directory.survivors() {
                looked_at += 1;
                let has_old = |name: &str| {
                    let found = left.open(name).ok().map(|mut file| file.read(200).unwrap());
                    found.as_deref() == Some(&OLD)
                };
                if !has_old("history") && !has_old("history.aside") {
                    return Err(format!("it is lost after {steps} steps"));
                }
            }
            if begun.is_ok() {
                return Ok(looked_at);
            }
        }
        unreachable!("it takes few steps")
    }

    #[test]
    fn what_is_set_aside_is_not_lost_with_a_new_file_in_its_place() {
        assert!(check(Lies::default()).unwrap() > 10);
        let of_directory = Lies { of_directory: true, ..Lies::default() };
        check(of_directory).expect_err("the new name may be durable first");
    }
}
