//! Logs: JSON lines on standard error, without secrets, numbers or texts.

use tracing_subscriber::EnvFilter;

/// What is logged unless `RUST_LOG` says otherwise. A certificate that is refused is told as the
/// failure of its provider, once; the verifier logs it at each try, without a name.
const DEFAULT_FILTER: &str = "warn,nexnum=info,rustls_platform_verifier=off";

/// What is logged where a person is shown by other lines what happens.
const ERRORS_FILTER: &str = "error,rustls_platform_verifier=off";

/// Installs the logger, once a process; a second time changes nothing.
pub fn install() {
    install_with(DEFAULT_FILTER);
}

/// As [`install`], where a person is shown by other lines what happens: errors alone are logged
/// unless `RUST_LOG` says otherwise.
pub fn install_for_errors() {
    install_with(ERRORS_FILTER);
}

fn install_with(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    let logger = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    // Tests install it many times over.
    let _installed_before = logger.is_err();
}
