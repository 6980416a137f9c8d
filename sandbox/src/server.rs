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
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::call::Call;
use crate::faults::FaultKind;
use crate::random::{between, mix};
use crate::reply::{JSON, Reply, TEXT};
use crate::site::{Marks, Site};
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
    let (fault, word) = site.faults.draw(is_purchase(site.wire, &call));
    let (low, high) = (*site.latency_ms.start(), *site.latency_ms.end());
    if high > 0 {
        let latency_ms = between(mix(word, &[1]), low, high);
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    let answer = |marks| by_wire(site, &call, marks);
    let marks = Marks::default();
    match fault {
        None => Ok(whole(answer(marks))),
        Some(FaultKind::NoNumbers) => Ok(whole(answer(Marks { no_numbers: true, ..marks }))),
        Some(FaultKind::DuplicateMessage) => Ok(whole(answer(Marks { doubled: true, ..marks }))),
        Some(FaultKind::MessageAfterCancel) => Ok(whole(answer(Marks { late: true, ..marks }))),
        Some(FaultKind::TruncatedBody) => Ok(truncated(answer(marks), word)),
        Some(FaultKind::BoughtButReplyLost) => {
            let _lost = answer(marks);
            lost(word.is_multiple_of(2)).await
        }
        Some(FaultKind::TimeOut) => lost(true).await,
        Some(kind @ (FaultKind::Http500 | FaultKind::Http429RetryAfter | FaultKind::Garbage)) => {
            Reply::fault(kind).map(whole).ok_or_else(|| io::ErrorKind::Other.into())
        }
    }
}

/// A reply with the date that the provider's clock shows, not this machine's.
fn dated(site: &Site, mut response: Response<Cut>) -> Response<Cut> {
    let at = Timestamp::from_millisecond(site.now_ms() as i64).unwrap_or_default();
    let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn is_purchase(wire: Wire, call: &Call) -> bool {
    match wire {
        Wire::Handler => handler_api::is_purchase(call),
        Wire::FiveSim => fivesim::is_purchase(call),
        Wire::SmsPool => smspool::is_purchase(call),
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
    let body = Cut { whole: Full::new(reply.body.clone()), breaks: false };
    response(&reply, body)
}

/// Half a reply: well framed (JSON only, where a client can tell) or cut off.
fn truncated(reply: Reply, word: u64) -> Response<Cut> {
    let half = reply.body.slice(..reply.body.len() / 2);
    if reply.content_type == JSON && word.is_multiple_of(2) {
        return whole(Reply { body: half, ..reply });
    }
    let mut response = response(&reply, Cut { whole: Full::new(half), breaks: true });
    response.headers_mut().insert(CONTENT_LENGTH, reply.body.len().max(1).into());
    response
}

fn response(reply: &Reply, body: Cut) -> Response<Cut> {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if reply.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A body that may break off after what it has.
#[derive(Debug)]
struct Cut {
    whole: Full<Bytes>,
    breaks: bool,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.whole).poll_frame(context);
        match frame {
            Poll::Ready(None) if self.breaks => {
                self.breaks = false;
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
            }
            frame => frame.map_err(|never: Infallible| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.breaks && self.whole.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.breaks { SizeHint::default() } else { self.whole.size_hint() }
    }
}
