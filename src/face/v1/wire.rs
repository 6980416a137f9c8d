//! The JSON of this face: its field names, its words for states, its reading of codes.

use nexnum_engine::activation::{ActivationState, Message};
use nexnum_engine::catalog::Catalog;
use nexnum_engine::ids::Product;
use nexnum_engine::order::{Order, OrderStatus};

use crate::clock::rfc3339;
use crate::face::CURRENCY;
use crate::http::Object;

/// How an order is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// As it stands.
    Now,
    /// As it stood when its number was given: the first answer to its request.
    Created,
}

/// An order's fields.
pub(super) fn order(o: &mut Object<'_>, order: &Order, shown: As, catalog: &Catalog) {
    o.number_text("id", u64::from(order.id.0));
    o.text("status", status(order, shown));
    o.amount("price", order.price);
    o.text("currency", CURRENCY);
    o.object("product", |o| product(o, order.product, catalog));
    o.text("created_at", &rfc3339(order.placed_at));
    o.object("activation", |o| {
        o.number_text("id", u64::from(order.id.0));
        activation_fields(o, order, shown);
    });
}

/// An activation's fields.
pub(super) fn activation(o: &mut Object<'_>, order: &Order) {
    o.number_text("id", u64::from(order.id.0));
    o.number_text("order_id", u64::from(order.id.0));
    activation_fields(o, order, As::Now);
}

fn activation_fields(o: &mut Object<'_>, order: &Order, shown: As) {
    let state = match (shown, &order.assignment) {
        (As::Created, Some(_)) => ActivationState::Active,
        (As::Created | As::Now, _) => order.state,
    };
    match &order.assignment {
        Some(assignment) => {
            o.text("number", &format!("+{}", assignment.number));
            o.text("state", state_word(state));
            o.text("expires_at", &rfc3339(assignment.expires_at));
            o.text("cancel_from", &rfc3339(assignment.cancel_from));
        }
        None => {
            o.null("number");
            o.text("state", state_word(state));
            o.text("expires_at", &rfc3339(order.deadline));
            o.null("cancel_from");
        }
    }
    o.array("messages", |list| {
        let messages = order.delivered().filter(|_| shown == As::Now);
        messages.for_each(|received| list.object(|o| message(o, received)));
    });
}

fn message(o: &mut Object<'_>, message: &Message) {
    o.number_text("id", message.id.0);
    o.text("sender", &message.sender);
    o.text("text", &message.text);
    if message.code.is_empty() {
        o.null("code");
    } else {
        o.text("code", &message.code);
    }
    o.text("received_at", &rfc3339(message.received_at));
}

/// A product's codes.
pub(super) fn product(o: &mut Object<'_>, product: Product, catalog: &Catalog) {
    o.text("country", catalog.country(product.country).map_or("", |country| country.iso2));
    o.text("service", catalog.service(product.service).map_or("", |service| service.slug));
}

fn status(order: &Order, shown: As) -> &'static str {
    match (shown, order.status, order.state) {
        (_, _, ActivationState::Failed) => "FAILED",
        (As::Created, ..) | (As::Now, OrderStatus::Escrow, _) => "PLACED",
        (As::Now, OrderStatus::Delivered, _) => "DELIVERED",
        (As::Now, OrderStatus::Refunded, _) => "REFUNDED",
    }
}

/// The face's word for a state.
pub(super) const fn state_word(state: ActivationState) -> &'static str {
    match state {
        ActivationState::Init => "INIT",
        ActivationState::Active => "ACTIVE",
        ActivationState::Received => "RECEIVED",
        ActivationState::Completed => "COMPLETED",
        ActivationState::Cancelled => "CANCELLED",
        ActivationState::TimedOut => "TIMEOUT",
        ActivationState::Failed => "FAILED",
    }
}

/// The state of a word, in any case.
pub(super) fn parse_state(word: &str) -> Option<ActivationState> {
    let states = nexnum_engine::activation::STATES.into_iter();
    let mut named = states.filter(|state| state_word(*state).eq_ignore_ascii_case(word));
    named.next()
}

/// The field that every list ends with.
pub(super) fn next_cursor(o: &mut Object<'_>, next: Option<u64>) {
    match next {
        Some(next) => o.number_text("next_cursor", next),
        None => o.null("next_cursor"),
    }
}
