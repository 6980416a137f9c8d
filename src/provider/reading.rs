//! Reading replies: short ones at once, long ones where their size delays no other task.

use std::sync::Arc;

use nexnum_driver::{Driver, ErrorKind, Op, Output, ProviderError, RawReply};
use tokio::sync::Semaphore;

/// Bytes of a reply that is read at once: some tens of microseconds.
const SHORT: usize = 64 * 1024;
/// Long replies that are read at a time, over all providers of the process: each is some tens
/// of MB of memory while it is read.
static LONG: Semaphore = Semaphore::const_new(2);

/// What a reply says by the driver.
///
/// # Errors
/// As [`Driver::interpret`].
pub(super) async fn read(
    driver: &Arc<Driver>,
    op: Op,
    reply: RawReply,
) -> Result<Output, ProviderError> {
    if reply.body.len() <= SHORT {
        return driver.interpret(op, &reply);
    }
    let driver = Arc::clone(driver);
    // It is never closed.
    let _permit = LONG.acquire().await;
    let read = tokio::task::spawn_blocking(move || driver.interpret(op, &reply)).await;
    read.unwrap_or_else(|_| {
        Err(ProviderError::new(ErrorKind::Unmapped, false, "reading was broken off"))
    })
}

/// An amount that no money can hold.
pub(super) fn misread(op: Op) -> ProviderError {
    let what = format!("an amount of {} is out of range", op.name());
    ProviderError::new(ErrorKind::Unmapped, false, what)
}

/// A driver gives each operation its own output; a constant reply is checked no sooner.
pub(super) fn wrong_output(op: Op) -> ProviderError {
    let what = format!("the driver reads something else for {}", op.name());
    ProviderError::new(ErrorKind::Unmapped, false, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reply(len: usize) -> RawReply {
        let body = format!("{{\"balance\":1,\"x\":\"{}\"}}", "x".repeat(len));
        RawReply { status: 200, headers: Vec::new(), body: body.into_bytes() }
    }

    #[tokio::test]
    async fn a_long_reply_waits_while_others_are_read_and_a_short_one_does_not() {
        let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == "fivesim").unwrap();
        let driver = Arc::new(Driver::parse(text).unwrap());
        let held = LONG.acquire_many(2).await.unwrap();
        read(&driver, Op::Balance, reply(0)).await.unwrap();
        let mut long = std::pin::pin!(read(&driver, Op::Balance, reply(SHORT)));
        let waited = tokio::time::timeout(Duration::from_millis(50), long.as_mut()).await;
        assert!(waited.is_err(), "two are being read");
        drop(held);
        long.await.unwrap();
    }
}
