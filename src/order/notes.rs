//! What a buyer notes on an order, for itself: sealed at the placing, opened when it is shown.

use std::fmt;

use nexnum_engine::order::{Order, OrderNotes};
use nexnum_engine::sealed::{Purpose, SealedValue};

use super::Orders;
use crate::market::sealing::{Sealing, SealingError};

/// What a buyer notes on an order; what it leaves out is `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Its own reference.
    pub reference: Option<Box<str>>,
    /// For whom it buys.
    pub end_user: Option<Box<str>>,
}

/// Prints nothing that it says.
impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes").finish_non_exhaustive()
    }
}

impl Notes {
    /// Those of an order; `None` of what is forgotten, too.
    #[must_use]
    pub fn of(sealing: &Sealing, order: &Order) -> Self {
        let Some(notes) = &order.notes else { return Self::default() };
        let OrderNotes { reference, end_user } = &**notes;
        let open =
            |purpose, value: &Option<SealedValue>| open(sealing, order, purpose, value.as_ref()?);
        Self {
            reference: open(Purpose::OrderReference, reference),
            end_user: open(Purpose::EndUser, end_user),
        }
    }
}

fn open(
    sealing: &Sealing,
    order: &Order,
    purpose: Purpose,
    value: &SealedValue,
) -> Option<Box<str>> {
    // It was sealed before the order had an id.
    let what = format_args!("a note on order {}", order.id);
    let opened = sealing.open_shown(purpose, None, value, what)?;
    std::str::from_utf8(opened.expose()).ok().map(Into::into)
}

impl Orders {
    /// Seals what a buyer notes.
    ///
    /// # Errors
    /// [`SealingError`].
    pub(super) async fn seal_notes(
        &self,
        notes: &Notes,
    ) -> Result<Option<Box<OrderNotes>>, SealingError> {
        let Notes { reference, end_user } = notes;
        if reference.is_none() && end_user.is_none() {
            return Ok(None);
        }
        let reference = self.seal_note(Purpose::OrderReference, reference.as_deref()).await?;
        let end_user = self.seal_note(Purpose::EndUser, end_user.as_deref()).await?;
        Ok(Some(Box::new(OrderNotes { reference, end_user })))
    }

    async fn seal_note(
        &self,
        purpose: Purpose,
        text: Option<&str>,
    ) -> Result<Option<SealedValue>, SealingError> {
        match text {
            Some(text) => self.market.seal_of_day(purpose, None, text.as_bytes()).await.map(Some),
            None => Ok(None),
        }
    }
}
