//! What this face writes and reads: the types are the JSON and its description.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::face::wire::GivenNumber;

/// A message as a SIM bank posts it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Callback<'a> {
    /// The number that received the message.
    #[serde(borrow)]
    pub number: GivenNumber<'a>,
    /// The sender, as the phone network states it: at most 100 bytes of UTF-8.
    #[serde(borrow, default)]
    #[schemars(length(max = 100))]
    pub sender: Cow<'a, str>,
    /// The text: 1 to 2,000 bytes of UTF-8.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 2000))]
    pub text: Cow<'a, str>,
    /// The SIM bank's own id of the message, 1 to 255 bytes: messages with the same id are the
    /// same.
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 255))]
    pub id: Option<Cow<'a, str>>,
    /// The service that the message is for, by slug or short code, if the SIM bank knows it.
    #[serde(borrow, default)]
    pub service: Option<Cow<'a, str>>,
}

/// The reply to a message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CallbackReply {
    /// What became of the message.
    pub status: CallbackStatus,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallbackStatus {
    /// It is new and was stored.
    Accepted,
    /// It was stored before; nothing changed.
    Duplicate,
}
