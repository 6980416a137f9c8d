//! A directory as durability sees it: the few operations on names and files after which a crash
//! may leave something else than what a reader saw.
//!
//! Promises: on a disk, each operation is one call to the system, and nothing is durable but what
//! was synced: a file's content by its own sync, names by the directory's. The tests have a second
//! directory, `faulty`, in which each of these facts may be lost by itself. What has to be synced
//! before what is the caller's concern.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::StorageError;
use crate::file;

#[cfg(test)]
pub(crate) mod faulty;

/// One directory and its files, by name. Each operation fails as the system says.
pub trait FileDirectory {
    /// A file that is open.
    type File: DirectoryFile;

    /// Makes the directory itself where it is not there; durable on return.
    fn ensure(&self) -> Result<(), StorageError>;
    /// Makes an empty file for its owner alone; `AlreadyExists` if the name is taken.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file for reading alone; `NotFound` if there is none, or no directory.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// As [`FileDirectory::open`], for reading and writing.
    fn open_to_write(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, in place of the file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file a second name; `AlreadyExists` if that is taken.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a file's name away.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes all names durable as they are.
    fn sync(&self) -> io::Result<()>;
    /// All names, sorted; none where there is no directory. An error beyond `max` of them.
    fn names(&self, max: usize) -> io::Result<Vec<String>>;
}

/// An open file of a directory. Each operation fails as the system says.
pub trait DirectoryFile {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Its bytes from the beginning, at most `max` of them.
    fn read(&mut self, max: usize) -> io::Result<Vec<u8>>;
    /// Writes the parts one after the other from the beginning on, in place of the bytes there.
    fn write(&mut self, parts: &[&[u8]]) -> io::Result<()>;
    /// Makes its content durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the file system.
#[derive(Clone, Debug)]
pub struct DiskDirectory {
    path: PathBuf,
}

impl DiskDirectory {
    /// Names it; looks at nothing.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The directory that a file is in, and the file's name there.
    #[must_use]
    pub(crate) fn of(file: &Path) -> (Self, String) {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (Self::at(folder), name)
    }
}

impl FileDirectory for DiskDirectory {
    type File = File;

    fn ensure(&self) -> Result<(), StorageError> {
        file::make_folders(&self.path)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        file::owner_only().read(true).write(true).create_new(true).open(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        File::open(self.path.join(name))
    }

    fn open_to_write(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        file::sync_names(&self.path)
    }

    fn names(&self, max: usize) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            if names.len() == max {
                return Err(io::Error::other(format!("it holds more than {max} files")));
            }
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl DirectoryFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        self.rewind()?;
        let mut bytes = Vec::new();
        self.take(max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.rewind()?;
        parts.iter().try_for_each(|part| self.write_all(part))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
