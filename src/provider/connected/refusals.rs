//! What is known of purchases that a provider refuses again and again.

use nexnum_driver::ErrorKind;
use nexnum_engine::money::Micros;
use nexnum_engine::time::Time;

use crate::attention::AttentionKind;
use crate::provider::consequence;

/// Why a purchase was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusedFor {
    /// Our key, or our standing.
    Key,
    /// What our account holds.
    Money,
    /// Something else: the next purchase may be made.
    Other,
}

impl RefusedFor {
    pub(super) fn of(kind: ErrorKind) -> Self {
        match (kind, consequence::stops(kind)) {
            (ErrorKind::NoBalance, _) => Self::Money,
            (_, Some(AttentionKind::KeyRefused)) => Self::Key,
            _ => Self::Other,
        }
    }
}

/// The purchases that were refused since one was made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RefusedPurchases {
    /// Times in a row that one closed the offers, and why the last one did.
    pub(super) last: Option<(u32, RefusedFor)>,
    /// Nothing is bought before.
    pub(super) held_until: Option<Time>,
    /// The least that our account was said to hold since one was refused for want of money.
    pub(super) balance: Option<Micros>,
    /// The operator was told.
    pub(super) is_told: bool,
}
