//! The index itself: made in memory or in a folder, searched from any thread.
//!
//! Promises: every commit names the ledger position it is at; a folder with a
//! damaged or outdated index is rebuilt when opened, and says so by a position
//! of 0, from which the ledger is projected again.

use std::fs;
use std::path::Path;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Seq;
use tantivy::collector::TopDocs;
use tantivy::query::Query;
use tantivy::schema::Schema;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyError};

use crate::error::IndexError;
use crate::projection::{Entry, entries, fingerprint};
use crate::query;
use crate::schema::{Fields, SUBJECT, Subject, register, schema};

/// The most hits one search gives: more than a page shows.
pub const HITS_MAX: usize = 100;

/// Memory for documents that are not committed yet: the least that the
/// library takes, and enough for all of them in one segment.
const WRITER_BYTES: usize = 15_000_000;

/// One answer to a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// What was found.
    pub subject: Subject,
    /// How well it matches: 8 a whole word or code, 4 the beginning of a word,
    /// 1 with typos, summed over the words of the text.
    pub score: f32,
}

/// The words of the catalogue, and the ledger position they are at.
pub struct SearchIndex {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    fingerprint: u64,
    position: Seq,
}

impl SearchIndex {
    /// An index that lives as long as the process, at position 0.
    ///
    /// # Errors
    /// When the library cannot write to memory.
    pub fn in_ram(catalog: &Catalog) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        Self::build(Index::create_in_ram(schema), fields, &entries(catalog))
    }

    /// The index in a folder, which is made where it does not exist. An index
    /// that is damaged, or was built from another catalogue, is rebuilt.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or holds something else.
    pub fn open(folder: &Path, catalog: &Catalog) -> Result<Self, IndexError> {
        fs::create_dir_all(folder)?;
        let (schema, fields) = schema();
        let entries = entries(catalog);
        if let Some(intact) = Self::intact(folder, &schema, fields, &entries) {
            return Ok(intact);
        }
        empty(folder)?;
        Self::build(Index::create_in_dir(folder, schema)?, fields, &entries)
    }

    /// The best hits for a text, the best first; at most `limit`, and at most
    /// [`HITS_MAX`]. Rows that have all the words are given; where there are
    /// none, rows that have some.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search(&self, text: &str, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let words = query::words(text);
        let limit = limit.min(HITS_MAX);
        if words.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let hits = self.hits(&query::all(&words, self.fields), limit)?;
        if !hits.is_empty() || words.len() == 1 {
            return Ok(hits);
        }
        self.hits(&query::any(&words, self.fields), limit)
    }

    /// The last ledger position that is in the index for good.
    #[must_use]
    pub fn position(&self) -> Seq {
        self.position
    }

    /// Makes it durable that the ledger has been worked through up to `position`.
    ///
    /// # Errors
    /// When the commit fails; the position stays what it was.
    ///
    /// # Panics
    /// If the position would run back.
    pub fn commit(&mut self, position: Seq) -> Result<(), IndexError> {
        assert!(position >= self.position, "the ledger is projected in order");
        let writer = self.index.writer_with_num_threads(1, WRITER_BYTES)?;
        commit(writer, position, self.fingerprint)?;
        self.position = position;
        Ok(())
    }

    fn build(index: Index, fields: Fields, entries: &[Entry]) -> Result<Self, IndexError> {
        register(&index);
        let schema = index.schema();
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        for entry in entries {
            writer.add_document(entry.document(fields, &schema))?;
        }
        let fingerprint = fingerprint(entries);
        commit(writer, Seq(0), fingerprint)?;
        let reader = reader(&index)?;
        Ok(Self { index, reader, fields, fingerprint, position: Seq(0) })
    }

    /// The index in the folder, if all of it is as it was committed.
    fn intact(folder: &Path, schema: &Schema, fields: Fields, entries: &[Entry]) -> Option<Self> {
        let index = Index::open_in_dir(folder).ok()?;
        register(&index);
        let payload = index.load_metas().ok()?.payload?;
        let (position, fingerprint) = parse_payload(&payload)?;
        let damaged = index.validate_checksum().ok()?;
        let reader = reader(&index).ok()?;
        let whole = index.schema() == *schema
            && fingerprint == self::fingerprint(entries)
            && damaged.is_empty()
            && reader.searcher().num_docs() == entries.len() as u64;
        whole.then_some(Self { index, reader, fields, fingerprint, position })
    }

    fn hits(&self, query: &dyn Query, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let searcher = self.reader.searcher();
        let found = searcher.search(query, &TopDocs::with_limit(limit).order_by_score())?;
        found
            .into_iter()
            .map(|(score, address)| {
                let segment = searcher.segment_reader(address.segment_ord);
                let number = segment.fast_fields().u64(SUBJECT)?.first(address.doc_id);
                let subject = number.and_then(Subject::decode).ok_or_else(no_subject)?;
                Ok(Hit { subject, score })
            })
            .collect()
    }
}

fn no_subject() -> TantivyError {
    TantivyError::InternalError("a document without a subject".to_owned())
}

fn reader(index: &Index) -> Result<IndexReader, TantivyError> {
    index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()
}

fn commit(mut writer: IndexWriter, position: Seq, fingerprint: u64) -> Result<(), TantivyError> {
    let mut commit = writer.prepare_commit()?;
    commit.set_payload(&format!("{position} {fingerprint:016x}"));
    commit.commit()?;
    writer.wait_merging_threads()
}

/// What [`commit`] wrote: the ledger position and the catalogue's fingerprint.
fn parse_payload(payload: &str) -> Option<(Seq, u64)> {
    let (position, fingerprint) = payload.split_once(' ')?;
    Some((Seq(position.parse().ok()?), u64::from_str_radix(fingerprint, 16).ok()?))
}

/// Removes an index's files, and nothing where one file is not an index's.
fn empty(folder: &Path) -> Result<(), IndexError> {
    let paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    if !paths.iter().all(|path| is_index_file(path)) {
        return Err(IndexError::Foreign(folder.to_owned()));
    }
    paths.iter().try_for_each(fs::remove_file).map_err(IndexError::Folder)
}

/// Segments are named by 32 hexadecimal digits; a commit that was cut leaves temporary files.
fn is_index_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let segment = name.split_once('.').is_some_and(|(stem, _)| {
        stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let known = ["meta.json", ".managed.json", ".tantivy-writer.lock", ".tantivy-meta.lock"];
    path.is_file() && (segment || known.contains(&name) || name.starts_with(".tmp"))
}

#[cfg(test)]
mod tests;
