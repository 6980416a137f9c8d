//! Small files of the data folder that are written anew as a whole.

use std::fs;
use std::io;
use std::path::Path;

/// Writes a text in the place of a file, whole or not at all, and for good. What cannot be written
/// is logged: the next start knows less.
pub(crate) fn write(path: &Path, text: &str) {
    if let Err(error) = replace(path, text) {
        let path = path.display();
        tracing::warn!(%path, %error, "a file of the data folder was not written");
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::File::open(&new)?.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}
