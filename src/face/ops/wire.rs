//! What this face writes: the types are the JSON and its description.

use schemars::JsonSchema;
use serde::Serialize;

/// The process answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Live {
    /// Whether the process answers.
    pub status: LiveStatus,
}

/// Whether the process answers.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LiveStatus {
    /// It does.
    Live,
}

/// The server accepts work.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Ready {
    /// Whether the server accepts work.
    pub status: ReadyStatus,
    /// The server's threads and loops, by name.
    #[schemars(length(max = 100))]
    pub loops: Vec<Loop>,
}

/// A thread or loop, or all loops of one kind.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Loop {
    /// What it does.
    pub name: &'static str,
    /// How long ago it began its last round, in milliseconds; of several, the one that waits
    /// longest.
    pub age_ms: u64,
    /// How often it has panicked and was begun anew since the start.
    pub panics: u64,
}

/// Whether the server accepts work.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadyStatus {
    /// It does.
    Ready,
}

/// A fixed reply of 100 bytes.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Plain {
    /// A fixed text.
    pub plain: &'static str,
}
