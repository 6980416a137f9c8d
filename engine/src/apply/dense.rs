//! Ids that follow one another without a gap.

/// Advances a dense counter. Panics unless `id` is the next one.
pub(super) fn next<T: Copy + Into<u64>>(counter: &mut T, id: T) {
    assert_eq!(id.into(), (*counter).into() + 1, "ids are dense");
    *counter = id;
}
