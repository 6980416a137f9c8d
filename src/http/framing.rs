//! The transport of one connection, between hyper and the socket.
//!
//! hyper frames the requests. This layer adds what hyper leaves out: a client that takes
//! nothing of its replies is given up; a head whose lines end in a bare line feed is refused,
//! as is the HTTP/2 preface; a length beside an encoding, which hyper hides, is told to the
//! server; and hyper's own refusals become problem documents that name their cause.
//!
//! Heads are looked at only where it is certain that the bytes belong to one: from the end of
//! a reply to the blank line. A request that is pipelined behind another is read by hyper
//! alone, which RFC 9112 permits: it takes the bare line feed for a line's end (section 2.2),
//! and the encoding before the length, after which the connection ends (section 6.1).

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::Sleep;

use super::limits::{HEADER_LEN_MAX, HEADERS_MAX};
use super::unrouted::{self, Cause};

/// Bytes taken from the socket at once: what hyper asks for when a connection opens.
const READ_LEN_MAX: usize = 8 * 1024;
/// Makes hyper refuse a head: what none may hold, and an end, until which hyper waits.
const SPOILED: &[u8] = b"\0\r\n\r\n";
/// The first line of an HTTP/2 connection, without its line feed.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r";

/// Instead of a length that is not known before the end; hyper takes no such length.
const CHUNKED: u64 = u64::MAX;

/// Where the requests of a connection stand, shared by its transport and its handlers.
///
/// One task reads and answers, so that the atomics only make it `Sync`: all are relaxed.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// A request is being answered: what arrives is its body, or waits behind it.
    answering: AtomicBool,
    /// The body of the last request, in bytes, or [`CHUNKED`].
    body_len: AtomicU64,
    /// Some of that body has not been read.
    unread: AtomicBool,
    /// The head that was looked at last has a `Content-Length`.
    has_length: AtomicBool,
}

impl Framing {
    /// A head was parsed. Called before hyper reads on.
    pub(super) fn begin(&self, body: &Incoming) {
        self.answering.store(true, Ordering::Relaxed);
        self.body_len.store(body.size_hint().exact().unwrap_or(CHUNKED), Ordering::Relaxed);
        self.unread.store(!body.is_end_stream(), Ordering::Relaxed);
    }

    /// The body was read to its end.
    pub(super) fn body_read(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// Whether the last request has `Transfer-Encoding`: hyper takes it for chunks only.
    pub(super) fn is_chunked(&self) -> bool {
        self.body_len.load(Ordering::Relaxed) == CHUNKED
    }

    /// Whether the last request has `Transfer-Encoding` and, as far as was seen, a
    /// `Content-Length` beside it: two readers could take its end for two places.
    pub(super) fn has_two_lengths(&self) -> bool {
        self.is_chunked() && self.has_length.load(Ordering::Relaxed)
    }

    /// The reply is made. Says whether the connection goes on with another request: not where
    /// some of the body is missing, which would be read as the next head; and not after
    /// chunks, since a length that came with them is hidden by hyper, which closes then.
    pub(super) fn end(&self) -> bool {
        self.answering.store(false, Ordering::Relaxed);
        self.has_length.store(false, Ordering::Relaxed);
        !self.unread.load(Ordering::Relaxed) && !self.is_chunked()
    }
}

/// A connection's transport.
#[derive(Debug)]
pub(super) struct Watched<T, F> {
    inner: T,
    framing: Arc<Framing>,
    head: Head,
    patience: Patience,
    /// Makes a problem of hyper's bare refusal.
    refuse: F,
    /// The problem, once there is one, and how much of it is written.
    refusal: Option<(Vec<u8>, usize)>,
}

impl<T, F> Watched<T, F> {
    /// Follows `inner` from its first byte, which begins a request. A write that makes no
    /// progress for `write_timeout` fails.
    pub(super) fn new(inner: T, framing: Arc<Framing>, write_timeout: Duration, refuse: F) -> Self {
        let patience = Patience { limit: write_timeout, waiting: None };
        Self { inner, framing, head: Head::default(), patience, refuse, refusal: None }
    }
}

impl<T: Read + Unpin, F: Unpin> Read for Watched<T, F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut space = [MaybeUninit::uninit(); READ_LEN_MAX];
        let room = out.remaining().min(READ_LEN_MAX);
        let mut taken = ReadBuf::uninit(&mut space[..room]);
        ready!(Pin::new(&mut this.inner).poll_read(cx, taken.unfilled()))?;
        let bytes = taken.filled();
        if this.framing.answering.load(Ordering::Relaxed) {
            this.head.past += bytes.len() as u64;
            out.put_slice(bytes);
        } else if let Some(at) = this.head.look(bytes, &this.framing) {
            out.put_slice(&bytes[..at]);
            // The first byte always fits, for it replaces one; without the rest hyper waits
            // until the head is late.
            out.put_slice(&SPOILED[..SPOILED.len().min(out.remaining())]);
        } else {
            out.put_slice(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin, F: Fn(&[u8], Cause) -> Vec<u8> + Unpin> Write for Watched<T, F> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match unrouted::refusal_at(bytes) {
            None => Pin::new(&mut this.inner).poll_write(cx, bytes),
            Some(0) => this.poll_refuse(cx, bytes),
            // What waits before the refusal goes first; hyper comes again with the rest.
            Some(at) => Pin::new(&mut this.inner).poll_write(cx, &bytes[..at]),
        };
        this.patience.watch(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<T: Write + Unpin, F: Fn(&[u8], Cause) -> Vec<u8>> Watched<T, F> {
    /// Writes the problem that stands for `bare`, all of which counts as written in the end.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, bare: &[u8]) -> Poll<io::Result<usize>> {
        let Self { inner, refuse, refusal, head, .. } = self;
        let (problem, sent) = refusal.get_or_insert_with(|| (refuse(bare, head.cause()), 0));
        while *sent < problem.len() {
            match ready!(Pin::new(&mut *inner).poll_write(cx, &problem[*sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *sent += more,
            }
        }
        Poll::Ready(Ok(bare.len()))
    }
}

/// How long a client may take nothing of what is written to it.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    /// Runs from the first write that made no progress; most connections never have one.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Passes on how a write went, until it has waited for too long.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// What has been seen of the head that arrives.
#[derive(Debug, Default)]
struct Head {
    /// Bytes and whole lines so far.
    len: usize,
    lines: usize,
    /// Bytes of the line that has not ended yet, and whether the last is a carriage return.
    line_len: usize,
    carriage_return: bool,
    /// The blank line has come; and so many bytes after it.
    whole: bool,
    past: u64,
    /// A line that came in one piece begins with `Content-Length`.
    has_length: bool,
    /// Its beginning may have come behind another request, so that the counts are too small.
    unclear: bool,
    /// Why it was spoiled.
    flaw: Option<Cause>,
}

impl Head {
    /// Looks at what came while no request was answered. Says where the bytes have to end in
    /// a byte that hyper refuses.
    fn look(&mut self, bytes: &[u8], framing: &Framing) -> Option<usize> {
        if self.whole {
            let between = self.past != framing.body_len.load(Ordering::Relaxed);
            *self = Self { unclear: self.unclear || between, ..Self::default() };
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[start..end];
            let is_first = self.lines == 0 && self.line_len == 0;
            self.flaw = match line.last().map_or(self.carriage_return, |last| *last == b'\r') {
                true if is_first && line == HTTP2_PREFACE => Some(Cause::Http2),
                true => None,
                false => Some(Cause::BareLineFeed),
            };
            if self.flaw.is_some() {
                return Some(end);
            }
            self.has_length |= self.line_len == 0 && is_length(line);
            let is_blank = self.line_len + line.len() == 1;
            self.len += line.len() + 1;
            start = end + 1;
            (self.line_len, self.carriage_return) = (0, false);
            // hyper steps over blank lines before a request.
            self.lines += usize::from(!is_blank);
            if is_blank && self.lines > 0 {
                self.whole = true;
                framing.has_length.store(self.has_length, Ordering::Relaxed);
                self.past = (bytes.len() - start) as u64;
                return None;
            }
        }
        let rest = &bytes[start..];
        self.len += rest.len();
        self.line_len += rest.len();
        self.carriage_return = rest.last().map_or(self.carriage_return, |last| *last == b'\r');
        None
    }

    /// Why hyper refuses this head, as far as its status does not say it.
    fn cause(&self) -> Cause {
        let is_small = self.len <= HEADER_LEN_MAX && self.lines <= 1 + HEADERS_MAX;
        match self.flaw {
            Some(flaw) => flaw,
            None if self.unclear => Cause::Unknown,
            None if !self.whole && self.lines == 0 => Cause::RequestLine,
            // hyper keeps the two largest lengths for itself, and calls them too large.
            None if self.whole && is_small => Cause::Declared,
            None => Cause::Unknown,
        }
    }
}

fn is_length(line: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length";
    // The colon is looked at first: in most lines it is elsewhere.
    line.get(NAME.len()) == Some(&b':') && line[..NAME.len()].eq_ignore_ascii_case(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a stream is spoiled, and the cause of a refusal after it, however it is cut.
    fn check(stream: &str, spoiled: Option<usize>, cause: Cause) {
        for cut in 1..=stream.len() {
            let (mut head, framing) = (Head::default(), Framing::default());
            let mut seen = 0;
            let found = stream.as_bytes().chunks(cut).find_map(|piece| {
                let at = head.look(piece, &framing).map(|at| seen + at);
                seen += piece.len();
                at
            });
            // The preface is recognised where it comes at once, as clients send it.
            if cause != Cause::Http2 || cut > HTTP2_PREFACE.len() {
                assert_eq!((found, head.cause()), (spoiled, cause), "{cut}: {stream:?}");
            }
        }
    }

    #[test]
    fn a_line_of_a_head_ends_in_both_characters() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None, Cause::Declared);
        check("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", None, Cause::Declared);
        check("GET / HTTP/1.1\nHost: a\r\n\r\n", Some(14), Cause::BareLineFeed);
        check("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", Some(23), Cause::BareLineFeed);
        check("GET / HTTP/1.1\r\nHost: a\r\n\n", Some(25), Cause::BareLineFeed);
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(15), Cause::Http2);
    }

    #[test]
    fn what_comes_behind_the_blank_line_is_not_looked_at() {
        let framing = Framing::default();
        let mut head = Head::default();
        assert_eq!(head.look(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n{\n}", &framing), None);
        assert_eq!((head.past, head.cause()), (3, Cause::Declared));
        framing.body_len.store(3, Ordering::Relaxed);
        assert_eq!(head.look(b"GET /", &framing), None);
        assert_eq!(head.cause(), Cause::RequestLine, "the body was all that came before");
        framing.body_len.store(0, Ordering::Relaxed);
        assert_eq!(head.look(b" HTTP/1.1\r\n\r\nGET /long", &framing), None);
        assert_eq!(head.look(b"er HTTP/1.1\n", &framing), Some(11));
        assert!(head.unclear, "its beginning came behind another request");
    }

    #[test]
    fn many_or_long_lines_are_what_is_too_large() {
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX + 1));
        check(&many, None, Cause::Unknown);
        let mut head = Head::default();
        let framing = Framing::default();
        head.look(b"GET / HTTP/1.1\r\nX: ", &framing);
        (0..17).for_each(|_| assert_eq!(head.look(&[b'x'; 1024], &framing), None));
        assert_eq!(head.cause(), Cause::Unknown);
    }
}
