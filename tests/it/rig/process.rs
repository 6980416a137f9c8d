//! The real binary as a process.

use std::process::{Child, Command};

/// The binary; the test adds what it is to do.
pub(crate) fn nexnum() -> Command {
    Command::new(env!("CARGO_BIN_EXE_nexnum"))
}

/// A process that is killed when dropped: SIGKILL, so no destructor, no drain, no flush.
pub(crate) struct KilledOnDrop(pub(crate) Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
