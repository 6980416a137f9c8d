//! The numbers of activations, opened for those who may read them.
//!
//! Promises: a number is opened when it is looked at first, and in memory in clear while its order is
//! open and no longer. Of own stock, whose
//! numbers stand in the ledger with their load, the loads that were looked at last are in memory as
//! they are there, sealed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use nexnum_engine::activation::{Assignment, NumberPlace};
use nexnum_engine::event::{Event, LoadedNumber, OfferEvent};
use nexnum_engine::ids::{LoadId, Number, OrderId};
use nexnum_engine::sealed::{Purpose, SealedValue};
use nexnum_storage::{Reader, StorageError};
use parking_lot::Mutex;

use super::read_model::ReadModel;
use super::replay::Decoded;
use super::sealing::Sealing;

/// Numbers of loads in memory: some 60 MB. The last load is there however long it is.
const HELD_MAX: usize = 400_000;

/// The numbers of a load, as they stand in the ledger.
type Load = Arc<[LoadedNumber]>;

/// What finds and opens the numbers of activations.
#[derive(Clone)]
pub struct Numbers(Arc<Inner>);

struct Inner {
    sealing: Sealing,
    read_model: Arc<ReadModel>,
    ledger: Reader,
    /// Loads, the one that was looked at last first.
    loads: Mutex<VecDeque<(LoadId, Load)>>,
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbers").finish_non_exhaustive()
    }
}

impl Numbers {
    pub(super) fn new(sealing: Sealing, read_model: Arc<ReadModel>, ledger: Reader) -> Self {
        Self(Arc::new(Inner { sealing, read_model, ledger, loads: Mutex::default() }))
    }

    /// The number of an order; `None` once it is forgotten. Of a load that is not in memory it is
    /// looked up in the ledger, which may take some milliseconds.
    #[must_use]
    pub fn of(&self, order: OrderId, assignment: &Assignment) -> Option<Number> {
        if let Some(number) = self.0.read_model.opened(order) {
            return Some(number);
        }
        let number = match &assignment.place {
            NumberPlace::Here(sealed) => self.open(Some(order), sealed),
            NumberPlace::Load(load, index) => {
                let loaded = self.load(*load)?;
                self.open(None, &loaded.get(*index as usize)?.sealed)
            }
        }?;
        self.0.read_model.keep_opened(order, number);
        Some(number)
    }

    fn open(&self, order: Option<OrderId>, sealed: &SealedValue) -> Option<Number> {
        match self.0.sealing.open_held(Purpose::Number, order, sealed) {
            Ok(opened) => Number::parse(std::str::from_utf8(opened?.expose()).ok()?),
            Err(error) => {
                // The ledger's checks leave this to a key that was exchanged.
                tracing::error!(?order, %error, "a number does not open");
                None
            }
        }
    }

    fn load(&self, id: LoadId) -> Option<Load> {
        let mut loads = self.0.loads.lock();
        if let Some(at) = loads.iter().position(|(known, _)| *known == id) {
            let found = loads.remove(at)?;
            loads.push_front(found);
            return loads.front().map(|(_, load)| Arc::clone(load));
        }
        drop(loads);
        let load = self.read(id).unwrap_or_else(|error| {
            tracing::error!(load = %id, %error, "a load of own stock cannot be read");
            None
        })?;
        let mut loads = self.0.loads.lock();
        loads.push_front((id, Arc::clone(&load)));
        let mut room = HELD_MAX;
        let fitting = loads.iter().take_while(|(_, load)| {
            let fits = room > 0;
            room = room.saturating_sub(load.len());
            fits
        });
        let fitting = fitting.count();
        loads.truncate(fitting);
        Some(load)
    }

    /// A load's numbers out of the ledger.
    fn read(&self, id: LoadId) -> Result<Option<Load>, StorageError> {
        let Some(at) = self.0.read_model.load_at(id) else { return Ok(None) };
        let Some(row) = self.0.ledger.read(at)?.next() else { return Ok(None) };
        let row = Decoded::from_row(&row?)?;
        let found = row.recorded().find(|recorded| recorded.seq == at);
        Ok(found.and_then(|recorded| match recorded.event {
            Event::Offer(OfferEvent::StockLoaded { numbers, .. }) => Some(numbers[..].into()),
            _ => None,
        }))
    }
}
