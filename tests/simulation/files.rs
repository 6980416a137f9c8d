//! The data folder's snapshots and its manifest: written and read by the server's own code,
//! damaged between two lives as a dying drive would.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nexnum::market::folder;
use nexnum::market::replay::Replay;
use nexnum::market::snapshot;
use nexnum_engine::ids::Seq;
use nexnum_storage::snapshot::KEPT;
use nexnum_storage::{Folder, Manifest, Reader};
use tempfile::TempDir;

use crate::arbitrary::Rng;
use crate::life::ID;

/// A folder, and what was done to the snapshots in it.
#[derive(Debug)]
pub(crate) struct Files {
    folder: Folder,
    /// Snapshots by position, and whether they are whole.
    whole: BTreeMap<Seq, bool>,
    /// Removes the folder at the end.
    _dir: TempDir,
}

impl Files {
    pub(crate) fn new() -> Result<Self, String> {
        let dir = TempDir::new().map_err(|error| error.to_string())?;
        let folder = Folder::at(dir.path());
        let written = Manifest::of_new(ID).write(&folder.manifest());
        written.map_err(|error| error.to_string())?;
        Ok(Self { folder, whole: BTreeMap::new(), _dir: dir })
    }

    pub(crate) fn manifest(&self) -> Result<Manifest, String> {
        Manifest::read(&self.folder.manifest()).map_err(|error| error.to_string())
    }

    /// Writes a snapshot as the server does. A drive that fails meanwhile costs nothing.
    pub(crate) fn snapshot(&mut self, reader: &Reader) {
        let Ok(position) = snapshot::write(&self.folder, reader) else { return };
        if position.seq > Seq(0) {
            self.whole.insert(position.seq, true);
        }
        while self.whole.len() > KEPT {
            self.whole.pop_first();
        }
    }

    /// Tears or alters some of the files, the newest first; says how many.
    pub(crate) fn damage(&mut self, rng: &mut Rng) -> Result<u64, String> {
        let mut damaged = 0;
        if rng.once_in(4) && !self.whole.is_empty() {
            // A file that names a position beyond the ledger's end, and is nothing.
            fs::write(self.path(Seq(u64::MAX)), b"nexnum").map_err(|error| error.to_string())?;
        }
        while damaged < self.whole.len() as u64 && rng.once_in(3) {
            let seq = *self.whole.keys().rev().nth(damaged as usize).expect("there are more");
            let mut bytes = fs::read(self.path(seq)).map_err(|error| error.to_string())?;
            let at = rng.below(bytes.len().max(1) as u64) as usize;
            if rng.once_in(2) || bytes.is_empty() {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << rng.below(8);
            }
            fs::write(self.path(seq), bytes).map_err(|error| error.to_string())?;
            self.whole.insert(seq, false);
            damaged += 1;
        }
        Ok(damaged)
    }

    /// The state that the server begins from: that of the newest whole snapshot.
    pub(crate) fn newest(&self, reader: &Reader) -> Result<Replay, String> {
        let replay = folder::newest(&self.folder, reader).map_err(|error| error.to_string())?;
        let newest = self.whole.iter().rev().find(|(_, whole)| **whole);
        let (begun, expected) = (replay.state().seq(), newest.map_or(Seq(0), |(seq, _)| *seq));
        if begun == expected {
            Ok(replay)
        } else {
            Err(format!("begun from a snapshot at {begun}, the newest whole one is at {expected}"))
        }
    }

    fn path(&self, seq: Seq) -> PathBuf {
        self.folder.snapshots().join(format!("{:020}.nxs", seq.0))
    }
}
