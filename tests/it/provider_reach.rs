//! On the way to a provider: what an operator is told when there is none, proxies, certificates.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nexnum::metrics::Metrics;
use nexnum::provider::buying::{BuyOutcome, BuyRequest};
use nexnum::provider::client::ProviderClient;
use nexnum::provider::client_config::{ClientConfig, ClientError, Timeouts};
use nexnum_driver::{Credentials, Driver, Secret};
use nexnum_engine::money::Micros;
use rust_decimal::Decimal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate and the key of a server that no CA vouches for.
const STRANGER: &[u8] = include_bytes!("rig/stranger.pem");

fn client(base_url: &str, proxy: Option<&str>) -> Result<ProviderClient, ClientError> {
    let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == "handler").unwrap();
    let timeouts = Timeouts {
        connect: Duration::from_millis(500),
        call: Duration::from_secs(5),
        prices: Duration::from_secs(5),
    };
    let config = ClientConfig {
        provider: "one".to_owned(),
        base_url: Some(base_url.to_owned()),
        credentials: Credentials { key: Secret::new("KEY"), ..Credentials::default() },
        rate: Decimal::ONE,
        currency: None,
        timeouts,
        proxy: proxy.map(Secret::new),
        metrics: Metrics::default(),
        dispatcher: None,
    };
    ProviderClient::new(Arc::new(Driver::parse(text).unwrap()), config)
}

/// What an operator is told of a purchase; it is refused for certain, since nothing was sent.
async fn told(base_url: &str, proxy: Option<&str>) -> String {
    let request = BuyRequest {
        country_ext: "6".to_owned(),
        service_ext: "tg".to_owned(),
        ..BuyRequest::default()
    };
    let outcome = client(base_url, proxy).unwrap().buy(&request, None).await;
    let BuyOutcome::Refused(error, _) = outcome else { panic!("{outcome:?}") };
    assert!(error.certain, "{error:?}");
    assert!(!error.excerpt.contains("KEY"), "{}", error.excerpt);
    error.excerpt
}

/// Calls `answer` with each connection; gives where.
fn listen(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    address
}

/// An address that refuses connections.
fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A server that answers every request so and passes its first line on.
fn answering(reply: &'static str) -> (String, std::sync::mpsc::Receiver<String>) {
    let (sender, seen) = std::sync::mpsc::channel();
    let address = listen(move |mut stream| {
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        lines.find(String::is_empty);
        let _ = sender.send(first);
        let _ = stream.write_all(reply.as_bytes());
    });
    (address, seen)
}

fn tls_server() -> String {
    let certificate = CertificateDer::from_pem_slice(STRANGER).unwrap();
    let key = PrivateKeyDer::from_pem_slice(STRANGER).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    listen(move |mut stream| {
        let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let _ = rustls::Stream::new(&mut tls, &mut stream).read(&mut [0; 1]);
    })
}

const REACHED: &str = "the provider cannot be reached: ";

#[tokio::test]
async fn each_cause_of_a_failure_to_connect_has_its_name() {
    let refused = told(&format!("http://{}", closed()), None).await;
    assert!(refused.starts_with(&format!("{REACHED}refused: ")), "{refused}");
    // Longer than a name may be, so that no server is asked for it.
    let unknown = told(&format!("http://{}.invalid", "x".repeat(64)), Some("none")).await;
    assert!(unknown.starts_with(&format!("{REACHED}DNS: ")), "{unknown}");
    let stranger = told(&format!("https://{}", tls_server()), None).await;
    assert_eq!(stranger, format!("{REACHED}TLS: the certificate is signed by an unknown CA"));
    let plain = listen(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let plain = told(&format!("https://{plain}"), None).await;
    assert!(plain.starts_with(&format!("{REACHED}TLS: ")), "{plain}");
    let mute = listen(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        std::thread::sleep(Duration::from_secs(2));
    });
    let silent = told(&format!("https://{mute}"), None).await;
    assert_eq!(silent, format!("{REACHED}timeout: no connection in time"));
}

#[tokio::test]
async fn a_proxy_that_fails_is_named() {
    let proxy = format!("http://{}", closed());
    for base in ["http://provider.test", "https://provider.test"] {
        let refused = told(base, Some(&proxy)).await;
        let is_named = refused.starts_with(&format!("{REACHED}proxy: "));
        assert!(is_named && refused.contains("refused"), "{refused}");
    }
    let (proxy, _) =
        answering("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let denied = told("https://provider.test", Some(&format!("http://{proxy}"))).await;
    assert!(denied.starts_with(&format!("{REACHED}proxy: ")), "{denied}");
    let denied = client("http://provider.test", Some(&format!("http://{proxy}"))).unwrap();
    assert!(denied.balance().await.unwrap_err().certain, "it was not let through");
}

#[tokio::test]
async fn calls_go_through_the_proxy_that_is_set() {
    let reply =
        "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\nACCESS_BALANCE:7";
    let (proxy, seen) = answering(reply);
    let proxy = format!("http://{proxy}");
    for base in ["http://provider.test/h", "http://127.0.0.1:1/h"] {
        let balance = client(base, Some(&proxy)).unwrap().balance().await.unwrap();
        assert_eq!(balance, Micros::units(7));
        let first = seen.recv().unwrap();
        assert!(first.starts_with(&format!("GET {base}?action=getBalance")), "{first}");
    }
    for bad in ["", "localhost:3128", "ftp://p.test", "socks5://p.test:1", "http://p.test/path"] {
        let refused = client("http://provider.test", Some(bad)).map(|_| ());
        assert!(matches!(refused, Err(ClientError::BadProxy)), "{bad}: {refused:?}");
    }
}

/// Run by the test below, in a process of its own, since roots are looked for by its
/// environment.
#[test]
#[ignore = "needs the environment that the test below gives it"]
fn without_certificates() {
    let refused = client("https://provider.test", None).map(|_| ()).unwrap_err();
    let expected = "no CA certificates were found: set SSL_CERT_FILE or install ca-certificates";
    assert_eq!(refused.to_string(), expected);
    assert!(client("http://provider.test", None).is_ok(), "plain HTTP needs none");
}

#[test]
fn without_certificates_only_providers_that_speak_tls_are_refused() {
    let name = "provider_reach::without_certificates";
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored"])
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && said.contains("1 passed"), "{said}");
}
