//! The JSON that several files of this face write; what one file alone reads or writes is
//! there. The types are the JSON and its description.

use nexnum_engine::activation as engine;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids;
use nexnum_engine::order as ordered;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::face::wire::{
    ActivationRef, CountryCode, Currency, MessageRef, Moment, Money, OrderRef, PhoneNumber,
    ServiceSlug,
};
use crate::market::Market;
use crate::order::notes::Notes;
use crate::order::texts::Texts;
use nexnum_storage::said::Said;

/// What is for sale: a country and a service.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(super) struct Product<'a> {
    /// The country of the number.
    pub country: CountryCode<'a>,
    /// The service whose messages it receives.
    pub service: ServiceSlug<'a>,
}

impl<'a> Product<'a> {
    pub(super) fn of(product: ids::Product, catalog: &'a Catalog) -> Self {
        let country = catalog.country(product.country).map_or("", |country| country.iso2);
        let service = catalog.service(product.service).map_or("", |service| service.slug);
        Self { country: CountryCode(country), service: ServiceSlug(service) }
    }
}

/// How an order is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// As it stands.
    Now,
    /// As it stood when its number was given: the first answer to its request.
    Created,
}

/// An order: one number bought, with its activation.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Order<'a> {
    /// Its id.
    pub id: OrderRef,
    /// Where its money is.
    pub status: OrderStatus,
    /// What it costs.
    pub price: Money,
    /// The currency of the price.
    pub currency: Currency,
    /// What was bought.
    pub product: Product<'a>,
    /// When it was placed.
    pub created_at: Moment,
    /// The reference that it was placed with; `null` without one, and once it is past its time.
    #[schemars(length(max = 100))]
    pub reference: Option<Box<str>>,
    /// For whom it was placed, as the request said; `null` as the reference is.
    #[schemars(length(max = 100))]
    pub end_user: Option<Box<str>>,
    /// The number and its messages.
    pub activation: OrderActivation,
}

/// Where an order's money is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OrderStatus {
    /// The price is held in escrow until a message arrives or the order ends.
    Placed,
    /// A message arrived and the price was charged.
    Delivered,
    /// The order ended without a message and the price was paid back.
    Refunded,
    /// No provider had a number; the price was paid back.
    Failed,
}

/// The activation of an order: a number and the messages it received.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OrderActivation {
    /// Its id.
    pub id: ActivationRef,
    /// The phone number; `null` until a provider has given one, and once it is past its time.
    pub number: Option<PhoneNumber>,
    /// Where it stands.
    pub state: ActivationState,
    /// When it ends by itself.
    pub expires_at: Moment,
    /// The earliest moment at which it can be cancelled; `null` until there is a number.
    pub cancel_from: Option<Moment>,
    /// The messages received, oldest first.
    #[schemars(length(max = 100))]
    pub messages: Vec<Message>,
}

/// An activation: a number and the messages it received.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Activation {
    /// Its id.
    pub id: ActivationRef,
    /// The order that it belongs to.
    pub order_id: OrderRef,
    /// The phone number; `null` until a provider has given one, and once it is past its time.
    pub number: Option<PhoneNumber>,
    /// Where it stands.
    pub state: ActivationState,
    /// When it ends by itself.
    pub expires_at: Moment,
    /// The earliest moment at which it can be cancelled; `null` until there is a number.
    pub cancel_from: Option<Moment>,
    /// The messages received, oldest first.
    #[schemars(length(max = 100))]
    pub messages: Vec<Message>,
}

/// Where an activation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ActivationState {
    /// It is paid for and has no number yet.
    Init,
    /// It has a number and waits for the first message.
    Active,
    /// It has received a message and can receive more.
    Received,
    /// It received a message and has ended.
    Completed,
    /// It was cancelled before a message arrived; the price was paid back.
    Cancelled,
    /// It expired before a message arrived; the price was paid back.
    #[serde(rename = "TIMEOUT")]
    TimedOut,
    /// No provider had a number; the price was paid back.
    Failed,
}

impl From<engine::ActivationState> for ActivationState {
    fn from(state: engine::ActivationState) -> Self {
        match state {
            engine::ActivationState::Init => Self::Init,
            engine::ActivationState::Active => Self::Active,
            engine::ActivationState::Received => Self::Received,
            engine::ActivationState::Completed => Self::Completed,
            engine::ActivationState::Cancelled => Self::Cancelled,
            engine::ActivationState::TimedOut => Self::TimedOut,
            engine::ActivationState::Failed => Self::Failed,
        }
    }
}

/// A message that a number received.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Message {
    /// Its id.
    pub id: MessageRef,
    /// The sender, as the phone network states it; may be empty.
    #[schemars(length(max = 100))]
    pub sender: Box<str>,
    /// The text; empty if the provider passes on the code alone, or as long as it does.
    #[schemars(length(max = 2000))]
    pub text: Box<str>,
    /// The code found in the text; `null` if there is none.
    pub code: Option<Box<str>>,
    /// When it arrived.
    pub received_at: Moment,
    /// Whether it is past its time: its sender, text and code are gone for good.
    pub forgotten: bool,
}

/// What an order and its activation show of a number.
struct Shown {
    number: Option<PhoneNumber>,
    state: ActivationState,
    expires_at: Moment,
    cancel_from: Option<Moment>,
    messages: Vec<Message>,
}

impl Shown {
    fn of(order: &ordered::Order, shown: As, market: &Market) -> Self {
        let assignment = order.assignment.as_ref();
        let state = match (shown, assignment) {
            (As::Created, Some(_)) => engine::ActivationState::Active,
            (As::Created | As::Now, _) => order.state,
        };
        let messages = match shown {
            As::Now => messages(order, market),
            As::Created => Vec::new(),
        };
        Self {
            number: assignment
                .and_then(|given| market.numbers.of(order.id, given))
                .map(PhoneNumber),
            state: state.into(),
            expires_at: Moment(assignment.map_or(order.deadline, |given| given.expires_at)),
            cancel_from: assignment.map(|given| Moment(given.cancel_from)),
            messages,
        }
    }
}

impl<'a> Order<'a> {
    pub(super) fn of(order: &'a ordered::Order, shown: As, market: &'a Market) -> Self {
        let ids = &market.ids;
        let Shown { number, state, expires_at, cancel_from, messages } =
            Shown::of(order, shown, market);
        let id = ActivationRef(ids.activation(order.id));
        let Notes { reference, end_user } = Notes::of(&market.sealing, order);
        Self {
            id: OrderRef(ids.order(order.id)),
            status: status(order, shown),
            price: Money(order.price),
            currency: Currency::Usd,
            product: Product::of(order.product, market.catalog),
            created_at: Moment(order.placed_at),
            reference,
            end_user,
            activation: OrderActivation { id, number, state, expires_at, cancel_from, messages },
        }
    }
}

impl Activation {
    pub(super) fn of(order: &ordered::Order, market: &Market) -> Self {
        let ids = &market.ids;
        let Shown { number, state, expires_at, cancel_from, messages } =
            Shown::of(order, As::Now, market);
        let (id, order_id) = (ids.activation(order.id), ids.order(order.id));
        let (id, order_id) = (ActivationRef(id), OrderRef(order_id));
        Self { id, order_id, number, state, expires_at, cancel_from, messages }
    }
}

/// The messages that the buyer of an order is shown.
fn messages(order: &ordered::Order, market: &Market) -> Vec<Message> {
    let mut texts = Texts::of(&market.sealing, order);
    let shown = order.shown().map(|message| {
        let said = texts.take(message.id);
        let forgotten = said.is_none();
        let Said { sender, text, code } = said.unwrap_or_default();
        let code = Some(code).filter(|code| !code.is_empty());
        let (id, received_at) =
            (MessageRef(market.ids.message(message.id)), Moment(message.received_at));
        Message { id, sender, text, code, received_at, forgotten }
    });
    shown.collect()
}

fn status(order: &ordered::Order, shown: As) -> OrderStatus {
    match (shown, order.status, order.state) {
        (_, _, engine::ActivationState::Failed) => OrderStatus::Failed,
        (As::Created, ..) | (As::Now, ordered::OrderStatus::Escrow, _) => OrderStatus::Placed,
        (As::Now, ordered::OrderStatus::Delivered, _) => OrderStatus::Delivered,
        (As::Now, ordered::OrderStatus::Refunded, _) => OrderStatus::Refunded,
    }
}
