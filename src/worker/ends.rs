//! Ends at providers: what has ended here is ended there, until the provider has taken it.
//!
//! The poll that sees an end tells the provider once. What it could not tell, and what the
//! last process left, is found in the durable state again and told here, for as long as the
//! order is in memory. An end that is refused again and again is reported, and one that no try
//! brought about is reported for a day. Without a key, or a turn, no call can be made, and none is counted
//! as a try. Leaves to others: numbers that no order has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{ErrorKind, ExternalOutcome, ExternalState, Op, ProviderError};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::EndUpstream;
use nexnum_engine::event::UpstreamEnd;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;
use tokio::sync::watch;

use super::pause::stopped_within;
use crate::attention::AttentionKind;
use crate::order::{ActivationReport, Orders, TOLD_AFTER, Unseen};
use crate::provider::connected::Connected;
use crate::provider::consequence::{self, Standing};
use crate::supervisor::Beat;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(15);
/// An order that ended so recently is told by the poll that saw it.
pub(super) const POLLED_MS: u64 = 30_000;
/// Before the next try, times the number of tries so far.
const PAUSE_MS: u64 = 60_000;
/// Tries for an order: with the pauses, about as long as it is in memory.
const TRIES_MAX: u32 = 10;
/// Calls in a round: buyers' calls come first.
const CALLS_MAX: usize = 20;
/// How long a full inbox is waited for.
const RECORD_MS: u64 = 5_000;

/// Tells one provider what has ended here.
pub(super) struct Ender {
    orders: Arc<Orders>,
    connected: Arc<Connected>,
    /// What had ended before has no poll that tells it.
    started: Time,
    /// How often an order was tried, and when it may be again.
    tries: BTreeMap<OrderId, (u32, Time)>,
}

impl Ender {
    pub(super) fn new(orders: &Arc<Orders>, connected: &Arc<Connected>) -> Self {
        let (orders, connected) = (Arc::clone(orders), Arc::clone(connected));
        let started = orders.market.clock.now();
        Self { orders, connected, started, tries: BTreeMap::new() }
    }

    /// Runs until the workers stop, or until the connection has been replaced or removed and
    /// no order in memory was bought under it.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>, beat: Arc<Beat>) {
        loop {
            beat.round();
            self.round(|| beat.round()).await;
            let is_needed = self.orders.providers.serves_orders(&self.connected);
            let is_over = self.connected.is_retired() && !is_needed;
            if is_over || stopped_within(&mut stop, ROUND).await {
                return;
            }
        }
    }

    async fn round(&mut self, alive: impl Fn()) {
        let now = self.orders.market.clock.now();
        let mut due = self.due(now);
        if self.connected.key_problem().is_some() {
            for order in due.drain(..) {
                self.tries.entry(order.id).or_default();
            }
        }
        for order in due {
            alive();
            let (tries, _) = self.tries.get(&order.id).copied().unwrap_or_default();
            let next = now.plus_ms(PAUSE_MS * u64::from(tries + 1));
            let told = match self.look_and_end(&order, tries + 1).await {
                Told::Missing if self.is_gone(&order, tries + 1) => {
                    match self.orders.receive(&self.connected, &order).await {
                        Ok(report) if report.state != ExternalState::Waiting => {
                            record(&self.orders, &order, end_of(&report)).await
                        }
                        Err(unseen) if unseen.is_missing() => {
                            record(&self.orders, &order, UpstreamEnd::Unknown).await
                        }
                        // It is there, or may hold a message, which is charged.
                        Ok(_) | Err(_) => Told::Refused,
                    }
                }
                told => told,
            };
            match told {
                Told::Done => {
                    self.tries.remove(&order.id);
                    self.is_told_no_more(order.id, tries);
                }
                // Unknown there at each try: it is gone, and no start looks for it.
                Told::Missing if tries + 1 >= TRIES_MAX => {
                    self.tries.insert(order.id, (TRIES_MAX, next));
                    self.is_told_no_more(order.id, tries);
                    let _recorded = record(&self.orders, &order, UpstreamEnd::Unknown).await;
                }
                // There is none for the others either; it is no try, and the next round goes on.
                Told::NoTurn => return,
                Told::Missing | Told::Refused => {
                    self.tries.insert(order.id, (tries + 1, next));
                    self.tell(order.id, tries + 1);
                }
            }
        }
    }

    /// Ends an activation at the provider. One that ran out with a message is asked about first: what
    /// has come to it since is shown, and the provider may not tell it once it is finished.
    async fn look_and_end(&self, order: &Order, tries: u32) -> Told {
        if order.is_delivered_to_its_end() && tries < TRIES_MAX {
            match self.orders.receive(&self.connected, order).await {
                Ok(_) => {}
                Err(Unseen::Provider(error)) if error.kind == ErrorKind::NoTurn => {
                    return Told::NoTurn;
                }
                Err(unseen) if unseen.is_missing() && tries > 1 => {}
                Err(_) => return Told::Refused,
            }
        }
        end(&self.orders, &self.connected, order).await
    }

    /// Tells the operator of an end that was refused several times, and of one that is left.
    fn tell(&self, order: OrderId, tries: u32) {
        let text = format!(
            "the provider did not take the end of an activation at try {tries}: it may be charged; \
             its failures have the answers"
        );
        self.orders.report_end((self.connected.name(), order), tries, TRIES_MAX, text);
    }

    fn is_told_no_more(&self, order: OrderId, tries: u32) {
        if tries < TOLD_AFTER {
            return;
        }
        let subject = (self.connected.name(), order);
        for kind in [AttentionKind::EndRefused, AttentionKind::EndLeft] {
            self.orders.market.attention.clear(kind, subject);
        }
    }

    /// Whether a "not found" says that a number that ran out is gone: at the second time, and
    /// not if many were missing lately. One that was unknown when it was cancelled may be known again.
    fn is_gone(&self, order: &Order, tries: u32) -> bool {
        // The poll that saw the end told it once.
        let polled = order.closed_at.is_some_and(|ended| ended >= self.started);
        let times = tries + u32::from(polled);
        let were_many = self.orders.were_many_missing(order.provider);
        order.state != ActivationState::Cancelled && times >= 2 && !were_many
    }

    /// Tells the operator that an order has left memory before its end was taken.
    fn leave(&self, order: OrderId, tries: u32) {
        let text = match tries {
            0 if self.connected.key_problem().is_some() => {
                "the provider was not told of the end of an activation for want of a key, and its \
                 order has left memory: it may be charged"
                    .to_owned()
            }
            TOLD_AFTER..TRIES_MAX => format!(
                "the provider did not take the end of an activation in {tries} tries, and its order \
                 has left memory: it may be charged; its failures have the answers"
            ),
            // That it has left memory is told in any case.
            ..TOLD_AFTER | TRIES_MAX.. => return,
        };
        let subject = (self.connected.name(), order);
        self.orders.report_end(subject, TRIES_MAX, TRIES_MAX, text);
    }

    /// The orders of this connection that have to be told now, the oldest first.
    fn due(&mut self, now: Time) -> Vec<Arc<Order>> {
        let unended = self.orders.market.read_model.unended();
        // Ended by a poll, or gone from memory.
        let is_over = |id: &OrderId| unended.binary_search(id).is_err();
        let over: Vec<_> = self.tries.keys().copied().filter(is_over).collect();
        for id in over {
            let Some((tries, _)) = self.tries.remove(&id) else { continue };
            if self.orders.market.read_model.order(id).is_some() {
                self.is_told_no_more(id, tries);
            } else {
                self.leave(id, tries);
            }
        }
        let orders = unended.into_iter().filter_map(|id| self.orders.market.read_model.order(id));
        let due = orders.filter(|order| {
            // What the provider is said not to know is told by no poll.
            let is_polled = order.state != ActivationState::Cancelled;
            let ended = order.closed_at.unwrap_or(now);
            let polled = is_polled && ended >= self.started && now.ms_since(ended) < POLLED_MS;
            let tried = self.tries.get(&order.id);
            let waits = tried.is_some_and(|(tries, next)| *tries >= TRIES_MAX || now < *next);
            !polled && !waits && self.is_here(order)
        });
        due.take(CALLS_MAX).collect()
    }

    fn is_here(&self, order: &Order) -> bool {
        let connected = self.orders.providers.of_order(order);
        connected.is_some_and(|connected| Arc::ptr_eq(&connected, &self.connected))
    }
}

/// How telling a provider of an end came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is done and recorded, or needs nothing.
    Done,
    /// The provider does not know the activation, which may not last.
    Missing,
    /// It is not done.
    Refused,
    /// The provider was not asked: its limits allow no call for that now.
    NoTurn,
}

/// Ends an activation at its provider that has ended here.
pub(super) async fn end(orders: &Orders, connected: &Connected, order: &Order) -> Told {
    // 1. What the provider is told.
    let Some(assignment) = &order.assignment else { return Told::Done };
    let (client, external_id) = (connected.client(), &*assignment.external_id);
    let (op, mut end, told) = match order.state {
        ActivationState::Completed => {
            (Op::Finish, UpstreamEnd::Charged, client.finish(external_id).await)
        }
        ActivationState::TimedOut | ActivationState::Cancelled => {
            (Op::Cancel, UpstreamEnd::GivenBack, client.cancel(external_id).await)
        }
        ActivationState::Init
        | ActivationState::Active
        | ActivationState::Received
        | ActivationState::Failed => return Told::Done,
    };
    // 2. What it answers.
    if let Err(error) = told {
        if error.kind == ErrorKind::NoTurn {
            return Told::NoTurn;
        }
        if consequence::of(error.kind).is_noted {
            connected.note_error(orders.market.clock.now(), op, Some(order.id), &error);
        }
        match (is_final(order, &error), consequence::of(error.kind).standing) {
            (true, _) => {}
            (false, Standing::Missing) => return Told::Missing,
            (false, Standing::Unknown | Standing::HasCode | Standing::TooLate) => {
                return Told::Refused;
            }
        }
        end = match consequence::of(error.kind).standing {
            // A message may be there, which is charged: without an answer that is not known.
            Standing::HasCode | Standing::TooLate => match orders.receive(connected, order).await {
                Ok(report) if report.state != ExternalState::Waiting => end_of(&report),
                Ok(_) | Err(_) => return Told::Refused,
            },
            // It has no such call, or does not know the number: its status may show that it went back.
            Standing::Missing | Standing::Unknown => match orders.receive(connected, order).await {
                Ok(report) => end_of(&report),
                Err(_) => UpstreamEnd::Unknown,
            },
        };
    }
    // 3. That it is done is in the ledger, so that no start does it again.
    record(orders, order, end).await
}

/// How an activation that could not be given back ended there. A message that came after the last
/// poll is kept as late by then, and booked.
fn end_of(report: &ActivationReport) -> UpstreamEnd {
    match report.state.outcome() {
        ExternalOutcome::Finished => UpstreamEnd::Charged,
        ExternalOutcome::Returned => UpstreamEnd::GivenBack,
        ExternalOutcome::Open => UpstreamEnd::Unknown,
    }
}

async fn record(orders: &Orders, order: &Order, end: UpstreamEnd) -> Told {
    let until = orders.market.clock.now().plus_ms(RECORD_MS);
    let ended = EndUpstream { order: order.id, end };
    let recorded = orders.record(order, &ended, until).await;
    if recorded.is_ok() { Told::Done } else { Told::Refused }
}

/// Whether another try would end the same way. A number that is unknown may be known again, but
/// for one that brought its message.
fn is_final(order: &Order, error: &ProviderError) -> bool {
    let follows = consequence::of(error.kind);
    let lost = order.state != ActivationState::Completed && follows.standing == Standing::Missing;
    follows.is_final && !lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::folder;
    use crate::order::claim::Wish;
    use crate::server::{self, ProviderSetup, Running, config};
    use nexnum_driver::Secret;
    use nexnum_engine::activation::SealedParts;
    use nexnum_engine::catalog::Catalog;
    use nexnum_engine::command::OpenAccount;
    use nexnum_engine::command::{Caller, Finish, Incoming, IngestMessage};
    use nexnum_engine::event::{Arrival, MessageIdentity, MessageKind, MessageWay};
    use nexnum_engine::group::Origin;
    use nexnum_engine::ids::{Product, VariantId};
    use nexnum_engine::money::Micros;
    use nexnum_engine::sealed::Purpose;
    use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};
    use nexnum_storage::said::Said;
    use tempfile::TempDir;

    /// The sandbox's provider that this market buys from.
    const SELLER: usize = 1;

    /// A running market with an order that has its number at the sandbox's provider.
    async fn active_order(sandbox: &Sandbox, folder: &TempDir) -> (Running, Arc<Order>) {
        let (dir, provider) = (folder.path().join("market"), &sandbox.providers()[SELLER]);
        folder::init(&dir).unwrap();
        let config = config::Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: dir.clone(),
            ..config::Config::default()
        };
        let seller = config::ProviderConfig {
            base_url: Some(provider.base_url.clone()),
            ..config::ProviderConfig::new(provider.name, provider.driver)
        };
        let setups = vec![ProviderSetup::new(seller, Secret::new(provider.key.clone()))];
        let opened = folder::open(&dir, |_| {}).unwrap();
        let running = server::start(opened, &config, setups).await.unwrap();
        let orders = &running.rooms.orders;
        let connected = orders.providers.by_name(provider.name).unwrap();
        while connected.health().last_sync_at.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let open = OpenAccount { name: None, credit_limit: Micros::units(10) };
        let buyer = orders.market.handle.ask(&Origin::SYSTEM, open).await.unwrap().unwrap();
        let catalog = Catalog::load();
        let country = catalog.find_country("ID").unwrap();
        let product = Product::activation(country, catalog.find_service("telegram").unwrap());
        let wish = Wish { product, variant: VariantId::ANY, limit: None };
        let id = orders.place(&Origin::SYSTEM, buyer, wish.into()).await.unwrap().order.id;
        let is_active = |order: &Order| order.state == ActivationState::Active;
        let patience = Duration::from_secs(60);
        let order = orders.market.read_model.await_order(id, patience, is_active).await.unwrap();
        (running, order)
    }

    /// The kinds of the rows about an order.
    fn told(orders: &Orders, order: OrderId) -> Vec<AttentionKind> {
        let rows = orders.market.attention.rows(99).0.into_iter();
        rows.filter(|row| row.subject.order == Some(order)).map(|row| row.kind).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_end_that_no_try_brings_about_is_told_beyond_the_last_one() {
        let delay = 600_000..=600_000;
        let config = SandboxConfig { sms_delay_ms: delay, ..SandboxConfig::small(7) };
        let (sandbox, folder) = (Sandbox::start(config).await.unwrap(), TempDir::new().unwrap());
        let (running, order) = active_order(&sandbox, &folder).await;
        let orders = &running.rooms.orders;
        let connected = orders.providers.of_order(&order).unwrap();
        let said = Said { text: "code 12345".into(), code: "12345".into(), ..Said::default() };
        let (purpose, bytes) = (Purpose::Message, said.to_bytes());
        let sealed = orders.market.seal_of_day(purpose, Some(order.id), &bytes).await.unwrap();
        let said = SealedParts { has: said.has(), sealed };
        let message = Incoming { digest: 1.into(), said };
        let arrival = Arrival {
            way: MessageWay::Status,
            kind: MessageKind::Sms,
            identity: MessageIdentity::TextWithCode,
            names_service: false,
        };
        let ingest = IngestMessage { order: order.id, message, arrival, callback: None };
        orders.market.handle.ask(&Origin::SYSTEM, ingest).await.unwrap().unwrap();
        sandbox.faults(SELLER).set(FaultKind::Http500, 1.0);
        let finish = Finish { order: order.id, caller: Caller::System };
        orders.market.handle.ask(&Origin::SYSTEM, finish).await.unwrap().unwrap();

        let mut ender = Ender::new(orders, &connected);
        // As after a restart: no poll tells it.
        ender.started = orders.market.clock.now().plus_ms(POLLED_MS);
        for tries in 1..=TRIES_MAX {
            ender.tries.values_mut().for_each(|(_, next)| *next = Time(0));
            ender.round(|| {}).await;
            assert_eq!(ender.tries[&order.id].0, tries);
            let expected: &[_] = match tries {
                ..TOLD_AFTER => &[],
                TOLD_AFTER..TRIES_MAX => &[AttentionKind::EndRefused],
                TRIES_MAX.. => &[AttentionKind::EndLeft],
            };
            assert_eq!(told(orders, order.id), expected, "try {tries}");
        }
        ender.round(|| {}).await;
        assert_eq!(told(orders, order.id), [AttentionKind::EndLeft]);
        // Without its order nothing more is known of it; the row stays.
        ender.leave(order.id, TRIES_MAX);
        assert_eq!(told(orders, order.id), [AttentionKind::EndLeft]);
        running.stop().await.unwrap();
        sandbox.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_end_that_is_refused_for_a_message_is_not_done_before_the_provider_tells_of_it() {
        let config = SandboxConfig { sms_delay_ms: 200..=200, ..SandboxConfig::small(7) };
        let (sandbox, folder) = (Sandbox::start(config).await.unwrap(), TempDir::new().unwrap());
        let (running, order) = active_order(&sandbox, &folder).await;
        let orders = &running.rooms.orders;
        let connected = orders.providers.of_order(&order).unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        sandbox.faults(SELLER).set(FaultKind::NotFound, 1.0);
        let over = Order { state: ActivationState::TimedOut, ..(*order).clone() };
        assert_eq!(end(orders, &connected, &over).await, Told::Refused);
        sandbox.faults(SELLER).clear();
        assert_eq!(end(orders, &connected, &over).await, Told::Done);
        running.stop().await.unwrap();
        sandbox.stop().await;
    }
}
