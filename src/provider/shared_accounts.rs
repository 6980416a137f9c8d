//! Until when each provider's account counts as shared with another program, across starts.
//!
//! Promises: what a list has proven of an account holds after a kill.

use std::collections::BTreeMap;
use std::path::Path;

use nexnum_engine::time::Time;
use parking_lot::Mutex;

use crate::kept_file::KeptFile;

/// The file's name in the data folder: a line a provider, the moment by our clock in milliseconds
/// and its name.
const FILE: &str = "shared-accounts";

/// The accounts that others buy on as well.
#[derive(Debug)]
pub(super) struct SharedAccounts {
    file: KeptFile,
    until: Mutex<BTreeMap<String, Time>>,
}

impl SharedAccounts {
    /// Those that a data folder keeps.
    pub(super) fn open(folder: &Path) -> Self {
        let file = KeptFile::new(folder, FILE);
        let until = file.rows(|line| {
            let (until, name) = line.split_once('\t')?;
            Some((name.to_owned(), Time(until.parse().ok()?)))
        });
        Self { file, until: Mutex::new(until.into_iter().collect()) }
    }

    /// Until when a provider's account is shared; the beginning of time where it is not.
    pub(super) fn until(&self, name: &str) -> Time {
        self.until.lock().get(name).copied().unwrap_or_default()
    }

    /// Notes until when it is.
    pub(super) fn set(&self, name: &str, until: Time) {
        let mut all = self.until.lock();
        let before =
            if until == Time(0) { all.remove(name) } else { all.insert(name.to_owned(), until) };
        if before.unwrap_or_default() == until {
            return;
        }
        self.file.write(all.iter().map(|(name, until)| format!("{}\t{name}", until.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_account_is_known_after_a_restart_until_it_is_not_shared_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SharedAccounts::open(folder.path());
        assert_eq!(open().until("two words"), Time(0));
        open().set("two words", Time(70_000));
        open().set("one", Time(80_000));
        assert_eq!((open().until("two words"), open().until("one")), (Time(70_000), Time(80_000)));
        open().set("one", Time(0));
        assert_eq!((open().until("two words"), open().until("one")), (Time(70_000), Time(0)));
    }
}
