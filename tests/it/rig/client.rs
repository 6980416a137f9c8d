//! How the tests reach a server over HTTP.

use std::time::Duration;

/// Half of what the server keeps an idle connection for. A request that goes out while the
/// server closes its connection is not answered, and only some may be sent again.
const IDLE: Duration = Duration::from_secs(5);

/// A client to set up: no proxy stands between, and idle connections end here first.
pub(crate) fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().pool_idle_timeout(IDLE)
}
