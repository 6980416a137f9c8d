//! What an accepted command answers.

use crate::group::Made;
use crate::ids::{
    AccountId, AddressNumber, CallbackId, KeyId, OfferId, OrderId, ProviderId, VariantId,
};
use crate::sealed::KeyHandle;

/// Offers that were listed; their ids are dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The first one's id.
    pub first: OfferId,
    /// How many they are.
    pub count: u32,
}

/// An order that was placed, or whose next attempt was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It has its number.
    Filled(OrderId),
    /// Its number has to be bought.
    Waiting(OrderId),
    /// The key was used before with the same request: that order stands.
    Replayed(OrderId),
}

/// What became of a command that may find its work done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Done.
    Done,
    /// It was so already.
    Unchanged,
}

/// Each answer is a reply, and a reply to a command of its kind is an answer.
macro_rules! replies {
    ($($(#[$doc:meta])* $reply:ident($answer:ty)),* $(,)?) => {
        /// The answer to any command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reply {
            $($(#[$doc])* $reply($answer),)*
        }

        $(
            impl From<$answer> for Reply {
                fn from(answer: $answer) -> Self {
                    Self::$reply(answer)
                }
            }

            /// Gives back a reply of another kind.
            impl TryFrom<Reply> for $answer {
                type Error = Reply;

                fn try_from(reply: Reply) -> Result<Self, Reply> {
                    if let Reply::$reply(answer) = reply { Ok(answer) } else { Err(reply) }
                }
            }
        )*
    };
}

replies! {
    /// The account opened.
    Account(AccountId),
    /// The key issued.
    Key(KeyId),
    /// The address numbered or known.
    Address(AddressNumber),
    /// The provider registered or known.
    Provider(ProviderId),
    /// The variant named or known.
    Variant(VariantId),
    /// The offers listed.
    Listed(Listed),
    /// The order placed, or its next attempt begun.
    Placed(Placed),
    /// How many things changed.
    Changed(u32),
    /// Whether it changed anything.
    Effect(Effect),
    /// The callback kept or known.
    Callback(CallbackId),
    /// The sealing key that was destroyed, if one was.
    KeyEnded(Option<KeyHandle>),
}

impl Reply {
    /// What was made that it names.
    pub(super) const fn made(&self) -> Option<Made> {
        match self {
            Self::Placed(Placed::Filled(order) | Placed::Waiting(order)) => {
                Some(Made::Order(*order))
            }
            _ => None,
        }
    }
}
