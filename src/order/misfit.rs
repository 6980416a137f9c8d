//! Purchases that are not sold to an order, though they were made for it: why, and what the
//! operator is told of them.

use std::sync::Arc;

use nexnum_driver::{GivenNumber, Op};
use nexnum_engine::ids::{Number, OfferId, OrderId, Product};
use nexnum_engine::order::Order;

use super::Orders;
use super::doubt::{Numberless, PurchaseGivenUp, Window};
use super::orphan::LostOrphan;
use crate::attention::AttentionKind;
use crate::market::numbers::NumberUnread;
use crate::provider::connected::{Connected, Failure};

/// Why a purchase is not sold to an order, whether it was answered so or a list shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Its number cannot be read.
    Unreadable,
    /// It has no number yet; it may get one.
    NoNumber,
    /// Its number is of another country.
    OtherCountry,
    /// An open order of the same product has its number, of whichever provider.
    Taken,
    /// Another order has the purchase.
    OtherPurchase,
    /// Lists showed it before it was asked for: another program's.
    ShownBefore,
}

/// Where a purchase was seen that is not sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeenIn {
    /// In the answer to its call.
    Answer,
    /// In a list of open activations.
    List,
}

/// True if a reply about an activation with its own number is about another one: a cache on the way, or the
/// provider, has mixed them up. One of the two may lack its country's code.
pub(super) fn is_of_another(own: Option<Number>, number: GivenNumber) -> bool {
    let (Some(own), Some(number)) = (own, number.read()) else { return false };
    let (own, shown) = (own.to_string(), number.to_string());
    !own.ends_with(&shown) && !shown.ends_with(&own)
}

impl Orders {
    /// The number that an order has, as long as it is not forgotten.
    ///
    /// # Errors
    /// It cannot be read now.
    pub(crate) fn number_of(&self, order: &Order) -> Result<Option<Number>, NumberUnread> {
        let assignment = order.assignment.as_ref();
        assignment.map_or(Ok(None), |given| self.market.numbers.read(order.id, given))
    }

    /// The number of a purchase that was made for an order, or why it is not sold.
    pub(crate) fn fitting(&self, order: &Order, number: GivenNumber) -> Result<Number, Misfit> {
        let number = match number {
            GivenNumber::Read(number) => number,
            GivenNumber::Unreadable => return Err(Misfit::Unreadable),
            GivenNumber::Absent => return Err(Misfit::NoNumber),
        };
        let Some(country) = self.market.catalog.country(order.product.country) else {
            return Ok(number);
        };
        if !country.may_have(number) {
            return Err(Misfit::OtherCountry);
        }
        // One number may be sold for several services, each of them once.
        let read_model = &self.market.read_model;
        let holders = read_model.all_holders(&self.market.tokens(number)).into_iter();
        let is_taken = |other: &Order| {
            other.id != order.id && other.product == order.product && !other.state.is_closed()
        };
        let mut holders = holders.filter_map(|id| read_model.order(id));
        if holders.any(|other| is_taken(&other)) { Err(Misfit::Taken) } else { Ok(number) }
    }

    /// Whether an order has the purchase of this number and this id: where two providers of the
    /// configuration are one account, each of them shows the purchases of both.
    pub(crate) fn has_purchase(&self, number: GivenNumber, external_id: &str) -> bool {
        let read_model = &self.market.read_model;
        let tokens = number.read().map(|number| self.market.tokens(number));
        let holders = tokens.map(|tokens| read_model.all_holders(&tokens));
        let mut holders = holders.into_iter().flatten().filter_map(|id| read_model.order(id));
        holders.any(|order| {
            order.assignment.as_ref().is_some_and(|it| *it.external_id == *external_id)
        })
    }

    /// Tells the operator of a purchase that is not sold to its order.
    pub(crate) fn report_misfit(
        &self,
        connected: &Connected,
        order: OrderId,
        (misfit, seen): (Misfit, SeenIn),
    ) {
        let what = match misfit {
            Misfit::Unreadable => "with a number that cannot be read",
            Misfit::NoNumber => "without a number, and none came",
            Misfit::OtherCountry => "with a number of another country",
            Misfit::Taken => "with a number that another order has",
            Misfit::OtherPurchase => "with a purchase that is another order's",
            Misfit::ShownBefore => "with an activation that its lists had shown before",
        };
        let shown = match seen {
            SeenIn::Answer => "provider answered",
            SeenIn::List => "provider's list shows",
        };
        // Two providers of the configuration may be one account.
        let hint = match misfit {
            Misfit::Taken => "; no other provider of the configuration may have the same account",
            Misfit::Unreadable
            | Misfit::NoNumber
            | Misfit::OtherCountry
            | Misfit::OtherPurchase
            | Misfit::ShownBefore => "",
        };
        let text = format!("the {shown} a purchase {what}: it was not sold{hint}");
        let (attention, subject) = (&self.market.attention, (connected.name(), order));
        attention.raise(AttentionKind::WrongNumber, subject, text.clone());
        // A list shows it again and again.
        if seen == SeenIn::Answer {
            let (at, op) = (self.market.clock.now(), Op::Buy);
            connected.note_failure(Failure { at, op, order: Some(order), text });
        }
    }

    /// Gives up what an attempt in doubt may have bought: it goes back by its id where that is
    /// known and no number came, or else when a list shows it.
    pub(crate) fn give_up_purchase(
        self: &Arc<Self>,
        order: &Order,
        window: Window,
        numberless: Option<&Numberless>,
    ) {
        let connected = self.providers.bought_under(order.id, order.attempt);
        let connected = connected.or_else(|| self.providers.get(order.provider));
        let (Some(numberless), Some(connected)) = (numberless, connected) else {
            let now = self.market.clock.now();
            return self.doubts.give_up(PurchaseGivenUp::of(order, window, now));
        };
        self.close_product(&connected, order.product);
        let numberless =
            Numberless { cost: numberless.cost.or(Some(order.cost)), ..numberless.clone() };
        self.give_back_numberless(&connected, (order.id, order.attempt), window, &numberless);
    }

    /// Gives a purchase back by its id that got no number.
    pub(crate) fn give_back_numberless(
        self: &Arc<Self>,
        connected: &Arc<Connected>,
        bought_for: (OrderId, u8),
        window: Window,
        Numberless { external_id, cost }: &Numberless,
    ) {
        self.report_misfit(connected, bought_for.0, (Misfit::NoNumber, SeenIn::Answer));
        let from = window.until.plus_ms(connected.timings().min_cancel_age_ms);
        LostOrphan { external_id, from, bought_for, cost: *cost }.give_back(self, connected);
    }

    /// Takes a product of a provider off sale that is not what its list says, whatever the
    /// carrier, until the next list; gives its offers.
    pub(crate) fn close_product(&self, connected: &Connected, product: Product) -> Vec<OfferId> {
        let (grid, provider) = (&self.market.grid, connected.id());
        let asks = grid.asks(product).filter(|ask| ask.provider == provider);
        asks.map(|ask| ask.offer).inspect(|offer| grid.exhaust(*offer)).collect()
    }
}
