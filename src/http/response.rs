//! What a handler returns: a head with a body, whole or in pieces.
//!
//! A whole body is the common case and costs no allocation of its own. A body in pieces is
//! written while it is made: few pieces wait, so that its maker goes no faster than the client
//! reads, and learns when the client is gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// Pieces that wait for the client: one is written, one is ready, and two are in reserve.
const WAITING_MAX: usize = 4;

/// A reply.
pub type Response = hyper::Response<Body>;

/// The body of a reply.
#[derive(Debug)]
pub struct Body(Kind);

#[derive(Debug)]
enum Kind {
    Whole(Bytes),
    Pieces { waiting: mpsc::Receiver<Piece>, is_over: bool },
}

#[derive(Debug)]
enum Piece {
    Data(Bytes),
    End,
}

/// The maker's end of a body in pieces. A body whose maker is dropped before [`Pieces::end`]
/// ends the connection, so that the client can tell that it is not whole.
#[derive(Debug)]
pub struct Pieces(mpsc::Sender<Piece>);

/// The client takes no more: it hung up, was given up, or asked for the head alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client takes no more")]
pub struct Gone;

/// The maker of a body stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body was not finished")]
pub struct Unfinished;

impl Body {
    /// A body that is made while it is written, and the end to make it at.
    ///
    /// A piece is held until the client has read the ones before it, so the maker chooses by
    /// their size how much memory a slow client costs.
    #[must_use]
    pub fn in_pieces() -> (Pieces, Self) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        (Pieces(sender), Self(Kind::Pieces { waiting, is_over: false }))
    }

    /// A body without a byte.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Whole(Bytes::new()))
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self(Kind::Whole(bytes.into()))
    }
}

impl Pieces {
    /// Adds a piece, once there is room for it.
    ///
    /// # Errors
    /// The client takes no more: there is nothing left to make.
    pub async fn send(&self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        self.0.send(Piece::Data(bytes.into())).await.map_err(|_| Gone)
    }

    /// Says that the body is whole.
    ///
    /// # Errors
    /// The client took no more before that.
    pub async fn end(self) -> Result<(), Gone> {
        self.0.send(Piece::End).await.map_err(|_| Gone)
    }

    /// Waits until the client takes no more: a maker with nothing to send ends then.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        match &mut self.0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Pieces { is_over: true, .. } => Poll::Ready(None),
            Kind::Pieces { waiting, is_over } => match ready!(waiting.poll_recv(cx)) {
                Some(Piece::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Piece::End) => {
                    *is_over = true;
                    Poll::Ready(None)
                }
                None => Poll::Ready(Some(Err(Unfinished))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Pieces { is_over, .. } => *is_over,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Pieces { .. } => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn pieces_are_whole_only_if_their_maker_says_so() {
        for ends in [true, false] {
            let (pieces, body) = Body::in_pieces();
            pieces.send("one ").await.unwrap();
            pieces.send("two").await.unwrap();
            if ends {
                pieces.end().await.unwrap();
            } else {
                drop(pieces);
            }
            let read = body.collect().await.map(|whole| whole.to_bytes());
            assert_eq!(read, if ends { Ok(Bytes::from("one two")) } else { Err(Unfinished) });
        }
    }

    #[tokio::test]
    async fn a_maker_waits_for_room_and_learns_that_the_client_is_gone() {
        let (pieces, body) = Body::in_pieces();
        for _ in 0..WAITING_MAX {
            pieces.send("x").await.unwrap();
        }
        let mut waits = std::pin::pin!(pieces.send("x"));
        let waker = &mut Context::from_waker(std::task::Waker::noop());
        assert!(waits.as_mut().poll(waker).is_pending());
        drop(body);
        assert_eq!(waits.await, Err(Gone));
        pieces.gone().await;
    }
}
