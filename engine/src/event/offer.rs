//! What happens to providers, their offers and own stock.

use super::bulk::Bulk;
use crate::ids::{LoadId, OfferId, ProviderId, Token, VariantId};
use crate::money::Micros;
use crate::product::{OfferKey, Variant};
use crate::sealed::SealedValue;
use crate::time::Time;

/// Where a provider's numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    /// Numbers the operator holds: orders fill at once.
    Own,
    /// Numbers bought upstream through a driver.
    Driven,
}

/// A number as it is loaded into own stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedNumber {
    /// What stands for it.
    pub token: Token,
    /// The number, sealed under its load's key.
    pub sealed: SealedValue,
}

/// Bytes of a loaded number in the ledger, at most: a token, a sealed value of 15 digits.
pub const LOADED_NUMBER_LEN_MAX: usize = 128;

/// An event of providers, offers or own stock. None moves money.
#[derive(Clone, PartialEq, Eq)]
pub enum OfferEvent {
    /// A provider was connected.
    ProviderRegistered {
        /// Dense id.
        provider: ProviderId,
        /// The operator's name for it, unique.
        name: Box<str>,
        /// Where its numbers come from.
        kind: ProviderKind,
    },
    /// A variant was seen first.
    VariantNamed {
        /// Dense id.
        variant: VariantId,
        /// Its parts.
        parts: Variant,
    },
    /// Offers were seen first and got their ids. What a provider's list says of them is market
    /// data, which the ledger does not keep; own stock has terms and numbers with its loads.
    OffersListed {
        /// Whose.
        provider: ProviderId,
        /// The first one's id; the others follow densely.
        first: OfferId,
        /// What each is for.
        offers: Vec<OfferKey>,
    },
    /// The operator put numbers into own stock; its terms are those of the whole offer from now on.
    StockLoaded {
        /// Dense id of the load.
        load: LoadId,
        /// Which offer.
        offer: OfferId,
        /// What each number costs us.
        cost: Micros,
        /// What each is sold for.
        price: Micros,
        /// The numbers, in the order they will be sold.
        numbers: Vec<LoadedNumber>,
    },
    /// A number of own stock has rested and is for sale again, after all others.
    NumberReleased {
        /// Of which offer.
        offer: OfferId,
        /// Which.
        number: Token,
        /// Until when it was to rest.
        until: Time,
    },
    /// A number of own stock rests for this offer too: its last buyer, under this offer or
    /// another one, may still be sent a message.
    NumberHeldBack {
        /// Of which offer.
        offer: OfferId,
        /// Which.
        number: Token,
        /// Until when it rested for this offer before; `None` if it was in stock.
        rested: Option<Time>,
        /// Until when it rests.
        until: Time,
    },
    /// A load is for sale no more: its numbers leave stock and rest, and that of an open order does not
    /// come back after a refund.
    StockTakenBack {
        /// Which.
        load: LoadId,
        /// Of which offer.
        offer: OfferId,
        /// How many of its numbers were in stock.
        in_stock: u32,
        /// How many were at rest.
        resting: u32,
    },
}

impl OfferEvent {
    /// What makes it long.
    #[must_use]
    pub const fn bulk(&self) -> Bulk {
        match self {
            Self::OffersListed { offers, .. } => Bulk::rows(offers.len()),
            Self::StockLoaded { numbers, .. } => {
                Bulk { rows: 0, text_len: numbers.len() * LOADED_NUMBER_LEN_MAX }
            }
            Self::ProviderRegistered { .. }
            | Self::VariantNamed { .. }
            | Self::NumberReleased { .. }
            | Self::NumberHeldBack { .. }
            | Self::StockTakenBack { .. } => Bulk::NONE,
        }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ProviderRegistered { .. } => "ProviderRegistered",
            Self::VariantNamed { .. } => "VariantNamed",
            Self::OffersListed { .. } => "OffersListed",
            Self::StockLoaded { .. } => "StockLoaded",
            Self::NumberReleased { .. } => "NumberReleased",
            Self::NumberHeldBack { .. } => "NumberHeldBack",
            Self::StockTakenBack { .. } => "StockTakenBack",
        }
    }
}
