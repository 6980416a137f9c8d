//! What a provider's row says of a purchase that no order has.

use nexnum_engine::ids::{CountryId, ServiceId};

use crate::provider::sightings::Made;

/// How a row names a country or service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<T> {
    /// The row does not name it, and no other row of its list does.
    Absent,
    /// A code that the crosswalk does not know, or none where other rows have one.
    Unknown,
    /// A code that the crosswalk knows.
    Known(T),
}

/// A purchase at the provider that no order has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unowned {
    pub(crate) country: Named<CountryId>,
    pub(crate) service: Named<ServiceId>,
    /// When it was made.
    pub(crate) made: Made,
}
