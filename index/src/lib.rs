//! The search index: from the words people type to countries, services and products.
//!
//! It holds words only; prices and stock are joined when a hit is answered. It is built in
//! memory from the catalogue and can be built again at any time.

mod error;
mod projection;
mod query;
mod rank;
mod schema;
mod search;

pub use error::IndexError;
pub use query::TEXT_LEN_MAX;
pub use schema::Subject;
pub use search::{HITS_MAX, SearchIndex};
