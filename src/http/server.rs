//! Listens, admits, serves and drains.
//!
//! A connection costs a slot of the whole and one of its address; the slot is held until what
//! the connection began is finished, so that hanging up early buys nobody more work.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::body::Arriving;
use super::error::Problem;
use super::framing::{Framing, Watched};
use super::limit::Allowance;
use super::limits::{HEADER_LEN_MAX, HEADERS_MAX};
use super::request::{self, BodyState, Call};
use super::request_id::{RequestId, RequestIds, X_REQUEST_ID};
use super::route::{Answering, Outcome, Router, Run};
use super::{Response, unrouted};

/// Pause after a failed accept, which means that the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections in all; an idle one costs about 10 KiB.
    pub connections_max: usize,
    /// Connections of one address (IPv6: of one /64). Loopback is exempt: proxies and benches.
    pub connections_per_address_max: u32,
    /// From the first byte a request may be sent to the end of its headers; so idle
    /// connections end after it as well.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// How long a client may take nothing of its reply.
    pub write_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 256,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// A server that is ready to serve.
#[derive(Debug)]
pub struct Server<S> {
    /// What it answers.
    pub router: Arc<Router<S>>,
    /// What its handlers work with.
    pub state: Arc<S>,
    /// Its bounds.
    pub limits: Limits,
    /// The ids it gives to requests.
    pub request_ids: RequestIds,
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

impl<S: Send + Sync + 'static> Server<S> {
    /// Serves until `shutdown` is ready, then stops listening and finishes what is in flight.
    ///
    /// Returns how many connections were cut off because they did not finish in time.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> usize {
        let gate = Arc::new(Gate::new(self.limits));
        // The first change says drain; that the sender is gone says close.
        let (drain, phase) = watch::channel(());
        let server = Arc::new(self);
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => admit(&server, &gate, stream, peer, &phase),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((listener, phase));
        drain.send_replace(());
        let mut open = gate.open.subscribe();
        let idle = async { open.wait_for(|open| *open == 0).await.is_ok() };
        let _ = tokio::time::timeout(server.limits.drain_timeout, idle).await;
        *gate.open.borrow()
    }
}

/// Starts to serve one connection, or refuses it in few bytes.
fn admit<S: Send + Sync + 'static>(
    server: &Arc<Server<S>>,
    gate: &Arc<Gate>,
    stream: TcpStream,
    peer: SocketAddr,
    phase: &watch::Receiver<()>,
) {
    match gate.admit(peer.ip()) {
        Ok(slot) => {
            let _ = stream.set_nodelay(true);
            let connection = Arc::new(Connection {
                server: Arc::clone(server),
                peer,
                slot: Arc::new(slot),
                framing: Arc::default(),
                allowance: Arc::default(),
            });
            tokio::spawn(connection.run(stream, phase.clone()));
        }
        // A new socket has room for a reply, and the answer is a courtesy: no waiting, no retry.
        Err(problem) => {
            if let Ok(mut stream) = stream.into_std() {
                let _ = stream.write(&unrouted::full(problem, &server.request_ids.make()));
            }
        }
    }
}

/// Counts what is open.
#[derive(Debug)]
struct Gate {
    limits: Limits,
    open: watch::Sender<usize>,
    by_address: Mutex<HashMap<IpAddr, u32>>,
}

/// The right to one connection; given back on drop.
#[derive(Debug)]
struct Slot {
    gate: Arc<Gate>,
    address: Option<IpAddr>,
}

impl Gate {
    fn new(limits: Limits) -> Self {
        Self { limits, open: watch::Sender::new(0), by_address: Mutex::default() }
    }

    /// A slot, or what to answer instead.
    fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Slot, Problem> {
        if *self.open.borrow() >= self.limits.connections_max {
            return Err(Problem::overloaded(1).detail("too many connections are open"));
        }
        let address = counted(address);
        if let Some(address) = address {
            let mut by_address = self.by_address.lock();
            let count = by_address.entry(address).or_insert(0);
            if *count >= self.limits.connections_per_address_max {
                return Err(
                    Problem::rate_limited(1).detail("too many connections from this address")
                );
            }
            *count += 1;
        }
        self.open.send_modify(|open| *open += 1);
        Ok(Slot { gate: Arc::clone(self), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut by_address = self.gate.by_address.lock();
            if let Some(count) = by_address.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&address);
                }
            }
        }
        self.gate.open.send_modify(|open| *open -= 1);
    }
}

/// What connections are counted by: the address, or its network where one host has many.
fn counted(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(IpAddr::V4(address)),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Some(IpAddr::V6(Ipv6Addr::from_bits(network)))
        }
    }
}

/// One connection being served.
struct Connection<S> {
    server: Arc<Server<S>>,
    peer: SocketAddr,
    slot: Arc<Slot>,
    framing: Arc<Framing>,
    allowance: Arc<Allowance>,
}

impl<S: Send + Sync + 'static> Connection<S> {
    async fn run(self: Arc<Self>, stream: TcpStream, mut phase: watch::Receiver<()>) {
        let limits = self.server.limits;
        let (framing, connection) = (Arc::clone(&self.framing), Arc::clone(&self));
        let refuse = move |bare: &[u8], cause| {
            unrouted::refusal(bare, cause, &connection.server.request_ids.make())
        };
        let io = Watched::new(TokioIo::new(stream), framing, limits.write_timeout, refuse);
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            self.framing.begin(request.body());
            let connection = Arc::clone(&self);
            async move { Ok::<_, Infallible>(connection.answer(request).await) }
        });
        // One flattened write a reply. Flushes are not put off while more requests are
        // buffered: a pipelining client that reads nothing could then queue replies unbounded.
        let mut serving = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header_timeout)
                .max_headers(HEADERS_MAX)
                .max_header_size(HEADER_LEN_MAX)
                .max_buf_size(HEADER_LEN_MAX)
                .writev(false)
                .serve_connection(io, service)
        );
        // Errors are the client's: it hung up, was too slow or spoke another language.
        tokio::select! {
            biased;
            _ = serving.as_mut() => return,
            _ = phase.changed() => {}
        }
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            _ = serving => {}
            _ = phase.changed() => {}
        }
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Response {
        let (parts, body) = request.into_parts();
        let id = self.server.request_ids.of(&parts.headers);
        let is_encoded = parts.headers.contains_key(header::TRANSFER_ENCODING);
        let mut response = self.dispatch(parts, body, &id).await;
        self.allowance.put_on(&mut response);
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, id.to_value());
        // hyper closes where an encoding came with a length, and does not show the length.
        if !self.framing.end() || is_encoded {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn dispatch(&self, parts: Parts, incoming: Incoming, id: &RequestId) -> Response {
        let found =
            check(&parts).and_then(|()| self.server.router.find(&parts.method, parts.uri.path()));
        let (route, params) = match found {
            Ok(found) => found,
            Err(problem) => return problem.into_response(parts.uri.path(), id.as_str()),
        };
        let mut call = Call {
            state: Arc::clone(&self.server.state),
            peer: self.peer,
            parts,
            template: route.template,
            params,
            request_id: id.clone(),
            body: BodyState::Coming(Arriving { incoming, framing: Arc::clone(&self.framing) }),
            body_len_max: route.body_len_max,
            body_timeout: self.server.limits.body_timeout,
            key: OnceLock::new(),
            allowance: Arc::clone(&self.allowance),
        };
        let response = match &route.run {
            Run::AtOnce(run) => match call.check_declared().and_then(|()| run(&call)) {
                Ok(response) => response,
                Err(problem) => {
                    problem.into_response(instance(route.template, call.uri().path()), id.as_str())
                }
            },
            Run::Plain(run) => {
                let uri = call.uri().clone();
                let outcome = match call.check_declared() {
                    Ok(()) => run(call).await,
                    Err(problem) => Err(problem),
                };
                settle(outcome, instance(route.template, uri.path()), id)
            }
            Run::Detached(run) => {
                let uri = call.uri().clone();
                let admitted = route.guard.map_or(Ok(()), |guard| guard(&call));
                let outcome = match admitted.map_err(Problem::closing) {
                    Ok(()) => match call.read_ahead().await {
                        Ok(()) => Detached::new(run(call), Arc::clone(&self.slot)).await,
                        Err(problem) => Err(problem),
                    },
                    Err(problem) => Err(problem),
                };
                settle(outcome, instance(route.template, uri.path()), id)
            }
        };
        route.count(response.status());
        response
    }
}

fn check(parts: &Parts) -> Result<(), Problem> {
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        request::check_encoding(parts)?;
    }
    request::check_host(parts)
}

/// What a problem says it happened on: the path, but never one that holds a secret.
fn instance<'a>(template: &'static str, path: &'a str) -> &'a str {
    if template.contains("{token}") { template } else { path }
}

fn settle(outcome: Outcome, path: &str, id: &RequestId) -> Response {
    outcome.unwrap_or_else(|problem| problem.into_response(path, id.as_str()))
}

/// A handler that outlives its connection: dropped unfinished, it goes on in a task of its own.
///
/// The usual case, where the client waits, pays for no task and no hop between threads.
struct Detached {
    answering: Option<Answering>,
    slot: Arc<Slot>,
}

impl Detached {
    const fn new(answering: Answering, slot: Arc<Slot>) -> Self {
        Self { answering: Some(answering), slot }
    }
}

impl Future for Detached {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        // Out of its place while it runs: if it panics, there is nothing left to go on with.
        let mut answering = self.answering.take().expect("polled until it is ready, not after");
        let polled = answering.as_mut().poll(cx);
        if polled.is_pending() {
            self.answering = Some(answering);
        }
        polled
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let Some(answering) = self.answering.take() else { return };
        // Without a runtime the process is ending, and the ledger decides what was done.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let slot = Arc::clone(&self.slot);
            runtime.spawn(async move {
                let _unread = answering.await;
                drop(slot);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections_max: usize, connections_per_address_max: u32) -> Arc<Gate> {
        let limits = Limits { connections_max, connections_per_address_max, ..Limits::default() };
        Arc::new(Gate::new(limits))
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let gate = gate(10, 2);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = gate.admit(address).unwrap();
        let _second = gate.admit(address).unwrap();
        assert_eq!(gate.admit(address).unwrap_err().code(), "rate_limited");
        assert!(gate.admit("192.0.2.2".parse().unwrap()).is_ok());
        drop(first);
        assert!(gate.admit(address).is_ok());
    }

    #[test]
    fn the_hosts_of_one_ipv6_network_share_and_loopback_is_exempt() {
        let gate = gate(10, 1);
        let _one = gate.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert!(gate.admit("2001:db8::2".parse().unwrap()).is_err());
        assert!(gate.admit("2001:db8:0:1::1".parse().unwrap()).is_ok());
        let local: Vec<_> =
            (0..4).map(|_| gate.admit("127.0.0.1".parse().unwrap()).unwrap()).collect();
        assert_eq!(*gate.open.borrow(), 5);
        drop(local);
        assert_eq!(*gate.open.borrow(), 1);
    }

    #[test]
    fn the_whole_is_bounded_for_loopback_too() {
        let gate = gate(1, 1);
        let _one = gate.admit("::1".parse().unwrap()).unwrap();
        assert_eq!(gate.admit("::1".parse().unwrap()).unwrap_err().code(), "overloaded");
        assert!(gate.by_address.lock().is_empty());
    }
}
