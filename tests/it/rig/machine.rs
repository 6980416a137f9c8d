//! Who may use the machine at the same time.
//!
//! All tests of this binary share one process. A test that keeps every core busy takes the
//! machine alone; a test that measures short times shares it with all but those. Other tests
//! take nothing: they wait for events, not for times.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::const_new(());

/// For a test that keeps every core busy.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().await
}

/// The same for a test without a runtime.
pub(crate) fn alone_blocking() -> RwLockWriteGuard<'static, ()> {
    MACHINE.blocking_write()
}

/// For a test that measures short times.
pub(crate) async fn calm() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().await
}
