//! What happens between an order and its provider beside the order's own life: purchases that no
//! order has, ends on the other side.

use super::bulk::Bulk;
use crate::ids::ProviderId;
use crate::money::Micros;
use crate::order::OrderRef;
use crate::time::Time;

/// How a purchase that no order has came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrphanEnd {
    /// The provider took it back.
    GivenBack,
    /// The provider did not: it has a message, or it is too late.
    Stayed,
    /// The provider knows it no more.
    Gone,
}

/// How an activation that had ended here came to its end at its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamEnd {
    /// The provider took the number back.
    GivenBack,
    /// The provider finished it, and charges for it.
    Charged,
    /// The provider knows it no more, or has no call for it: whether it charges is not known.
    Unknown,
}

/// What a provider says of an activation that it has ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderWord {
    /// It was cancelled.
    Cancelled,
    /// Its time is over.
    Expired,
    /// It is finished.
    Finished,
    /// It is unknown, and not among the open ones.
    Missing,
}

/// An event of an order's purchases at their providers.
#[derive(Clone, PartialEq, Eq)]
pub enum UpstreamEvent {
    /// A purchase was found that no order has: it has to go back.
    OrphanFound {
        /// For which order it was bought, and in which attempt.
        order: OrderRef,
        /// Where.
        provider: ProviderId,
        /// The provider's id of it.
        external_id: Box<str>,
        /// When the provider takes it back first.
        from: Time,
        /// What it costs.
        cost: Micros,
    },
    /// A purchase that no order has is done with.
    OrphanSettled {
        /// For which order it was bought.
        order: OrderRef,
        /// Where.
        provider: ProviderId,
        /// The provider's id of it.
        external_id: Box<str>,
        /// How.
        end: OrphanEnd,
    },
    /// A purchase was answered with its id and without a number: its attempt is in doubt until
    /// the number comes, and the purchase goes back otherwise.
    PurchaseNamed {
        /// For which order it was bought, and in which attempt.
        order: OrderRef,
        /// Where.
        provider: ProviderId,
        /// The provider's id of it.
        external_id: Box<str>,
        /// What it costs.
        cost: Micros,
    },
    /// What ended here has been ended at its provider, or is not there to be ended.
    EndedUpstream {
        /// Which order's activation.
        order: OrderRef,
        /// How.
        end: UpstreamEnd,
    },
    /// An activation ends because its provider has ended it: follows the order's end at once.
    EndedByProvider {
        /// Which order's.
        order: OrderRef,
        /// What the provider says.
        word: ProviderWord,
    },
}

impl UpstreamEvent {
    /// The order, and the attempt that it is about.
    #[must_use]
    pub const fn order(&self) -> OrderRef {
        match self {
            Self::OrphanFound { order, .. }
            | Self::OrphanSettled { order, .. }
            | Self::PurchaseNamed { order, .. }
            | Self::EndedUpstream { order, .. }
            | Self::EndedByProvider { order, .. } => *order,
        }
    }

    /// What makes it long.
    #[must_use]
    pub const fn bulk(&self) -> Bulk {
        match self {
            Self::OrphanFound { external_id, .. }
            | Self::OrphanSettled { external_id, .. }
            | Self::PurchaseNamed { external_id, .. } => {
                Bulk { rows: 0, text_len: external_id.len() }
            }
            Self::EndedUpstream { .. } | Self::EndedByProvider { .. } => Bulk::NONE,
        }
    }

    /// What kind of event it is: the variant's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OrphanFound { .. } => "OrphanFound",
            Self::OrphanSettled { .. } => "OrphanSettled",
            Self::PurchaseNamed { .. } => "PurchaseNamed",
            Self::EndedUpstream { .. } => "EndedUpstream",
            Self::EndedByProvider { .. } => "EndedByProvider",
        }
    }
}
