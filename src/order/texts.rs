//! What the messages of an order say, and callbacks that are kept, opened for those who may read
//! them.

use nexnum_engine::activation::Message;
use nexnum_engine::callback::Callback;
use nexnum_engine::ids::{MessageId, OrderId};
use nexnum_engine::order::Order;
use nexnum_engine::sealed::Purpose;
use nexnum_storage::secrets::SecretBytes;

use crate::market::sealing::Sealing;
use nexnum_storage::said::Said;

/// What the messages of an order say.
#[derive(Debug, Default)]
pub struct Texts(Vec<(MessageId, Said)>);

impl Texts {
    /// Opens an order's messages.
    #[must_use]
    pub fn of(sealing: &Sealing, order: &Order) -> Self {
        let said = |message: &Message| Some((message.id, open(sealing, order.id, message)?));
        Self(order.messages.iter().filter_map(said).collect())
    }

    /// Takes out what a message says; `None` once it is forgotten.
    pub fn take(&mut self, message: MessageId) -> Option<Said> {
        let said = self.0.iter_mut().find(|(id, _)| *id == message);
        said.map(|(_, said)| std::mem::take(said))
    }

    /// What a message says; `None` once it is forgotten.
    #[must_use]
    pub fn get(&self, message: MessageId) -> Option<&Said> {
        self.0.iter().find(|(id, _)| *id == message).map(|(_, said)| said)
    }
}

fn open(sealing: &Sealing, order: OrderId, message: &Message) -> Option<Said> {
    let mut whole: Option<Said> = None;
    for part in &message.said {
        let what = format_args!("message {} of order {order}", message.id);
        let opened = sealing.open_shown(Purpose::Message, Some(order), &part.sealed, what)?;
        let said = Said::from_bytes(opened.expose())?;
        match &mut whole {
            Some(whole) => whole.complete(said),
            None => whole = Some(said),
        }
    }
    whole
}

/// The body of a callback; `None` once it is forgotten.
#[must_use]
pub fn callback_body(sealing: &Sealing, callback: &Callback) -> Option<SecretBytes> {
    sealing.open_shown(Purpose::CallbackBody, None, &callback.sealed, "a callback's body")
}
