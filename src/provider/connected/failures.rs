//! What went wrong at a provider last: a few failures, so kept that those of a call that fails
//! often do not hide the others.

use std::collections::VecDeque;
use std::fmt;

use nexnum_driver::{Op, ProviderError};
use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

/// Failures kept of a provider: twice as many as there are operations, so that the last two of
/// each stay, and few enough to be read.
pub const FAILURES_MAX: usize = 16;
const _: () = assert!(FAILURES_MAX >= 2 * Op::ALL.len());

/// Something that went wrong at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Time,
    /// In which operation.
    pub op: Op,
    /// For which order, where it was for one.
    pub order: Option<OrderId>,
    /// What: mostly the kind and the beginning of the reply, masked.
    pub text: String,
}

impl Failure {
    /// A call that ended with an error.
    pub(crate) fn of(at: Time, op: Op, order: Option<OrderId>, error: &ProviderError) -> Self {
        let text = format!("{}: {}", error.kind.word(), error.excerpt);
        Self { at, op, order, text }
    }
}

/// Operation and text.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.op.name(), self.text)
    }
}

/// Keeps a failure, oldest first. If there are too many, the oldest one goes of the operation
/// that has most.
pub(super) fn keep(failures: &mut VecDeque<Failure>, failure: Failure) {
    failures.push_back(failure);
    if failures.len() <= FAILURES_MAX {
        return;
    }
    let count_of = |op: Op| failures.iter().filter(|failure| failure.op == op).count();
    let most = Op::ALL.into_iter().map(count_of).max();
    let oldest = failures.iter().position(|failure| Some(count_of(failure.op)) == most);
    oldest.map(|at| failures.remove(at));
}
