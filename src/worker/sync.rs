//! Syncing: a provider's price list becomes offers, prices in the ledger, and the grid.
//!
//! Durable before visible: a new price is in the ledger before a buyer can meet it. The
//! engine is told in small commands, so that orders pass between them; what a list does
//! not name any more is sold out. The same loop probes a provider behind an open breaker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::breaker::Input;
use nexnum_engine::command::{ListOffers, NameOperator, PriceOffers, Request};
use nexnum_engine::event::OfferTerms;
use nexnum_engine::grid::{Coverage, Listing};
use nexnum_engine::ids::{OfferId, OperatorId};
use nexnum_engine::money::Micros;
use tokio::sync::watch;
use tokio::task::JoinError;

use super::price_list::{
    self, Differences, Key, Naming, Quarantine, Row, Translated, differences, naming, operators,
    price, translate,
};
use super::{insist, stopped_within};
use crate::app::App;
use crate::provider::connected::{Connected, Failure, breaker_input};
use crate::provider::driver::Op;
use crate::provider::outcome::ProviderError;
use crate::provider::output::PriceList;

/// Rows of one command: some 100 µs of the engine's time.
const CHUNK: usize = 2_000;
/// How long a command of a sync waits for a full inbox: orders go first.
const COMMAND_MS: u64 = 30_000;
/// How often an open breaker is looked at.
const PROBE_TICK: Duration = Duration::from_secs(1);
/// Between two tries of a provider's first list: without it nothing of it is for sale.
const UNLISTED_PAUSE: Duration = Duration::from_secs(3);

/// Why a sync ended early; what it had told the ledger by then stands.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    /// The provider did not answer with a list.
    #[error("the provider gave no list: {0}: {excerpt}", excerpt = .0.excerpt)]
    Provider(ProviderError),
    /// The list is empty, or nothing in it is known, or it shrank too much.
    #[error("the list is not believed: {rows} rows, {known} of them known")]
    Unbelieved { rows: usize, known: usize },
    /// The engine refused, was too busy for long, or has stopped.
    #[error("the engine did not take it: {0}")]
    Engine(String),
    /// The rows do not fit the grid.
    #[error("the grid did not take it: {0}")]
    Grid(#[from] nexnum_engine::grid::PublishError),
    /// The process is ending.
    #[error("the work was cut")]
    Cut(#[from] JoinError),
}

/// Syncs one provider.
pub(super) struct Syncer {
    app: Arc<App>,
    connected: Arc<Connected>,
    quarantine: Quarantine,
    /// Operators that it has offers of, or brought in while this process runs.
    operators: BTreeSet<OperatorId>,
    /// Operators and rows that found no room at the last sync.
    refused: (usize, usize),
}

impl Syncer {
    pub(super) fn new(app: &Arc<App>, connected: &Arc<Connected>) -> Self {
        let (app, connected) = (Arc::clone(app), Arc::clone(connected));
        let offers = app.read_model.directory().offers_of(connected.id());
        let has_stock = |offer| app.market.grid().ask(offer).is_some_and(|ask| ask.stock > 0);
        let sold = offers.iter().filter(|(_, offer)| has_stock(*offer)).count();
        let operators = offers.iter().map(|((_, operator), _)| *operator).collect();
        let quarantine = Quarantine::after(sold);
        Self { app, connected, quarantine, operators, refused: (0, 0) }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let connected = Arc::clone(&self.connected);
        let interval = Duration::from_millis(connected.policy().sync_interval_ms);
        loop {
            let began = tokio::time::Instant::now();
            if connected.is_enabled() {
                tokio::select! {
                    () = self.sync() => {}
                    true = stopped_within(&mut stop, Duration::MAX) => return,
                }
            }
            let listed = connected.health().last_sync_at.is_some();
            let next = began + if listed { interval } else { interval.min(UNLISTED_PAUSE) };
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(next) => break,
                    () = connected.sync_wanted() => break,
                    stopped = stopped_within(&mut stop, PROBE_TICK) => {
                        if stopped {
                            return;
                        }
                        self.probe().await;
                    }
                }
            }
        }
    }

    /// Makes the one probe that an open breaker allows when its pause is over.
    async fn probe(&self) {
        if !self.connected.may_probe(self.app.clock.now()) {
            return;
        }
        let client = self.connected.client();
        let (op, outcome) = if self.connected.driver().supports(Op::Balance) {
            (Op::Balance, client.balance().await.map(drop))
        } else {
            (Op::Prices, client.prices().await.map(drop))
        };
        let now = self.app.clock.now();
        let input = match outcome {
            Ok(()) => Input::Good,
            Err(error) => {
                self.connected.note_error(now, op, None, &error);
                breaker_input(error.kind).unwrap_or(Input::Bad)
            }
        };
        self.connected.feed(self.app.market.grid(), input, now);
    }

    async fn sync(&mut self) {
        self.ask_balance().await;
        let Err(error) = self.sync_prices().await else { return };
        let (now, provider) = (self.app.clock.now(), self.connected.name());
        tracing::warn!(provider, %error, "a sync changed nothing, or not all");
        match error {
            SyncError::Provider(error) => {
                self.connected.note_error(now, Op::Prices, None, &error);
            }
            SyncError::Unbelieved { .. }
            | SyncError::Engine(_)
            | SyncError::Grid(_)
            | SyncError::Cut(_) => {
                let (op, text) = (Op::Prices, error.to_string());
                self.connected.note_failure(Failure { at: now, op, order: None, text });
            }
        }
    }

    async fn ask_balance(&self) {
        if !self.connected.driver().supports(Op::Balance) {
            return;
        }
        match self.connected.client().balance().await {
            Ok(balance) => self.connected.note(|health| health.balance = Some(balance)),
            Err(error) => {
                let now = self.app.clock.now();
                self.connected.note_error(now, Op::Balance, None, &error);
            }
        }
    }

    async fn sync_prices(&mut self) -> Result<(), SyncError> {
        let list = self.connected.client().prices().await.map_err(SyncError::Provider)?;
        let rows = self.read(list).await?;
        let (operators, nameless) = self.name_operators(&rows).await?;
        let connected = Arc::clone(&self.connected);
        let margin = connected.policy().margin;
        // On a thread of its own: requests must not wait for a hundred thousand rows.
        let priced = tokio::task::spawn_blocking(move || price(rows, &operators, margin));
        let (mut rows, misfits) = priced.await?;
        let offers = self.app.read_model.directory().offers_of(connected.id());
        let app = Arc::clone(&self.app);
        let held = self.quarantine.hold_jumps(&mut rows, |key| known_cost(&app, &offers, key));
        if held > 0 {
            let provider = connected.name();
            tracing::warn!(provider, rows = held, "prices have jumped and are kept out");
        }
        let (listed, refused) = self.record(&rows, offers).await?;
        let sold = listed.len();
        self.publish(listed).await?;
        self.note_refused((nameless, refused));
        let now = self.app.clock.now();
        connected.note(|health| {
            health.last_sync_at = Some(now);
            (health.offers, health.quarantined) = (sold, held);
            health.misfits += misfits + refused;
        });
        Ok(())
    }

    /// The rows of a list that is believed, their products known.
    async fn read(&mut self, list: PriceList) -> Result<Vec<Translated>, SyncError> {
        let (len, unread) = (list.rows.len(), list.misfits as usize);
        let connected = Arc::clone(&self.connected);
        let translated =
            tokio::task::spawn_blocking(move || translate(list, connected.crosswalk()));
        let (rows, unknown) = translated.await?;
        let believed = self.quarantine.admits_list(rows.len());
        self.connected.note(|health| {
            (health.rows, health.unknown_rows, health.misfits) = (len + unread, unknown, unread);
            health.quarantined = if believed { 0 } else { rows.len() };
        });
        if believed {
            Ok(rows)
        } else {
            Err(SyncError::Unbelieved { rows: len, known: rows.len() })
        }
    }

    /// Tells the operator of what found no room, once while it is as much.
    fn note_refused(&mut self, refused: (usize, usize)) {
        let (operators, rows) = refused;
        if refused != (0, 0) && refused != self.refused {
            let text = format!(
                "{operators} operators and {rows} rows are beyond the {} and {} of one provider",
                price_list::OPERATORS_MAX,
                price_list::OFFERS_MAX
            );
            let (at, op) = (self.app.clock.now(), Op::Prices);
            self.connected.note_failure(Failure { at, op, order: None, text });
        }
        self.refused = refused;
    }

    /// The ids of the operators in a list, new names interned; gives how many get none.
    async fn name_operators(
        &mut self,
        rows: &[Translated],
    ) -> Result<(BTreeMap<Box<str>, OperatorId>, usize), SyncError> {
        let directory = self.app.read_model.directory();
        let room = price_list::OPERATORS_MAX.saturating_sub(self.operators.len());
        let named = naming(operators(rows), |name| directory.operator(name), room);
        let Naming { known: mut ids, new, refused } = named;
        for name in new {
            let command = NameOperator { name: name.clone() };
            // Without room in the engine it is refused; its rows are counted as misfits.
            if let Some(id) = self.tell(&command).await? {
                ids.insert(name, id);
                self.operators.insert(id);
            }
        }
        Ok((ids, refused))
    }

    /// Sends a command; `None` if the engine refuses it.
    async fn tell<R: Request + Clone>(&self, request: &R) -> Result<Option<R::Answer>, SyncError> {
        let until = self.app.clock.now().plus_ms(COMMAND_MS);
        let answer = insist(&self.app, request, until).await;
        let answer = answer.map_err(|error| SyncError::Engine(error.to_string()))?;
        Ok(answer.ok())
    }

    async fn tell_whole(
        &self,
        request: &(impl Request + Clone),
        what: &str,
    ) -> Result<(), SyncError> {
        let answer = self.tell(request).await?;
        answer.map(drop).ok_or_else(|| SyncError::Engine(format!("{what} were refused")))
    }

    /// Brings new offers, new terms and what is gone into the ledger; gives the rows as the
    /// grid takes them, and how many found no room.
    async fn record(
        &self,
        rows: &[Row],
        mut offers: Vec<(Key, OfferId)>,
    ) -> Result<(Vec<Listing>, usize), SyncError> {
        let provider = self.connected.id();
        let differences = differences(rows, &offers, price_list::OFFERS_MAX);
        let Differences { unseen, mut refused, gone } = differences;
        for chunk in unseen.chunks(CHUNK) {
            let command = ListOffers { provider, offers: chunk.to_vec() };
            // Without room for new offers the known ones are priced all the same.
            if self.tell(&command).await?.is_none() {
                refused += chunk.len();
            }
        }
        if !unseen.is_empty() {
            // What was answered is published: the new ids are there.
            offers = self.app.read_model.directory().offers_of(provider);
        }
        let listed = listings(rows, &offers);
        let terms = |listing: &Listing| OfferTerms {
            offer: listing.offer,
            cost: listing.cost,
            price: listing.price,
            stock: listing.stock,
        };
        for chunk in listed.chunks(CHUNK) {
            let terms = chunk.iter().map(terms).collect();
            self.tell_whole(&PriceOffers { provider, terms }, "prices").await?;
        }
        let sold_out: Vec<_> = gone.iter().filter_map(|offer| self.sold_out(*offer)).collect();
        for chunk in sold_out.chunks(CHUNK) {
            let terms = chunk.to_vec();
            self.tell_whole(&PriceOffers { provider, terms }, "sold-out offers").await?;
        }
        Ok((listed, refused))
    }

    /// The terms of an offer that is gone: its last price, without stock. One that was
    /// never priced has none.
    fn sold_out(&self, offer: OfferId) -> Option<OfferTerms> {
        let ask = self.app.market.grid().ask(offer)?;
        let (cost, price) = (ask.cost, ask.price);
        price.is_positive().then_some(OfferTerms { offer, cost, price, stock: 0 })
    }

    async fn publish(&self, listed: Vec<Listing>) -> Result<(), SyncError> {
        let (grid, provider) = (Arc::clone(self.app.market.grid()), self.connected.id());
        let publish = move || grid.publish(provider, &listed, Coverage::Whole);
        tokio::task::spawn_blocking(publish).await??;
        Ok(())
    }
}

fn known_cost(app: &App, offers: &[(Key, OfferId)], key: Key) -> Option<Micros> {
    let at = offers.binary_search_by_key(&key, |(known, _)| *known).ok()?;
    app.market.grid().ask(offers[at].1).map(|ask| ask.cost)
}

/// Rows with their offers. Both lists are sorted by key; a row without an offer is left out.
fn listings(rows: &[Row], offers: &[(Key, OfferId)]) -> Vec<Listing> {
    let mut offers = offers.iter().peekable();
    let listing = |row: &Row| {
        while offers.next_if(|(key, _)| *key < row.key).is_some() {}
        let (_, offer) = offers.next_if(|(key, _)| *key == row.key)?;
        let (product, operator) = row.key;
        let (cost, price, stock) = (row.cost, row.price, row.stock);
        Some(Listing { offer: *offer, product, operator, cost, price, stock })
    };
    rows.iter().filter_map(listing).collect()
}
