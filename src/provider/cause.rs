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
