//! One life of the process: from what a disk holds to the next crash.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nexnum::market::change::Change;
use nexnum::market::grid_follower::GridFollower;
use nexnum::market::history::Follow;
use nexnum::market::last_terms::RowsByProvider;
use nexnum::market::read_model::ReadModel;
use nexnum::market::replay::{Decoded, Replay};
use nexnum::market::sequencer::LedgerWriter;
use nexnum::market::sequencer::core::{Accepted, Answer, Core};
use nexnum_engine::Engine;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::audit::audit;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::{Command, PlaceOrder, Placed, Reply};
use nexnum_engine::event::{Event, OfferEvent, ProviderKind};
use nexnum_engine::grid::{Coverage, Listing};
use nexnum_engine::ids::{OfferId, OrderId, ProviderId, Seq};
use nexnum_engine::money::Micros;
use nexnum_engine::order::Order;
use nexnum_engine::policy::Policy;
use nexnum_engine::replies::KeyUseRefusal;
use nexnum_engine::reservation::Claim;
use nexnum_engine::state::{Offer, State};
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::history::HistoryTables;
use nexnum_storage::{Ledger, LedgerId, Manifest, Reader, RedbLedger, StorageError};

use crate::archive;
use crate::auditor::Auditor;
use crate::late_ledger::LateLedger;
use crate::readers;

pub(crate) const ID: LedgerId = LedgerId([0x5A; 16]);

fn place() -> &'static Path {
    Path::new("simulated.redb")
}

/// Makes the ledger that a run begins with.
pub(crate) fn create(disk: &FaultyDisk) -> Result<(), String> {
    RedbLedger::create_on(disk.clone(), place(), ID).map(drop).map_err(|error| error.to_string())
}

/// Opens the ledger on what a crash has left.
pub(crate) fn open(disk: &FaultyDisk, manifest: &Manifest) -> Result<RedbLedger, StorageError> {
    RedbLedger::open_on(disk.clone(), place(), manifest)
}

/// What a replay of the whole ledger found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) replay: Replay,
    /// The last position of every row.
    pub(crate) rows: Vec<Seq>,
    /// Every order there ever was, as it last stood.
    pub(crate) orders: BTreeMap<OrderId, Order>,
}

/// Replays the ledger from its beginning, with an auditor.
///
/// # Errors
/// Damage, or the first invariant that is broken.
pub(crate) fn replay(reader: &Reader) -> Result<Found, String> {
    let words = |error: StorageError| format!("acknowledged rows are not readable: {error}");
    let (mut replay, mut auditor, mut rows) = (Replay::default(), Auditor::default(), Vec::new());
    // Group by group: what is retired with a row was still there within it.
    let (mut slow, mut orders) = (Engine::default(), BTreeMap::new());
    for row in reader.read(Seq(1)).map_err(words)? {
        let row = Decoded::from_row(&row.map_err(words)?).map_err(words)?;
        replay.apply(&row).map_err(words)?;
        for (head, events) in row.groups.iter() {
            auditor.see_group(head, events)?;
            slow.replay(head, events);
            for touched in events.iter().filter_map(Event::order) {
                if let Some(order) = slow.state().order(touched.id) {
                    orders.insert(order.id, order.clone());
                }
            }
        }
        rows.push(row.position().seq);
    }
    audit(replay.state())?;
    auditor.compare(replay.state())?;
    Ok(Found { replay, rows, orders })
}

/// Goes on from a snapshot's state; it must come to the one that `found` has.
pub(crate) fn replay_from(
    mut replay: Replay,
    reader: &Reader,
    found: &Found,
) -> Result<Replay, String> {
    let words = |error: StorageError| error.to_string();
    let from = Seq(replay.state().seq().0 + 1);
    for row in reader.read(from).map_err(words)? {
        let row = Decoded::from_row(&row.map_err(words)?).map_err(words)?;
        replay.apply(&row).map_err(words)?;
    }
    if replay.state() == found.replay.state() {
        Ok(replay)
    } else {
        Err("a snapshot and the rows after it give another state than all rows".to_owned())
    }
}

/// The running parts.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) writer: LedgerWriter<LateLedger>,
    pub(crate) core: Core,
    pub(crate) market: GridFollower,
    read_model: Arc<ReadModel>,
    pub(crate) follow: Follow,
    /// What is durable and shown, by the events alone.
    shadow: Engine,
    /// Claims of orders that have to be bought upstream.
    held: BTreeMap<OrderId, Claim>,
}

impl Life {
    /// Begins from a replayed engine.
    pub(crate) fn begin(
        late_ledger: LateLedger,
        replay: Replay,
        policy: Policy,
        tables: HistoryTables,
    ) -> Result<Self, String> {
        let state = replay.state().clone();
        let read_model = Arc::new(ReadModel::from_state(&state));
        // The file of last terms may be lost.
        let mut rows = RowsByProvider::new();
        for (id, _) in driven(&state).filter(|_| !state.seq().0.is_multiple_of(3)) {
            let (provider, row) = listing(&state, id);
            rows.entry(provider).or_default().push(row);
        }
        let (market, open) = GridFollower::from_state(Catalog::load(), &state, rows);
        let held: BTreeMap<_, _> = open.into_iter().map(|open| (open.order, open.claim)).collect();
        readers::compare(&read_model, &state)?;
        readers::stock_is(&market, &state)?;
        let waits = |id| state.order(id).is_some_and(|o| o.state == ActivationState::Init);
        if !held.keys().all(|id| waits(*id)) {
            return Err("a claim is open for an order that does not wait".to_owned());
        }
        let follow = archive::follow(tables, late_ledger.ledger.reader(), Arc::clone(&read_model));
        let core = Core::new(replay.into_engine().with_policy(policy));
        let shadow = Engine::from_state(state);
        let writer = LedgerWriter::new(late_ledger);
        Ok(Self { writer, core, market, read_model, follow, shadow, held })
    }

    /// Shows a durable change, as the server does.
    pub(crate) fn show(market: &GridFollower, read_model: &ReadModel, change: &Change) {
        market.publish(change);
        read_model.publish(change);
    }

    /// The parts that a commit needs at once.
    pub(crate) fn parts(&mut self) -> (&mut LedgerWriter<LateLedger>, &GridFollower, &ReadModel) {
        (&mut self.writer, &self.market, &self.read_model)
    }

    /// What readers see.
    pub(crate) const fn shown(&self) -> &State {
        self.shadow.state()
    }

    /// Brings what the ledger says of the keys that an order's may be, as a request does. Gives how
    /// many positions were read, and `None` where one is not on disk yet.
    pub(crate) fn bring(&self, command: &mut Command) -> Option<u64> {
        let Command::PlaceOrder(PlaceOrder { account, idempotency: Some(asked), .. }) = command
        else {
            return Some(0);
        };
        asked.read.clear();
        let ledger = self.writer.ledger.ledger.reader();
        let replies = self.core.state().replies();
        while let Err(KeyUseRefusal::Unread(at)) = replies.made_for(*account, asked) {
            if at > self.shown().seq() {
                return None;
            }
            let row = Decoded::holding(&ledger, at).expect("what is durable is read");
            let row = row.expect("what is durable is there");
            let head = row.groups.heads(row.first).find(|(seq, _)| *seq == at);
            let key_use = head.and_then(|(_, head)| head.key_use);
            asked.read.push((at, key_use.expect("a reply is of a head with a key")));
        }
        Some(asked.read.len() as u64)
    }

    /// Follows a change that was shown; readers must see the state after it.
    pub(crate) fn follow(&mut self, change: &Change) -> Result<(), String> {
        for (head, events) in change.groups.iter() {
            self.shadow.replay(head, events);
        }
        if self.shown().seq() > self.writer.ledger.last().seq {
            return Err(format!("{} was shown before it was durable", self.shown().seq()));
        }
        readers::compare(&self.read_model, self.shadow.state())?;
        self.sync(change);
        self.release();
        Ok(())
    }

    /// Puts driven offers into the grid, as a sync would: new ones at once, others now and then, at
    /// other terms.
    fn sync(&self, change: &Change) {
        for event in change.events() {
            let Event::Offer(OfferEvent::OffersListed { provider, first, offers }) = event else {
                continue;
            };
            let ids = (first.0..).take(offers.len()).map(OfferId);
            if self.shown().provider(*provider).is_some_and(|of| of.kind == ProviderKind::Driven) {
                self.publish(ids);
            }
        }
        if self.shown().seq().0.is_multiple_of(5) {
            let offers = driven(self.shown()).map(|(id, _)| id);
            self.publish(offers.filter(|id| self.market.grid().ask(*id).is_some()));
        }
    }

    fn publish(&self, offers: impl Iterator<Item = OfferId>) {
        for offer in offers {
            let (provider, row) = listing(self.shown(), offer);
            self.market.grid().publish(provider, &[row], Coverage::Delta).unwrap();
        }
    }

    /// Keeps the claim that an answer hands on.
    pub(crate) fn keep_claim(&mut self, answer: Answer) {
        if let Ok(Accepted { reply: Reply::Placed(Placed::Waiting(order)), claim: Some(claim) }) =
            answer
        {
            self.held.insert(order, claim);
            self.release();
        }
    }

    /// Ends the claims of orders that wait no longer: sold with a number, else given back.
    fn release(&mut self) {
        let state = self.shadow.state();
        let ended = |id: &OrderId| {
            state.order(*id).is_none_or(|order| order.state != ActivationState::Init)
        };
        let over: Vec<OrderId> = self.held.keys().copied().filter(ended).collect();
        for id in over {
            let claim = self.held.remove(&id).expect("it was just there");
            let order = state.order(id);
            if order.is_some_and(|o| o.assignment.is_some() && o.offer == claim.offer()) {
                claim.book();
            }
        }
    }

    /// Holds what history counts against the whole ledger.
    pub(crate) fn check_tallies(&self) -> Result<(), String> {
        let (reader, read_model) =
            (self.writer.ledger.ledger.reader(), Arc::clone(&self.read_model));
        archive::compare_tallies(&self.follow.tables, reader, read_model)
    }

    /// Lets history follow up to what is shown, as its thread does now and then.
    pub(crate) fn follow_history(&self, flush: bool) -> Result<(), String> {
        let end = self.read_model.position();
        self.follow.catch_up(end, false).map_err(|error| error.to_string())?;
        if flush { self.follow.flush().map_err(|error| error.to_string()) } else { Ok(()) }
    }
}

fn driven(state: &State) -> impl Iterator<Item = (OfferId, &Offer)> {
    let is_driven = |of: &Offer| {
        state.provider(of.provider).is_some_and(|known| known.kind == ProviderKind::Driven)
    };
    state.offers().filter(move |(_, offer)| is_driven(offer))
}

/// What a provider's list says of an offer when the ledger is at this position.
fn listing(state: &State, id: OfferId) -> (ProviderId, Listing) {
    let Offer { provider, product, variant, .. } = *state.offer(id).expect("it was listed");
    let turn = u64::from(id.0) * 7 + state.seq().0;
    let (cost, stock) = (Micros(20 + (turn % 30) as i64), (turn % 9) as u32);
    let price = Micros(cost.0 + 20);
    (provider, Listing { offer: id, product, variant, cost, price, stock })
}
