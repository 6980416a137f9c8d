//! Ids that follow one another without a gap.

/// Advances a dense counter. Panics unless `id` is the next one.
pub(super) fn next(counter: &mut u32, id: u32) {
    assert_eq!(id, *counter + 1, "ids are dense");
    *counter = id;
}
