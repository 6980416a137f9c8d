//! Answers about an activation that cannot be read: a message may be in them, so the operator is
//! told until one can be read, or the activation has ended.

use nexnum_driver::ErrorKind;
use nexnum_engine::ids::OrderId;

use crate::attention::AttentionKind;
use crate::order::{Orders, Unseen};
use crate::provider::connected::Connected;

/// Failures in a row before the one that is told: a page of a front end that shows once is not.
const FAILURES_MIN: u32 = 1;

/// Reports what the last visit came to, after so many that failed.
pub(super) fn report(
    orders: &Orders,
    connected: &Connected,
    id: OrderId,
    unseen: Option<&Unseen>,
    failures: u32,
) {
    let order = orders.market.read_model.order(id);
    let is_open = order.is_some_and(|order| !order.state.is_closed());
    let text = match unseen {
        Some(Unseen::Provider(error)) if error.kind == ErrorKind::Unmapped && is_open => {
            if failures < FAILURES_MIN {
                return;
            }
            Some(format!(
                "no rule of its driver reads what it answers about an activation, in which a \
                 message may be: {}",
                error.excerpt
            ))
        }
        // Nothing is known of its answer.
        Some(Unseen::Provider(error)) if is_open && error.kind != ErrorKind::NotFound => return,
        Some(Unseen::Provider(_) | Unseen::Busy | Unseen::Unclear) | None => None,
    };
    let subject = (connected.name(), id);
    orders.market.attention.report(AttentionKind::StatusUnreadable, subject, text);
}
