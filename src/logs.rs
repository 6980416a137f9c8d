//! Logs: JSON lines on standard error, without secrets, numbers or texts.

use tracing_subscriber::EnvFilter;

/// What is logged unless `RUST_LOG` says otherwise.
const DEFAULT_FILTER: &str = "warn,nexnum=info";

/// Installs the logger, once a process; a second time changes nothing.
pub fn install() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| DEFAULT_FILTER.into());
    let logger = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    // Tests install it many times over.
    let _installed_before = logger.is_err();
}
