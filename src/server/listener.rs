//! A listener whose failures the operator is told: once when they begin, and once at their end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::attention::{Attention, AttentionKind, AttentionSubject};
use crate::http::Acceptor;

/// So long without a failure, and it is over: out of descriptors, every other accept may go well.
const CALM: Duration = Duration::from_secs(10);

/// Accepts connections as `inner` does.
pub(super) struct ReportingListener<A> {
    inner: A,
    /// The setting that says where it listens.
    setting: &'static str,
    attention: Attention,
    failed_at: Option<Instant>,
}

impl<A> ReportingListener<A> {
    pub(super) fn new(inner: A, setting: &'static str, attention: &Attention) -> Self {
        Self { inner, setting, attention: attention.clone(), failed_at: None }
    }

    fn subject(&self) -> AttentionSubject {
        AttentionSubject { part: self.setting, ..AttentionSubject::default() }
    }

    fn failed(&mut self, error: &io::Error) {
        self.failed_at = Some(Instant::now());
        let text = format!(
            "connections cannot be accepted where `{}` says: {error}; if too many files are open, \
             raise the limit of the process (LimitNOFILE, ulimit -n)",
            self.setting
        );
        self.attention.raise(AttentionKind::AcceptFailed, self.subject(), text);
    }

    /// Resolves when the last failure is long ago; never if there was none.
    async fn calm(failed_at: Option<Instant>) {
        match failed_at {
            Some(at) => tokio::time::sleep_until(at + CALM).await,
            None => std::future::pending().await,
        }
    }
}

impl<A: Acceptor> Acceptor for ReportingListener<A> {
    type Stream = A::Stream;
    type Opening = A::Opening;

    async fn accept(&mut self) -> io::Result<(Self::Opening, SocketAddr)> {
        loop {
            tokio::select! {
                biased;
                () = Self::calm(self.failed_at) => {
                    self.failed_at = None;
                    self.attention.clear(AttentionKind::AcceptFailed, self.subject());
                }
                accepted = self.inner.accept() => {
                    if let Err(error) = &accepted {
                        self.failed(error);
                    }
                    return accepted;
                }
            }
        }
    }

    fn refuse(opening: Self::Opening, reply: &[u8]) {
        A::refuse(opening, reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Ready, pending};

    /// Fails so often, then waits for ever.
    struct Failing(u32);

    impl Acceptor for Failing {
        type Stream = tokio::io::DuplexStream;
        type Opening = Ready<io::Result<Self::Stream>>;

        async fn accept(&mut self) -> io::Result<(Self::Opening, SocketAddr)> {
            if self.0 == 0 {
                return pending().await;
            }
            self.0 -= 1;
            Err(io::Error::other("too many open files"))
        }

        fn refuse(_: Self::Opening, _: &[u8]) {}
    }

    #[tokio::test(start_paused = true)]
    async fn failures_to_accept_are_one_row_until_they_are_over() {
        let attention = Attention::default();
        let mut listener = ReportingListener::new(Failing(20), "listen", &attention);
        for _ in 0..20 {
            assert!(listener.accept().await.is_err());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let (rows, _) = attention.rows(9);
        let [row] = &rows[..] else { panic!("one row: {rows:?}") };
        assert_eq!((row.kind, row.count), (AttentionKind::AcceptFailed, 20));
        assert!(row.text.contains("`listen`") && row.text.contains("too many open files"));
        let waits = tokio::time::timeout(CALM, listener.accept());
        assert!(waits.await.is_err(), "no connection comes");
        assert_eq!(attention.rows(9).0, []);
    }
}
