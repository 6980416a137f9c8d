//! A visit: one activation is asked about at its provider, and what follows from the answer.
//!
//! Messages are brought in before a state is believed; what has ended there ends here, and
//! what has ended here is ended there. Leaves to others: when to visit.

mod unread;

use std::sync::Arc;

use nexnum_driver::{ErrorKind, ExternalState, Op};
use nexnum_engine::activation::ActivationState;
use nexnum_engine::command::Expire;
use nexnum_engine::event::ProviderWord;
use nexnum_engine::ids::OrderId;
use nexnum_engine::limits::LAST_LOOK_MS;
use nexnum_engine::order::Order;
use nexnum_engine::time::Time;

use self::unread::Visits;
use super::ends::{self, POLLED_MS, Told};
use crate::order::{Orders, Unseen};
use crate::provider::connected::Connected;

/// How long a conclusion waits for a full inbox before the next poll draws it again.
const CONCLUDE_MS: u64 = 5_000;

/// Ends that a provider refuses before they are left to [`ends`], which tries them ever more seldom.
const ENDS_REFUSED_MAX: u8 = 3;

/// One activation's place in the schedule.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    pub(super) failures: u32,
    /// The provider has been told to end it, or needs no such call.
    pub(super) settled: bool,
    /// How often the provider did not take its end: it is asked about before each further try.
    pub(super) ends_refused: u8,
    /// When it was asked about alone.
    pub(super) asked_at: Time,
    /// Answers about it alone in a row that could not be read, whatever lists showed.
    pub(super) unread: u32,
    /// Different answers about it that could not be read, and are kept.
    pub(super) kept: u8,
    /// What looks that began after its time was over have shown of one that is completed.
    pub(super) after: After,
}

/// Looks at an activation that had a message when its time was over: what came in its last moments,
/// or while the provider did not answer, is shown all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum After {
    #[default]
    Untold,
    /// Its provider did not find it, which may not last.
    Missing,
    Told,
}

impl After {
    fn next(self, seen: Seen) -> Self {
        match (self, seen) {
            (Self::Told, _) | (_, Seen::Standing) | (Self::Missing, Seen::Missing) => Self::Told,
            (Self::Untold, Seen::Missing) => Self::Missing,
            (Self::Untold | Self::Missing, Seen::Failed | Seen::NoRoom) => self,
        }
    }
}

/// What a visit to the provider showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Standing,
    Missing,
    Failed,
    /// The engine's inbox was full, or the provider's limits allowed no call: the provider is
    /// not at fault.
    NoRoom,
}

/// Asks about one activation, brings in what came and draws the conclusions.
pub(super) async fn visit(
    orders: Arc<Orders>,
    connected: Arc<Connected>,
    order: Arc<Order>,
    mut watch: Watch,
) -> (Watch, Seen) {
    let (id, asked) = (order.id, orders.market.clock.now());
    if !watch.settled && watch.ends_refused == 0 && was_looked_at(&order) {
        return settle_first(&orders, &connected, id, watch).await;
    }
    watch.asked_at = asked;
    let received = orders.receive(&connected, &order).await;
    let unseen = match &received {
        Ok(report) => report.unread.as_ref(),
        Err(unseen) => Some(unseen),
    };
    let is_last = due_by(&order).is_some_and(|due| due <= asked);
    // A message in a reply that is read otherwise is no page of a front end.
    let is_sure = is_last || received.is_ok();
    let visits = Visits { unread: watch.unread, is_sure, kept: &mut watch.kept };
    unread::report(&orders, &connected, id, unseen, visits).await;
    watch.unread = if unread::is_unread(unseen) { watch.unread.saturating_add(1) } else { 0 };
    let seen = match received {
        Ok(report) => {
            conclude(&orders, &connected, &order, asked, report.state).await;
            Seen::Standing
        }
        Err(unseen) if unseen.is_missing() => {
            if orders.is_gone(&connected, &order).await {
                orders.end_by_provider(id, ProviderWord::Missing).await;
            }
            Seen::Missing
        }
        // There was no turn for it, or too many calls: it is asked again soon.
        Err(Unseen::Provider(error)) if is_limited(error.kind) => Seen::NoRoom,
        Err(Unseen::Provider(error)) => {
            connected.note_error(orders.market.clock.now(), Op::Status, Some(id), &error);
            Seen::Failed
        }
        Err(Unseen::Busy | Unseen::Unclear) => Seen::NoRoom,
    };
    let is_over = order.assignment.as_ref().is_some_and(|given| given.expires_at <= asked);
    if is_over {
        watch.after = watch.after.next(seen);
    }
    match awaits_a_look(&orders, id, watch.after) {
        None if watch.settled => {}
        None => {
            let told = settle(&orders, &connected, id).await;
            watch.ends_refused += u8::from(told == Some(Told::Refused));
            let is_left = watch.ends_refused >= ENDS_REFUSED_MAX;
            watch.settled = matches!(told, Some(Told::Done | Told::Missing)) || is_left;
        }
        // From then on the other asks about it.
        Some(ms) => watch.settled = ms >= POLLED_MS,
    }
    (watch, seen)
}

/// How long ago an activation ran out with a message that is to be asked about before its provider
/// is told of the end.
fn awaits_a_look(orders: &Orders, id: OrderId, after: After) -> Option<u64> {
    let order = orders.market.read_model.order(id)?;
    let is_awaited = order.is_delivered_to_its_end() && after != After::Told;
    let closed_at = order.closed_at.filter(|_| is_awaited)?;
    Some(orders.market.clock.now().ms_since(closed_at))
}

/// Whether an activation ran out after a last look that found no message. Where many run out at
/// once another look at each takes the calls that their ends need.
fn was_looked_at(order: &Order) -> bool {
    let ran_out = order.assignment.as_ref().map(|given| given.expires_at.plus_ms(LAST_LOOK_MS));
    order.state == ActivationState::TimedOut
        && order.closed_at.zip(ran_out).is_some_and(|(closed, most)| closed < most)
}

/// Ends it without another look: a message that came since keeps the provider from it, and is
/// asked for then.
async fn settle_first(
    orders: &Orders,
    connected: &Connected,
    id: OrderId,
    watch: Watch,
) -> (Watch, Seen) {
    match settle(orders, connected, id).await {
        Some(Told::Done | Told::Missing) | None => {
            (Watch { settled: true, ..watch }, Seen::Standing)
        }
        Some(Told::NoTurn) => (watch, Seen::NoRoom),
        Some(Told::Refused) => (Watch { ends_refused: 1, ..watch }, Seen::Standing),
    }
}

fn is_limited(kind: ErrorKind) -> bool {
    kind == ErrorKind::NoTurn || kind == ErrorKind::RateLimited
}

/// Ends an activation here that has ended at its provider, or whose time was over when the
/// provider was asked once more, at `asked`, and had no message.
pub(super) async fn conclude(
    orders: &Orders,
    connected: &Connected,
    order: &Order,
    asked: Time,
    state: ExternalState,
) {
    let word = match state {
        ExternalState::Cancelled => ProviderWord::Cancelled,
        ExternalState::Expired => ProviderWord::Expired,
        ExternalState::Finished => ProviderWord::Finished,
        ExternalState::Waiting | ExternalState::Received => {
            orders.is_known(connected, order);
            let order = orders.market.read_model.order(order.id);
            if let Some(order) = order.filter(|it| due_by(it).is_some_and(|due| due <= asked)) {
                let until = orders.market.clock.now().plus_ms(CONCLUDE_MS);
                // If it is not taken, the grace ends by itself.
                let _answer = orders.record(&order, &Expire { order: order.id }, until).await;
            }
            return;
        }
    };
    if orders.has_ended(connected, order) {
        orders.end_by_provider(order.id, word).await;
    }
}

/// When the last look at an activation is due: its time is over then, and unless the provider
/// has a message the order ends without one. `None` if its buyer waits for no message.
pub(super) fn due_by(order: &Order) -> Option<Time> {
    let assignment = order.assignment.as_ref().filter(|_| order.awaits_message())?;
    Some(assignment.expires_at)
}

/// Ends an activation at its provider that has ended here; `None` while it has not. What is
/// left to [`ends`] counts as done. What was cancelled here was cancelled there before, or there
/// first.
async fn settle(orders: &Orders, connected: &Connected, id: OrderId) -> Option<Told> {
    let Some(order) = orders.market.read_model.order(id) else { return Some(Told::Done) };
    match order.state {
        ActivationState::Init | ActivationState::Active | ActivationState::Received => None,
        ActivationState::Completed => {
            ends::end(orders, connected, &order).await;
            Some(Told::Done)
        }
        ActivationState::TimedOut => Some(ends::end(orders, connected, &order).await),
        ActivationState::Cancelled | ActivationState::Failed => Some(Told::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::folder;
    use crate::order::claim::Wish;
    use crate::order::{INGEST_MS, OwnStock};
    use crate::provider::active::Depth;
    use crate::provider::providers::Providers;
    use crate::provider::sightings::Shown;
    use crate::server::{self, ProviderSetup, Running, config};
    use crate::worker::look::look;
    use nexnum_driver::{Driver, Secret};
    use nexnum_engine::catalog::Catalog;
    use nexnum_engine::command::OpenAccount;
    use nexnum_engine::group::Origin;
    use nexnum_engine::ids::{Product, VariantId};
    use nexnum_engine::money::Micros;
    use nexnum_sandbox::{FaultKind, Sandbox, SandboxConfig};
    use std::time::Duration;
    use tempfile::TempDir;

    /// The sandbox's provider that shows the end of an order and its messages in one reply.
    const FIVESIM: usize = 1;

    /// The shipped driver, which this market itself polls once a day.
    fn setup(sandbox: &Sandbox, folder: &TempDir) -> ProviderSetup {
        let provider = &sandbox.providers()[FIVESIM];
        let (_, text) = Driver::shipped().iter().find(|(name, _)| *name == "fivesim").unwrap();
        let often = text.lines().find(|line| line.starts_with("poll_interval_ms")).unwrap();
        let path = folder.path().join("fivesim.toml");
        std::fs::write(&path, text.replace(often, "poll_interval_ms = 86400000")).unwrap();
        let config = config::ProviderConfig {
            base_url: Some(provider.base_url.clone()),
            sync_interval_s: 3600,
            ..config::ProviderConfig::new("fivesim", path.to_str().unwrap())
        };
        let key = Secret::new(provider.key.clone());
        ProviderSetup { min_cancel_age_ms: Some(0), ..ProviderSetup::new(config, key) }
    }

    /// A running market with an order that has its number at the sandbox's provider.
    async fn active_order(sandbox: &Sandbox, folder: &TempDir) -> (Running, Arc<Order>) {
        let dir = folder.path().join("market");
        folder::init(&dir).unwrap();
        let config = config::Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: dir.clone(),
            ..config::Config::default()
        };
        let opened = folder::open(&dir, |_| {}).unwrap();
        let running = server::start(opened, &config, vec![setup(sandbox, folder)]).await.unwrap();
        let orders = &running.rooms.orders;
        let connected = orders.providers.by_name("fivesim").unwrap();
        // No list is asked for to see whether it tells of messages.
        connected.client().room().note_told(orders.market.clock.now());
        while connected.health().last_sync_at.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let open = OpenAccount { name: None, credit_limit: Micros::units(10) };
        let buyer = orders.market.handle.ask(&Origin::SYSTEM, open).await.unwrap().unwrap();
        let catalog = Catalog::load();
        let product = Product::activation(
            catalog.find_country("ID").unwrap(),
            catalog.find_service("telegram").unwrap(),
        );
        let wish = Wish { product, variant: VariantId::ANY, limit: None };
        let id = orders.place(&Origin::SYSTEM, buyer, wish.into()).await.unwrap().order.id;
        let is_active = |order: &Order| order.state == ActivationState::Active;
        let patience = Duration::from_secs(60);
        let order = orders.market.read_model.await_order(id, patience, is_active).await.unwrap();
        assert!(is_active(&order), "{order:?}");
        (running, order)
    }

    /// The same market behind an inbox that is full for longer than a message waits.
    fn overloaded(orders: &Orders) -> Arc<Orders> {
        let mut market = orders.market.clone();
        market.handle = market.handle.full_for(Duration::from_millis(INGEST_MS + 500));
        let provider = market.read_model.directory().providers()[0].0;
        let timings = nexnum_engine::command::Timings { lifetime_ms: 1, min_cancel_age_ms: 1 };
        Orders::new(market, Providers::default(), OwnStock { provider, timings })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_list_that_is_asked_for_its_messages_shows_what_is_on_the_account() {
        let config = SandboxConfig { min_cancel_age_ms: 0, ..SandboxConfig::small(7) };
        let (sandbox, folder) = (Sandbox::start(config).await.unwrap(), TempDir::new().unwrap());
        let (running, order) = active_order(&sandbox, &folder).await;
        let orders = &running.rooms.orders;
        let connected = orders.providers.by_name("fivesim").unwrap();
        let external_id = &order.assignment.as_ref().unwrap().external_id;
        let shown = || connected.shown(external_id, order.placed_at, order.placed_at);
        assert_eq!(shown(), None, "no list since");
        let now = orders.market.clock.now();
        let looking = look(Arc::clone(orders), Arc::clone(&connected), Depth::Far, now);
        looking.await.expect("a list comes");
        assert_eq!(shown(), Some(Shown::Open));
        running.stop().await.unwrap();
        sandbox.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_end_at_the_provider_does_not_overtake_a_message_that_found_no_room() {
        let delay = 60_000..=60_000;
        let config =
            SandboxConfig { min_cancel_age_ms: 0, sms_delay_ms: delay, ..SandboxConfig::small(7) };
        let (sandbox, folder) = (Sandbox::start(config).await.unwrap(), TempDir::new().unwrap());
        sandbox.faults(FIVESIM).next(FaultKind::MessageAfterCancel);
        let (running, order) = active_order(&sandbox, &folder).await;
        let connected = running.rooms.orders.providers.by_name("fivesim").unwrap();
        let external_id = &order.assignment.as_ref().unwrap().external_id;
        connected.client().cancel(external_id).await.unwrap();
        sandbox.advance_ms(61_000);

        let (orders, watch) = (overloaded(&running.rooms.orders), Watch::default());
        let (_, seen) = visit(orders, Arc::clone(&connected), Arc::clone(&order), watch).await;
        let after = running.rooms.orders.market.read_model.order(order.id).unwrap();
        assert_eq!((seen, after.state), (Seen::NoRoom, ActivationState::Active));

        let orders = Arc::clone(&running.rooms.orders);
        let (_, seen) = visit(orders, connected, Arc::clone(&order), watch).await;
        let after = running.rooms.orders.market.read_model.order(order.id).unwrap();
        assert_eq!((seen, after.messages.len()), (Seen::Standing, 1));
        assert_eq!(after.state, ActivationState::Completed, "paid for, and over there");
        running.stop().await.unwrap();
        sandbox.stop().await;
    }
}
