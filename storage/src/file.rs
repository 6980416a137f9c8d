//! Files that are replaced whole: after a crash the old content or the new, never
//! a mixture, and never a name without a file.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;

use crate::error::StorageError;

/// The ending of a file that is being written; one that a crash left is overwritten.
const TEMPORARY: &str = "tmp";

/// Puts the parts, one after the other, in the place of whatever is at `path`;
/// durable on return.
pub(crate) fn replace(path: &Path, parts: &[&[u8]]) -> Result<(), StorageError> {
    let temporary = temporary(path);
    write_synced(&temporary, OpenOptions::new().write(true).create(true).truncate(true), parts)?;
    fs::rename(&temporary, path).map_err(|e| StorageError::io("replacing", path, e))?;
    sync_folder(path)
}

/// As [`replace`], but only where there is nothing, and readable by the owner alone.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    if path.exists() {
        return Err(StorageError::AlreadyExists { path: path.to_owned() });
    }
    let temporary = temporary(path);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    write_synced(&temporary, &options, &[bytes])?;
    // A hard link, unlike a rename, fails if something has come to be there meanwhile.
    fs::hard_link(&temporary, path).map_err(|e| StorageError::io("creating", path, e))?;
    fs::remove_file(&temporary).map_err(|e| StorageError::io("removing", &temporary, e))?;
    sync_folder(path)
}

/// Makes the name of `path` in its folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StorageError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| StorageError::io("syncing", folder, e))
}

/// The database's way to an open file.
pub(crate) fn file_backend(file: File, path: &Path) -> Result<FileBackend, StorageError> {
    FileBackend::new(file).map_err(|e| StorageError::database("opening", path, e))
}

fn write_synced(path: &Path, options: &OpenOptions, parts: &[&[u8]]) -> Result<(), StorageError> {
    let mut file = options.open(path).map_err(|e| StorageError::io("creating", path, e))?;
    parts
        .iter()
        .try_for_each(|part| file.write_all(part))
        .and_then(|()| file.sync_all())
        .map_err(|e| StorageError::io("writing", path, e))
}

/// Where a file is written before it gets its name.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    path.with_added_extension(TEMPORARY)
}
