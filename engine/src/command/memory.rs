//! What the passing of time asks for.

use crate::time::Time;

/// Time has passed: expires what is due and retires what is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// History holds every order that closed at or before this moment: only those
    /// may leave memory.
    pub archived: Time,
    /// Providers could not be asked for long enough since the process began: numbers at
    /// providers whose time is over have their last look still, and do not end.
    pub unasked: bool,
}
