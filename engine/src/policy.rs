//! What the operator may choose for the engine.

/// What the operator may choose. It is no part of the state: what it decides is in the
/// events, so it may differ from run to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long a number of own stock rests after a refund before it is sold again, in
    /// milliseconds: a late message to its last buyer must not reach the next one.
    pub quarantine_ms: u64,
}
