//! Numbers that are not sold to an order, though they were bought for it.

use nexnum_engine::ids::Number;
use nexnum_engine::order::Order;

use super::Orders;

/// Why a number is not sold to an order, whether a purchase was answered with it or a list
/// shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    OtherCountry,
    /// An open order of the same product has it, of whichever provider.
    Taken,
}

impl Misfit {
    pub(crate) fn of(orders: &Orders, order: &Order, number: Number) -> Option<Self> {
        let market = &orders.market;
        let country = market.catalog.country(order.product.country)?;
        if !country.may_have(number) {
            return Some(Self::OtherCountry);
        }
        // One number may be sold for several services, each of them once.
        let providers = orders.providers.list().into_iter();
        let holders = providers.flat_map(|of| market.read_model.holders(of.id(), number));
        let mut holders = holders.filter_map(|id| market.read_model.order(id));
        let is_taken = |other: &Order| {
            other.id != order.id && other.product == order.product && !other.state.is_closed()
        };
        holders.any(|other| is_taken(&other)).then_some(Self::Taken)
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::OtherCountry => "with a number of another country",
            Self::Taken => "with a number that another order has",
        }
    }
}
