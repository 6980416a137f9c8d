//! Taking in a provider's list: it becomes offers, which the ledger knows by their ids, and prices
//! and stock, which the grid has alone.
//!
//! The engine gets small commands, so that orders pass between them; an offer that the list does not
//! name any more is sold out. A list of a provider that has lost its last terms is held against what
//! its recent orders cost, and where there are none, held back until the operator accepts it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use nexnum_driver::{Op, PriceList};
use nexnum_engine::command::{ListOffers, NameVariant, Request};
use nexnum_engine::grid::{Coverage, Grid, Listing};
use nexnum_engine::group::Actor;
use nexnum_engine::ids::{OfferId, VariantId};
use nexnum_engine::product::{OfferKey, Variant};
use tokio::task::JoinError;

use super::obtainable;
use super::price_list::{
    self, Differences, Naming, Priced, Row, Translated, carriers, differences, naming, price,
    translate,
};
use super::quarantine::{Fallen, KnownCost, Quarantine};
use crate::market::Market;
use crate::provider::accepted::Acceptance;
use crate::provider::connected::{Connected, Failure};

/// Rows of one command: some 100 µs of the engine's time.
const CHUNK: usize = 2_000;
/// How long a command of a sync waits for a full inbox: orders go first.
const COMMAND_MS: u64 = 30_000;

/// Why a list changed nothing, or not all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// The list is not to be trusted before it has come a few times.
    #[error("{why}")]
    Untrusted {
        /// What is wrong with it.
        why: Distrust,
    },
    /// The engine was too busy for long, or has stopped.
    #[error("the engine did not take the rows: {0}")]
    NotTaken(String),
    /// The data folder does not take the file that would keep the terms.
    #[error("the file of the last terms cannot be written, see the log: is the disk full?")]
    NotKept,
    /// The rows do not fit the grid.
    #[error("the grid refused the rows: {0}")]
    Grid(#[from] nexnum_engine::grid::PublishError),
    /// The rows could not be worked on: the process is ending, or their work panicked.
    #[error("the rows could not be worked on: {0}")]
    Cut(#[from] JoinError),
}

/// Why a list is not trusted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Distrust {
    /// It is empty, or nothing in it is known, or it shrank too much.
    #[error(
        "the list is empty or shrank too much to be trusted: {rows} rows, {known} of a known country and service"
    )]
    Shrunken {
        /// Rows of the list.
        rows: usize,
        /// Those of a known country and service.
        known: usize,
    },
    /// Most of what could be sold has no price or no stock any more.
    #[error(
        "most of what was for sale has no price or no stock any more: {sellable} rows can be sold, {before} could before"
    )]
    Emptied {
        /// Rows that can be sold.
        sellable: usize,
        /// Rows of the last trusted list that could.
        before: usize,
    },
    /// Nothing tells whether its costs are right.
    #[error(
        "the terms of its last list are lost, and no recent order tells what one of its {rows} rows costs"
    )]
    Unvouched {
        /// Rows that have a price.
        rows: usize,
    },
    /// Most of its costs fell.
    #[error(
        "most costs fell too far to be trusted: {fallen} of {of} are below a third of what they were; is the account in another currency?"
    )]
    Fallen {
        /// Rows that cost less than a third of what they did.
        fallen: usize,
        /// Rows whose cost was known.
        of: usize,
    },
}

/// Takes in the lists of one provider.
pub(crate) struct Intake {
    market: Market,
    connected: Arc<Connected>,
    quarantine: Quarantine,
    /// Carriers that it has offers of, or brought in while this process runs.
    carriers: BTreeSet<VariantId>,
    /// Carriers and rows that found no room at the last sync.
    refused: (usize, usize),
}

impl Intake {
    pub(crate) fn new(market: &Market, connected: &Arc<Connected>) -> Self {
        let (market, connected) = (market.clone(), Arc::clone(connected));
        let offers = market.read_model.directory().offers_of(connected.id());
        let has_stock = |offer| market.grid.ask(offer).is_some_and(|ask| ask.stock > 0);
        let sold = offers.iter().filter(|(_, offer)| has_stock(*offer)).count();
        let carriers = offers.iter().map(|(key, _)| key.variant).collect();
        let quarantine = Quarantine::after(sold);
        Self { market, connected, quarantine, carriers, refused: (0, 0) }
    }

    /// Takes a list in: its trusted rows become offers, prices and stock.
    ///
    /// # Errors
    /// Why the list changed nothing, or not all; what was committed before the error stands.
    pub(crate) async fn take_in(
        &mut self,
        list: PriceList,
        accepted: Option<Acceptance>,
    ) -> Result<(), IntakeError> {
        let Some(acceptance) = accepted else { return self.take(list, false).await };
        // What is accepted is held against nothing.
        let before = mem::take(&mut self.quarantine);
        let taken = self.take(list, true).await;
        if taken.is_err() {
            self.quarantine = before;
        } else {
            self.connected.accepted().taken_in(acceptance);
        }
        taken
    }

    /// Waits until it is known what recent orders cost, if a list is to be held against that.
    pub(crate) async fn ready(&self) {
        if self.has_lost_terms() {
            self.market.last_terms.orders_looked_at().await;
        }
    }

    fn has_lost_terms(&self) -> bool {
        let offers = self.market.read_model.directory().offers_of(self.connected.id());
        self.market.last_terms.are_lost(self.connected.id(), offers.len())
    }

    async fn take(&mut self, list: PriceList, is_accepted: bool) -> Result<(), IntakeError> {
        // 1. Rows of known products, from a list that is trusted.
        let rows = self.read(list).await?;
        // 2. Carriers get ids, rows get prices; jumps of a price are held back.
        let (carriers, nameless) = self.name_carriers(&rows).await?;
        let connected = Arc::clone(&self.connected);
        let margin = connected.policy().margin;
        // On a thread of its own: requests must not wait for a hundred thousand rows.
        let priced = tokio::task::spawn_blocking(move || price(rows, &carriers, margin));
        let Priced { mut rows, free, misfits } = priced.await?;
        let sellable = rows.iter().filter(|row| row.stock > 0).count();
        self.quarantine.admits_stock(sellable).map_err(|before| {
            connected.note(|health| health.quarantined = rows.len() + free.len());
            IntakeError::Untrusted { why: Distrust::Emptied { sellable, before } }
        })?;
        // Before jumps are looked for: a price that is known does not jump.
        let least = connected.least_costs();
        let now = self.market.clock.now();
        let caught_up = obtainable::correct(&mut rows, least, margin, now);
        let offers = self.market.read_model.directory().offers_of(connected.id());
        let held = self.hold_back((&mut rows, &free), &offers, is_accepted)?;
        // 3. The offers, then their terms. The file names a new provider first: a start that finds
        // offers and no terms takes those for lost.
        let is_new = offers.is_empty();
        if is_new && self.market.last_terms.trusts(connected.id()) {
            self.keep_terms().await.then_some(()).ok_or(IntakeError::NotKept)?;
        }
        let (listed, refused) = self.record(&rows, offers).await?;
        let sold = listed.len();
        self.publish(listed).await?;
        let is_first = self.market.last_terms.trusts(connected.id()) || is_new;
        // 4. What says that older costs are over is written after the new ones.
        let is_news = is_first || connected.costs_are_void() || !caught_up.is_empty();
        if !is_news || self.keep_terms().await {
            obtainable::believe(&rows, least, caught_up);
            connected.has_costs();
        }
        obtainable::correct_grid(&self.market.grid, least, margin, self.market.clock.now());
        let in_stock = rows.iter().filter(|row| row.stock > 0);
        connected.funds().set_cheapest(in_stock.map(|row| row.cost).min());
        connected.has_list();
        // 5. What the operator sees of it.
        self.note_refused((nameless, refused));
        let now = self.market.clock.now();
        connected.note(|health| {
            health.last_sync_at = Some(now);
            (health.offers, health.quarantined) = (sold, held);
            health.misfits += misfits + refused;
        });
        Ok(())
    }

    /// Takes out the rows whose costs have jumped; gives how many.
    ///
    /// # Errors
    /// No row is to be believed.
    fn hold_back(
        &mut self,
        (rows, free): (&mut Vec<Row>, &BTreeSet<OfferKey>),
        offers: &[(OfferKey, OfferId)],
        is_accepted: bool,
    ) -> Result<usize, IntakeError> {
        let (connected, grid, len) = (&self.connected, &self.market.grid, rows.len());
        // Costs in another currency, or at another rate, say nothing of these.
        let is_new = connected.costs_are_void() || is_accepted;
        let known = |key| known_cost(grid, offers, key).filter(|_| !is_new);
        let is_lost = self.market.last_terms.are_lost(connected.id(), offers.len());
        if is_lost && !is_new && rows.iter().all(|row| known(row.key).is_none()) {
            connected.note(|health| health.quarantined = len);
            return Err(IntakeError::Untrusted { why: Distrust::Unvouched { rows: len } });
        }
        self.quarantine.hold_jumps(rows, free, known).map_err(|Fallen { fallen, of }| {
            connected.note(|health| health.quarantined = len);
            IntakeError::Untrusted { why: Distrust::Fallen { fallen, of } }
        })
    }

    /// Writes the last terms; false if that failed.
    async fn keep_terms(&self) -> bool {
        let market = self.market.clone();
        let written = tokio::task::spawn_blocking(move || market.keep_terms()).await;
        written.unwrap_or(false)
    }

    /// The rows of known products, if the list is trusted.
    async fn read(&mut self, list: PriceList) -> Result<Vec<Translated>, IntakeError> {
        let (len, unread) = (list.rows.len(), list.misfits as usize);
        let connected = Arc::clone(&self.connected);
        let translated =
            tokio::task::spawn_blocking(move || translate(list, connected.crosswalk()));
        let (rows, unknown) = translated.await?;
        let trusted = self.quarantine.admits_list(rows.len());
        self.connected.note(|health| {
            (health.rows, health.unknown_rows, health.misfits) = (len + unread, unknown, unread);
            health.quarantined = if trusted { 0 } else { rows.len() };
        });
        if trusted {
            Ok(rows)
        } else {
            let why = Distrust::Shrunken { rows: len, known: rows.len() };
            Err(IntakeError::Untrusted { why })
        }
    }

    /// Notes what found no room in the provider's failures, once while the numbers stay the
    /// same.
    fn note_refused(&mut self, refused: (usize, usize)) {
        let (carriers, rows) = refused;
        if refused != (0, 0) && refused != self.refused {
            let text = format!(
                "{carriers} carriers and {rows} rows are beyond the {} and {} of one provider",
                price_list::CARRIERS_MAX,
                price_list::OFFERS_MAX
            );
            let (at, op) = (self.market.clock.now(), Op::Prices);
            self.connected.note_failure(Failure { at, op, order: None, text });
        }
        self.refused = refused;
    }

    /// The ids of the carriers in a list, new names interned; gives how many get none.
    async fn name_carriers(
        &mut self,
        rows: &[Translated],
    ) -> Result<(BTreeMap<Box<str>, VariantId>, usize), IntakeError> {
        let directory = self.market.read_model.directory();
        let room = price_list::CARRIERS_MAX.saturating_sub(self.carriers.len());
        let named = naming(
            carriers(rows),
            |name| directory.variant(&Variant::of_carrier(name.into())),
            room,
        );
        let Naming { known: mut ids, new, refused } = named;
        for name in new {
            let command = NameVariant::of_carrier(name.clone());
            // Without room in the engine it is refused; its rows are counted as misfits.
            if let Some(id) = self.send(command).await? {
                ids.insert(name, id);
                self.carriers.insert(id);
            }
        }
        Ok((ids, refused))
    }

    /// Sends a command; `None` if the engine refuses it.
    async fn send<R: Request>(&self, request: R) -> Result<Option<R::Answer>, IntakeError> {
        let until = self.market.clock.now().plus_ms(COMMAND_MS);
        let by = Actor::Worker(self.connected.id());
        let answer = self.market.send_whole_until(by, request, until).await;
        let answer = answer.map_err(|error| IntakeError::NotTaken(error.to_string()))?;
        Ok(answer.ok())
    }

    /// Brings new offers into the ledger, which gives them their ids; gives the rows as the grid
    /// takes them, and how many found no room.
    async fn record(
        &self,
        rows: &[Row],
        mut offers: Vec<(OfferKey, OfferId)>,
    ) -> Result<(Vec<Listing>, usize), IntakeError> {
        let provider = self.connected.id();
        let differences = differences(rows, &offers, price_list::OFFERS_MAX);
        let Differences { unseen, mut refused } = differences;
        for chunk in unseen.chunks(CHUNK) {
            let command = ListOffers { provider, offers: chunk.to_vec() };
            // Without room for new offers the known ones are priced all the same.
            if self.send(command).await?.is_none() {
                refused += chunk.len();
            }
        }
        if !unseen.is_empty() {
            // What was answered is published: the new ids are there.
            offers = self.market.read_model.directory().offers_of(provider);
        }
        Ok((listings(rows, &offers), refused))
    }

    async fn publish(&self, listed: Vec<Listing>) -> Result<(), IntakeError> {
        let (grid, provider) = (Arc::clone(&self.market.grid), self.connected.id());
        let publish = move || grid.publish(provider, &listed, Coverage::Whole);
        tokio::task::spawn_blocking(publish).await??;
        Ok(())
    }
}

/// What a row's cost is held against: that of its offer, or where that is new, the least of
/// its product's others. `offers` are sorted by key.
fn known_cost(grid: &Grid, offers: &[(OfferKey, OfferId)], key: OfferKey) -> Option<KnownCost> {
    let cost = |(_, offer): &(OfferKey, OfferId)| grid.ask(*offer).map(|ask| ask.cost);
    let product = |(key, _): &(OfferKey, OfferId)| key.product;
    let first = offers.partition_point(|offer| product(offer) < key.product);
    let others = offers[first..].iter().take_while(|offer| product(offer) == key.product);
    let own = others.clone().find(|(known, _)| *known == key).and_then(cost);
    let least = || others.filter_map(cost).filter(|cost| cost.is_positive()).min();
    own.map(KnownCost::OfOffer).or_else(|| least().map(KnownCost::OfProduct))
}

/// Rows with their offers. Both lists are sorted by key; a row without an offer is left out.
fn listings(rows: &[Row], offers: &[(OfferKey, OfferId)]) -> Vec<Listing> {
    let mut offers = offers.iter().peekable();
    let listing = |row: &Row| {
        while offers.next_if(|(key, _)| *key < row.key).is_some() {}
        let (_, offer) = offers.next_if(|(key, _)| *key == row.key)?;
        let OfferKey { product, variant, .. } = row.key;
        let (cost, price, stock) = (row.cost, row.price, row.stock);
        Some(Listing { offer: *offer, product, variant, cost, price, stock })
    };
    rows.iter().filter_map(listing).collect()
}
