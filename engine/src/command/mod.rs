//! Everything that may be asked of the engine. Time comes in beside the command,
//! random bytes (key hashes) and digests inside it.
//!
//! A command is a struct, in the file of its subject, that knows the type of its answer.

mod account;
mod callback;
mod ledger;
mod memory;
mod message;
mod money;
mod offer;
mod order;
mod reply;
mod seal_key;
mod upstream;

pub use account::{IssueKey, NumberAddress, OpenAccount, RevokeKey};
pub use callback::{ReceiveCallback, SettleCallback};
pub use ledger::{AcceptClock, BeginEpoch, CloseDay, OpenLedger, RecordClockStep};
pub use memory::Pulse;
pub use message::{CompleteMessage, Incoming, IngestMessage, RequestAnother, ShowMessages};
pub use money::{Deposit, NewPayment, PayProvider};
pub use offer::{ListOffers, LoadStock, NameVariant, RegisterProvider};
pub use order::{
    AssignNumber, Caller, Cancel, ClearDoubt, DoubtOrder, FailOrder, Finish, NextAttempt,
    PlaceOrder, RecoverLoss, Timings,
};
pub use reply::{Effect, Listed, Placed, Reply};
pub use seal_key::{DestroySealKey, EndLoadKey, MakeSealKey, Retoken};
pub use upstream::{EndByProvider, EndUpstream, Expire, FindOrphan, NamePurchase, SettleOrphan};

use crate::group::{Idempotency, KeyUse};
use crate::ids::{AccountId, AddressNumber, CallbackId, KeyId, ProviderId, VariantId};
use crate::sealed::KeyHandle;

/// A command that states the type of its answer.
pub trait Request: Into<Command> {
    /// What it is answered.
    type Answer: Into<Reply> + TryFrom<Reply>;

    /// The answer that a reply to it holds.
    ///
    /// # Panics
    /// If the reply is to a command of another kind.
    #[must_use]
    fn answer(reply: Reply) -> Self::Answer {
        let answer = Self::Answer::try_from(reply);
        answer
            .unwrap_or_else(|_| unreachable!("the engine answers in the command's type: {reply:?}"))
    }
}

/// Commands with the types of their answers.
macro_rules! commands {
    ($($command:ident => $answer:ty),* $(,)?) => {
        /// Any command.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Command {
            $(
                #[doc = concat!("[`", stringify!($command), "`].")]
                $command($command),
            )*
        }

        $(
            impl From<$command> for Command {
                fn from(command: $command) -> Self {
                    Self::$command(command)
                }
            }

            impl Request for $command {
                type Answer = $answer;
            }
        )*
    };
}

commands! {
    OpenLedger => Effect,
    BeginEpoch => Effect,
    RecordClockStep => Effect,
    AcceptClock => Effect,
    CloseDay => Effect,
    OpenAccount => AccountId,
    IssueKey => KeyId,
    RevokeKey => Effect,
    NumberAddress => AddressNumber,
    Deposit => Effect,
    PayProvider => Effect,
    RegisterProvider => ProviderId,
    NameVariant => VariantId,
    ListOffers => Listed,
    LoadStock => u32,
    PlaceOrder => Placed,
    NextAttempt => Placed,
    DoubtOrder => Effect,
    ClearDoubt => Effect,
    AssignNumber => Placed,
    FailOrder => Effect,
    IngestMessage => Effect,
    CompleteMessage => Effect,
    ShowMessages => Effect,
    RequestAnother => Effect,
    Cancel => Effect,
    RecoverLoss => Effect,
    Finish => Effect,
    FindOrphan => Effect,
    SettleOrphan => Effect,
    NamePurchase => Effect,
    EndUpstream => Effect,
    EndByProvider => Effect,
    Expire => Effect,
    Pulse => u32,
    ReceiveCallback => CallbackId,
    SettleCallback => Effect,
    MakeSealKey => Effect,
    DestroySealKey => Effect,
    EndLoadKey => Option<KeyHandle>,
    Retoken => u32,
}

impl Command {
    /// The account and the idempotency that it came with, where it has a key.
    fn idempotency(&self) -> Option<(AccountId, Idempotency)> {
        match self {
            Self::PlaceOrder(PlaceOrder { account, idempotency: Some(asked), .. }) => {
                Some((*account, asked.used.current))
            }
            _ => None,
        }
    }

    /// What its group's head keeps of its idempotency key, once it was answered.
    pub(crate) fn key_use(&self, reply: &Reply) -> Option<KeyUse> {
        let (account, used) = self.idempotency()?;
        Some(KeyUse { account, used, made: reply.made()? })
    }
}
