//! What this face writes and reads: the types are the JSON and its description.

pub(super) mod search;

use std::borrow::Cow;

use nexnum_engine::account::TransactionKind as Kind;
use nexnum_engine::activation as engine;
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids;
use nexnum_engine::order as ordered;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::face::wire::{
    Amount, CountryCode, Currency, Id, Moment, Money, PhoneNumber, ServiceSlug, SharedName,
};
use crate::order::claim::Skip;

/// All countries of the catalogue.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CountryList<'a> {
    /// The countries, in the order of their codes.
    pub countries: Vec<Country<'a>>,
}

/// A country.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Country<'a> {
    /// Its code of two letters.
    pub code: CountryCode<'a>,
    /// Its code of three letters, ISO 3166-1 alpha-3.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub iso3: &'a str,
    /// Its name in English.
    pub name: &'a str,
    /// The digits that its phone numbers begin with, without the plus sign; may be empty.
    pub dial_code: &'a str,
}

/// All services of the catalogue.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServiceList<'a> {
    /// The services.
    pub services: Vec<Service<'a>>,
}

/// A service that sends messages with codes.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Service<'a> {
    /// Its name in this API.
    pub slug: ServiceSlug<'a>,
    /// Its name for people.
    pub name: &'a str,
    /// Its short code in the handler protocol (`getNumber` and its kin), which this API takes
    /// as well.
    pub code: &'a str,
}

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

/// The offers for a product, cheapest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Offers<'a> {
    /// The country that was asked for.
    pub country: CountryCode<'a>,
    /// The service that was asked for.
    pub service: ServiceSlug<'a>,
    /// The currency of the prices.
    pub currency: Currency,
    /// The cheapest offers, at most 200.
    #[schemars(length(max = 200))]
    pub offers: Vec<Ask>,
}

/// An offer: numbers of a product at one price.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Ask {
    /// The offer's id.
    pub offer: Id,
    /// The phone company of its numbers; `null` if the provider does not say.
    pub operator: Option<SharedName>,
    /// The price of one number.
    pub price: Money,
    /// How many numbers can be bought now.
    pub stock: u32,
}

/// What an order would do now, offer by offer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Quote<'a> {
    /// The country that was asked for.
    pub country: CountryCode<'a>,
    /// The service that was asked for.
    pub service: ServiceSlug<'a>,
    /// The currency of the prices.
    pub currency: Currency,
    /// Whether an order with the same parameters would get a number now.
    pub available: bool,
    /// The price that it would pay; `null` if no offer would be taken.
    pub price: Option<Money>,
    /// The offers in the order in which an order tries them, at most 200.
    #[schemars(length(max = 200))]
    pub asks: Vec<QuotedAsk>,
}

/// An offer as an order sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct QuotedAsk {
    /// The offer's id.
    pub offer: Id,
    /// The phone company of its numbers; `null` if the provider does not say.
    pub operator: Option<SharedName>,
    /// The price of one number.
    pub price: Money,
    /// How many numbers can be bought now.
    pub stock: u32,
    /// Whether it is the offer that an order would take.
    pub taken: bool,
    /// Why an order would not take it; `null` if it would.
    pub reason: Option<QuoteReason>,
}

/// Why an order would not take an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum QuoteReason {
    /// It would do, but an offer before it in the list is taken.
    BehindABetterAsk,
    /// Its numbers are of another phone company than the one asked for.
    OtherOperator,
    /// The order has tried it already.
    Tried,
    /// Nothing is bought from its provider at present.
    ProviderClosed,
    /// All its numbers are sold.
    OutOfStock,
    /// It costs more than `max_price`.
    #[serde(rename = "above_max_price")]
    AboveMax,
}

impl QuoteReason {
    /// Why an ask is not the one taken.
    pub(super) const fn of(skip: Option<Skip>, taken: bool) -> Option<Self> {
        match skip {
            None if taken => None,
            None => Some(Self::BehindABetterAsk),
            Some(Skip::OtherCarrier) => Some(Self::OtherOperator),
            Some(Skip::Tried) => Some(Self::Tried),
            Some(Skip::Closed) => Some(Self::ProviderClosed),
            Some(Skip::OutOfStock) => Some(Self::OutOfStock),
            Some(Skip::AboveMax) => Some(Self::AboveMax),
        }
    }
}

/// What to buy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder<'a> {
    /// The country: its ISO code of two or three letters, in any case.
    #[serde(borrow)]
    pub country: Cow<'a, str>,
    /// The service: its slug or its short code, in any case.
    #[serde(borrow)]
    pub service: Cow<'a, str>,
    /// The phone company by name; any if left out, empty or `any`.
    #[serde(borrow, default)]
    pub operator: Option<Cow<'a, str>>,
    /// The most that the number may cost, above zero. If left out, the order pays the price of
    /// the cheapest offer at most.
    #[serde(borrow, default)]
    pub max_price: Option<Amount<'a>>,
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
    pub id: Id,
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
    /// The number and its messages.
    pub activation: OrderActivation<'a>,
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
pub(super) struct OrderActivation<'a> {
    /// Its id, the same as the order's.
    pub id: Id,
    /// The phone number; `null` until a provider has given one.
    pub number: Option<PhoneNumber>,
    /// Where it stands.
    pub state: ActivationState,
    /// When it ends by itself.
    pub expires_at: Moment,
    /// The earliest moment at which it can be cancelled; `null` until there is a number.
    pub cancel_from: Option<Moment>,
    /// The messages received, oldest first.
    #[schemars(length(max = 100))]
    pub messages: Vec<Message<'a>>,
}

/// An activation: a number and the messages it received.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Activation<'a> {
    /// Its id, the same as its order's.
    pub id: Id,
    /// The order that it belongs to.
    pub order_id: Id,
    /// The phone number; `null` until a provider has given one.
    pub number: Option<PhoneNumber>,
    /// Where it stands.
    pub state: ActivationState,
    /// When it ends by itself.
    pub expires_at: Moment,
    /// The earliest moment at which it can be cancelled; `null` until there is a number.
    pub cancel_from: Option<Moment>,
    /// The messages received, oldest first.
    #[schemars(length(max = 100))]
    pub messages: Vec<Message<'a>>,
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
pub(super) struct Message<'a> {
    /// Its id.
    pub id: Id,
    /// The sender, as the phone network states it; may be empty.
    #[schemars(length(max = 100))]
    pub sender: &'a str,
    /// The text; empty if the provider passes on the code alone.
    #[schemars(length(max = 2000))]
    pub text: &'a str,
    /// The code found in the text; `null` if there is none.
    pub code: Option<&'a str>,
    /// When it arrived.
    pub received_at: Moment,
}

/// A page of orders, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OrderPage<'a> {
    /// The orders.
    #[schemars(length(max = 100))]
    pub orders: Vec<Order<'a>>,
    /// The `cursor` of the next page; `null` on the last one.
    pub next_cursor: Option<Id>,
}

/// A page of activations, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ActivationPage<'a> {
    /// The activations.
    #[schemars(length(max = 100))]
    pub activations: Vec<Activation<'a>>,
    /// The `cursor` of the next page; `null` on the last one.
    pub next_cursor: Option<Id>,
}

/// The account's money.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Wallet {
    /// What it can spend; below zero where it uses credit.
    pub balance: Money,
    /// What its open orders hold.
    pub escrow: Money,
    /// The currency of both.
    pub currency: Currency,
}

/// A page of transactions, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TransactionPage {
    /// The transactions.
    #[schemars(length(max = 100))]
    pub transactions: Vec<Transaction>,
    /// The `cursor` of the next page; `null` on the last one.
    pub next_cursor: Option<Id>,
}

/// A movement of the account's money.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Transaction {
    /// Its id.
    pub id: Id,
    /// Why the money moved.
    pub kind: TransactionKind,
    /// The change of the balance; below zero where money left it.
    pub amount: Money,
    /// The currency of the amount.
    pub currency: Currency,
    /// The order that it belongs to; `null` for a deposit.
    pub order_id: Option<Id>,
    /// When it happened.
    pub at: Moment,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum TransactionKind {
    /// A payment was credited to the account.
    Deposit,
    /// The price of an order moved from the balance to escrow, or a part of it back where a
    /// cheaper offer served.
    Spend,
    /// The price moved from escrow back to the balance.
    Refund,
    /// A message arrived: the price in escrow was charged.
    Capture,
    /// A provider may have charged for a purchase whose outcome stayed unknown; the business
    /// bears it, not the account.
    WriteOff,
    /// A write-off was reversed, since the provider took the number back.
    Recovery,
}

impl From<Kind> for TransactionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Deposit => Self::Deposit,
            Kind::Spend => Self::Spend,
            Kind::Refund => Self::Refund,
            Kind::Capture => Self::Capture,
            Kind::WriteOff => Self::WriteOff,
            Kind::Recovery => Self::Recovery,
        }
    }
}

/// What an order and its activation show of a number.
struct Shown<'a> {
    number: Option<PhoneNumber>,
    state: ActivationState,
    expires_at: Moment,
    cancel_from: Option<Moment>,
    messages: Vec<Message<'a>>,
}

impl<'a> Shown<'a> {
    fn of(order: &'a ordered::Order, shown: As) -> Self {
        let assignment = order.assignment.as_ref();
        let state = match (shown, assignment) {
            (As::Created, Some(_)) => engine::ActivationState::Active,
            (As::Created | As::Now, _) => order.state,
        };
        let messages = match shown {
            As::Now => order.delivered().map(Message::of).collect(),
            As::Created => Vec::new(),
        };
        Self {
            number: assignment.map(|given| PhoneNumber(given.number)),
            state: state.into(),
            expires_at: Moment(assignment.map_or(order.deadline, |given| given.expires_at)),
            cancel_from: assignment.map(|given| Moment(given.cancel_from)),
            messages,
        }
    }
}

impl<'a> Order<'a> {
    pub(super) fn of(order: &'a ordered::Order, shown: As, catalog: &'a Catalog) -> Self {
        let id = Id::from(order.id.0);
        let Shown { number, state, expires_at, cancel_from, messages } = Shown::of(order, shown);
        Self {
            id,
            status: status(order, shown),
            price: Money(order.price),
            currency: Currency::Usd,
            product: Product::of(order.product, catalog),
            created_at: Moment(order.placed_at),
            activation: OrderActivation { id, number, state, expires_at, cancel_from, messages },
        }
    }
}

impl<'a> Activation<'a> {
    pub(super) fn of(order: &'a ordered::Order) -> Self {
        let id = Id::from(order.id.0);
        let Shown { number, state, expires_at, cancel_from, messages } = Shown::of(order, As::Now);
        Self { id, order_id: id, number, state, expires_at, cancel_from, messages }
    }
}

impl<'a> Message<'a> {
    fn of(message: &'a engine::Message) -> Self {
        Self {
            id: Id(message.id.0),
            sender: &message.sender,
            text: &message.text,
            code: Some(&*message.code).filter(|code| !code.is_empty()),
            received_at: Moment(message.received_at),
        }
    }
}

fn status(order: &ordered::Order, shown: As) -> OrderStatus {
    match (shown, order.status, order.state) {
        (_, _, engine::ActivationState::Failed) => OrderStatus::Failed,
        (As::Created, ..) | (As::Now, ordered::OrderStatus::Escrow, _) => OrderStatus::Placed,
        (As::Now, ordered::OrderStatus::Delivered, _) => OrderStatus::Delivered,
        (As::Now, ordered::OrderStatus::Refunded, _) => OrderStatus::Refunded,
    }
}
