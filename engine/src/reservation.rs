//! Phase 1 of a sale: a unit of stock claimed by CAS, on the caller's own thread.
//!
//! Promises: a claim gives its unit back exactly once, when it is dropped, or sells
//! it, when it is booked; its price and cost are of one publish and at or below
//! what the buyer allows. Leaves to others: the money, the order, the deadline.

use std::sync::Arc;
use std::{error, fmt};

use crate::grid::Grid;
use crate::grid::cell::{Cell, CellRefusal, CellTerms, Place};
use crate::ids::{OfferId, Product, ProviderId, VariantId};
use crate::money::Micros;
use crate::product::OfferKey;

/// Why an offer gave no unit; nothing is claimed then. In the order in which they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// No such offer was ever listed.
    UnknownOffer,
    /// The provider is switched off or behind an open breaker.
    Closed,
    /// No unit is left.
    SoldOut,
    /// The price, given here, is above what the buyer allows.
    PriceMoved(Micros),
    /// More claims are open than a cell can count: try again.
    Busy,
}

impl fmt::Display for ClaimRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOffer => f.write_str("no such offer"),
            Self::Closed => f.write_str("the provider is closed"),
            Self::SoldOut => f.write_str("sold out"),
            Self::PriceMoved(price) => write!(f, "the price is {price} now"),
            Self::Busy => f.write_str("too many claims are open"),
        }
    }
}

impl error::Error for ClaimRefusal {}

impl From<CellRefusal> for ClaimRefusal {
    fn from(refusal: CellRefusal) -> Self {
        match refusal {
            CellRefusal::SoldOut => Self::SoldOut,
            CellRefusal::PriceMoved(price) => Self::PriceMoved(price),
            CellRefusal::Busy => Self::Busy,
        }
    }
}

/// One unit of an offer, held for one buyer: dropped, it is back in stock; booked, it is sold.
#[derive(Debug)]
#[must_use = "a claim that is dropped gives its unit back"]
pub struct Claim {
    /// Taken out when booked.
    grid: Option<Arc<Grid>>,
    offer: OfferId,
    place: Place,
    terms: CellTerms,
}

impl Claim {
    /// The offer the unit is of.
    #[must_use]
    pub const fn offer(&self) -> OfferId {
        self.offer
    }

    /// What is sold.
    #[must_use]
    pub const fn product(&self) -> Product {
        self.place.product
    }

    /// Who delivers it.
    #[must_use]
    pub const fn provider(&self) -> ProviderId {
        self.place.provider
    }

    /// The variant, or [`VariantId::ANY`].
    #[must_use]
    pub const fn variant(&self) -> VariantId {
        self.place.variant
    }

    /// What its offer is for, without source and step: the grid knows none yet.
    #[must_use]
    pub const fn key(&self) -> OfferKey {
        OfferKey::of(self.place.product, self.place.variant)
    }

    /// What the buyer pays: the price at the instant of the claim.
    #[must_use]
    pub const fn price(&self) -> Micros {
        self.terms.price
    }

    /// What the provider takes: the cost at the same instant.
    #[must_use]
    pub const fn cost(&self) -> Micros {
        self.terms.cost
    }

    /// Sells the unit: the order is placed, the stock is one less for good.
    pub fn book(mut self) {
        if let Some(grid) = self.grid.take() {
            cell_of(&grid, self.offer).book();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(grid) = self.grid.take() {
            cell_of(&grid, self.offer).release();
        }
    }
}

fn cell_of(grid: &Grid, offer: OfferId) -> &Cell {
    grid.cell(offer).expect("what was claimed was listed, and nothing is unlisted").0
}

impl Grid {
    /// Claims one unit at `price_max` or less. Never waits; costs some ten nanoseconds.
    ///
    /// # Errors
    /// Names why not, the first of the list that holds.
    pub fn claim(
        self: &Arc<Self>,
        offer: OfferId,
        price_max: Micros,
    ) -> Result<Claim, ClaimRefusal> {
        let (cell, place) = self.cell(offer).ok_or(ClaimRefusal::UnknownOffer)?;
        if !self.is_open(place.provider) {
            return Err(ClaimRefusal::Closed);
        }
        let terms = cell.claim(self.spare(), price_max)?;
        Ok(Claim { grid: Some(Arc::clone(self)), offer, place, terms })
    }

    /// Claims again for a reservation that was open at a crash, after the offers are
    /// published: beyond the stock if need be, whatever the price, closed or not. The
    /// terms are today's; those of the reservation are in its event.
    ///
    /// # Errors
    /// [`ClaimRefusal::UnknownOffer`] or [`ClaimRefusal::Busy`].
    pub fn claim_open(self: &Arc<Self>, offer: OfferId) -> Result<Claim, ClaimRefusal> {
        let (cell, place) = self.cell(offer).ok_or(ClaimRefusal::UnknownOffer)?;
        let terms = cell.claim_open(self.spare()).ok_or(ClaimRefusal::Busy)?;
        Ok(Claim { grid: Some(Arc::clone(self)), offer, place, terms })
    }
}
