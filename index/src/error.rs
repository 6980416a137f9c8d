//! What can go wrong with the index; none of it is the fault of a query's text.

use tantivy::TantivyError;
use thiserror::Error;

/// The library underneath failed.
#[derive(Debug, Error)]
#[error("the search index: {0}")]
pub struct IndexError(#[from] TantivyError);
