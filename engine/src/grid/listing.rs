//! What is published into the grid, what becomes of it, and what the writer keeps of it.

use std::{error, fmt};

#[cfg(doc)]
use super::chunks::OFFERS_MAX;
#[cfg(doc)]
use super::providers::PROVIDERS_MAX;
use crate::ids::{OfferId, Product, ProviderId, VariantId};
#[cfg(doc)]
use crate::money::AMOUNT_MAX;
use crate::money::Micros;

/// One row of a provider's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The offer: it has the same provider, product and variant, always.
    pub offer: OfferId,
    /// What is sold.
    pub product: Product,
    /// The variant, or [`VariantId::ANY`].
    pub variant: VariantId,
    /// What the provider takes from us for a unit; 0 to [`AMOUNT_MAX`].
    pub cost: Micros,
    /// What a buyer pays for a unit; 0 to [`AMOUNT_MAX`].
    pub price: Micros,
    /// Units that the provider says it has, those claimed from us but not bought included.
    pub stock: u32,
}

/// How much of a provider's list the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of it: offers not in the rows are withdrawn (nothing offered).
    Whole,
    /// The rows that changed: other offers stay as they are.
    Delta,
}

/// What a publish did, in offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Listed for the first time.
    pub listed: usize,
    /// With another price or cost than before.
    pub repriced: usize,
    /// Not in a whole list, now offered 0.
    pub withdrawn: usize,
}

/// Why a publish was refused; the grid is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// Provider 0, or above [`PROVIDERS_MAX`].
    UnknownProvider(ProviderId),
    /// Offer 0, or [`OFFERS_MAX`] and above.
    OfferOutOfRange(OfferId),
    /// A product outside the catalogue.
    UnknownProduct(OfferId),
    /// A price or cost below 0 or above [`AMOUNT_MAX`].
    BadPrice(OfferId),
    /// An offer in two rows.
    Twice(OfferId),
    /// An offer that was listed for another provider, product or variant.
    OtherPlace(OfferId),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownProvider(provider) => write!(f, "provider {provider} is not in the grid"),
            Self::OfferOutOfRange(offer) => write!(f, "offer {offer} is out of range"),
            Self::UnknownProduct(offer) => write!(f, "offer {offer} is of no known product"),
            Self::BadPrice(offer) => write!(f, "offer {offer} has a price out of range"),
            Self::Twice(offer) => write!(f, "offer {offer} is in the list twice"),
            Self::OtherPlace(offer) => {
                write!(f, "offer {offer} is another provider's, product's or variant's")
            }
        }
    }
}

impl error::Error for PublishError {}

/// What only the writer needs.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// By provider: its offers, in the order of their listing.
    offers: Vec<Vec<OfferId>>,
}

impl Writer {
    pub(super) fn bytes(&self) -> usize {
        let lists = self.offers.iter().map(|list| list.capacity() * size_of::<OfferId>());
        self.offers.capacity() * size_of::<Vec<OfferId>>() + lists.sum::<usize>()
    }

    pub(super) fn offers_of(&mut self, provider: ProviderId) -> &mut Vec<OfferId> {
        let row = usize::from(provider.0);
        if self.offers.len() <= row {
            self.offers.resize_with(row + 1, Vec::new);
        }
        &mut self.offers[row]
    }
}

/// Units on sale and what the cheapest costs. Sold-out offers and closed providers' are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnSale {
    /// The cheapest unit's price; `None` if there is none.
    pub price: Option<Micros>,
    /// Units that could be claimed.
    pub stock: u64,
    /// Products that have at least one unit.
    pub products: u32,
}
