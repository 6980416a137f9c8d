//! Looking orders up: one, a page of an account's, one that is waited for.

use std::sync::Arc;
use std::time::Duration;

use nexnum_engine::activation::ActivationState;
use nexnum_engine::ids::{AccountId, OrderId, OrderNumber};
use nexnum_engine::order::Order;

use super::Orders;
use super::refusal::Refusal;

/// Rows looked at for one page of a filtered list; the next page goes on from there.
pub const SCAN_MAX: usize = nexnum_storage::history::PAGE_LEN_MAX;

/// Orders, newest first, and where the next page begins.
#[derive(Debug)]
pub struct OrdersPage {
    /// The orders.
    pub orders: Vec<Arc<Order>>,
    /// The next page has orders with numbers below this one; `None` on the last page.
    pub next: Option<OrderNumber>,
}

impl Orders {
    /// The account's order, from memory or from history.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where there is none or it is another account's;
    /// [`Refusal::History`].
    pub async fn find(&self, account: AccountId, id: OrderId) -> Result<Arc<Order>, Refusal> {
        let found = self.market.history.order(id).await?;
        found.filter(|order| order.account == account).ok_or(Refusal::NotFound)
    }

    /// The account's order where it can be given without waiting: it is in memory, and a
    /// client that waits has something to see. `None` means that it has to be looked for, or
    /// waited for, with [`Orders::find_with_news`].
    #[must_use]
    pub fn find_at_once(
        &self,
        account: AccountId,
        id: OrderId,
        wait: Duration,
    ) -> Option<Result<Arc<Order>, Refusal>> {
        let order = self.market.read_model.order(id)?;
        if order.account != account {
            return Some(Err(Refusal::NotFound));
        }
        (wait.is_zero() || has_news(&order)).then_some(Ok(order))
    }

    /// The account's order once it has news for a waiting client: a message that the client
    /// waits for, or the end. It is given as it stands when the wait is over or the server
    /// begins to stop.
    ///
    /// # Errors
    /// As [`Orders::find`].
    pub async fn find_with_news(
        &self,
        account: AccountId,
        id: OrderId,
        wait: Duration,
    ) -> Result<Arc<Order>, Refusal> {
        let order = self.find(account, id).await?;
        if wait.is_zero() || has_news(&order) {
            return Ok(order);
        }
        tokio::select! {
            news = self.market.read_model.await_order(id, wait, has_news) => Ok(news.unwrap_or(order)),
            () = self.market.stopping.wait() => Ok(order),
        }
    }

    /// A page of the account's orders with numbers below `before`, of all or of those that are `wanted`.
    /// A filtered page may be short and have a next one: it looks at [`SCAN_MAX`] rows.
    ///
    /// # Errors
    /// [`Refusal::History`].
    pub async fn page(
        &self,
        account: AccountId,
        before: Option<OrderNumber>,
        limit: usize,
        wanted: Option<&(dyn Fn(&Order) -> bool + Sync)>,
    ) -> Result<OrdersPage, Refusal> {
        // One more than is shown tells whether there is a next page.
        let scan = if wanted.is_some() { SCAN_MAX } else { limit + 1 };
        let seen = self.market.history.orders_of(account, before, scan).await?;
        let all_seen = seen.len() < scan;
        let (mut orders, mut last) = (Vec::with_capacity(limit), None);
        for order in seen {
            if orders.len() == limit {
                return Ok(OrdersPage { orders, next: last });
            }
            last = Some(order.number);
            if wanted.is_none_or(|wanted| wanted(&order)) {
                orders.push(order);
            }
        }
        Ok(OrdersPage { orders, next: if all_seen { None } else { last } })
    }
}

/// Whether a waiting client has something to see.
fn has_news(order: &Order) -> bool {
    match order.state {
        ActivationState::Init | ActivationState::Active => false,
        ActivationState::Received => !order.awaits_another,
        ActivationState::Completed
        | ActivationState::Cancelled
        | ActivationState::TimedOut
        | ActivationState::Failed => true,
    }
}
