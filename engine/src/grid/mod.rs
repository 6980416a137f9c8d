//! The grid: every offer with its price and live stock, and per product the order
//! in which offers are asked.
//!
//! Promises: reading takes no lock and never waits for a publish; a claim is one
//! CAS on the offer's cell (see [`cell`]); a publish replaces a provider's offers
//! one country at a time without forgetting claims in flight. The grid persists nothing:
//! what it had of driven offers is written elsewhere now and then, and lost in part by a crash.
//!
//! Leaves to others: which asks serve an order, what a margin is, when a provider
//! is closed.

pub mod cell;
mod chunks;
mod ladder;
mod listing;
mod on_sale;
mod providers;
mod publish;
mod spread;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwapOption, Guard};

use crate::ids::{CountryId, OfferId, Product, ProviderId, VariantId};
use crate::money::Micros;
use cell::{Cell, CellTerms, Place, Spare};
use ladder::Shelf;
use providers::{Providers, Turns};

pub use chunks::OFFERS_MAX;
pub use listing::{Coverage, Listing, OnSale, PublishError, Published};
pub use providers::PROVIDERS_MAX;

/// All offers of the market.
#[derive(Debug)]
pub struct Grid {
    services: u16,
    cells: chunks::Chunks,
    spare: Spare,
    shelves: Box<[ArcSwapOption<Shelf>]>,
    providers: Providers,
    turns: Turns,
    offers_len: AtomicU32,
    writer: Mutex<listing::Writer>,
}

/// An offer as it stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The offer.
    pub offer: OfferId,
    /// What is sold.
    pub product: Product,
    /// Who delivers it.
    pub provider: ProviderId,
    /// The variant, or [`VariantId::ANY`].
    pub variant: VariantId,
    /// What a buyer pays for a unit.
    pub price: Micros,
    /// What the provider takes from us for it; of the same publish as `price`.
    pub cost: Micros,
    /// Units that can be claimed: offered less claimed.
    pub stock: u32,
    /// False while the provider is closed: the stock cannot be claimed then.
    pub open: bool,
    /// False while our account at the provider is known to hold less than `cost`.
    pub funded: bool,
    /// The provider's priority among asks of one price: the higher goes first.
    pub priority: u8,
    /// How often the provider goes first among asks of one price and priority; never 0.
    pub weight: u8,
}

impl Ask {
    /// True if a claim could succeed now.
    #[must_use]
    pub const fn is_claimable(&self) -> bool {
        self.open && self.funded && self.stock > 0
    }
}

impl Grid {
    /// An empty grid for a catalogue of so many countries and services.
    #[must_use]
    pub fn new(countries: u16, services: u16) -> Self {
        Self {
            services,
            cells: chunks::Chunks::new(),
            spare: Spare::default(),
            shelves: (0..countries).map(|_| ArcSwapOption::empty()).collect(),
            providers: Providers::new(),
            turns: Turns::default(),
            offers_len: AtomicU32::new(0),
            writer: Mutex::default(),
        }
    }

    /// The asks of a product, cheapest first, then by the provider's priority (higher
    /// first), then by offer. Sold-out and closed ones are among them, so that a
    /// caller can explain them. Stock and terms are of the moment each ask is taken:
    /// during a publish of the country a price may be out of its order.
    pub fn asks(&self, product: Product) -> Asks<'_> {
        let shelf = self.shelves.get(usize::from(product.country.0)).map(ArcSwapOption::load);
        Asks { grid: self, shelf: shelf.unwrap_or_default(), product, next: 0 }
    }

    /// One offer as it stands; `None` if it was never listed.
    #[must_use]
    pub fn ask(&self, offer: OfferId) -> Option<Ask> {
        let (cell, place) = self.cell(offer)?;
        let (terms, stock) = cell.read(&self.spare);
        let seen = self.providers.seen(place.provider);
        Some(Ask {
            offer,
            product: place.product,
            provider: place.provider,
            variant: place.variant,
            price: terms.price,
            cost: terms.cost,
            stock,
            open: seen.open,
            funded: seen.funds >= terms.cost,
            priority: seen.priority,
            weight: seen.weight,
        })
    }

    /// One offer as its provider's row would say it; `None` if it was never listed.
    #[must_use]
    pub fn listing(&self, offer: OfferId) -> Option<Listing> {
        let (cell, Place { product, provider: _, variant }) = self.cell(offer)?;
        let (CellTerms { cost, price }, stock) = cell.listed(&self.spare);
        Some(Listing { offer, product, variant, cost, price, stock })
    }

    /// Adds own stock that was loaded or came back; gives what can be claimed after it,
    /// `None` if the offer was never listed.
    pub fn add_stock(&self, offer: OfferId, units: u32) -> Option<u32> {
        self.cell(offer).map(|(cell, _)| cell.add(units))
    }

    /// Takes units of an offer off the market that are not for sale any more; gives how many
    /// are available after it, `None` for an offer that was never listed. Open claims stay
    /// claims, but what they give back beyond the stock is not sold again.
    pub fn remove_stock(&self, offer: OfferId, units: u32) -> Option<u32> {
        self.cell(offer).map(|(cell, _)| cell.remove(units))
    }

    /// Takes an offer off the market until its next publish: the provider said that it has
    /// no numbers. Open claims stay claims, but what they give back is not sold again.
    /// Nothing happens to an offer that was never listed.
    pub fn exhaust(&self, offer: OfferId) {
        if let Some((cell, _)) = self.cell(offer) {
            cell.set_offered(0);
        }
    }

    /// Lets a provider's offers be claimed, as they are at first.
    pub fn open_provider(&self, provider: ProviderId) {
        self.providers.set_closed(provider, false);
    }

    /// Stops claims on a provider's offers: switched off, or behind an open breaker.
    /// Claims already made stay.
    pub fn close_provider(&self, provider: ProviderId) {
        self.providers.set_closed(provider, true);
    }

    /// Says what our account at a provider can pay for; `None` where it is not known, as at
    /// first.
    pub fn set_funds(&self, provider: ProviderId, funds: Option<Micros>) {
        self.providers.set_funds(provider, funds);
    }

    /// Sets how often a provider goes first among asks of one price and priority, beside the
    /// others' weights: 1 until set, and never less.
    pub fn set_weight(&self, provider: ProviderId, weight: u8) {
        self.providers.set_weight(provider, weight);
    }

    /// Products that have offers, with their number, by country and service. Each
    /// country is as it was when the iterator came to it.
    pub fn products(&self) -> impl Iterator<Item = (Product, usize)> {
        (0..).map(CountryId).zip(&self.shelves).flat_map(|(country, shelf)| {
            let shelf = shelf.load();
            let services = shelf.iter().flat_map(|shelf| shelf.services());
            let row = |(service, len)| (Product::activation(country, service), len);
            services.map(row).collect::<Vec<_>>()
        })
    }

    /// Offers listed, withdrawn ones included.
    #[must_use]
    pub fn offers_len(&self) -> usize {
        // A count for people; pairs with nothing.
        self.offers_len.load(Ordering::Relaxed) as usize
    }

    /// Bytes the grid holds, the allocator's own overhead aside.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let shelves = self.shelves.iter().filter_map(|shelf| shelf.load_full());
        size_of::<Self>()
            + size_of_val(&*self.shelves)
            + self.cells.bytes()
            + self.providers.bytes()
            + shelves.map(|shelf| shelf.bytes()).sum::<usize>()
            + self.writer().bytes()
    }

    /// The cell of a listed offer.
    pub(crate) fn cell(&self, offer: OfferId) -> Option<(&Cell, Place)> {
        let cell = self.cells.get(offer)?;
        Some((cell, cell.place()?))
    }

    pub(crate) fn is_open(&self, provider: ProviderId) -> bool {
        self.providers.is_open(provider)
    }

    pub(crate) fn spare(&self) -> &Spare {
        &self.spare
    }
}

/// The asks of one product; see [`Grid::asks`].
#[derive(Debug)]
pub struct Asks<'a> {
    grid: &'a Grid,
    shelf: Guard<Option<Arc<Shelf>>>,
    product: Product,
    next: usize,
}

impl Iterator for Asks<'_> {
    type Item = Ask;

    fn next(&mut self) -> Option<Ask> {
        let ladder = self.shelf.as_ref()?.ladder(self.product.service);
        let offer = *ladder.get(self.next)?;
        self.next += 1;
        Some(self.grid.ask(offer).expect("a ladder holds listed offers"))
    }
}
