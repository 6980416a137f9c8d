//! Why a call over the network failed: a name for the kind of cause, and the system's words.
//!
//! Promises: a name that is not known, a refused connection, TLS, a proxy and a timeout have
//! different names, so that an operator knows where to look. The URL, which may hold a key,
//! is never in it.

use std::error::Error;
use std::io;

/// The cause with its name: `DNS: …`, `refused: …`, `TLS: …`, `proxy: …`, `timeout: …`, or the
/// innermost cause alone. The layers between repeat the URL.
pub(crate) fn of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        let what = if error.is_connect() { "no connection in time" } else { "no answer in time" };
        return format!("timeout: {what}");
    }
    let mut name = None;
    let mut innermost = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        name = name.or_else(|| name_of(cause));
        innermost = words_of(cause);
        next = cause.source();
    }
    match name {
        Some(name) => format!("{name}: {innermost}"),
        None => innermost,
    }
}

fn name_of(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if tls(cause).is_some() {
        return Some("TLS");
    }
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if cause.downcast_ref::<io::Error>().is_some_and(refused) {
        return Some("refused");
    }
    // The connector's own types are private: its words are all that it shows.
    match cause.to_string() {
        text if text.starts_with("dns error") => Some("DNS"),
        text if text.starts_with("tunnel error") => Some("proxy"),
        _ => None,
    }
}

fn words_of(cause: &(dyn Error + 'static)) -> String {
    match tls(cause) {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            "the certificate is signed by an unknown CA".to_owned()
        }
        Some(error) => error.to_string(),
        None => cause.to_string(),
    }
}

/// The error of a handshake, which comes wrapped, more than once even.
fn tls<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
    tls(inner)
}

/// Why a client could not be set up, with the way out where the machine lacks certificates.
pub(crate) fn of_setup(error: &reqwest::Error) -> String {
    let cause = of(error);
    let way_out = if cause.contains("CA certificates") {
        ": install them (the package ca-certificates), or name a file of them in SSL_CERT_FILE"
    } else {
        ""
    };
    format!("{cause}{way_out}")
}
