//! How much readers keep: what has left the state has left them too.

use super::ReadModel;

/// Counts of what is kept beside the orders themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Answers of idempotency keys, and how many of them are known whole.
    pub replies: [usize; 2],
    /// Orders by their purchases at providers.
    pub purchases: usize,
    /// Orders by their numbers.
    pub numbers: usize,
    /// Numbers in clear.
    pub opened: usize,
    /// Closed orders by age.
    pub closed: usize,
    /// Those of them that were bought from providers.
    pub driven_closed: usize,
}

impl ReadModel {
    /// What is kept now.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept {
            replies: self.replies.counts(),
            purchases: self.purchases.len(),
            numbers: self.held.lock().len(),
            opened: self.opened.len(),
            closed: self.closed.lock().len(),
            driven_closed: self.driven_closed.lock().len(),
        }
    }
}
