//! The numbers of activations, opened for those who may read them.
//!
//! Promises: a number is opened when it is looked at first, and in memory in clear while its order is
//! open and no longer. Of own stock, whose numbers stand in the ledger with their load, the loads
//! that came or were looked at last are in memory as they are there, sealed.

use std::fmt;
use std::sync::Arc;

use nexnum_engine::activation::{Assignment, NumberPlace};
use nexnum_engine::event::{Event, LoadedNumber, OfferEvent};
use nexnum_engine::ids::{LoadId, Number, OrderId, Seq};
use nexnum_engine::sealed::{Purpose, SealedValue};
use nexnum_storage::{Reader, StorageError};
use parking_lot::Mutex;

use super::loads::{HeldLoads, Load};
use super::read_model::ReadModel;
use super::replay::Decoded;
use super::sealing::Sealing;

/// A number that cannot be read now, though it is not forgotten; why is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberUnread;

/// What finds and opens the numbers of activations.
#[derive(Clone)]
pub struct Numbers(Arc<Inner>);

struct Inner {
    sealing: Sealing,
    read_model: Arc<ReadModel>,
    ledger: Reader,
    loads: Arc<HeldLoads>,
    /// Held while a load is read.
    reading: Mutex<()>,
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbers").finish_non_exhaustive()
    }
}

impl Numbers {
    pub(super) fn new(
        sealing: Sealing,
        read_model: Arc<ReadModel>,
        ledger: Reader,
        loads: Arc<HeldLoads>,
    ) -> Self {
        let reading = Mutex::default();
        Self(Arc::new(Inner { sealing, read_model, ledger, loads, reading }))
    }

    /// The number of an order as it is shown; `None` once it is forgotten, and while it cannot be read,
    /// which is logged.
    #[must_use]
    pub fn of(&self, order: OrderId, assignment: &Assignment) -> Option<Number> {
        self.read(order, assignment).unwrap_or(None)
    }

    /// The number of an order; `None` once it is forgotten. Of a load that is not in memory it is
    /// looked up in the ledger, which may take some milliseconds.
    ///
    /// # Errors
    /// [`NumberUnread`].
    pub fn read(
        &self,
        order: OrderId,
        assignment: &Assignment,
    ) -> Result<Option<Number>, NumberUnread> {
        if let Some(number) = self.0.read_model.opened(order) {
            return Ok(Some(number));
        }
        let number = match &assignment.place {
            NumberPlace::Here(sealed) => self.open(Some(order), sealed)?,
            NumberPlace::Load(load, index) => {
                let Some(loaded) = self.load(*load)? else { return Ok(None) };
                let number = loaded.get(*index as usize).ok_or_else(|| {
                    tracing::error!(%load, index, "a load of own stock lacks a number");
                    NumberUnread
                })?;
                self.open(None, &number.sealed)?
            }
        };
        if let Some(number) = number {
            self.0.read_model.keep_opened(order, number);
        }
        Ok(number)
    }

    /// The numbers of a load of own stock that can be read, none once they are forgotten; and whether
    /// all could be, else it is logged.
    pub(super) fn of_load(&self, load: LoadId) -> (Vec<Number>, bool) {
        let held = self.0.loads.get(load).map(Some);
        // Not kept where it is not: all are looked at, and those that are sold are in memory.
        let loaded = match held.map_or_else(|| self.look_up(load), Ok) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return (Vec::new(), true),
            Err(NumberUnread) => return (Vec::new(), false),
        };
        let mut is_whole = true;
        let mut numbers = Vec::with_capacity(loaded.len());
        for (index, LoadedNumber { sealed, .. }) in loaded.iter().enumerate() {
            match self.open(None, sealed) {
                Ok(number) => numbers.extend(number),
                Err(NumberUnread) => {
                    tracing::error!(%load, index, "a number of own stock cannot be read");
                    is_whole = false;
                }
            }
        }
        (numbers, is_whole)
    }

    fn open(
        &self,
        order: Option<OrderId>,
        sealed: &SealedValue,
    ) -> Result<Option<Number>, NumberUnread> {
        let opened = self.0.sealing.open_held(Purpose::Number, order, sealed);
        // The ledger's checks leave an error to a key that was exchanged.
        let opened = opened.map_err(|error| {
            tracing::error!(?order, %error, "a number does not open");
            NumberUnread
        })?;
        let Some(digits) = opened else { return Ok(None) };
        let digits = std::str::from_utf8(digits.expose()).ok();
        digits.and_then(Number::parse).map(Some).ok_or(NumberUnread)
    }

    /// A load's numbers, sealed; `None` where it is not in memory and its key is destroyed.
    fn load(&self, id: LoadId) -> Result<Option<Load>, NumberUnread> {
        if let Some(load) = self.0.loads.get(id) {
            return Ok(Some(load));
        }
        // One after the other: a load that many ask for at once is read once.
        let _reading = self.0.reading.lock();
        if let Some(load) = self.0.loads.get(id) {
            return Ok(Some(load));
        }
        let load = self.look_up(id)?;
        if let Some(load) = &load {
            self.0.loads.keep(id, Arc::clone(load));
        }
        Ok(load)
    }

    /// A load out of the ledger, where it has to be; `None` once its key is destroyed.
    fn look_up(&self, id: LoadId) -> Result<Option<Load>, NumberUnread> {
        let Some(at) = self.0.read_model.load_at(id) else { return Ok(None) };
        let read = self.read_load(at).map_err(|error| {
            tracing::error!(load = %id, %error, "a load of own stock cannot be read");
            NumberUnread
        })?;
        read.map(Some).ok_or_else(|| {
            tracing::error!(load = %id, "a load of own stock is not in the ledger");
            NumberUnread
        })
    }

    /// The numbers of the load at a position of the ledger.
    fn read_load(&self, at: Seq) -> Result<Option<Load>, StorageError> {
        let Some(row) = Decoded::holding(&self.0.ledger, at)? else { return Ok(None) };
        let found = row.recorded().find(|recorded| recorded.seq == at);
        Ok(found.and_then(|recorded| match recorded.event {
            Event::Offer(OfferEvent::StockLoaded { numbers, .. }) => Some(numbers[..].into()),
            _ => None,
        }))
    }
}
