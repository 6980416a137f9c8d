//! What the passing of time asks for.

use crate::time::Time;

/// Time has passed: expires what is due and retires what is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// History holds every order that closed at or before this moment: only those
    /// may leave memory.
    pub archived: Time,
    /// Providers could not be asked for long enough about numbers whose time was over before
    /// this moment: they have their last look still, and do not end. `Time(0)` where all could.
    pub unasked: Time,
}
