//! Why a server did not start, or a provider was not connected.

use std::io;
use std::net::SocketAddr;

use nexnum_storage::StorageError;

use super::connect::ConnectError;
use crate::access::callback::CallbackSecretError;
use crate::keys::NoRandomness;
use crate::market::folder::BootError;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address could not be listened on.
    #[error("{}", not_listened(*address, source))]
    Listen {
        /// The setting that names it.
        setting: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file of the data folder.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// A provider could not be set up.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The engine refused to register a provider.
    #[error("cannot register the provider {name:?}: {reason}")]
    Register {
        /// Which.
        name: String,
        /// Why.
        reason: String,
    },
}

fn not_listened(address: SocketAddr, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => format!("{address} is in use"),
        _ => format!("cannot listen on {address}: {source}"),
    }
}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> Self {
        Self::Boot(BootError::Storage(error))
    }
}

impl From<CallbackSecretError> for StartError {
    fn from(error: CallbackSecretError) -> Self {
        match error {
            CallbackSecretError::Folder(error) => Self::Boot(error),
            CallbackSecretError::Store(error) => error.into(),
            CallbackSecretError::NoRandomness(error) => Self::NoRandomness(error),
        }
    }
}
