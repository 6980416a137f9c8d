//! Files and folders as they are made: for their owner alone, with names that are durable.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;

use crate::error::StorageError;

/// The ending of a file that is being written; one that a crash left is overwritten.
const TEMPORARY: &str = "tmp";

/// Writes a file in place, with its name durable on return: after a crash before it, the file may
/// be there in part.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), StorageError> {
    let text = text.as_bytes();
    let mut options = owner_only();
    let file = options.write(true).create(true).truncate(true).open(path);
    let mut file = file.map_err(|e| StorageError::io("creating", path, e))?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    written.map_err(|e| StorageError::io("writing", path, e))?;
    sync_folder(path)
}

/// What every file of a data folder is made with: it is for its owner alone, also where it is copied
/// or its folder opened to others.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder for its owner alone, and those above it that are not there; their names are
/// durable on return. One that is there is left as it is.
pub(crate) fn make_folders(path: &Path) -> Result<(), StorageError> {
    let new: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    // A file of that name is no folder that exists already.
    builder.create(path).map_err(|source| StorageError::Io {
        action: "creating",
        path: path.to_owned(),
        source,
    })?;
    // From above, so that no name is durable in a folder that is not.
    new.iter().rev().filter(|folder| folder.parent().is_some()).try_for_each(|f| sync_folder(f))
}

/// Makes the name of `path` in its folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StorageError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    sync_names(folder).map_err(|e| StorageError::io("syncing", folder, e))
}

/// Makes all names in a folder durable.
pub(crate) fn sync_names(folder: &Path) -> io::Result<()> {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push(folder.to_owned()));
    File::open(folder)?.sync_all()
}

/// The database's way to an open file.
pub(crate) fn file_backend(file: File, path: &Path) -> Result<FileBackend, StorageError> {
    FileBackend::new(file).map_err(|e| StorageError::database("opening", path, e))
}

/// Where a file is written before it gets its name.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    path.with_added_extension(TEMPORARY)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::folder::Folder;

    thread_local! {
        /// The folders that were synced, in order.
        pub(super) static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn each_new_folder_is_durable_in_the_one_above_and_each_file_in_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path();
        let synced = || SYNCED.take();
        let folder = Folder::at(parent.join("a/new/folder"));
        folder.make().unwrap();
        let above = [parent.to_owned(), parent.join("a"), parent.join("a/new")];
        assert_eq!(synced(), above);
        folder.make().unwrap();
        assert!(synced().is_empty(), "they are there");
        folder.write("config.toml", "a").unwrap();
        folder.write("config.toml", "b").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("config.toml")).unwrap(), "b");
        assert_eq!(synced(), [folder.path(), folder.path()]);
        // The manifest comes last, after the folder of snapshots; then the folder's own name.
        folder.init_beside(None, &["config.toml"]).unwrap();
        assert!(synced().ends_with(&[folder.path().to_owned(), parent.join("a/new")]));
    }
}
