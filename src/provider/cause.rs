//! Why a call over the network failed, in the words of the system.

use std::error::Error;

/// The innermost cause: refused, an unknown host, TLS, a timeout. The layers above it repeat
/// the URL, which may hold a key.
pub(crate) fn of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
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
