//! What may be asked for providers, offers and own stock.

use crate::event::{LoadedNumber, ProviderKind};
use crate::ids::{OfferId, ProviderId, Token};
use crate::money::Micros;
use crate::product::{OfferKey, Variant};

/// Connects a provider; the same name and kind again is the same provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterProvider {
    /// Unique name.
    pub name: Box<str>,
    /// Where its numbers come from.
    pub kind: ProviderKind,
}

/// Gives an id to a variant; the same again is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameVariant {
    /// Its parts; one at least is named.
    pub parts: Variant,
}

impl NameVariant {
    /// That of a carrier's numbers.
    #[must_use]
    pub const fn of_carrier(name: Box<str>) -> Self {
        Self { parts: Variant::of_carrier(name) }
    }
}

/// Gives ids to offers seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOffers {
    /// Whose.
    pub provider: ProviderId,
    /// What each is for; none of them known yet.
    pub offers: Vec<OfferKey>,
}

/// Puts numbers into own stock at a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadStock {
    /// The offer, listed before.
    pub offer: OfferId,
    /// What they cost us.
    pub cost: Micros,
    /// What they, and those that are in the offer's stock already, sell for.
    pub price: Micros,
    /// The numbers, with their tokens under the key in use.
    pub numbers: Vec<LoadedNumber>,
    /// The tokens of all of them in their order, for each other key that lives.
    pub others: Vec<Box<[Token]>>,
}
