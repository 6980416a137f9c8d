//! A provider's HTTP server: hyper 1 on one listener, with the faults between protocol and client.
//!
//! Promises: every request is bounded in size and time; stopping ends every
//! connection. Meaning is left to the wire formats.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::call::Call;
use crate::disguise::disguised;
use crate::fault_kind::{Ask, FaultKind};
use crate::life::Quirks;
use crate::random::{between, mix};
use crate::reply::{JSON, Reply, TEXT, http_date};
use crate::site::{Marks, Refusal, Site};
use crate::wire::Wire;
use crate::{fivesim, handler_api, smspool};

/// Requests are a form of a few short fields.
const BODY_LEN_MAX: usize = 16 * 1_024;

/// More than a client pool opens, fewer than a process may have sockets.
const CONNECTIONS_MAX: usize = 512;

/// Idle connections and slow headers end after this; clients' pools keep idle ones for longer anyway.
const HEADER_TIMEOUT: Duration = Duration::from_secs(90);

/// A hung call is let go after this: longer than any client waits.
const HANG_MAX: Duration = Duration::from_secs(600);

/// How slow a slow reply is, within what clients wait, and a late one, beyond it.
const SLOW_MS: (u64, u64) = (1_000, 5_000);
const LATE_MS: (u64, u64) = (16_000, 25_000);

/// How long a list hides a number that it shows late.
const HIDDEN_MS: (u64, u64) = (5_000, 40_000);

/// A listening server.
#[derive(Debug)]
pub(crate) struct Server {
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(listener: TcpListener, site: Arc<Site>) -> Self {
        Self { accepting: tokio::spawn(accept(listener, site)) }
    }

    /// Closes the port and the connections.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        // An aborted task ends with an error that says so.
        let _aborted = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until aborted; the connections end with it.
async fn accept(listener: TcpListener, site: Arc<Site>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = Arc::clone(&site);
                connections.spawn(async move {
                    serve(stream, site).await;
                    drop(place);
                });
            }
            // Out of descriptors or a client gone already: neither is ours to end for.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(stream: TcpStream, site: Arc<Site>) {
    let answer = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { respond(&site, request).await.map(|response| dated(&site, response)) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    // Clients hang up and faults cut connections: both are errors here, and expected.
    let _ended = connection.await;
}

/// Answers one request; an error closes the connection without an answer.
async fn respond(site: &Site, request: Request<Incoming>) -> io::Result<Response<Cut>> {
    let call = match read(request).await {
        Ok(call) => call,
        Err(status) => return Ok(whole(Reply::new(status, TEXT, String::new()))),
    };
    let (fault, word) = site.faults.draw(ask(site.wire, &call));
    let (low, high) = (*site.latency_ms.start(), *site.latency_ms.end());
    if high > 0 {
        let latency_ms = between(mix(word, &[1]), low, high);
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    match fault {
        None => Ok(whole(by_wire(site, &call, Marks::default()))),
        Some(kind) => {
            site.note_fault(kind, name(&call));
            misbehave(site, &call, kind, word).await
        }
    }
}

/// What a call is, without what is secret in it.
fn name(call: &Call) -> String {
    let words = ["action", "status", "id", "orderid"];
    let said = call.params.iter().filter(|(name, _)| words.contains(&name.as_str()));
    let said: Vec<String> = said.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} {} {}", call.method, call.path, said.join(" ")).trim_end().to_owned()
}

/// Answers a call with a fault.
async fn misbehave(
    site: &Site,
    call: &Call,
    kind: FaultKind,
    word: u64,
) -> io::Result<Response<Cut>> {
    let answer = |marks| by_wire(site, call, marks);
    let plain = || answer(Marks::default());
    match kind {
        // 1. Nothing is done.
        FaultKind::TimeOut => lost(true).await,
        FaultKind::ConnectionLost => lost(false).await,
        FaultKind::KeyRefused if word.is_multiple_of(2) => Ok(whole(refusal(site, kind))),
        FaultKind::Http500
        | FaultKind::Gateway
        | FaultKind::Http429RetryAfter
        | FaultKind::KeyRefused
        | FaultKind::Redirect
        | FaultKind::Garbage => Ok(whole(front_end(site, kind, word))),
        FaultKind::NotFound | FaultKind::CancelTooEarly | FaultKind::ListEmpty => {
            Ok(whole(refusal(site, kind)))
        }
        FaultKind::EmptyAccount if ask(site.wire, call) == Ask::Balance => {
            Ok(whole(refusal(site, kind)))
        }
        // 2. It is done, and its reply is lost, late or damaged.
        FaultKind::SlowReply | FaultKind::LateReply => {
            let reply = plain();
            let (low, high) = if kind == FaultKind::SlowReply { SLOW_MS } else { LATE_MS };
            tokio::time::sleep(Duration::from_millis(between(word, low, high))).await;
            Ok(whole(reply))
        }
        FaultKind::ReplyLost | FaultKind::CancelReplyLost | FaultKind::BoughtButReplyLost => {
            let _lost = plain();
            lost(kind != FaultKind::ReplyLost && word.is_multiple_of(2)).await
        }
        FaultKind::HangsAfterHead => Ok(cut(plain(), 0, End::Hangs)),
        FaultKind::GatewayAfterwards => {
            let _lost = plain();
            Ok(whole(front_end(site, kind, word)))
        }
        FaultKind::TruncatedBody => Ok(truncated(plain(), word)),
        FaultKind::FalseGzip => Ok(false_gzip(plain())),
        FaultKind::WrongContentType => Ok(mistyped(plain(), word)),
        FaultKind::IdsOfAnotherType
        | FaultKind::NumbersSpelled
        | FaultKind::LocalDates
        | FaultKind::ListLacksRows
        | FaultKind::PricesJump
        | FaultKind::PricesFall => Ok(whole(disguised(plain(), kind, word))),
        FaultKind::ListedLate => {
            let _lost = answer(marks(kind, word));
            lost(word.is_multiple_of(2)).await
        }
        // 3. The purchase itself is odd.
        FaultKind::NoNumbers
        | FaultKind::PriceRefused
        | FaultKind::Overcharged
        | FaultKind::EmptyAccount
        | FaultKind::ForeignPurchase
        | FaultKind::DuplicateMessage
        | FaultKind::RepeatedMessage
        | FaultKind::TwoMessages
        | FaultKind::MessageAfterCancel => Ok(whole(answer(marks(kind, word)))),
    }
}

/// What a fault makes of a purchase.
fn marks(kind: FaultKind, word: u64) -> Marks {
    let hidden_ms = between(word >> 8, HIDDEN_MS.0, HIDDEN_MS.1);
    Marks {
        doubled: kind == FaultKind::DuplicateMessage,
        late: kind == FaultKind::MessageAfterCancel,
        quirks: Quirks {
            hidden_ms: if kind == FaultKind::ListedLate { hidden_ms } else { 0 },
            foreign: false,
            twin: kind == FaultKind::TwoMessages,
            repeated: kind == FaultKind::RepeatedMessage,
        },
        refused: kind.among([
            (FaultKind::NoNumbers, Refusal::NoNumbers),
            (FaultKind::EmptyAccount, Refusal::NoBalance),
            (FaultKind::PriceRefused, Refusal::PriceRisen),
        ]),
        overcharged: kind == FaultKind::Overcharged,
        overtaken: kind == FaultKind::ForeignPurchase,
    }
}

fn front_end(site: &Site, kind: FaultKind, word: u64) -> Reply {
    let now = Timestamp::from_millisecond(site.now_ms() as i64).unwrap_or_default();
    Reply::fault(kind, word, now).expect("its kind is the front end's")
}

/// A refusal in the words of the provider's wire format.
fn refusal(site: &Site, kind: FaultKind) -> Reply {
    let refused = match site.wire {
        Wire::Handler => handler_api::refused(kind),
        Wire::FiveSim => fivesim::refused(kind),
        Wire::SmsPool => smspool::refused(kind),
    };
    refused.expect("every wire format has words for it")
}

/// A reply with the date that the provider's clock shows, not this machine's.
fn dated(site: &Site, mut response: Response<Cut>) -> Response<Cut> {
    let at = Timestamp::from_millisecond(site.now_ms() as i64).unwrap_or_default();
    if let Ok(date) = HeaderValue::from_str(&http_date(at)) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn ask(wire: Wire, call: &Call) -> Ask {
    match wire {
        Wire::Handler => handler_api::ask(call),
        Wire::FiveSim => fivesim::ask(call),
        Wire::SmsPool => smspool::ask(call),
    }
}

/// The answer in the provider's wire format.
fn by_wire(site: &Site, call: &Call, marks: Marks) -> Reply {
    match site.wire {
        Wire::Handler => handler_api::answer(site, call, marks),
        Wire::FiveSim => fivesim::answer(site, call, marks),
        Wire::SmsPool => smspool::answer(site, call, marks),
    }
}

/// Never an answer: at once or after a long silence the connection closes.
async fn lost(hangs: bool) -> io::Result<Response<Cut>> {
    if hangs {
        tokio::time::sleep(HANG_MAX).await;
    }
    Err(io::ErrorKind::ConnectionAborted.into())
}

async fn read(request: Request<Incoming>) -> Result<Call, StatusCode> {
    let (head, body) = request.into_parts();
    let bearer = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.map(|value| value.strip_prefix("Bearer ").unwrap_or(value).to_owned());
    let body = Limited::new(body, BODY_LEN_MAX).collect().await;
    let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?.to_bytes();
    let is_form = head
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let mut params = pairs(head.uri.query().unwrap_or_default());
    if is_form {
        params.extend(pairs(&String::from_utf8_lossy(&body)));
    }
    let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
    Ok(Call { method, path, params, bearer })
}

/// The pairs of a query or a form, decoded.
fn pairs(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn whole(reply: Reply) -> Response<Cut> {
    let body = Cut { whole: Full::new(reply.body.clone()), end: End::Whole };
    response(&reply, body)
}

/// The first bytes of a reply under the length of the whole one, and what comes then.
fn cut(reply: Reply, len: usize, end: End) -> Response<Cut> {
    let mut response = response(&reply, Cut { whole: Full::new(reply.body.slice(..len)), end });
    response.headers_mut().insert(CONTENT_LENGTH, reply.body.len().max(1).into());
    response
}

/// Half a reply: well framed (JSON only, where a client can tell) or cut off.
fn truncated(reply: Reply, word: u64) -> Response<Cut> {
    let half = reply.body.len() / 2;
    if reply.content_type == JSON && word.is_multiple_of(2) {
        return whole(Reply { body: reply.body.slice(..half), ..reply });
    }
    cut(reply, half, End::Breaks)
}

/// A reply that says that it is compressed.
fn false_gzip(reply: Reply) -> Response<Cut> {
    let mut response = whole(reply);
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

/// A reply of another type, or of none; or with the mark that some editors leave.
fn mistyped(mut reply: Reply, word: u64) -> Response<Cut> {
    if word.is_multiple_of(4) {
        reply.body = [BYTE_ORDER_MARK, &reply.body].concat().into();
    }
    let mut response = whole(reply);
    let headers = response.headers_mut();
    match word / 4 % 3 {
        0 => drop(headers.remove(CONTENT_TYPE)),
        1 => {
            drop(headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=UTF-8")))
        }
        _ => {
            drop(headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")))
        }
    }
    response
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn response(reply: &Reply, body: Cut) -> Response<Cut> {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    let after = reply.retry_after.as_ref().and_then(|text| HeaderValue::from_str(text).ok());
    if let Some(after) = after {
        headers.insert(RETRY_AFTER, after);
    }
    if reply.location {
        headers.insert(LOCATION, HeaderValue::from_static("/login"));
    }
    response
}

/// A body that may end before it is whole.
#[derive(Debug)]
struct Cut {
    whole: Full<Bytes>,
    end: End,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    /// The connection closes.
    Breaks,
    /// Nothing more comes, and the connection stays.
    Hangs,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.whole).poll_frame(context);
        match (frame, self.end) {
            (Poll::Ready(None), End::Breaks) => {
                self.end = End::Whole;
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
            }
            // Its client goes away; nothing wakes it before.
            (Poll::Ready(None), End::Hangs) => Poll::Pending,
            (frame, End::Whole | End::Breaks | End::Hangs) => {
                frame.map_err(|never: Infallible| match never {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end == End::Whole && self.whole.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.end == End::Whole { self.whole.size_hint() } else { SizeHint::default() }
    }
}
