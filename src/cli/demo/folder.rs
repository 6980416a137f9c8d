//! The data folder of a demo: made by it, taken again by the next one, and never another's.
//!
//! Promises: a demo that was killed at any moment leaves a folder that the next one takes, and
//! no file that a demo did not make is touched.

use std::fs;
use std::path::Path;

use nexnum_storage::Folder;

use super::seed;
use crate::cli::error::CliError;
use crate::clock;
use crate::keys::ApiKey;
use crate::market::folder::{self, BootError};

/// The mark of a folder that `demo` made, or began to make: it is there first, so that a
/// demo that was killed meanwhile leaves a folder that the next one knows.
const MARK: &str = "DEMO";
const MARK_TEXT: &str = "`nexnum demo` made this folder and plays its market in it.\n";
const MARK_BEGUN: &str = "`nexnum demo` is making this folder; nothing is in it yet.\n";

/// Makes the folder, or goes on with one that an earlier demo made; no other is touched.
pub(super) fn claim(dir: &Path) -> Result<Option<ApiKey>, CliError> {
    let folder = Folder::at(dir);
    match fs::read_to_string(dir.join(MARK)) {
        // An empty mark: the kill came between its making and its writing.
        Ok(text) if text == MARK_BEGUN || text.is_empty() && !folder.is_initialised() => {
            clear(&folder)?;
            make(dir).map(Some)
        }
        Ok(_) => Ok(None),
        // Demos were marked by their `demo.json` alone once.
        Err(_) if folder.is_initialised() && seed::path(dir).exists() => Ok(None),
        Err(_) if folder.is_initialised() => {
            let dir = dir.display();
            Err(CliError::Refused(format!(
                "{dir} was not made by `nexnum demo`, which would put made-up customers and \
                 money into it: choose another folder with --data, or run it with `nexnum serve`"
            )))
        }
        Err(_) => {
            folder.make().map_err(BootError::from)?;
            make(dir).map(Some)
        }
    }
}

/// Makes a folder that is there and empty, but for the mark of one begun before.
fn make(dir: &Path) -> Result<ApiKey, CliError> {
    // Durable before there is anything that it has to mark.
    let mark = |text| {
        Folder::at(dir)
            .write(MARK, text)
            .map_err(|error| CliError::failed("cannot write the file DEMO", &error))
    };
    let entries = fs::read_dir(dir)
        .map_err(|error| CliError::failed("cannot read the data folder", &error))?;
    if entries.flatten().any(|entry| entry.file_name() != MARK) {
        return Err(BootError::NotEmpty { dir: dir.to_owned() }.into());
    }
    mark(MARK_BEGUN)?;
    let admin_key = folder::init_beside(dir, &[MARK])?.admin_key;
    mark(MARK_TEXT)?;
    Ok(admin_key)
}

/// Removes the parts of a folder whose making was interrupted: no trade is in it yet.
/// Other files stay, and the folder is not made then.
fn clear(folder: &Folder) -> Result<(), CliError> {
    let files = folder.files_of_init().into_iter().chain(clock::files(folder.path()));
    for file in files.chain([folder::config_path(folder)]) {
        gone(fs::remove_file(file))?;
    }
    gone(fs::remove_dir(folder.snapshots()))
}

/// Removed, or not there at all.
fn gone(removed: std::io::Result<()>) -> Result<(), CliError> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CliError::failed("a demo that was cut off cannot be made again", &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_only_if_a_demo_made_it() {
        let temp = tempfile::tempdir().unwrap();
        let (own, business) = (temp.path().join("own"), temp.path().join("business"));
        assert!(claim(&own).unwrap().is_some());
        assert!(claim(&own).unwrap().is_none(), "again, without its demo.json");

        let strange = temp.path().join("strange");
        fs::create_dir(&strange).unwrap();
        fs::write(strange.join("letter.txt"), "dear").unwrap();
        assert!(claim(&strange).is_err());
        assert_eq!(fs::read_dir(&strange).unwrap().count(), 1);

        folder::init(&business).unwrap();
        let refusal = claim(&business).unwrap_err().to_string();
        assert!(refusal.contains("was not made by `nexnum demo`"), "{refusal}");
        assert!(!business.join(MARK).exists());
        fs::write(business.join("demo.json"), "{}").unwrap();
        assert!(claim(&business).unwrap().is_none(), "a demo of an earlier version");
    }

    #[test]
    fn a_demo_that_was_killed_while_it_made_its_folder_is_made_again() {
        let temp = tempfile::tempdir().unwrap();
        let steps: [fn(&Path); 6] = [
            |_| {},
            |dir| fs::write(Folder::at(dir).ledger(), "half").unwrap(),
            |dir| fs::write(dir.join("master.key.tmp"), "half").unwrap(),
            |dir| {
                Folder::at(dir).init_beside(None, &[MARK]).unwrap();
                fs::write(dir.join("TIP.new"), "half").unwrap();
            },
            |dir| Folder::at(dir).init_beside(None, &[MARK]).unwrap(),
            |dir| drop(folder::init_beside(dir, &[MARK]).unwrap()),
        ];
        for (n, killed_after) in steps.iter().enumerate() {
            let dir = temp.path().join(n.to_string());
            fs::create_dir(&dir).unwrap();
            let text = if n == 0 { "" } else { MARK_BEGUN };
            fs::write(dir.join(MARK), text).unwrap();
            killed_after(&dir);
            assert!(claim(&dir).unwrap().is_some(), "step {n}");
            assert!(claim(&dir).unwrap().is_none(), "step {n}: it is made");
            folder::open(&dir, |_| {}).unwrap();
            fs::write(dir.join("letter.txt"), "dear").unwrap();
            fs::write(dir.join(MARK), MARK_BEGUN).unwrap();
            assert!(claim(&dir).is_err(), "step {n}: a file that the demo did not make is kept");
        }
    }
}
