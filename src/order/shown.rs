//! Notes of what buyers were shown, on their way to the ledger.

use std::net::IpAddr;

use nexnum_engine::command::ShowMessages;
use nexnum_engine::group::Origin;
use nexnum_engine::ids::AccountId;
use tokio::sync::{Mutex, mpsc};

/// Notes that wait: seconds of what one server answers. More are dropped and counted.
const WAITING_MAX: usize = 65_536;

/// Who asks to be shown an order.
#[derive(Debug)]
pub struct Asker {
    /// Who; the number of the address is found out where it is not there.
    pub origin: Origin,
    /// Whose key it is.
    pub account: AccountId,
    /// From which address.
    pub address: IpAddr,
}

/// A note of what was shown, and who asked.
#[derive(Debug)]
pub(crate) struct ShownNote {
    pub(crate) asker: Asker,
    pub(crate) shown: ShowMessages,
}

/// Notes on their way to the ledger.
#[derive(Debug)]
pub(crate) struct ShownNotes {
    sender: mpsc::Sender<ShownNote>,
    /// The worker's end, which a restarted worker takes up again.
    pub(crate) receiver: Mutex<mpsc::Receiver<ShownNote>>,
}

impl Default for ShownNotes {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self { sender, receiver: Mutex::new(receiver) }
    }
}

impl ShownNotes {
    /// Takes a note; false if there is no room.
    pub(super) fn take(&self, note: ShownNote) -> bool {
        self.sender.try_send(note).is_ok()
    }
}
