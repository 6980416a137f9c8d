//! Watches the raw bytes of a connection for what hyper settles silently.
//!
//! On their way out, hyper's own refusals become problem documents, and a client that takes
//! nothing of its replies is given up.
//!
//! A request with both `Transfer-Encoding` and `Content-Length` is how requests are smuggled
//! past proxies that read the other one of the two. hyper drops the length, serves the request
//! as chunked and closes, so that no handler can tell. This reader sits under hyper, follows
//! the framing of the requests as they arrive and remembers the number of the first request
//! that carries `Transfer-Encoding`. Such a request is the last of its connection, so chunks
//! never have to be parsed here. Were the reader ever wrong about framing, hyper's own rule
//! would still hold: the encoding wins and the connection closes.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::Sleep;

use super::bare;

/// Bytes taken from the socket at once: what hyper asks for when a connection opens.
const READ_LEN_MAX: usize = 8 * 1024;
/// Longest line kept between two reads; hyper refuses a longer header block anyway.
const LINE_LEN_MAX: usize = super::server::HEADER_LEN_MAX;

/// What the reader found, shared with the handler of the same connection.
///
/// One task reads and answers, so that the atomics only make it `Sync`: all are relaxed.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// Requests handed to the handler so far.
    answered: AtomicU64,
    /// Number of the request with `Transfer-Encoding`, from 1; 0 is none yet.
    encoded: AtomicU64,
    /// Number of the request that has `Content-Length` as well; 0 is none.
    conflicting: AtomicU64,
}

/// How the request that is about to be answered was framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// By a length or without a body.
    Sized,
    /// Chunked: the connection ends with its reply.
    Encoded,
    /// Chunked and by a length: to be refused.
    Conflicting,
}

impl Framing {
    /// The frame of the next request, in order of arrival.
    pub(super) fn next(&self) -> Frame {
        let number = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        if self.conflicting.load(Ordering::Relaxed) == number {
            Frame::Conflicting
        } else if self.encoded.load(Ordering::Relaxed) == number {
            Frame::Encoded
        } else {
            Frame::Sized
        }
    }
}

/// A connection whose bytes are followed.
#[derive(Debug)]
pub(super) struct Watched<T, F> {
    inner: T,
    scan: Scan,
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
        Self { inner, scan: Scan::new(framing), patience, refuse, refusal: None }
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
        this.scan.feed(taken.filled());
        out.put_slice(taken.filled());
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin, F: Fn(&[u8]) -> Vec<u8> + Unpin> Write for Watched<T, F> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match bare::refusal_at(bytes) {
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

impl<T: Write + Unpin, F: Fn(&[u8]) -> Vec<u8>> Watched<T, F> {
    /// Writes the problem that stands for `bare`, all of which counts as written in the end.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, bare: &[u8]) -> Poll<io::Result<usize>> {
        let Self { inner, refuse, refusal, .. } = self;
        let (problem, sent) = refusal.get_or_insert_with(|| (refuse(bare), 0));
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

/// Where in the stream of requests the next byte belongs.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Between requests, where blank lines mean nothing.
    Start,
    /// In the header block.
    Head,
    /// In a body with so many bytes to come.
    Body(u64),
    /// Past the last request that will be answered.
    End,
}

#[derive(Debug)]
struct Scan {
    framing: Arc<Framing>,
    place: Place,
    heads: u64,
    encoded: bool,
    length: Option<u64>,
    /// A line that began in an earlier read.
    line: Vec<u8>,
}

impl Scan {
    fn new(framing: Arc<Framing>) -> Self {
        Self {
            framing,
            place: Place::Start,
            heads: 0,
            encoded: false,
            length: None,
            line: Vec::new(),
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::End => return,
                Place::Body(left) => self.skip(left, bytes),
                Place::Start | Place::Head => self.take_line(bytes),
            };
        }
    }

    fn skip<'a>(&mut self, left: u64, bytes: &'a [u8]) -> &'a [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - here as u64;
        self.place = if left == 0 { Place::Start } else { Place::Body(left) };
        &bytes[here..]
    }

    fn take_line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.keep(bytes);
            return &[];
        };
        if self.line.is_empty() {
            self.read_line(&bytes[..end]);
        } else {
            self.keep(&bytes[..end]);
            let mut line = std::mem::take(&mut self.line);
            self.read_line(&line);
            line.clear();
            self.line = line;
        }
        &bytes[end + 1..]
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > LINE_LEN_MAX {
            self.place = Place::End;
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn read_line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (self.place, line.is_empty()) {
            (Place::Start, true) | (Place::Body(_) | Place::End, _) => {}
            (Place::Start, false) => self.place = Place::Head,
            (Place::Head, false) => self.read_header(line),
            (Place::Head, true) => self.end_head(),
        }
    }

    fn read_header(&mut self, line: &[u8]) {
        const ENCODING: &[u8] = b"transfer-encoding:";
        const LENGTH: &[u8] = b"content-length:";
        match line[0] | 0x20 {
            b't' if begins(line, ENCODING) => self.encoded = true,
            b'c' if begins(line, LENGTH) => match parse_length(&line[LENGTH.len()..]) {
                Some(length) => self.length = Some(length),
                // hyper answers 400 and closes, unless an encoding hides the length from it.
                None => self.length = Some(u64::MAX),
            },
            _ => {}
        }
    }

    fn end_head(&mut self) {
        self.heads += 1;
        let length = self.length.take();
        self.place = match length {
            _ if self.encoded => Place::End,
            Some(length) if length > 0 => Place::Body(length),
            Some(_) | None => Place::Start,
        };
        if self.encoded {
            self.framing.encoded.store(self.heads, Ordering::Relaxed);
            if length.is_some() {
                self.framing.conflicting.store(self.heads, Ordering::Relaxed);
            }
        }
    }
}

fn begins(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    let sound = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    sound.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of the first `count` requests of a stream, however it is cut into reads.
    fn check(stream: &str, expected: &[Frame]) {
        for cut in 1..=stream.len() {
            let framing = Arc::new(Framing::default());
            let mut scan = Scan::new(Arc::clone(&framing));
            for piece in stream.as_bytes().chunks(cut) {
                scan.feed(piece);
            }
            let found: Vec<Frame> = expected.iter().map(|_| framing.next()).collect();
            assert_eq!(found, expected, "cut every {cut} bytes: {stream:?}");
        }
    }

    #[test]
    fn an_encoding_with_a_length_is_found_in_either_order_and_case() {
        use Frame::{Conflicting, Encoded, Sized};
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[Sized]);
        check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[Encoded]);
        check(
            "POST / HTTP/1.1\r\ncontent-LENGTH: 5\r\ntransfer-Encoding:chunked\r\n\r\n",
            &[Conflicting],
        );
        check("POST / HTTP/1.1\nTRANSFER-encoding: chunked\nContent-Length: x\n\n", &[Conflicting]);
    }

    #[test]
    fn bodies_are_stepped_over_and_never_read_as_headers() {
        use Frame::{Conflicting, Sized};
        let decoy = "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n";
        let length = decoy.len();
        let stream = format!(
            "POST /a HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{decoy}\
             \r\nGET /b HTTP/1.1\r\nContent-Length: 0\r\n\r\n\
             POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
        );
        check(&stream, &[Sized, Sized, Conflicting]);
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut scan = Scan::new(Arc::new(Framing::default()));
        for _ in 0..100 {
            scan.feed(&[b'x'; 1024]);
        }
        assert!(scan.line.len() <= LINE_LEN_MAX);
        assert!(matches!(scan.place, Place::End));
    }
}
