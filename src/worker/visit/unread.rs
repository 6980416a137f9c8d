//! Answers about an activation that cannot be read: a message may be in them, so the operator is
//! told until one can be read, or the activation has ended, and finds them among the callbacks.

use nexnum_driver::ErrorKind;
use nexnum_engine::ids::OrderId;

use crate::attention::AttentionKind;
use crate::order::{Orders, Unseen};
use crate::provider::connected::Connected;

/// Answers in a row that cannot be read before the one that is told: a page of a front end that
/// shows once is not.
const UNREAD_MIN: u32 = 1;
/// Different answers that are kept of one activation: what differs each time, a page with a clock, is not
/// kept for ever.
const KEPT_MAX: u8 = 5;

/// An activation's visits.
pub(super) struct Visits<'a> {
    /// How many in a row could not be read before this one.
    pub(super) unread: u32,
    /// The first failure is told: no other visit comes before the order ends, or a message is
    /// there for certain.
    pub(super) is_sure: bool,
    /// Different answers that are kept.
    pub(super) kept: &'a mut u8,
}

/// Reports what the last visit came to.
pub(super) async fn report(
    orders: &Orders,
    connected: &Connected,
    id: OrderId,
    unseen: Option<&Unseen>,
    Visits { unread, is_sure, kept }: Visits<'_>,
) {
    let order = orders.market.read_model.order(id);
    let order = order.filter(|order| !order.state.is_closed());
    let is_open = order.is_some();
    let text = match (unseen, &order) {
        (Some(Unseen::Provider(error)), Some(order)) if is_unread(unseen) => {
            if unread < UNREAD_MIN && !is_sure {
                return;
            }
            if let Some(reply) = error.reply.as_deref().filter(|_| *kept < KEPT_MAX)
                && let Ok(is_new) = orders.keep_unread(order, reply).await
            {
                *kept += u8::from(is_new);
            }
            Some(format!(
                "no rule of its driver reads what it answers about an activation, in which a \
                 message may be: {}; what it answered is kept, `nexnum callback list` shows it",
                error.excerpt
            ))
        }
        // Nothing is known of its answer.
        (Some(Unseen::Provider(error)), _) if is_open && error.kind != ErrorKind::NotFound => {
            return;
        }
        (Some(Unseen::Provider(_) | Unseen::Busy | Unseen::Unclear) | None, _) => None,
    };
    let subject = (connected.name(), id);
    orders.market.attention.report(AttentionKind::StatusUnreadable, subject, text);
}

/// Whether an answer came that no rule reads.
pub(super) fn is_unread(unseen: Option<&Unseen>) -> bool {
    matches!(unseen, Some(Unseen::Provider(error)) if error.kind == ErrorKind::Unmapped)
}
