//! One offer's cell: its stock in one atomic word, its terms beside it.
//!
//! Promises: a unit is claimed by at most one caller; no count wraps; a reader or
//! a claim never sees the price of one publish with the cost of another, and
//! no caller waits for a writer that lost its core. Many threads may read, claim,
//! release and book at any time; `list` and `set` are called by one writer at a
//! time, which the grid's lock sees to.
//!
//! How terms change: price and cost are two words, so they cannot change at once.
//! The writer puts the new terms in the grid's one [`Spare`], makes the cell's
//! version odd ("read the spare"; this is the moment of the change), copies them
//! into the cell, and makes the version even again ("read the cell"). A reader
//! takes the terms from where the version points and keeps them if the version is
//! still the same; if not, a writer has moved on, so some caller always makes progress.
//!
//! Orderings: every store to a word, price or cost is a release and every load an
//! acquire. The pairs that matter: (1) odd version ↔ first load of the word: who
//! sees it sees the spare filled. (2) Even version ↔ first load: who sees it sees
//! the cell filled. (3) Price or cost in cell or spare ↔ its load: who sees a newer
//! value sees the version change that came before it, so the second load of the
//! word, or the claim's CAS, tells. (4) `place` ↔ its load: who sees an offer
//! listed sees its terms and stock. Claims in between are read-modify-writes and
//! continue the writer's release sequence.
//!
//! A version wraps after half a million changes of one cell's terms; a reader would
//! have to sleep through exactly that many between two loads to be misled.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::{CountryId, Product, ProviderId, ServiceId, VariantId};
use crate::money::Micros;

/// Units a cell can offer: 24 bits. More are clamped, since no provider sells them in one sync.
pub const OFFERED_MAX: u32 = (1 << 24) - 1;

/// Claims a cell can hold at once: 20 bits, far above the requests a process has in flight.
pub const CLAIMED_MAX: u32 = (1 << 20) - 1;

const VERSION_MAX: u32 = (1 << 20) - 1;
const CLAIMED_SHIFT: u32 = 20;
const OFFERED_SHIFT: u32 = 40;

/// What a provider takes and what we ask, of one publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellTerms {
    /// What the provider takes from us for a unit.
    pub cost: Micros,
    /// What a buyer pays for a unit.
    pub price: Micros,
}

/// Whose offer it is and of what; fixed when the offer is first listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What is sold.
    pub product: Product,
    /// Who delivers it; never 0.
    pub provider: ProviderId,
    /// The variant, or [`VariantId::ANY`].
    pub variant: VariantId,
}

/// Why a cell gave no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellRefusal {
    /// Nothing offered that is not claimed.
    SoldOut,
    /// The price, here, is above the buyer's.
    PriceMoved(Micros),
    /// [`CLAIMED_MAX`] claims are open.
    Busy,
}

/// The decoded stock word. Claimed may exceed offered: a sync that finds fewer units
/// than are claimed does not forget the claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stock {
    offered: u32,
    claimed: u32,
    version: u32,
}

impl Stock {
    const fn unpack(word: u64) -> Self {
        Self {
            offered: (word >> OFFERED_SHIFT) as u32,
            claimed: (word >> CLAIMED_SHIFT) as u32 & CLAIMED_MAX,
            version: word as u32 & VERSION_MAX,
        }
    }

    const fn pack(self) -> u64 {
        assert!(self.offered <= OFFERED_MAX && self.claimed <= CLAIMED_MAX);
        (self.offered as u64) << OFFERED_SHIFT
            | (self.claimed as u64) << CLAIMED_SHIFT
            | (self.version & VERSION_MAX) as u64
    }

    const fn available(self) -> u32 {
        self.offered.saturating_sub(self.claimed)
    }

    /// Odd while the terms are in the spare.
    const fn next_version(self) -> Self {
        Self { version: self.version.wrapping_add(1) & VERSION_MAX, ..self }
    }

    fn with_offered(self, units: u32) -> Self {
        Self { offered: units.min(OFFERED_MAX), ..self }
    }

    fn claim(self) -> Option<Self> {
        (self.claimed < CLAIMED_MAX).then(|| Self { claimed: self.claimed + 1, ..self })
    }

    fn release(self) -> Option<Self> {
        Some(Self { claimed: self.claimed.checked_sub(1)?, ..self })
    }

    /// The unit is sold: it leaves both counts. A sync to 0 may have come first.
    fn book(self) -> Option<Self> {
        Some(Self { offered: self.offered.saturating_sub(1), ..self.release()? })
    }
}

/// The pair of words where terms are read while a cell's own are being changed.
/// One for a whole grid: its writer changes one cell at a time.
#[derive(Debug)]
pub struct Spare(TermsWords);

#[derive(Debug)]
struct TermsWords {
    price: AtomicU64,
    cost: AtomicU64,
}

impl TermsWords {
    fn new() -> Self {
        Self { price: AtomicU64::new(0), cost: AtomicU64::new(0) }
    }

    fn store(&self, terms: CellTerms) {
        self.price.store(terms.price.0.cast_unsigned(), Ordering::Release);
        self.cost.store(terms.cost.0.cast_unsigned(), Ordering::Release);
    }

    fn load(&self) -> CellTerms {
        let price = Micros(self.price.load(Ordering::Acquire).cast_signed());
        let cost = Micros(self.cost.load(Ordering::Acquire).cast_signed());
        CellTerms { cost, price }
    }
}

impl Default for Spare {
    fn default() -> Self {
        Self(TermsWords::new())
    }
}

/// One offer: 32 bytes, two to a cache line and never across two.
#[derive(Debug)]
#[repr(align(32))]
pub struct Cell {
    /// offered 24 bits | claimed 20 bits | version 20 bits.
    word: AtomicU64,
    terms: TermsWords,
    /// country | service | provider | variant, 16 bits each; 0 until listed.
    place: AtomicU64,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Cell>() == 32, "a million offers fit in 32 MB");

impl Default for Cell {
    fn default() -> Self {
        Self { word: AtomicU64::new(0), terms: TermsWords::new(), place: AtomicU64::new(0) }
    }
}

impl Cell {
    /// Whose offer this is; `None` before it is listed.
    pub fn place(&self) -> Option<Place> {
        let bits = self.place.load(Ordering::Acquire);
        let part = |shift: u32| (bits >> shift) as u16;
        (bits != 0).then(|| Place {
            product: Product::activation(CountryId(part(48)), ServiceId(part(32))),
            provider: ProviderId(part(16)),
            variant: VariantId(part(0)),
        })
    }

    /// Lists a new offer. The writer's, once a cell. Panics on provider 0 and on a second listing.
    pub fn list(&self, place: Place, terms: CellTerms, offered: u32) {
        assert!(place.provider.0 != 0 && self.place().is_none(), "an offer is listed once");
        self.terms.store(terms);
        self.adjust(|stock| Some(stock.with_offered(offered)));
        let Place { product, provider, variant } = place;
        let bits = u64::from(product.country.0) << 48
            | u64::from(product.service.0) << 32
            | u64::from(provider.0) << 16
            | u64::from(variant.0);
        self.place.store(bits, Ordering::Release);
    }

    /// Replaces the terms and the units offered; claims in flight stay. The writer's.
    /// Price and stock change in the same instant. True if the terms were others before.
    pub fn set(&self, spare: &Spare, terms: CellTerms, offered: u32) -> bool {
        if self.terms.load() == terms {
            self.set_offered(offered);
            return false;
        }
        self.change(spare, terms, |stock| stock.with_offered(offered));
        true
    }

    /// Replaces the terms alone. The writer's. True if they were others before.
    pub fn reprice(&self, spare: &Spare, terms: CellTerms) -> bool {
        let changes = self.terms.load() != terms;
        if changes {
            self.change(spare, terms, |stock| stock);
        }
        changes
    }

    fn change(&self, spare: &Spare, terms: CellTerms, restock: impl Fn(Stock) -> Stock) {
        spare.0.store(terms);
        self.adjust(|stock| Some(restock(stock).next_version()));
        self.terms.store(terms);
        self.adjust(|stock| Some(stock.next_version()));
    }

    /// Replaces the units offered; claims in flight stay and count against them.
    pub fn set_offered(&self, units: u32) {
        if Stock::unpack(self.word.load(Ordering::Acquire)).offered != units {
            self.adjust(|stock| Some(stock.with_offered(units)));
        }
    }

    /// Adds units to those offered, up to [`OFFERED_MAX`]; gives what is available after it.
    pub fn add(&self, units: u32) -> u32 {
        let add = |stock: Stock| stock.with_offered(stock.offered.saturating_add(units));
        let before = self.adjust(|stock| Some(add(stock))).expect("adding is never refused");
        add(before).available()
    }

    /// Takes units out of those offered, down to none; claims in flight stay. Gives what is
    /// available after it.
    pub fn remove(&self, units: u32) -> u32 {
        let less = |stock: Stock| stock.with_offered(stock.offered.saturating_sub(units));
        let before = self.adjust(|stock| Some(less(stock))).expect("taking is never refused");
        less(before).available()
    }

    /// The terms and the units available, of one instant.
    pub fn read(&self, spare: &Spare) -> (CellTerms, u32) {
        let (terms, stock) = self.consistent(spare);
        (terms, stock.available())
    }

    /// The terms and the units offered, those claimed included, of one instant.
    pub fn listed(&self, spare: &Spare) -> (CellTerms, u32) {
        let (terms, stock) = self.consistent(spare);
        (terms, stock.offered)
    }

    /// Takes a unit if there is one at `price_max` or less; its terms are those of that instant.
    ///
    /// # Errors
    /// Names why not; the cell is as it was.
    pub fn claim(&self, spare: &Spare, price_max: Micros) -> Result<CellTerms, CellRefusal> {
        loop {
            let (terms, stock) = self.consistent(spare);
            if stock.available() == 0 {
                return Err(CellRefusal::SoldOut);
            }
            if terms.price > price_max {
                return Err(CellRefusal::PriceMoved(terms.price));
            }
            let claimed = stock.claim().ok_or(CellRefusal::Busy)?.pack();
            // Failing means that another claim, booking or publish went through.
            let swap = self.word.compare_exchange_weak(
                stock.pack(),
                claimed,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if swap.is_ok() {
                return Ok(terms);
            }
        }
    }

    /// Takes a unit whatever the stock and the price: the claim of a reservation that was
    /// open at a crash. `None` with [`CLAIMED_MAX`] claims open.
    pub fn claim_open(&self, spare: &Spare) -> Option<CellTerms> {
        self.adjust(Stock::claim)?;
        Some(self.consistent(spare).0)
    }

    /// Gives a claimed unit back. Panics if none is claimed.
    pub fn release(&self) {
        self.adjust(Stock::release).expect("what is released was claimed");
    }

    /// Sells a claimed unit: it is neither claimed nor offered any more. Panics if none is claimed.
    pub fn book(&self) {
        self.adjust(Stock::book).expect("what is booked was claimed");
    }

    /// Changes the word in one step; gives what it was, or `None` if `change` refused.
    fn adjust(&self, mut change: impl FnMut(Stock) -> Option<Stock>) -> Option<Stock> {
        let change = |word| change(Stock::unpack(word)).map(Stock::pack);
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).ok().map(Stock::unpack)
    }

    fn consistent(&self, spare: &Spare) -> (CellTerms, Stock) {
        loop {
            let before = Stock::unpack(self.word.load(Ordering::Acquire));
            let in_spare = before.version % 2 == 1;
            let terms = if in_spare { spare.0.load() } else { self.terms.load() };
            let after = Stock::unpack(self.word.load(Ordering::Acquire));
            // Otherwise a writer has moved on meanwhile: each further round costs it a publish.
            if after.version == before.version {
                return (terms, after);
            }
        }
    }
}
