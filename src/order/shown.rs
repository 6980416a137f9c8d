//! Notes of what buyers were shown, on their way to the ledger.

use nexnum_engine::command::ShowMessages;
use nexnum_engine::group::Origin;
use tokio::sync::{Mutex, mpsc};

/// Notes that wait: seconds of what one server answers. More are dropped and counted.
const WAITING_MAX: usize = 65_536;

/// A note of what was shown, and who asked.
#[derive(Debug)]
pub(crate) struct ShownNote {
    pub(crate) origin: Origin,
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
