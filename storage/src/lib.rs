//! Storage: what outlives the process.
//!
//! A data [`folder`] holds it all. The [`ledger`] is the truth: rows of events, each durable before it is
//! acknowledged, chained by hash. Everything else in a data folder follows from it
//! ([`snapshot`], [`history`]), guards it ([`manifest`]) or must not be in it
//! ([`secrets`]). What is to be forgotten is
//! [`sealed`], under [`keys`] that can be destroyed. [`fault`] is a disk that fails on purpose.
//!
//! Promises: no damage goes unnamed, nothing damaged is overwritten, no input
//! bytes panic. What the bytes mean is left to the record codec and the engine.

mod aside;
mod backend;
mod checked;
pub mod day_tree;
pub mod directory;
pub mod error;
pub mod fault;
mod file;
pub mod folder;
pub mod format;
pub mod history;
mod identity;
pub mod index_key;
pub mod keys;
pub mod ledger;
pub mod lookup_key;
pub mod manifest;
pub mod merkle;
mod new_folder;
mod overlay;
pub mod payload;
mod position;
pub mod reader;
pub mod record;
mod replaced;
pub mod said;
pub mod sealed;
pub mod secrets;
pub mod snapshot;
mod tip;
mod wire;

pub use checked::CheckedLedger;
pub use error::StorageError;
pub use folder::Folder;
pub use format::{Batch, Hash, LedgerId, RowHeader};

pub use ledger::{Ledger, RedbLedger, RowsRead};
pub use manifest::Manifest;
pub use merkle::Salt;
pub use payload::Payload;
pub use position::Position;
pub use reader::{LedgerRow, Reader, Rows};
