//! What outlives the process: records, commits, replay, snapshots, history.

pub mod record;
