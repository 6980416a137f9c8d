//! How the ledger's time stood to `CLOCK_BOOTTIME`, in a file of the data folder beside the tip: a
//! start within the same boot goes on from there, whatever the wall clock shows by then.
//!
//! Promises: a file that is not whole is none. It need not be as new as the last commit, since the
//! two go at one pace: it is written when they have moved against each other.

use std::path::{Path, PathBuf};

use nexnum_engine::time::Time;

use crate::kept_file::KeptFile;

/// The file's name in the data folder: one line of text, as
/// `nexnum clock 1 boot 3f6c… boottime 86400000 time 1800000000000 rest 0 check 1a2b3c4d`.
pub(super) const FILE: &str = "CLOCK";

/// The ledger's time and the machine's other clock at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The boot that `boot_ms` is of.
    pub(super) boot_id: Box<str>,
    /// What `CLOCK_BOOTTIME` showed, in milliseconds.
    pub(super) boot_ms: u64,
    /// The ledger's time.
    pub(super) at: Time,
    /// What is left of an accepted step back, zero or negative.
    pub(super) rest_ms: i64,
}

impl Anchor {
    /// What the data folder keeps.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        KeptFile::new(folder, FILE).rows(Self::parse).pop()
    }

    /// Keeps it there instead of what it has. It waits for the disk.
    pub(super) fn write(&self, folder: &Path) {
        KeptFile::new(folder, FILE).write([self.line()]);
    }

    fn line(&self) -> String {
        let Self { boot_id, boot_ms, at, rest_ms } = self;
        let text =
            format!("nexnum clock 1 boot {boot_id} boottime {boot_ms} time {at} rest {rest_ms}");
        format!("{text} check {:08x}", crc32fast::hash(text.as_bytes()))
    }

    fn parse(line: &str) -> Option<Self> {
        let (text, check) = line.rsplit_once(" check ")?;
        if check != format!("{:08x}", crc32fast::hash(text.as_bytes())) {
            return None;
        }
        let words: Vec<&str> = text.split(' ').collect();
        let ["nexnum", "clock", "1", "boot", id, "boottime", boot, "time", at, "rest", rest] =
            words[..]
        else {
            return None;
        };
        let (boot_ms, at) = (boot.parse().ok()?, Time(at.parse().ok()?));
        Some(Self { boot_id: id.into(), boot_ms, at, rest_ms: rest.parse().ok()? })
    }
}

/// The files that keep it, also the one under which it is written first.
pub(super) fn files(folder: &Path) -> [PathBuf; 2] {
    let file = folder.join(FILE);
    [file.with_extension("new"), file]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_reads_back_and_one_that_was_altered_is_none() {
        let anchor =
            Anchor { boot_id: "3f6c-a".into(), boot_ms: 86_400_000, at: Time(9), rest_ms: -5 };
        let line = anchor.line();
        assert!(line.starts_with("nexnum clock 1 boot 3f6c-a boottime 86400000 time 9 rest -5 "));
        assert_eq!(Anchor::parse(&line), Some(anchor.clone()));
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1;
            let altered = String::from_utf8(bytes).unwrap();
            assert_eq!(Anchor::parse(&altered), None, "{altered}");
            assert_eq!(Anchor::parse(&line[..at]), None);
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Anchor::read(folder.path()), None);
        anchor.write(folder.path());
        assert_eq!(Anchor::read(folder.path()), Some(anchor));
    }
}
