//! One exchange over HTTP: a request out, a bounded reply in, or what became of it.
//!
//! No redirect is followed and nothing is sent twice. A failure says whether anything
//! can have reached the provider, since that decides whether a buy is refused or in doubt.
//! Deadlines are the caller's.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use nexnum_driver::{ErrorKind, ProviderError, ProviderRequest, RawReply, RequestBody, Secret};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::cause;
use super::client_config::{ClientError, Timeouts};
use super::retry_after;
use super::server_clock::ServerClock;
use crate::clock;

/// How long a connection is kept for the next call: shorter than servers keep theirs, so
/// that a buy does not meet a closing one and end in doubt.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Replies of at most so many bytes are read whatever else is: all but the longest lists.
const SHORT_BYTES_MAX: usize = 1024 * 1024;
/// Longer ones in memory at a time, of all providers of the process: a quarter of a GiB.
const LONG_AT_ONCE: usize = 8;
static LONG_PLACES: Semaphore = Semaphore::const_new(LONG_AT_ONCE);

/// A reply, and its place among the long ones, which is to be kept until it is read.
pub(super) struct Received {
    pub(super) reply: RawReply,
    pub(super) place: Option<SemaphorePermit<'static>>,
}

/// A call that brought no reply.
pub(super) struct CallFailed {
    /// True if nothing can have reached the provider.
    pub unsent: bool,
    /// What happened, with the cause.
    pub what: Cow<'static, str>,
    pub kind: ErrorKind,
    pub retry_after: Option<Duration>,
    /// True if a second try may succeed.
    pub retryable: bool,
}

impl CallFailed {
    pub(super) fn unsent(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        let what = what.into();
        Self { unsent: true, what, kind, retry_after: None, retryable: false }
    }

    pub(super) fn after_send(what: impl Into<Cow<'static, str>>, retryable: bool) -> Self {
        let (kind, what) = (ErrorKind::Temporary, what.into());
        Self { unsent: false, what, kind, retry_after: None, retryable }
    }

    pub(super) fn into_error(self) -> ProviderError {
        let mut error = ProviderError::new(self.kind, self.unsent, self.what);
        let ms = |pause: Duration| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        error.retry_after_ms = self.retry_after.map(ms);
        error
    }
}

/// Connections to one provider.
pub(super) struct Transport {
    http: reqwest::Client,
    /// All calls go through a proxy that the operator chose.
    has_proxy: bool,
    /// The provider's clock, as its replies tell it.
    clock: ServerClock,
}

impl Transport {
    pub(super) fn new(
        base_url: &str,
        timeouts: &Timeouts,
        proxy: Option<&Secret>,
    ) -> Result<Self, ClientError> {
        let mut builder = reqwest::Client::builder()
            .retry(reqwest::retry::never())
            .connect_timeout(timeouts.connect.min(timeouts.call))
            .pool_idle_timeout(IDLE_MAX)
            .user_agent(concat!("nexnum/", env!("CARGO_PKG_VERSION")));
        let mut has_proxy = false;
        builder = match proxy.map(Secret::expose) {
            Some("none") => builder.no_proxy(),
            Some(url) => {
                has_proxy = true;
                builder.proxy(proxy_at(url).ok_or(ClientError::BadProxy)?)
            }
            // No proxy stands between this machine and itself, whatever the environment says.
            None if is_loopback(base_url) => builder.no_proxy(),
            None => builder,
        };
        let http = client_for(base_url, builder).map_err(|error| {
            // It has words alone for this.
            let is_missing = cause::of(&error).contains("No CA certificates");
            if is_missing { ClientError::NoCertificates } else { ClientError::Http(error) }
        })?;
        Ok(Self { http, has_proxy, clock: ServerClock::default() })
    }

    /// The provider's clock, as its replies tell it.
    pub(super) const fn server_clock(&self) -> &ServerClock {
        &self.clock
    }

    /// Sends a request and reads a reply of at most `most` bytes. A long one waits for its place
    /// among all that are in memory.
    pub(super) async fn exchange(
        &self,
        request: &ProviderRequest,
        most: usize,
    ) -> Result<Received, CallFailed> {
        let built = self.build(request);
        let built = built
            .map_err(|_| CallFailed::unsent(ErrorKind::NotSent, "the request cannot be sent"))?;
        let asked = Instant::now();
        let mut response = self.http.execute(built).await.map_err(|error| {
            if error.is_connect() {
                let what = format!("the provider cannot be reached: {}", self.cause(&error));
                let unsent = CallFailed::unsent(ErrorKind::Temporary, what);
                return CallFailed { retryable: true, ..unsent };
            }
            let what = format!("the connection was lost: {}", cause::of(&error));
            CallFailed::after_send(what, true)
        })?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers =
            headers.filter_map(|(n, v)| Some((n.to_string(), v.to_str().ok()?.to_owned())));
        let headers = retry_after::in_seconds(headers.collect(), clock::wall());
        let (mut reply, mut place) = (RawReply { status, headers, body: Vec::new() }, None);
        if let Some(server_now) = reply.server_now() {
            self.clock.note(asked, server_now);
        }
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if reply.body.len() + chunk.len() > most => {
                    return Err(CallFailed::after_send("the reply is too large", false));
                }
                Ok(Some(chunk)) => {
                    if place.is_none() && reply.body.len() + chunk.len() > SHORT_BYTES_MAX {
                        // Never closed.
                        place = LONG_PLACES.acquire().await.ok();
                    }
                    reply.body.extend_from_slice(&chunk);
                }
                Ok(None) => return Ok(Received { reply, place }),
                Err(error) => {
                    let what = format!("the reply was cut short: {}", cause::of(&error));
                    return Err(CallFailed::after_send(what, true));
                }
            }
        }
    }

    /// Why no connection was made. Through a proxy, what is not TLS failed on the way to it.
    fn cause(&self, error: &reqwest::Error) -> String {
        let cause = cause::of(error);
        let is_named = cause.starts_with("TLS: ") || cause.starts_with("proxy: ");
        if self.has_proxy && !is_named { format!("proxy: {cause}") } else { cause }
    }

    fn build(&self, request: &ProviderRequest) -> Result<reqwest::Request, reqwest::Error> {
        let method = match request.method {
            "POST" => reqwest::Method::POST,
            "PUT" => reqwest::Method::PUT,
            "PATCH" => reqwest::Method::PATCH,
            "DELETE" => reqwest::Method::DELETE,
            _ => reqwest::Method::GET,
        };
        let mut builder = self.http.request(method, &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let (kind, body) = match &request.body {
            RequestBody::Empty => return builder.build(),
            RequestBody::Form(body) => ("application/x-www-form-urlencoded", body),
            RequestBody::Json(body) => ("application/json", body),
        };
        builder.header("content-type", kind).body(body.clone()).build()
    }
}

/// A client for an address, which follows no redirect. Where the address asks for no TLS none is
/// ever spoken, so that a machine without CA certificates can make one.
pub(crate) fn client_for(
    base_url: &str,
    builder: reqwest::ClientBuilder,
) -> Result<reqwest::Client, reqwest::Error> {
    install_crypto();
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    let is_plain = !base_url.to_ascii_lowercase().starts_with("https:");
    let builder =
        if is_plain { builder.tls_backend_preconfigured(without_roots()) } else { builder };
    builder.build()
}

/// Gives rustls its cryptography, once for the process.
fn install_crypto() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // An error says that one is installed already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The proxy at `http://host:port`; `None` if it is none.
fn proxy_at(url: &str) -> Option<reqwest::Proxy> {
    let parsed = reqwest::Url::parse(url).ok()?;
    let is_proxy = parsed.scheme() == "http" && parsed.has_host() && parsed.path() == "/";
    if is_proxy { reqwest::Proxy::all(url).ok() } else { None }
}

/// TLS that trusts nothing.
fn without_roots() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn is_loopback(base_url: &str) -> bool {
    let url = reqwest::Url::parse(base_url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
    host == "localhost" || host.starts_with("127.") || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A server that answers each connection with so many bytes.
    fn serve(len: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n");
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(&vec![b' '; len]);
            }
        });
        url
    }

    async fn fetch(url: &str) -> usize {
        let transport = Transport::new(url, &Timeouts::default(), None).unwrap();
        let (url, headers) = (url.to_owned(), Vec::new());
        let request = ProviderRequest { method: "GET", url, headers, body: RequestBody::Empty };
        let received = transport.exchange(&request, 4 * SHORT_BYTES_MAX).await;
        received.ok().expect("a reply").reply.body.len()
    }

    #[tokio::test]
    async fn a_long_reply_waits_for_its_place_and_a_short_one_does_not() {
        let held = LONG_PLACES.acquire_many(LONG_AT_ONCE as u32).await.unwrap();
        assert_eq!(fetch(&serve(SHORT_BYTES_MAX)).await, SHORT_BYTES_MAX);
        let url = serve(SHORT_BYTES_MAX + 1);
        let mut long = std::pin::pin!(fetch(&url));
        let waited = tokio::time::timeout(Duration::from_millis(300), long.as_mut()).await;
        assert!(waited.is_err(), "all places are taken");
        drop(held);
        assert_eq!(long.await, SHORT_BYTES_MAX + 1);
        assert_eq!(LONG_PLACES.available_permits(), LONG_AT_ONCE, "its place is free again");
    }
}
