//! Simulated providers: HTTP servers on loopback that speak three real wire formats,
//! with their own market, numbers that live and receive messages, and faults on demand.
//!
//! Promises: everything random follows from the seed; a client of the real
//! protocol cannot tell the difference; with a journal folder, open numbers
//! survive a kill. Who they are to the engine (drivers, keys, priorities) is
//! left to the caller. Costs are in USD.

mod faults;
mod fivesim;
mod handler_api;
mod handler_lists;
mod journal;
mod life;
mod market;
mod messages;
mod numbers;
mod random;
mod server;
mod shape;
mod site;
mod smspool;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nexnum_engine::ids::Product;
use nexnum_engine::money::Micros;
use tokio::net::TcpListener;

pub use faults::{FaultKind, Faults};
use random::mix;
use server::{Call, Reply, Server};
use site::{Marks, Site};

/// Providers in a sandbox: one a wire format.
pub const PROVIDERS: usize = Wire::ALL.len();

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where all randomness comes from.
    pub seed: u64,
    /// How long after a purchase or a request a message comes, in milliseconds.
    pub sms_delay_ms: RangeInclusive<u64>,
    /// How long a number must be held before it may be cancelled, in milliseconds.
    pub min_cancel_age_ms: u64,
    /// After how long a number closes by itself, in milliseconds.
    pub lifetime_ms: u64,
    /// The share of numbers, 0 to 1, that never get a message.
    pub silent: f64,
    /// The share of calls, 0 to 1, that misbehave in a random way.
    pub faults: f64,
    /// About how many offers each provider lists: handler protocol, 5sim, SMSPool.
    pub offers: [usize; PROVIDERS],
    /// Where journals are kept; `None` forgets everything at the end.
    pub journal_dir: Option<PathBuf>,
    /// How long a call takes, in milliseconds.
    pub latency_ms: RangeInclusive<u64>,
    /// How long a drift step lasts, in milliseconds; each step moves one offer in twenty.
    pub drift_step_ms: u64,
    /// What the account at each provider starts with.
    pub balance: Micros,
    /// The ports to listen on, in the order of `offers`; 0 takes a free one.
    pub ports: [u16; PROVIDERS],
}

/// A whole market with the timings of real providers.
impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            sms_delay_ms: 4_000..=20_000,
            min_cancel_age_ms: 120_000,
            lifetime_ms: 1_200_000,
            silent: 0.03,
            faults: 0.0,
            offers: [38_000, 66_000, 20_000],
            journal_dir: None,
            latency_ms: 10..=60,
            drift_step_ms: 15_000,
            balance: Micros::units(100_000),
            ports: [0; PROVIDERS],
        }
    }
}

impl SandboxConfig {
    /// For tests: a few hundred offers, no latency, messages at once, none left out.
    #[must_use]
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            sms_delay_ms: 0..=0,
            silent: 0.0,
            offers: [300; PROVIDERS],
            latency_ms: 0..=0,
            ..Self::default()
        }
    }
}

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
        let clock = Arc::new(Clock::start());
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
        // Read by the calls that follow; no other store hangs on it.
        self.clock.skew_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// How many offers all providers list together.
    #[must_use]
    pub fn offer_count(&self) -> usize {
        self.sites.iter().map(|site| site.market.offers().len()).sum()
    }

    /// Closes the ports and every connection. What was answered is in the journals.
    pub async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}

/// The providers' clock: the world's, plus what a test has skipped.
#[derive(Debug)]
struct Clock {
    started_ms: u64,
    skew_ms: AtomicU64,
}

impl Clock {
    fn start() -> Self {
        Self { started_ms: world_ms(), skew_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        world_ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    fn elapsed_ms(&self) -> u64 {
        self.now_ms().saturating_sub(self.started_ms)
    }
}

fn world_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A wire format, and with it one simulated provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Handler,
    FiveSim,
    SmsPool,
}

impl Wire {
    const ALL: [Self; 3] = [Self::Handler, Self::FiveSim, Self::SmsPool];

    const fn name(self) -> &'static str {
        match self {
            Self::Handler => "Kestrel",
            Self::FiveSim => "Heron",
            Self::SmsPool => "Lagoon",
        }
    }

    const fn driver(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::FiveSim => "fivesim",
            Self::SmsPool => "smspool",
        }
    }

    /// What the base address adds to the host.
    const fn base_path(self) -> &'static str {
        match self {
            Self::Handler => "/stubs/handler_api.php",
            Self::FiveSim => "/v1",
            Self::SmsPool => "",
        }
    }

    /// The crosswalk's name for the ids it uses.
    const fn dialect(self) -> &'static str {
        match self {
            Self::Handler => "handler_api",
            Self::FiveSim => "fivesim",
            Self::SmsPool => "smspool",
        }
    }

    /// An account key of the length clients expect.
    fn key(self, seed: u64) -> String {
        let words = |count: u64| -> String {
            (0..count).map(|at| format!("{:016x}", mix(seed, &[20, self as u64, at]))).collect()
        };
        match self {
            Self::Handler => words(2),
            Self::FiveSim => format!("eyJhbGciOiJSUzUxMiJ9.{}.{}", words(8), words(8)),
            Self::SmsPool => words(2).to_uppercase(),
        }
    }

    fn is_purchase(self, call: &Call) -> bool {
        match self {
            Self::Handler => handler_api::is_purchase(call),
            Self::FiveSim => fivesim::is_purchase(call),
            Self::SmsPool => smspool::is_purchase(call),
        }
    }

    fn answer(self, site: &Site, call: &Call, marks: Marks) -> Reply {
        match self {
            Self::Handler => handler_api::answer(site, call, marks),
            Self::FiveSim => fivesim::answer(site, call, marks),
            Self::SmsPool => smspool::answer(site, call, marks),
        }
    }
}

/// A price in ten-thousandths of a USD: the most precise that price lists print, in half the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Cost(u32);

impl Cost {
    const PER_UNIT: u32 = 10_000;

    /// Micros rounded down; amounts beyond the range become the largest cost.
    fn from_micros(amount: Micros) -> Self {
        Self(u32::try_from(amount.0.max(0) / 100).unwrap_or(u32::MAX))
    }

    /// A buyer's limit; what is not a number admits no price at all.
    fn limit(text: &str) -> Self {
        // Floats arrive with seventeen digits; what is below a micro does not decide.
        let end = text.find('.').map_or(text.len(), |point| text.len().min(point + 7));
        let text = text.get(..end).unwrap_or_default();
        Self::from_micros(Micros::parse(text).unwrap_or_default())
    }

    /// Rounded up to the places that a wire format's list has.
    fn as_printed(self, wire: Wire) -> Self {
        let grain = match wire {
            Wire::Handler => 50,
            Wire::FiveSim => 1,
            Wire::SmsPool => 100,
        };
        Self(self.0.div_ceil(grain) * grain)
    }

    /// The same digits as a JSON number.
    fn json(self) -> serde_json::Value {
        let number = self.to_string().parse::<serde_json::Number>();
        number.expect("digits, a point and digits are a JSON number").into()
    }
}

/// Prints two to four places, `"0.48"`, `"0.2064"`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / Self::PER_UNIT, self.0 % Self::PER_UNIT);
        if part.is_multiple_of(100) {
            write!(f, "{whole}.{:02}", part / 100)
        } else if part.is_multiple_of(10) {
            write!(f, "{whole}.{:03}", part / 10)
        } else {
            write!(f, "{whole}.{part:04}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_prints_two_to_four_places_and_a_limit_is_read_as_clients_write_it() {
        let printed: Vec<String> =
            [0, 4_800, 2_064, 2_050, 125_000].map(|cost| Cost(cost).to_string()).into();
        assert_eq!(printed, ["0.00", "0.48", "0.2064", "0.205", "12.50"]);
        assert_eq!(Cost::limit("0.30000000000000004"), Cost(3_000));
        assert_eq!(Cost::limit("10"), Cost(100_000));
        for text in ["", "-1", "x", "1e3", "1.é"] {
            assert_eq!(Cost::limit(text), Cost(0), "{text:?}");
        }
        assert_eq!(Cost(4_801).as_printed(Wire::SmsPool), Cost(4_900));
    }

    #[test]
    fn keys_have_the_lengths_that_clients_check() {
        let lens = Wire::ALL.map(|wire| wire.key(1).len());
        assert_eq!((lens[0], lens[2]), (32, 32));
        assert!(lens[1] > 100);
    }
}
