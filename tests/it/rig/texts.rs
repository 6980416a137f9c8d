//! What messages and callbacks say, opened.

use nexnum::market::Market;
use nexnum::market::sealing::Sealing;
use nexnum::order::texts::{Texts, callback_body};
use nexnum_engine::callback::Callback;
use nexnum_engine::ids::OrderId;
use nexnum_engine::order::Order;
use nexnum_engine::sealed::{Purpose, SealedValue};
use nexnum_storage::said::Said;

/// What an order's messages say, oldest first.
pub(crate) fn said(sealing: &Sealing, order: &Order) -> Vec<Said> {
    let mut texts = Texts::of(sealing, order);
    order.messages.iter().map(|message| texts.take(message.id).unwrap()).collect()
}

/// The same of an order in memory.
pub(crate) fn said_of(market: &Market, id: OrderId) -> Vec<Said> {
    said(&market.sealing, &market.read_model.order(id).unwrap())
}

/// The codes of an order in memory.
pub(crate) fn codes_of(market: &Market, id: OrderId) -> Vec<String> {
    said_of(market, id).into_iter().map(|said| said.code.into()).collect()
}

/// What was posted.
pub(crate) fn body_of(market: &Market, callback: &Callback) -> Vec<u8> {
    callback_body(&market.sealing, callback).unwrap().expose().to_vec()
}

/// A body as a callback's command has it.
pub(crate) async fn sealed_body(market: &Market, body: &[u8]) -> SealedValue {
    market.seal_of_day(Purpose::CallbackBody, None, body).await.unwrap()
}
