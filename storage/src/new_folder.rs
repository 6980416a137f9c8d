//! The order in which the files of a new data folder come to be.
//!
//! Promises: the manifest is last. Where it is there, so is everything else, whole: a cut before it
//! leaves a folder that does not open, one after it a folder that does. What fills ledger and secrets
//! is left to others, who make the content durable.

use std::io;

use crate::directory::FileDirectory;
use crate::error::StorageError;
use crate::replaced::{create_in, replace_in};

/// What a new folder is made of.
pub(crate) struct NewFolder<'a, F> {
    /// Makes a ledger out of an empty file; its content is durable then.
    pub(crate) ledger: &'a dyn Fn(F) -> Result<(), StorageError>,
    /// The master key's file, unless the key is kept elsewhere.
    pub(crate) master_key: Option<&'a [u8]>,
    /// Makes a store of secrets out of an empty file; its content is durable then.
    pub(crate) secrets: &'a dyn Fn(F) -> Result<(), StorageError>,
    /// The manifest.
    pub(crate) manifest: &'a [u8],
}

/// The names of its files.
pub(crate) const LEDGER: &str = "ledger.redb";
pub(crate) const MASTER_KEY: &str = "master.key";
pub(crate) const SECRETS: &str = "secrets.redb";
pub(crate) const MANIFEST: &str = "MANIFEST";

/// Makes the files of a new folder, one after the other. `failed` names a file in an error.
pub(crate) fn make<D: FileDirectory>(
    directory: &D,
    new: &NewFolder<'_, D::File>,
    failed: impl Fn(&str, io::Error) -> StorageError,
) -> Result<(), StorageError> {
    let filled = |name, fill: &dyn Fn(D::File) -> Result<(), StorageError>| {
        fill(directory.create(name).map_err(|e| failed(name, e))?)?;
        directory.sync().map_err(|e| failed(name, e))
    };
    filled(LEDGER, new.ledger)?;
    if let Some(key) = new.master_key {
        create_in(directory, MASTER_KEY, &[key]).map_err(|e| failed(MASTER_KEY, e))?;
    }
    filled(SECRETS, new.secrets)?;
    replace_in(directory, MANIFEST, &[new.manifest]).map_err(|e| failed(MANIFEST, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::DirectoryFile;
    use crate::directory::faulty::{FaultyDirectory, FaultyFile, Lies};

    const CONTENT: [u8; 130] = [b'l'; 130];
    const KEY: [u8; 65] = [b'k'; 65];
    const WORDS: &[u8] = b"nexnum manifest";
    const HONEST: Lies = Lies { of_files: false, of_directory: false };

    type Fill = fn(FaultyFile) -> Result<(), StorageError>;
    type Init = fn(&FaultyDirectory, Fill) -> Result<(), StorageError>;

    fn failed(name: &str, error: io::Error) -> StorageError {
        StorageError::io("creating", std::path::Path::new(name), error)
    }

    fn durable(mut file: FaultyFile) -> Result<(), StorageError> {
        file.write(&[&CONTENT]).and_then(|()| file.sync()).map_err(|e| failed("a file", e))
    }

    fn not_synced(mut file: FaultyFile) -> Result<(), StorageError> {
        file.write(&[&CONTENT]).map_err(|e| failed("a file", e))
    }

    fn init(directory: &FaultyDirectory, fill: Fill) -> Result<(), StorageError> {
        let (ledger, secrets) = (&fill, &durable);
        let new = NewFolder { ledger, master_key: Some(&KEY), secrets, manifest: WORDS };
        make(directory, &new, failed)
    }

    /// A broken variant: the manifest comes before the secrets.
    fn manifest_early(directory: &FaultyDirectory, fill: Fill) -> Result<(), StorageError> {
        let io = |e| failed("a file", e);
        fill(directory.create(LEDGER).map_err(io)?)?;
        create_in(directory, MASTER_KEY, &[&KEY]).map_err(io)?;
        replace_in(directory, MANIFEST, &[WORDS]).map_err(io)?;
        fill(directory.create(SECRETS).map_err(io)?)?;
        directory.sync().map_err(io)
    }

    fn read(directory: &FaultyDirectory, name: &str) -> Option<Vec<u8>> {
        directory.open(name).ok().map(|mut file| file.read(1_000).unwrap())
    }

    /// Cuts the power after each step; a folder that is left with a manifest is whole, and one whose
    /// making was acknowledged has it. Gives how many folders were looked at.
    fn check(lies: Lies, init: Init, fill: Fill) -> Result<usize, String> {
        let mut looked_at = 0;
        for steps in 0.. {
            let directory = FaultyDirectory::default();
            directory.lie(lies);
            directory.cut_after(steps);
            let is_done = init(&directory, fill).is_ok();
            for left in directory.survivors() {
                looked_at += 1;
                let is_whole = read(&left, LEDGER).as_deref() == Some(&CONTENT)
                    && read(&left, SECRETS).as_deref() == Some(&CONTENT)
                    && read(&left, MASTER_KEY).as_deref() == Some(&KEY);
                match read(&left, MANIFEST) {
                    Some(words) if words != WORDS => return Err(format!("{words:?} at {steps}")),
                    Some(_) if !is_whole => return Err(format!("it opens in part at {steps}")),
                    None if is_done => return Err("it is made, and gone".to_owned()),
                    Some(_) | None => {}
                }
            }
            if is_done {
                return Ok(looked_at);
            }
        }
        unreachable!("an init has few steps")
    }

    #[test]
    fn a_folder_that_is_cut_short_has_no_manifest_and_one_with_a_manifest_is_whole() {
        assert!(check(HONEST, init, durable).unwrap() > 30);
    }

    #[test]
    fn an_init_that_is_broken_is_noticed() {
        check(HONEST, manifest_early, durable).expect_err("the manifest is before the secrets");
        check(HONEST, init, not_synced).expect_err("the ledger's content is not synced");
        let of_directory = Lies { of_directory: true, ..HONEST };
        check(of_directory, init, durable).expect_err("names are not durable");
    }
}
