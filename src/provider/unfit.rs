//! Errors of replies that a driver read, and that are of no use all the same.

use nexnum_driver::{ErrorKind, Op, ProviderError};

/// An amount that no ledger holds.
pub(super) fn misread(op: Op) -> ProviderError {
    let what = format!("an amount of {} is out of range", op.name());
    ProviderError::new(ErrorKind::Unmapped, false, what)
}

/// A driver gives each operation its own output; a constant reply is checked no sooner.
pub(super) fn wrong_output(op: Op) -> ProviderError {
    let what = format!("the driver reads something else for {}", op.name());
    ProviderError::new(ErrorKind::Unmapped, false, what)
}
