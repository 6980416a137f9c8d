//! Files of the data folder that are written anew as a whole, most of them a row a line.
//!
//! Promises: after a kill a file is as it was before or after a write. One that is missing, or
//! cannot be read, has no rows. Leaves to others: what a line says.

use std::fs;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

/// A file of the data folder.
#[derive(Clone, Debug)]
pub(crate) struct KeptFile {
    path: PathBuf,
}

impl KeptFile {
    /// The file of this name in a data folder.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name) }
    }

    /// Its rows, as `parse` reads the lines; those that it does not understand are passed over.
    pub(crate) fn rows<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter_map(parse).collect()
    }

    /// Writes lines in the place of those that are there, all or none, and for good. What cannot be
    /// written is logged: the next start knows less.
    pub(crate) fn write(&self, lines: impl IntoIterator<Item = String>) {
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        let _is_written = self.write_with(|file| file.write_all(text.as_bytes()));
    }

    /// The same with what `fill` writes; false if it could not be written.
    pub(crate) fn write_with(&self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> bool {
        let written = replace(&self.path, fill);
        if let Err(error) = &written {
            let path = self.path.display();
            tracing::warn!(%path, %error, "a file of the data folder was not written");
            // A part of it must not keep the room that a full disk lacks.
            let _none = fs::remove_file(self.path.with_extension("new"));
        }
        written.is_ok()
    }
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // For its owner alone, as all files of the folder.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = BufWriter::new(options.open(&new)?);
    fill(&mut file)?;
    file.into_inner().map_err(IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}
