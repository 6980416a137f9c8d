//! A purchase whose task panics: the order does not wait for a restart.
//!
//! A defect is played by a subscriber of the log that panics at one line: the tests run on one
//! thread, whose subscriber it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nexnum::attention::AttentionKind;
use nexnum_sandbox::FaultKind;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{FIVESIM, HANDLER, Rig, received};

/// Panics at the first line that has these words.
struct PanicAt(&'static str, Arc<AtomicBool>);

impl Subscriber for PanicAt {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut has = Has(self.0, false);
        event.record(&mut has);
        if has.1 && !self.1.swap(true, Ordering::Relaxed) {
            panic!("a defect at {:?}", self.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Whether a line has these words.
struct Has(&'static str, bool);

impl Visit for Has {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.1 |= format!("{value:?}").contains(self.0);
    }
}

/// One order at a provider that shows `fault`, whose task panics at a line of the log: it gets
/// the number that was bought for it.
async fn check_settled(seller: usize, fault: FaultKind, line: &'static str) {
    let rig = Rig::start(&[(seller, 100_000)]).await;
    let has_panicked = Arc::new(AtomicBool::new(false));
    let subscriber = PanicAt(line, Arc::clone(&has_panicked));
    let _guard = tracing::subscriber::set_default(subscriber);
    // A line that another test's thread met first, just as this subscriber came, counts as one that
    // no subscriber wants.
    tracing::callsite::rebuild_interest_cache();
    rig.sandbox.faults(seller).next(fault);
    let id = rig.buy(None).await.unwrap();
    assert!(has_panicked.load(Ordering::Relaxed), "{line}");
    let order = rig.order(id, received).await;
    assert_eq!(order.attempt, 1);
    assert_eq!(rig.sandbox.bought(seller).len(), 1, "nothing else was bought");
    assert_eq!(rig.noticed(AttentionKind::TaskPanicked), 1);
    rig.stop().await;
}

#[tokio::test]
async fn an_order_whose_task_panics_without_an_answer_gets_its_number_from_the_list() {
    check_settled(FIVESIM, FaultKind::BoughtButReplyLost, "purchase in doubt").await;
}

#[tokio::test]
async fn an_order_whose_task_panics_after_the_answer_gets_its_number() {
    check_settled(HANDLER, FaultKind::Overcharged, "the provider charged").await;
}
