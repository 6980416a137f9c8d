//! Accepts, admits, serves and drains.
//!
//! A connection costs a slot of the whole and one of its address; the slot is held until what
//! the connection began is finished: a client that hangs up still holds it meanwhile.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Uri;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::accept::Acceptor;
use super::body::Arriving;
use super::error::Problem;
use super::framing::{Framing, Watched};
use super::gate::{Gate, Slot};
use super::limit::Allowance;
use super::limits::{HEADER_LEN_MAX, HEADERS_MAX};
use super::request::{self, BodyState, Call};
use super::request_id::{RequestId, RequestIds, X_REQUEST_ID};
use super::response::Response;
use super::route::{Answering, Next, Outcome, Rest, Route, Router};
use super::unrouted;

/// Pause after a failed accept, which means that the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Connections in all; an idle one costs about 10 KiB.
    pub connections_max: usize,
    /// Connections of one address (IPv6: of one /64). Loopback is exempt: proxies and benches.
    pub connections_per_address_max: u32,
    /// From the first byte a request may be sent to the end of its headers; so idle
    /// connections end after it as well. Before the first, a handshake may take as long.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// How long a client may take nothing of a reply that is ready, or of a piece of it.
    pub write_timeout: Duration,
    /// How long a shutdown waits for requests in flight.
    pub drain_timeout: Duration,
}

impl Default for ServerLimits {
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
pub struct Server {
    /// What it answers.
    pub router: Arc<Router>,
    /// Its bounds.
    pub limits: ServerLimits,
    /// The ids it gives to requests.
    pub request_ids: RequestIds,
}

impl Server {
    /// Serves until `shutdown` is ready, then stops listening and finishes what is in flight.
    ///
    /// Returns how many connections were cut off because they did not finish in time.
    pub async fn serve<A: Acceptor>(
        self,
        mut acceptor: A,
        shutdown: impl Future<Output = ()>,
    ) -> usize {
        let (total, each) = (self.limits.connections_max, self.limits.connections_per_address_max);
        let gate = Arc::new(Gate::new(total, each));
        // The first change says drain; that the sender is gone says close.
        let (drain, phase) = watch::channel(());
        let server = Arc::new(self);
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = acceptor.accept() => accepted,
            };
            match accepted {
                Ok((opening, peer)) => admit::<A>(&server, &gate, opening, peer, &phase),
                Err(error) => {
                    // Twenty a second, while it lasts: who makes the acceptor tells it once.
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((acceptor, phase));
        drain.send_replace(());
        let _ = tokio::time::timeout(server.limits.drain_timeout, gate.emptied()).await;
        gate.open()
    }
}

/// Starts to serve one connection, or refuses it in few bytes.
fn admit<A: Acceptor>(
    server: &Arc<Server>,
    gate: &Arc<Gate>,
    opening: A::Opening,
    peer: SocketAddr,
    phase: &watch::Receiver<()>,
) {
    match gate.admit(peer.ip()) {
        Ok(slot) => {
            let connection = Arc::new(Connection {
                server: Arc::clone(server),
                slot: Arc::new(slot),
                peer: peer.ip(),
                framing: Arc::default(),
                allowance: Arc::default(),
            });
            tokio::spawn(connection.open(opening, phase.clone()));
        }
        Err(problem) => A::refuse(opening, &unrouted::full(problem, &server.request_ids.make())),
    }
}

/// One connection being served.
struct Connection {
    server: Arc<Server>,
    slot: Arc<Slot>,
    peer: IpAddr,
    framing: Arc<Framing>,
    allowance: Arc<Allowance>,
}

impl Connection {
    /// Opens the connection, in as much time as a head may take, then serves it.
    async fn open<T, O>(self: Arc<Self>, opening: O, phase: watch::Receiver<()>)
    where
        T: AsyncRead + AsyncWrite + Unpin,
        O: Future<Output = std::io::Result<T>>,
    {
        let header_timeout = self.server.limits.header_timeout;
        // An error is the client's, as all below are.
        if let Ok(Ok(stream)) = tokio::time::timeout(header_timeout, opening).await {
            self.run(stream, phase).await;
        }
    }

    async fn run<T>(self: Arc<Self>, stream: T, mut phase: watch::Receiver<()>)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let limits = self.server.limits;
        let (framing, connection) = (Arc::clone(&self.framing), Arc::clone(&self));
        let refuse = move |bare: &[u8], cause| {
            unrouted::refusal(bare, cause, &connection.server.request_ids.make())
        };
        let io = Watched::new(TokioIo::new(stream), framing, limits.write_timeout, refuse);
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            self.framing.begin(request.body());
            self.answer(request)
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

    fn answer(self: &Arc<Self>, request: hyper::Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let id = self.server.request_ids.of(&parts.headers);
        let stage = self.dispatch(parts, body, &id);
        Answer { connection: Arc::clone(self), id, stage }
    }

    fn check(&self, parts: &Parts) -> Result<(), Problem> {
        if self.framing.has_two_lengths() {
            let detail = "Transfer-Encoding and Content-Length exclude each other: send one";
            return Err(Problem::malformed_request(detail).closing());
        }
        if self.framing.is_chunked() {
            request::check_encoding(parts)?;
        }
        request::check_host(parts)
    }

    /// Finds the route and starts it.
    fn dispatch(&self, parts: Parts, incoming: Incoming, id: &RequestId) -> Stage {
        let path = parts.uri.path();
        let found = self.server.router.find(&parts.method, path);
        if let Err(problem) = self.check(&parts) {
            let target = found.ok().map(|(route, _)| &route.target);
            target.iter().for_each(|target| target.tell(path, &problem));
            let instance = target.map_or(path, |target| target.instance(path));
            return Stage::Made(Some(problem.into_response(instance, id.as_str())));
        }
        let (route, params) = match found {
            Ok(found) => found,
            Err(unfound) => {
                let reply = unfound.into_response(&parts.method, path, id.as_str());
                return Stage::Made(Some(reply));
            }
        };
        let target = &route.target;
        let call = Call {
            parts,
            template: target.template,
            params,
            request_id: id.clone(),
            peer: self.peer,
            body: BodyState::Coming(Arriving::new(incoming, &self.framing)),
            body_len_max: target.body_len_max,
            body_timeout: self.server.limits.body_timeout,
            allowance: Arc::clone(&self.allowance),
        };
        let (answering, uri) = match route.start(&call) {
            // The hot reads end here: their call is not moved once more.
            Next::Done(outcome) => {
                if let Err(problem) = &outcome {
                    target.tell(call.uri().path(), problem);
                }
                return Stage::Made(Some(settle(outcome, route, call.uri().path(), id)));
            }
            Next::Plain(rest) => {
                let uri = call.uri().clone();
                (rest(call), uri)
            }
            Next::Detached(rest) => {
                let uri = call.uri().clone();
                (run_detached(rest, call, Arc::clone(route), Arc::clone(&self.slot)), uri)
            }
        };
        Stage::Making { answering, route: Arc::clone(route), uri }
    }

    /// Completes the head of a reply that is about to be written.
    fn finish(&self, response: &mut Response, id: &RequestId) {
        self.allowance.put_on(response);
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, id.to_value());
        if !self.framing.end() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// The answer to one request. It is small, because hyper moves it for each request.
struct Answer {
    connection: Arc<Connection>,
    id: RequestId,
    stage: Stage,
}

/// How far an answer is.
enum Stage {
    /// The reply is there; `None` once it was given to hyper.
    Made(Option<Response>),
    /// Its handler runs.
    Making { answering: Answering, route: Arc<Route>, uri: Uri },
}

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, id, stage } = &mut *self;
        let mut response = match stage {
            Stage::Made(response) => response.take().expect("polled until ready, not after"),
            Stage::Making { answering, route, uri } => {
                settle(ready!(answering.as_mut().poll(cx)), route, uri.path(), id)
            }
        };
        connection.finish(&mut response, id);
        Poll::Ready(Ok(response))
    }
}

fn run_detached(rest: Rest, mut call: Call, route: Arc<Route>, slot: Arc<Slot>) -> Answering {
    // From the first byte of its body on: a client may close its side behind the last one.
    let whole = async move {
        let read = call.read_ahead().await;
        read.inspect_err(|problem| route.target.tell(call.uri().path(), problem))?;
        rest(call).await
    };
    Box::pin(Detached::new(Box::pin(whole), slot))
}

/// The reply, or the problem in the words of the route's protocol; it is counted.
fn settle(outcome: Outcome, route: &Route, path: &str, id: &RequestId) -> Response {
    let target = &route.target;
    let response = outcome.unwrap_or_else(|problem| {
        if let Some(cause) = problem.cause() {
            let (method, route, request_id) = (&target.method, target.template, id.as_str());
            tracing::error!(%method, route, request_id, cause, "a request failed");
        }
        (target.render)(problem, target.instance(path), id.as_str())
    });
    route.count(response.status());
    response
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
    use super::super::reply;
    use super::super::route::Target;
    use super::*;
    use hyper::{Method, StatusCode};
    use std::io;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::sync::{mpsc, oneshot};

    type Opening = Pin<Box<dyn Future<Output = io::Result<DuplexStream>> + Send>>;

    /// Connections that a test makes.
    struct Made(mpsc::Receiver<Opening>);

    impl Acceptor for Made {
        type Stream = DuplexStream;
        type Opening = Opening;

        async fn accept(&mut self) -> io::Result<(Opening, SocketAddr)> {
            match self.0.recv().await {
                Some(opening) => Ok((opening, SocketAddr::from(([192, 0, 2, 1], 1)))),
                None => std::future::pending().await,
            }
        }

        fn refuse(opening: Opening, _reply: &[u8]) {
            // Nothing can be said before the handshake.
            drop(opening);
        }
    }

    /// A server for one connection, and the way to it.
    fn start() -> (mpsc::Sender<Opening>, impl Future<Output = usize>) {
        let mut router = Router::new();
        router.add(Target::new(Method::GET, "/health/live"), |_| {
            Next::Done(Ok(reply::json_bytes(StatusCode::OK, &br#"{"status":"live"}"#[..])))
        });
        let header_timeout = Duration::from_millis(100);
        let limits = ServerLimits { connections_max: 1, header_timeout, ..ServerLimits::default() };
        let request_ids = RequestIds::new(1);
        let server = Server { router: Arc::new(router), limits, request_ids };
        let (connect, made) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(Made(made), async {
            let _gone: Result<(), _> = stopped.await;
        }));
        (connect, async {
            drop(stop);
            serving.await.unwrap()
        })
    }

    #[tokio::test]
    async fn any_stream_of_bytes_is_a_connection() {
        let (connect, stopped) = start();
        let (mut client, served) = tokio::io::duplex(64);
        connect.send(Box::pin(async { Ok(served) })).await.unwrap();
        let request = b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
        assert!(reply.ends_with("{\"status\":\"live\"}"), "{reply}");
        assert_eq!(stopped.await, 0);
    }

    #[tokio::test]
    async fn a_handshake_that_never_ends_gives_its_slot_back() {
        let (connect, stopped) = start();
        let (mut late, served) = tokio::io::duplex(64);
        connect
            .send(Box::pin(async move {
                std::future::pending::<()>().await;
                Ok(served)
            }))
            .await
            .unwrap();
        let mut reply = String::new();
        let cut = tokio::time::timeout(Duration::from_secs(5), late.read_to_string(&mut reply));
        assert_eq!(cut.await.unwrap().unwrap(), 0, "closed without a word");
        let (mut client, served) = tokio::io::duplex(64);
        connect.send(Box::pin(async { Ok(served) })).await.unwrap();
        client.write_all(b"GET /health/live HTTP/1.0\r\n\r\n").await.unwrap();
        client.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.0 200 OK\r\n"), "{reply}");
        assert_eq!(stopped.await, 0);
    }
}
