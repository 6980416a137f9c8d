//! Which activations have ended here and not at their providers.

use nexnum_engine::event::ProviderKind;
use nexnum_engine::ids::{OrderId, ProviderId};

use super::ReadModel;

impl ReadModel {
    /// Orders in memory that have ended here and whose activations have to be ended at their
    /// providers.
    #[must_use]
    pub fn unended(&self) -> Vec<OrderId> {
        self.upstream.unended(|id| {
            let order = self.order(id).filter(|order| order.assignment.is_some());
            order.is_some_and(|order| self.is_driven(order.provider))
        })
    }

    /// Those that have left memory before their activations were ended, since the last look, with
    /// their providers.
    pub(crate) fn take_left_unended(&self) -> Vec<(OrderId, ProviderId)> {
        let mut left = self.upstream.take_left();
        left.retain(|(_, provider)| self.is_driven(*provider));
        left
    }

    fn is_driven(&self, provider: ProviderId) -> bool {
        self.directory.kind(provider) == Some(ProviderKind::Driven)
    }
}
