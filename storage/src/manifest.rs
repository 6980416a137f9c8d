//! The manifest: what a data folder knows about its ledger from outside it.
//!
//! Promises: it names the ledger's identity and a sequence number, with its hash,
//! that the ledger is known to have reached; so a ledger that was lost, emptied,
//! swapped, rolled back or put back from an older copy is noticed when it is opened.
//! It is replaced whole. When to write it is left to others: at a clean stop, and with
//! each snapshot. Between those the tip (`tip.rs`) goes along with every commit.
//!
//! It is text, for the operator who has to look at it:
//!
//! ```text
//! nexnum manifest 1
//! ledger 6d1c… (32 hexadecimal digits)
//! known 123456 9f0a… (sequence number, 64 hexadecimal digits)
//! check 1a2b3c4d (CRC-32 of the lines before)
//! ```

use std::fs;
use std::path::Path;

use nexnum_engine::ids::Seq;

use crate::error::StorageError;
use crate::format::{Hash, LedgerId, parse_hex};
use crate::position::Position;
use crate::replaced;

/// The newest manifest format that this program writes and reads.
const FORMAT: u32 = 1;

/// A manifest is some 150 bytes; this much more is not one.
const LEN_MAX: u64 = 1024;

/// What the manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which ledger the folder has.
    pub id: LedgerId,
    /// A position that it is known to have reached, the end of a row.
    pub known: Position,
}

impl Manifest {
    /// The manifest of a ledger that was just made.
    #[must_use]
    pub fn of_new(id: LedgerId) -> Self {
        Self { id, known: Position { seq: Seq(0), hash: id.genesis() } }
    }

    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::NewerFormat`],
    /// [`StorageError::DamagedFile`]; or the failure.
    pub fn read(path: &Path) -> Result<Self, StorageError> {
        let metadata = fs::metadata(path).map_err(|e| StorageError::io("reading", path, e))?;
        if metadata.len() > LEN_MAX {
            return Err(StorageError::damaged_file(path, "it is too long for a manifest"));
        }
        let bytes = fs::read(path).map_err(|e| StorageError::io("reading", path, e))?;
        let text = str::from_utf8(&bytes)
            .map_err(|_| StorageError::damaged_file(path, "it is not text"))?;
        if let Some(found) = newer_format(text) {
            return Err(StorageError::NewerFormat { path: path.to_owned(), found, known: FORMAT });
        }
        Self::parse(text).map_err(|reason| StorageError::damaged_file(path, reason))
    }

    /// Puts this manifest at `path`, whole and durable, in place of the one there.
    ///
    /// # Errors
    /// The failure; then the old one is there, or this one.
    pub fn write(&self, path: &Path) -> Result<(), StorageError> {
        replaced::replace(path, &[self.format().as_bytes()])
    }

    /// This manifest, or with the later position that the tip at `path` knows of the same
    /// ledger. A tip that is missing, was torn by a power cut or is of another ledger
    /// knows nothing; the reason is given with the manifest as it is.
    ///
    /// # Errors
    /// Why there is a tip and it was not used, as a clause.
    pub fn with_tip(self, path: &Path) -> Result<Self, (Self, String)> {
        match Self::read(path) {
            Ok(tip) if tip.id != self.id => Err((self, format!("it belongs to ledger {}", tip.id))),
            Ok(tip) if tip.known.seq > self.known.seq => Ok(tip),
            Ok(_) | Err(StorageError::Missing { .. }) => Ok(self),
            Err(StorageError::DamagedFile { reason, .. }) => Err((self, reason)),
            Err(error) => Err((self, error.to_string())),
        }
    }

    pub(crate) fn format(&self) -> String {
        let Position { seq, hash } = self.known;
        let body = format!("nexnum manifest {FORMAT}\nledger {}\nknown {seq} {hash}\n", self.id);
        format!("{body}check {:08x}\n", crc32fast::hash(body.as_bytes()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let at = text.rfind("check ").ok_or("its last line is not a check")?;
        let (body, check) = text.split_at(at);
        if check != format!("check {:08x}\n", crc32fast::hash(body.as_bytes())) {
            return Err("its check does not fit its lines");
        }
        let mut lines = body.lines();
        if lines.next() != Some(format!("nexnum manifest {FORMAT}").as_str()) {
            return Err("its first line is not that of a manifest");
        }
        let id = lines.next().and_then(|line| line.strip_prefix("ledger "));
        let id = id.and_then(parse_hex).map(LedgerId).ok_or("its ledger line is malformed")?;
        let known = lines.next().and_then(|line| line.strip_prefix("known "));
        let known = known.and_then(parse_position).ok_or("its known line is malformed")?;
        if lines.next().is_some() {
            return Err("it has a line too many");
        }
        Ok(Self { id, known })
    }

    /// Refuses a ledger with another identity.
    pub(crate) fn check_id(&self, place: &Path, found: LedgerId) -> Result<(), StorageError> {
        if found == self.id {
            return Ok(());
        }
        let (expected, found) = (self.id.to_string(), found.to_string());
        Err(StorageError::OtherLedger { path: place.to_owned(), expected, found })
    }
}

fn newer_format(text: &str) -> Option<u32> {
    let found = text.lines().next()?.strip_prefix("nexnum manifest ")?.parse().ok()?;
    (found > FORMAT).then_some(found)
}

fn parse_position(text: &str) -> Option<Position> {
    let (seq, hash) = text.split_once(' ')?;
    Some(Position { seq: Seq(seq.parse().ok()?), hash: Hash(parse_hex(hash)?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tip::Tip;

    fn golden() -> Manifest {
        let known = Position { seq: Seq(123_456), hash: Hash([0x5A; 32]) };
        Manifest { id: LedgerId([0xAB; 16]), known }
    }

    #[test]
    fn the_first_format_keeps_its_text() {
        let expected = "nexnum manifest 1\n\
            ledger abababababababababababababababab\n\
            known 123456 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n\
            check 2532d53f\n";
        assert_eq!(golden().format(), expected);
        assert_eq!(Manifest::parse(expected), Ok(golden()));
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_noticed() {
        let text = golden().format();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(altered) = str::from_utf8(&bytes) {
                assert!(Manifest::parse(altered).is_err(), "byte {at}");
            }
            assert!(Manifest::parse(&text[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn a_tip_says_the_last_word_and_one_that_is_of_no_use_says_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("TIP");
        let at =
            |seq| Manifest { known: Position { seq: Seq(seq), hash: Hash([7; 32]) }, ..golden() };
        assert_eq!(golden().with_tip(&path), Ok(golden()));
        Tip::begin(&path, &at(u64::MAX)).unwrap();
        let mut tip = Tip::begin(&path, &at(5)).unwrap();
        assert_eq!(golden().with_tip(&path), Ok(golden()), "the manifest is ahead");
        tip.note(&at(99_999_999_999)).unwrap();
        assert_eq!(golden().with_tip(&path), Ok(at(99_999_999_999)));
        let other = Manifest { id: LedgerId([1; 16]), ..golden() };
        let (kept, reason) = other.with_tip(&path).unwrap_err();
        assert_eq!((kept, reason.starts_with("it belongs to ledger abab")), (other, true));
        for text in ["", "torn"] {
            fs::write(&path, text).unwrap();
            assert_eq!(golden().with_tip(&path).unwrap_err().0, golden());
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_refused_by_name_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("MANIFEST");
        assert!(matches!(Manifest::read(&path), Err(StorageError::Missing { .. })));
        golden().write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), golden());
        for (text, expected) in [
            ("", "is damaged: its last line is not a check"),
            ("nexnum manifest 2\nanything", "has format 2, this program reads up to 1"),
            (&"x".repeat(2000), "is damaged: it is too long for a manifest"),
        ] {
            fs::write(&path, text).unwrap();
            let message = Manifest::read(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("MANIFEST"), "{message}");
        }
    }
}
