//! What is bought from a provider, and how a purchase ended.

use nexnum_driver::{Bought, ProviderError};
use nexnum_engine::event::Charged;
use nexnum_engine::money::Micros;
use tokio::time::Instant;

/// A number to buy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuyRequest {
    /// The provider's code of the country.
    pub country_ext: String,
    /// The provider's code of the service.
    pub service_ext: String,
    /// The carrier, pool or partner to buy from; any if none.
    pub carrier: Option<String>,
    /// The most to pay, in the ledger's currency.
    pub max_price: Option<Micros>,
}

/// What was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseMade {
    /// The number, at a cost in the ledger's currency.
    pub bought: Bought,
    /// That cost as the provider said it.
    pub charged: Option<Charged>,
}

/// By whom a purchase was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// The provider: its reply says so.
    Provider,
    /// Us: no reply came, and nothing can have been bought.
    Us,
}

/// How a buy ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuyOutcome {
    /// The number is ours.
    Assigned(PurchaseMade),
    /// Certainly nothing was bought.
    Refused(ProviderError, RefusedBy),
    /// It may have been bought: ask the provider before buying again.
    InDoubt(UnknownPurchase),
}

/// A purchase that may have been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPurchase {
    /// What happened.
    pub what: String,
    /// It was made after this moment, if at all.
    pub began: Instant,
    /// A whole reply came that says nothing: it was made before, if at all.
    pub answered: bool,
    /// What the provider said, where a reply came.
    pub said: Option<ProviderError>,
}
