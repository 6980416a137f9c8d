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
