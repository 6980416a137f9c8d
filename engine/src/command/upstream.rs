//! What may be asked for an order's purchases at their providers.

use crate::event::{AttemptEnd, OrphanEnd, ProviderWord, UpstreamEnd};
use crate::ids::{OrderId, ProviderId};
use crate::money::Micros;
use crate::time::Time;

/// A purchase was found that no order has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindOrphan {
    /// For which order it was bought.
    pub order: OrderId,
    /// In which attempt.
    pub attempt: u8,
    /// Where.
    pub provider: ProviderId,
    /// The provider's id of it.
    pub external_id: Box<str>,
    /// When the provider takes it back first.
    pub from: Time,
    /// What it costs, where that is known; else as much as the order's present attempt.
    pub cost: Option<Micros>,
}

/// A purchase that no order has is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettleOrphan {
    /// Where.
    pub provider: ProviderId,
    /// The provider's id of it.
    pub external_id: Box<str>,
    /// How.
    pub end: OrphanEnd,
}

/// The attempt's purchase was answered with its id and without a number: it is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePurchase {
    /// For which order it was bought.
    pub order: OrderId,
    /// In which attempt.
    pub attempt: u8,
    /// The provider's id of it.
    pub external_id: Box<str>,
    /// What it costs, where that is known; else as much as the attempt.
    pub cost: Option<Micros>,
    /// Why its attempt is in doubt, where that is known.
    pub ended: Option<AttemptEnd>,
}

/// An activation that has ended here has been ended at its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndUpstream {
    /// Which.
    pub order: OrderId,
    /// How.
    pub end: UpstreamEnd,
}

/// An activation has been ended by its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndByProvider {
    /// Which.
    pub order: OrderId,
    /// What the provider says.
    pub word: ProviderWord,
}

/// The provider was asked once more after an activation's time was over: it ends now, without
/// the grace that it would have had for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expire {
    /// Which.
    pub order: OrderId,
}
