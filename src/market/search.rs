//! A market's search: words from the index, prices and stock from the grid at the moment of
//! the answer, so that an answer is never older than the grid.

use std::fmt;
use std::sync::Arc;

use nexnum_engine::catalog::Catalog;
use nexnum_engine::grid::{Grid, OnSale};
use nexnum_index::SearchIndex;

pub use nexnum_index::{HITS_MAX, IndexError, Subject, TEXT_LEN_MAX};

/// A market's search. Cheap to clone.
#[derive(Clone)]
pub struct Search {
    index: Arc<SearchIndex>,
    grid: Arc<Grid>,
}

/// One answer: what was found, and what is on sale of it.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// A country, a service, or a service in a country.
    pub subject: Subject,
    /// Over all services of a country, or all countries of a service.
    pub on_sale: OnSale,
}

impl Search {
    /// The search of a catalogue whose stock is in the grid.
    ///
    /// # Panics
    /// If the words of the shipped catalogue cannot be indexed in memory.
    #[must_use]
    pub fn new(catalog: &Catalog, grid: Arc<Grid>) -> Self {
        let index = SearchIndex::new(catalog).expect("the shipped catalogue is indexed in memory");
        Self { index: Arc::new(index), grid }
    }

    /// The best hits for a text, the best first, at most `limit`.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find(&self, text: &str, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let subjects = self.index.search(text, limit)?;
        let hit = |subject| Hit { subject, on_sale: self.on_sale(subject) };
        Ok(subjects.into_iter().map(hit).collect())
    }

    fn on_sale(&self, subject: Subject) -> OnSale {
        match subject {
            Subject::Country(country) => self.grid.on_sale_in(country),
            Subject::Service(service) => self.grid.on_sale_of(service),
            Subject::Product(product) => self.grid.on_sale(product),
        }
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").finish_non_exhaustive()
    }
}
