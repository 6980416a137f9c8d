//! Where connections come from, and what has to happen on them before HTTP is spoken.

use std::future::{Future, Ready, ready};
use std::io::{self, Write};
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A source of connections.
pub trait Acceptor: Send + 'static {
    /// What HTTP is spoken over.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// What has to be exchanged before the first request: a handshake, or nothing. It runs in
    /// the connection's own task, holds a slot, and is given up after the header timeout.
    type Opening: Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// Waits for the next connection. Nothing is lost where the wait is given up.
    ///
    /// # Errors
    /// The system's; the caller goes on accepting after a pause.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Opening, SocketAddr)>> + Send;

    /// Ends a connection that a full server does not take, with `reply` where it can be told
    /// without waiting.
    fn refuse(opening: Self::Opening, reply: &[u8]);
}

/// Plain TCP: there is nothing to open.
impl Acceptor for TcpListener {
    type Stream = TcpStream;
    type Opening = Ready<io::Result<TcpStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Opening, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // Replies are written whole: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        Ok((ready(Ok(stream)), peer))
    }

    fn refuse(opening: Self::Opening, reply: &[u8]) {
        // A new socket has room for a reply, and the answer is a courtesy: no waiting, no retry.
        if let Ok(mut stream) = opening.into_inner().and_then(TcpStream::into_std) {
            let _ = stream.write(reply);
        }
    }
}

/// Listens on `address`; with port 0 the system chooses, and the real address is returned.
///
/// # Errors
/// Where the address is taken or not ours.
pub async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let real = listener.local_addr()?;
    Ok((listener, real))
}
