//! What can go wrong with the index; none of it is the fault of a query's text.

use std::io;
use std::path::PathBuf;

use tantivy::TantivyError;
use thiserror::Error;

/// A failure of the index or of the disk under it.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The folder holds files that no index wrote, so it is not emptied for a rebuild.
    #[error("{} holds files that are not a search index", .0.display())]
    Foreign(PathBuf),
    /// The folder cannot be read, emptied or made.
    #[error("the search index's folder: {0}")]
    Folder(#[from] io::Error),
    /// The engine underneath refused.
    #[error("the search index: {0}")]
    Engine(#[from] TantivyError),
}
