//! Asking an order's provider for what its buyer wants: whom to ask, and what a refusal means.
//!
//! The provider is asked before the engine decides, because only it knows whether a
//! message is there. Nothing here changes the ledger.

use std::sync::Arc;
use std::time::Duration;

use nexnum_driver::{Op, ProviderError};
use nexnum_engine::event::ProviderKind;
use nexnum_engine::order::Order;

use super::Orders;
use super::refusal::UpstreamError;
use crate::provider::connected::Connected;
use crate::provider::consequence::{self, CustomerAnswer};
use crate::provider::dispatch::PAUSE_MAX;

/// What "not yet" means where a provider does not say until when.
const NOT_YET_MS: u64 = 10_000;
/// When to ask again where a provider's limits do not say.
const BUSY_MS: u64 = 5_000;

fn limited(pause_ms: u64) -> UpstreamError {
    let pause = Duration::from_millis(pause_ms.max(1)).min(PAUSE_MAX);
    UpstreamError::Limited { retry_after: pause }
}

impl Orders {
    /// Whom to ask, and under which id; `None` for own stock.
    pub(super) fn target<'a>(
        &self,
        order: &'a Order,
    ) -> Result<Option<(Arc<Connected>, &'a str)>, UpstreamError> {
        let own =
            self.market.read_model.directory().kind(order.provider) == Some(ProviderKind::Own);
        match &order.assignment {
            Some(assignment) if !own => {
                let connected = self.providers.of_order(order);
                let connected = connected.ok_or(UpstreamError::Unavailable)?;
                Ok(Some((connected, &*assignment.external_id)))
            }
            Some(_) | None => Ok(None),
        }
    }

    pub(super) fn note_refused(
        &self,
        connected: &Connected,
        op: Op,
        order: &Order,
        error: &ProviderError,
    ) -> UpstreamError {
        let now = self.market.clock.now();
        let follows = consequence::of(error.kind);
        if follows.is_noted {
            connected.note_error(now, op, Some(order.id), error);
        }
        match follows.answer {
            CustomerAnswer::NotYet if op == Op::Resend => {
                UpstreamError::NotReady { retry_after: Duration::from_millis(NOT_YET_MS) }
            }
            CustomerAnswer::NotYet => {
                let ours =
                    order.assignment.as_ref().map_or(now, |assignment| assignment.cancel_from);
                UpstreamError::TooEarly { from: ours.max(now.plus_ms(NOT_YET_MS)) }
            }
            CustomerAnswer::Unsupported => UpstreamError::Unsupported,
            CustomerAnswer::Unavailable => match error.retry_after_ms {
                // Such calls pause until then.
                Some(pause) if pause > 0 => limited(pause),
                Some(_) | None => UpstreamError::Unavailable,
            },
            CustomerAnswer::Busy => limited(error.retry_after_ms.unwrap_or(BUSY_MS)),
        }
    }
}
