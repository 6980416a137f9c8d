//! What a number's other buyers have received: a provider that sells a number again may show what
//! it received before.

use nexnum_engine::time::Time;

use super::Orders;
use super::received::{self, Received};
use crate::message::extract::Readable;
use crate::message::identity::{self, Parts};

impl Orders {
    /// True if a message that a reply shows of an order is what another buyer of its number has;
    /// `awaited` if its own buyer has asked for another one since.
    pub(super) fn is_anothers(
        &self,
        order: &Received,
        (parts, readable): (&Parts<'_>, &Readable<'_>),
        awaited: bool,
    ) -> bool {
        let Some(assignment) = &order.assignment else { return false };
        let (market, now) = (&self.market, self.market.clock.now());
        // Theirs may be another token.
        let number = market.numbers.of(order.id, assignment);
        let tokens = number.map_or(assignment.token.into(), |number| market.tokens(number));
        let lookups = market.sealing.lookups();
        let others = market.read_model.all_holders(&tokens).into_iter();
        let mut others =
            others.filter(|id| *id != order.id).filter_map(|id| Received::of(market, id));
        others.any(|other| {
            // An id is one message's at its provider alone.
            if parts.id.is_some() && other.provider == order.provider {
                let its = Parts { key: lookups.on(other.placed_at.day()), ..*parts };
                return received::at(&other, identity::first(&its)).is_some();
            }
            let came = came_alike(&other, parts, readable);
            came.is_some_and(|at| identity::is_anothers(parts, at, awaited, now))
        })
    }
}

/// When an order received what is the same, as far as both state it.
fn came_alike(order: &Received, parts: &Parts<'_>, readable: &Readable<'_>) -> Option<Time> {
    received::at(order, received::alike(order, parts.sender, readable)?)
}
