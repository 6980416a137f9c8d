//! What a simulated provider knows of the numbers that were bought on its account, for tests to
//! hold against what a client believes.

use nexnum_engine::ids::{Number, Product};
use nexnum_engine::money::Micros;

use crate::life::Closed;
use crate::site::{Site, View};
use crate::smspool;
use crate::wire::Wire;

/// A number that was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoughtNumber {
    /// Its id as the protocol shows it.
    pub external_id: String,
    /// Which number.
    pub number: Number,
    /// For what.
    pub product: Product,
    /// What it costs.
    pub cost: Micros,
    /// Another program bought it on the account.
    pub is_foreign: bool,
    /// When it was bought, by the provider's clock, in milliseconds.
    pub bought_ms: u64,
    /// When it ended; `None` while it is open.
    pub ended_ms: Option<u64>,
    /// The account pays for it, as it stands.
    pub is_charged: bool,
    /// It ended at its client's word, not by itself.
    pub was_ended_by_client: bool,
    /// The moments and codes of its messages, in the order in which it lists them.
    pub codes: Vec<(u64, String)>,
}

/// All numbers that a provider remembers, oldest first.
pub(crate) fn of(site: &Site) -> Vec<BoughtNumber> {
    site.known().iter().rev().map(|view| bought(site.wire, view)).collect()
}

fn bought(wire: Wire, view: &View) -> BoughtNumber {
    let life = &view.life;
    let codes = view.messages.iter().map(|message| (message.at_ms, message.code.clone()));
    BoughtNumber {
        external_id: match wire {
            Wire::Handler | Wire::FiveSim => life.id.to_string(),
            Wire::SmsPool => smspool::order_code(life.id),
        },
        number: life.number,
        product: life.product,
        cost: Micros(i64::from(life.cost.0) * 100),
        is_foreign: life.quirks.foreign,
        bought_ms: life.bought_ms,
        ended_ms: life.closed.map(|(_, at_ms)| at_ms),
        is_charged: life.charged() > 0,
        was_ended_by_client: life
            .closed
            .is_some_and(|(how, at_ms)| how != Closed::TimedOut && at_ms != view.ends_ms),
        codes: codes.collect(),
    }
}
