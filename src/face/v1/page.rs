//! The pages of a list.

use crate::face::query::{Bounded, ListCursor, parameters};

/// Most rows of a page: some 50 KB.
pub(super) const PAGE_MAX: u64 = 100;
/// Rows of a page; 50 unless the request says otherwise.
pub(super) type Limit = Bounded<1, PAGE_MAX, 50>;

parameters! {
    /// A page of a list.
    pub(super) struct PageQuery<'a> {
        /// How many rows the page has at most.
        limit: Limit,
        /// The `next_cursor` of the previous page; left out for the first page.
        cursor: Option<ListCursor<'a>>,
    }
}
