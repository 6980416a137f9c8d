//! In which currency and at which rate the ledger's costs of each provider were reckoned.
//!
//! Promises: after a change of either, the costs known from before are void until a list has been
//! taken in, also across starts; what is written says so only after that list. A file that is
//! missing, or cannot be read or written, voids nothing: costs are then believed as they stand.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// The file's name in the data folder: a line a provider, its basis and its name.
const FILE: &str = "cost-basis";

/// The bases of all providers.
#[derive(Debug)]
pub struct CostBases {
    path: PathBuf,
    known: Mutex<BTreeMap<String, String>>,
}

impl CostBases {
    /// Those that a data folder keeps.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let known = lines.map(|(basis, name)| (name.to_owned(), basis.to_owned())).collect();
        Self { path, known: Mutex::new(known) }
    }

    /// Whether a provider's costs are known to be on another basis than this.
    pub(super) fn differs(&self, name: &str, basis: &str) -> bool {
        self.known.lock().get(name).is_some_and(|known| known != basis)
    }

    /// Notes that a provider's costs are on this basis now.
    pub(super) fn set(&self, name: &str, basis: &str) {
        let mut known = self.known.lock();
        if known.get(name).is_some_and(|known| known == basis) {
            return;
        }
        known.insert(name.to_owned(), basis.to_owned());
        let lines = known.iter().map(|(name, basis)| format!("{basis}\t{name}\n"));
        if let Err(error) = replace(&self.path, &lines.collect::<String>()) {
            tracing::warn!(path = %self.path.display(), %error, "the rates of costs were not kept");
        }
    }
}

/// Puts a text in the place of a file, whole or not at all.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::File::open(&new)?.sync_all()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_basis_is_known_after_a_restart_until_it_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let bases = CostBases::open(folder.path());
        assert!(!bases.differs("one", "1 USD"), "nothing is known");
        bases.set("one", "1 USD");
        bases.set("two words", "0.011 RUB");
        let bases = CostBases::open(folder.path());
        assert!(!bases.differs("one", "1 USD") && !bases.differs("two words", "0.011 RUB"));
        assert!(bases.differs("one", "0.011 USD") && bases.differs("two words", "0.011 USD"));
        bases.set("one", "0.011 USD");
        assert!(!CostBases::open(folder.path()).differs("one", "0.011 USD"));
    }
}
