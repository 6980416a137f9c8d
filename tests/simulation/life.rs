//! One life of the process: from what a disk holds to the next crash.

use std::collections::BTreeMap;
use std::path::Path;

use nexnum::boot;
use nexnum::market::Market;
use nexnum::read_model::ReadModel;
use nexnum::replay::{Decoded, Replay};
use nexnum::sequencer::core::{Accepted, Answer, Change, Core};
use nexnum_engine::Engine;
use nexnum_engine::activation::ActivationState;
use nexnum_engine::audit::{audit, state_hash};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::command::Reply;
use nexnum_engine::event::{Event, ProviderKind};
use nexnum_engine::grid::{Coverage, Listing};
use nexnum_engine::ids::{OrderId, Seq};
use nexnum_engine::reservation::Claim;
use nexnum_engine::state::State;
use nexnum_engine::time::Time;
use nexnum_storage::fault::FaultyDisk;
use nexnum_storage::snapshot::{Snapshot, SnapshotHeader};
use nexnum_storage::{Ledger, LedgerId, Manifest, Reader, RedbLedger, StorageError, record};

use crate::desk::Desk;
use crate::readers;
use crate::witness::Witness;

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
}

/// Replays the ledger from its beginning, with a witness.
///
/// # Errors
/// Damage, or the first invariant that is broken.
pub(crate) fn replay(reader: &Reader) -> Result<Found, String> {
    let words = |error: StorageError| format!("acknowledged rows are not readable: {error}");
    let (mut replay, mut witness, mut rows) = (Replay::default(), Witness::default(), Vec::new());
    for row in reader.read(Seq(1)).map_err(words)? {
        let row = Decoded::from_row(&row.map_err(words)?).map_err(words)?;
        replay.apply(&row).map_err(words)?;
        for event in &row.events {
            witness.see(row.at, event)?;
        }
        rows.push(row.position().seq);
    }
    audit(replay.state())?;
    witness.compare(replay.state())?;
    Ok(Found { replay, rows })
}

/// Replays from a snapshot; the state must be the one that `found` has.
pub(crate) fn replay_from(
    snapshot: &Snapshot,
    reader: &Reader,
    found: &Found,
) -> Result<Replay, String> {
    let words = |error: StorageError| error.to_string();
    let Snapshot { header, .. } = snapshot;
    let hash = reader.hash_at(header.position.seq).map_err(words)?;
    if hash != Some(header.position.hash) {
        return Err(format!("the ledger does not bear out the snapshot at {:?}", header.position));
    }
    let state = boot::state_of(snapshot)?;
    if state_hash(&state) != header.state_hash {
        return Err("the snapshot's rows are another state".to_owned());
    }
    let mut replay = Replay::from_state(state, header.at);
    let from = Seq(header.position.seq.0 + 1);
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
    pub(crate) desk: Desk,
    pub(crate) core: Core,
    pub(crate) market: Market,
    read_model: ReadModel,
    /// What is durable and shown, by the events alone.
    shadow: Engine,
    shown_at: Time,
    /// Claims of orders that have to be bought upstream.
    held: BTreeMap<OrderId, Claim>,
}

impl Life {
    /// Begins from a replayed engine.
    pub(crate) fn begin(desk: Desk, replay: Replay) -> Result<Self, String> {
        let (state, shown_at) = (replay.state().clone(), replay.at());
        let read_model = ReadModel::from_state(&state);
        let (market, open) = Market::from_state(Catalog::load(), &state);
        let held: BTreeMap<_, _> = open.into_iter().map(|open| (open.order, open.claim)).collect();
        readers::compare(&read_model, &state)?;
        readers::stock_is(&market, &state)?;
        let waits = |id| state.order(id).is_some_and(|o| o.state == ActivationState::Init);
        if !held.keys().all(|id| waits(*id)) {
            return Err("a claim is open for an order that does not wait".to_owned());
        }
        let (core, shadow) = (Core::new(replay.into_engine()), Engine::from_state(state));
        Ok(Self { desk, core, market, read_model, shadow, shown_at, held })
    }

    /// Shows a durable change, as the server does.
    pub(crate) fn show(market: &Market, read_model: &ReadModel, change: &Change) {
        market.publish(change);
        read_model.publish(change);
    }

    /// The parts that a commit needs at once.
    pub(crate) const fn parts(&mut self) -> (&mut Desk, &Market, &ReadModel) {
        (&mut self.desk, &self.market, &self.read_model)
    }

    /// What readers see.
    pub(crate) const fn shown(&self) -> &State {
        self.shadow.state()
    }

    /// Follows a change that was shown; readers must see the state after it.
    pub(crate) fn follow(&mut self, change: &Change) -> Result<(), String> {
        for event in &change.events {
            self.shadow.replay(change.at, event);
        }
        self.shown_at = change.at;
        if self.shown().seq() > self.desk.last().seq {
            return Err(format!("{} was shown before it was durable", self.shown().seq()));
        }
        readers::compare(&self.read_model, self.shadow.state())?;
        self.sync(change);
        self.release();
        Ok(())
    }

    /// Puts driven offers into the grid, as a sync would after its commands.
    fn sync(&self, change: &Change) {
        for event in &change.events {
            let Event::OffersPriced { provider, terms } = event else { continue };
            let known = self.shown().provider(*provider).expect("it was registered");
            if known.kind == ProviderKind::Own {
                continue;
            }
            let row = |terms: &nexnum_engine::event::OfferTerms| {
                let offer = self.shown().offer(terms.offer).expect("it was listed");
                Listing {
                    offer: terms.offer,
                    product: offer.product,
                    operator: offer.operator,
                    cost: terms.cost,
                    price: terms.price,
                    stock: terms.stock,
                }
            };
            let rows: Vec<_> = terms.iter().map(row).collect();
            self.market.grid().publish(*provider, &rows, Coverage::Delta).unwrap();
        }
    }

    /// Keeps the claim that an answer hands on.
    pub(crate) fn keep_claim(&mut self, answer: Answer) {
        if let Ok(Accepted { reply: Reply::Placed(order, _), claim: Some(claim) }) = answer {
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

    /// A snapshot of what is durable, and what the manifest says from now on.
    pub(crate) fn snapshot(&self) -> (Snapshot, Manifest) {
        let state = self.shown();
        let mut payload = Vec::new();
        state.rows().for_each(|row| record::encode_row(&row, &mut payload));
        let header = SnapshotHeader {
            id: ID,
            position: self.desk.last(),
            at: self.shown_at,
            state_hash: state_hash(state),
        };
        (Snapshot { header, payload }, self.desk.ledger.manifest())
    }
}
