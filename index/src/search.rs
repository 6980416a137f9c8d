//! The index itself: made in memory, searched from any thread.

use nexnum_engine::catalog::Catalog;
use tantivy::directory::RamDirectory;
use tantivy::query::{EnableScoring, Query};
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyError};

use crate::error::IndexError;
use crate::projection::{Entry, entries};
use crate::query;
use crate::rank::{Hit, WordScores, rank};
use crate::schema::{Fields, Subject, schema, tokenizers};

/// The most hits one search gives.
pub const HITS_MAX: usize = 50;

/// Memory for documents while the index is built: the least that the library takes.
const WRITER_BYTES: usize = 15_000_000;

/// The words of the catalogue.
pub struct SearchIndex {
    reader: IndexReader,
    fields: Fields,
    /// What each document is about, by its number.
    subjects: Vec<Subject>,
}

impl SearchIndex {
    /// The index of a catalogue, in memory.
    ///
    /// # Errors
    /// When the library cannot write to memory.
    pub fn new(catalog: &Catalog) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let entries = entries(catalog);
        let builder = Index::builder().schema(schema).tokenizers(tokenizers());
        let mut writer =
            builder.single_segment_index_writer(RamDirectory::create(), WRITER_BYTES)?;
        entries.iter().try_for_each(|entry| writer.add_document(entry.document(fields)))?;
        let index: Index = writer.finalize()?;
        let reader: IndexReader =
            index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        // A document's number is its row only where there is one segment.
        assert_eq!(reader.searcher().segment_readers().len(), 1, "one commit makes one segment");
        let subjects = entries.iter().map(Entry::subject).collect();
        Ok(Self { reader, fields, subjects })
    }

    /// What a text is about, the best first; at most `limit`, and at most [`HITS_MAX`]. The
    /// first [`TEXT_LEN_MAX`](crate::TEXT_LEN_MAX) bytes of the text are looked at.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search(&self, text: &str, limit: usize) -> Result<Vec<Subject>, IndexError> {
        let hits = self.hits(text)?;
        Ok(hits.iter().take(limit.min(HITS_MAX)).map(|hit| hit.subject).collect())
    }

    fn hits(&self, text: &str) -> Result<Vec<Hit>, TantivyError> {
        let words = query::words(text);
        let mut scores = vec![WordScores::default(); self.subjects.len()];
        let searcher = self.reader.searcher();
        for (at, word) in words.iter().enumerate() {
            let query = query::word(word, self.fields);
            let weight = query.weight(EnableScoring::enabled_from_searcher(&searcher))?;
            for segment in searcher.segment_readers() {
                weight.for_each(segment, &mut |row, score| scores[row as usize][at] = score)?;
            }
        }
        Ok(rank(&self.subjects, &scores, words.len()))
    }
}

#[cfg(test)]
mod tests;
