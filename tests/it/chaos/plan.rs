//! The behaviours of a chaos run: which faults how often, whose clock is wrong, who is killed.

use nexnum_sandbox::{FaultKind, PROVIDERS, Sandbox};

/// Ten minutes.
const WRONG_MS: i64 = 10 * 60 * 1_000;

/// A behaviour.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    faults: Vec<(FaultKind, f64)>,
    /// The share of calls that show any fault.
    any: f64,
    /// By how much the providers' clock is ahead, in milliseconds.
    pub(super) skew_ms: i64,
    /// How often the server is killed.
    pub(super) kills: u32,
    /// Rows of the handler protocol's list of open activations.
    pub(super) page: Option<usize>,
}

impl Plan {
    fn new(name: impl Into<String>, faults: Vec<(FaultKind, f64)>) -> Self {
        let name = name.into();
        Self { name, faults, any: 0.0, skew_ms: 0, kills: 0, page: Some(100) }
    }

    /// The providers begin to misbehave.
    pub(super) fn begin(&self, sandbox: &Sandbox) {
        for faults in (0..PROVIDERS).map(|at| sandbox.faults(at)) {
            faults.set_any(self.any);
            self.faults.iter().for_each(|(kind, rate)| faults.set(*kind, *rate));
        }
    }

    /// They stop.
    pub(super) fn end(&self, sandbox: &Sandbox) {
        (0..PROVIDERS).for_each(|at| sandbox.faults(at).clear());
    }

    /// Whether it takes minutes however few the orders are: what is listed late is looked for
    /// late, and what may be a stranger's is in doubt to the end.
    pub(super) fn is_slow(&self) -> bool {
        self.shows(FaultKind::ListedLate) || self.shows(FaultKind::ForeignPurchase)
    }

    /// Whether its calls hang or its provider asks for pauses, so that polls may come late.
    pub(super) fn hangs(&self) -> bool {
        [FaultKind::TimeOut, FaultKind::HangsAfterHead, FaultKind::LateReply, FaultKind::Gateway]
            .into_iter()
            .any(|kind| self.shows(kind))
    }

    /// Whether it shows a kind.
    pub(super) fn shows(&self, kind: FaultKind) -> bool {
        self.any > 0.0 || self.faults.iter().any(|(shown, _)| *shown == kind)
    }
}

/// How often a kind shows where it is alone.
fn rate(kind: FaultKind) -> f64 {
    match kind {
        FaultKind::IdsOfAnotherType
        | FaultKind::NumbersSpelled
        | FaultKind::LocalDates
        | FaultKind::DuplicateMessage
        | FaultKind::RepeatedMessage
        | FaultKind::TwoMessages
        | FaultKind::MessageAfterCancel => 1.0,
        FaultKind::WrongContentType
        | FaultKind::SlowReply
        | FaultKind::BoughtButReplyLost
        | FaultKind::ForeignPurchase
        | FaultKind::Overcharged
        | FaultKind::NotFound
        | FaultKind::CancelTooEarly
        | FaultKind::CancelReplyLost
        | FaultKind::ListLacksRows
        | FaultKind::ListEmpty
        | FaultKind::PricesJump
        | FaultKind::PricesFall => 0.5,
        FaultKind::ConnectionLost
        | FaultKind::Http500
        | FaultKind::Gateway
        | FaultKind::Garbage
        | FaultKind::ReplyLost
        | FaultKind::GatewayAfterwards
        | FaultKind::TruncatedBody
        | FaultKind::FalseGzip
        | FaultKind::ListedLate
        | FaultKind::NoNumbers
        | FaultKind::PriceRefused => 0.25,
        FaultKind::TimeOut
        | FaultKind::Http429RetryAfter
        | FaultKind::KeyRefused
        | FaultKind::Redirect
        | FaultKind::LateReply
        | FaultKind::HangsAfterHead
        | FaultKind::EmptyAccount => 0.1,
    }
}

/// All behaviours.
pub(super) fn all() -> Vec<Plan> {
    use FaultKind::{
        BoughtButReplyLost, CancelReplyLost, ForeignPurchase, ListEmpty, ListLacksRows, ListedLate,
        LocalDates, NotFound, ReplyLost,
    };
    let alone = FaultKind::ALL.map(|kind| Plan::new(format!("{kind:?}"), vec![(kind, rate(kind))]));
    let lost = vec![(BoughtButReplyLost, 0.3), (ReplyLost, 0.05), (CancelReplyLost, 0.3)];
    let shared = vec![(ForeignPurchase, 0.3), (BoughtButReplyLost, 0.2)];
    let lists = vec![(BoughtButReplyLost, 0.3), (ListLacksRows, 0.3), (ListEmpty, 0.2)];
    let late = vec![(ListedLate, 0.2), (NotFound, 0.2), (LocalDates, 1.0)];
    let any = |name: &str, any| Plan { any, ..Plan::new(name, Vec::new()) };
    let mixes = [
        any("Any", 0.3),
        Plan { kills: 4, ..any("AnyKilled", 0.15) },
        Plan { kills: 4, ..Plan::new("LostKilled", lost.clone()) },
        Plan { page: None, ..Plan::new("LostWholeList", lost.clone()) },
        Plan::new("SharedLost", shared),
        Plan::new("ListsLost", lists),
        Plan::new("ListedLateLocal", late),
        Plan { skew_ms: WRONG_MS, ..Plan::new("ClockAhead", lost.clone()) },
        Plan { skew_ms: -WRONG_MS, ..Plan::new("ClockBehind", lost) },
    ];
    alone.into_iter().chain(mixes).collect()
}
