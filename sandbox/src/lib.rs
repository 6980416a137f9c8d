//! Simulated providers: HTTP servers on loopback that speak three real wire formats,
//! with their own market, numbers that live and receive messages, and faults on demand.
//!
//! Promises: everything random follows from the seed; a client of the real
//! protocol cannot tell the difference; with a journal folder, open numbers
//! survive a kill. Who they are to the engine (drivers, keys, priorities) is
//! left to the caller. Costs are in USD.

mod call;
mod clock;
mod config;
mod cost;
mod disguise;
mod fault_kind;
mod faults;
mod fivesim;
mod handler_api;
mod handler_lists;
mod ids;
mod journal;
mod life;
mod market;
mod messages;
mod numbers;
mod random;
mod reply;
mod server;
mod shape;
mod site;
mod smspool;
mod truth;
mod wire;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use nexnum_engine::ids::Product;
use nexnum_engine::money::Micros;
use tokio::net::TcpListener;

pub use config::SandboxConfig;
pub use fault_kind::FaultKind;
pub use faults::Faults;
pub use truth::BoughtNumber;
pub use wire::PROVIDERS;

use clock::Clock;
use cost::Cost;
use server::Server;
use site::Site;
use wire::Wire;

/// Where a simulated provider is and how to get in.
#[derive(Clone, PartialEq, Eq)]
pub struct SandboxProvider {
    /// A name for people, unique in the sandbox.
    pub name: &'static str,
    /// The wire format: `handler`, `fivesim` or `smspool`.
    pub driver: &'static str,
    /// What the wire format's documentation calls the base address: with
    /// `/stubs/handler_api.php`, with `/v1`, or without a path.
    pub base_url: String,
    /// The account's key.
    pub key: String,
}

/// Prints everything but the key.
impl fmt::Debug for SandboxProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxProvider")
            .field("name", &self.name)
            .field("driver", &self.driver)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// Running simulated providers; dropping it stops them.
#[derive(Debug)]
pub struct Sandbox {
    providers: Vec<SandboxProvider>,
    sites: Vec<Arc<Site>>,
    servers: Vec<Server>,
    clock: Arc<Clock>,
}

impl Sandbox {
    /// Draws the markets, reads the journals and listens on 127.0.0.1.
    ///
    /// # Errors
    /// A port that is taken, a folder that cannot be written, a damaged journal.
    pub async fn start(config: SandboxConfig) -> io::Result<Self> {
        if let Some(folder) = &config.journal_dir {
            std::fs::create_dir_all(folder)?;
        }
        let clock = Arc::new(Clock::start(config.clock_skew_ms));
        let mut sandbox =
            Self { providers: Vec::new(), sites: Vec::new(), servers: Vec::new(), clock };
        for (wire, port) in Wire::ALL.into_iter().zip(config.ports) {
            let (config, clock) = (config.clone(), Arc::clone(&sandbox.clock));
            let drawing = tokio::task::spawn_blocking(move || Site::new(wire, &config, clock));
            let site = Arc::new(drawing.await.map_err(io::Error::other)??);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let listener = TcpListener::bind(address).await?;
            sandbox.providers.push(SandboxProvider {
                name: wire.name(),
                driver: wire.driver(),
                base_url: format!("http://{}{}", listener.local_addr()?, wire.base_path()),
                key: site.key.clone(),
            });
            sandbox.servers.push(Server::start(listener, Arc::clone(&site)));
            sandbox.sites.push(site);
        }
        Ok(sandbox)
    }

    /// The providers, in the order handler protocol, 5sim, SMSPool.
    #[must_use]
    pub fn providers(&self) -> &[SandboxProvider] {
        &self.providers
    }

    /// The faults of the provider at this position.
    ///
    /// # Panics
    /// If there is no such provider.
    #[must_use]
    pub fn faults(&self, provider: usize) -> &Faults {
        &self.sites[provider].faults
    }

    /// All numbers that the provider at this position has sold and remembers, oldest first.
    ///
    /// # Panics
    /// If there is no such provider.
    #[must_use]
    pub fn bought(&self, provider: usize) -> Vec<BoughtNumber> {
        truth::of(&self.sites[provider])
    }

    /// Fixes cost and stock of every offer of a product at the provider at this
    /// position, until the sandbox stops; bought units do not come back. False
    /// if the provider does not sell it.
    ///
    /// # Panics
    /// If there is no such provider.
    #[must_use]
    pub fn pin(&self, provider: usize, product: Product, cost: Micros, stock: u32) -> bool {
        self.sites[provider].market.pin(product, Cost::from_micros(cost), stock)
    }

    /// Moves the providers' clock forward: messages come due, numbers end, prices drift.
    pub fn advance_ms(&self, ms: u64) {
        self.clock.advance_ms(ms);
    }

    /// Closes the ports and every connection. What was answered is in the journals.
    pub async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}
