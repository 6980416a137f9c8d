//! The search index: from the words people type to countries and services.
//!
//! It holds words only; prices and stock are joined when a hit is answered. It
//! is a projection: whatever it has can be built again from the catalogue and
//! the ledger, so a damaged index is thrown away and rebuilt.

mod error;
mod projection;
mod query;
mod schema;
mod search;

pub use error::IndexError;
pub use query::{TEXT_LEN_MAX, WORDS_MAX};
pub use schema::Subject;
pub use search::{HITS_MAX, Hit, SearchIndex};
