//! A message that an activation received: what it says is sealed, and the engine knows no more of it
//! than which parts it has.

use crate::ids::MessageId;
use crate::sealed::SealedValue;
use crate::time::Time;

/// Which parts a message has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageParts {
    /// Who sent it, as its source says.
    pub sender: bool,
    /// The text; a source may give only the code.
    pub text: bool,
    /// The code in it.
    pub code: bool,
}

impl MessageParts {
    /// Those that either has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            sender: self.sender || other.sender,
            text: self.text || other.text,
            code: self.code || other.code,
        }
    }

    /// Whether it has something to read: a text or a code.
    #[must_use]
    pub const fn says_something(self) -> bool {
        self.text || self.code
    }
}

/// Parts of a message that came together, sealed as one value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedParts {
    /// Which.
    pub has: MessageParts,
    /// They.
    pub sealed: SealedValue,
}

/// A received message.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// Dense id.
    pub id: MessageId,
    /// What makes it the same message when it comes again.
    pub digest: u128,
    /// What it says, as it came: at most one value for each part. Of a part that is in several the
    /// first counts.
    pub said: Vec<SealedParts>,
    /// When it came in here.
    pub received_at: Time,
    /// It came after the end: kept, not delivered.
    pub late: bool,
    /// Its buyer has been shown it.
    pub shown: bool,
}

impl Message {
    /// Which parts it has.
    #[must_use]
    pub fn has(&self) -> MessageParts {
        self.said.iter().fold(MessageParts::default(), |all, said| all.or(said.has))
    }
}

/// Prints nothing that it says: messages stay out of logs.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, late: {})", self.id, self.late)
    }
}
