//! The cells of all offers, found by number: an array that grows by whole chunks
//! and never moves, so that a reader needs no lock and a cell keeps its address.

use std::sync::OnceLock;

use super::cell::Cell;
use crate::ids::OfferId;

/// Offers a grid can hold, ever: 128 MB of cells. Real lists have some 10⁵ an aggregator.
pub const OFFERS_MAX: u32 = 1 << 22;

/// Cells allocated at once: 128 KiB, a small waste for a small market.
const CHUNK_LEN: usize = 1 << 12;

#[derive(Debug)]
pub(super) struct Chunks(Box<[OnceLock<Box<[Cell]>>]>);

impl Chunks {
    pub(super) fn new() -> Self {
        Self((0..OFFERS_MAX as usize / CHUNK_LEN).map(|_| OnceLock::new()).collect())
    }

    /// The offer's cell, listed or not; `None` if its chunk does not exist.
    pub(super) fn get(&self, offer: OfferId) -> Option<&Cell> {
        let (chunk, cell) = position(offer);
        self.0.get(chunk)?.get().map(|cells| &cells[cell])
    }

    /// The offer's cell, its chunk made if need be. Panics from [`OFFERS_MAX`] on.
    pub(super) fn get_or_grow(&self, offer: OfferId) -> &Cell {
        let (chunk, cell) = position(offer);
        let grow = || (0..CHUNK_LEN).map(|_| Cell::default()).collect();
        &self.0[chunk].get_or_init(grow)[cell]
    }

    pub(super) fn bytes(&self) -> usize {
        let grown = self.0.iter().filter(|chunk| chunk.get().is_some()).count();
        size_of_val(&*self.0) + grown * CHUNK_LEN * size_of::<Cell>()
    }
}

fn position(offer: OfferId) -> (usize, usize) {
    (offer.0 as usize / CHUNK_LEN, offer.0 as usize % CHUNK_LEN)
}
