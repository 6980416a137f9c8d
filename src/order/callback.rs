//! Callbacks: each is stored as it came in before it is processed, so that no message is lost
//! by what is wrong with it, and one that cannot be processed waits for the operator.

use std::time::{Duration, Instant};

use nexnum_engine::callback::{Callback, CallbackFailure, CallbackOutcome};
use nexnum_engine::callbacks::Callbacks;
use nexnum_engine::command::{ReceiveCallback, SettleCallback};
use nexnum_engine::group::{Actor, Origin};
use nexnum_engine::ids::{CallbackId, ProviderId, ServiceId};
use nexnum_engine::limits::CALLBACK_LEN_MAX;
use nexnum_engine::reject::Reject;
use nexnum_engine::sealed::Purpose;
use nexnum_engine::time::Time;

use super::Orders;
use super::arrived::Arrived;
use super::ingest::{Ingested, Posted};
use super::refusal::Refusal;
use super::texts::callback_body;
use crate::attention::{AttentionKind, AttentionSubject};
use crate::json::{JsonFault, JsonFaultKind};
use crate::market::Refused;
use crate::message::callback::{self, PostedMessage};
use crate::message::repeated;

/// How long a callback that came before waits, after a start, for the ledger's last days.
const LOST_WAIT: Duration = Duration::from_secs(2);
/// How often at most it is logged that callbacks were dropped.
const DROPS_TOLD: Duration = Duration::from_secs(60);

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processed {
    /// Its message is new and was stored.
    Accepted,
    /// Its message is new and was stored, and no buyer is shown it: its order had ended.
    Late,
    /// Its message was stored before.
    Duplicate,
    /// Its order has all the messages that it may: the operator can see it.
    Kept,
}

/// What an operator says of a callback that is processed again.
#[derive(Clone, Copy, Debug, Default)]
pub struct OperatorsWord {
    /// The service that its message is for, if it names none itself.
    pub service: Option<ServiceId>,
    /// Its message may be an order's that was placed after it came.
    pub later_order: bool,
}

/// Why a callback was not processed.
#[derive(Debug, PartialEq, Eq)]
pub enum CallbackRefusal {
    /// Its body cannot be read, or a field cannot be used.
    Fault(JsonFault),
    /// Its number is none.
    InvalidNumber,
    /// Its service is not in the catalogue.
    UnknownService,
    /// The operator names a service, and it names another one itself.
    NamesOther,
    /// It is past its retention: what it says is forgotten.
    Forgotten,
    /// No order takes it, or the engine did not.
    Refused(Refusal),
}

impl From<Refusal> for CallbackRefusal {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Orders {
    /// Stores a callback and processes it. A repeated one is stored once and processed again,
    /// which changes nothing unless it failed before.
    ///
    /// # Errors
    /// Why it was not processed; the operator can see it, unless the server was too busy.
    pub async fn receive_callback(
        &self,
        provider: ProviderId,
        content_type: &str,
        body: &[u8],
    ) -> Result<Processed, CallbackRefusal> {
        // 1. As it is, before anything is made of it.
        let read = callback::read(content_type, body);
        let (content_type, stored) = callback::stored(content_type, body, &read, CALLBACK_LEN_MAX);
        let sealed = self.market.seal_of_day(Purpose::CallbackBody, None, &stored).await;
        let received = ReceiveCallback {
            provider,
            key: repeated::key(self.market.sealing.index(), &read, body, self.market.clock.now()),
            content_type: content_type.into(),
            sealed: sealed.map_err(|error| Refusal::from(Refused::from(error)))?,
            failure: None,
        };
        let id =
            self.market.execute(Actor::Worker(provider), received).await.map_err(|refused| {
                match refused {
                    // So many wait that the sender has to.
                    Refused::Rejected(Reject::Exhausted(_) | Reject::UnknownSealKey) => {
                        Refusal::Busy
                    }
                    refused => refused.into(),
                }
            })?;
        // 2. What it says.
        let origin = Origin::of(Actor::Worker(provider));
        let word = OperatorsWord::default();
        let processed = self.process(&origin, id, provider, (read, body), word).await?;
        // 3. It may have come before, without its signature.
        self.settle_refused(&origin, body).await;
        Ok(processed)
    }

    /// Processes a callback again that could not be, as the operator says.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if it is not kept; why it was not processed.
    pub async fn process_callback(
        &self,
        origin: &Origin,
        id: CallbackId,
        word: OperatorsWord,
    ) -> Result<Processed, CallbackRefusal> {
        let kept = self.market.read_model.callbacks(|callbacks| callbacks.get(id).cloned());
        let kept = kept.ok_or(Refusal::NotFound)?;
        let body = callback_body(&self.market.sealing, &kept).ok_or(CallbackRefusal::Forgotten)?;
        let Callback { provider, content_type, failure, .. } = kept;
        let read = callback::read(&content_type, body.expose());
        let processed = self.process(origin, id, provider, (read, body.expose()), word).await;
        if failure.is_some_and(CallbackFailure::is_refusal) {
            self.report_refused();
        }
        processed
    }

    /// Throws away a callback that could not be processed, or was refused.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if it is not kept, or waits; what kept the engine from it.
    pub async fn discard_callback(&self, origin: &Origin, id: CallbackId) -> Result<(), Refusal> {
        let failed = |callbacks: &Callbacks| callbacks.get(id).and_then(|kept| kept.failure);
        let failure = self.market.read_model.callbacks(failed).ok_or(Refusal::NotFound)?;
        let settle = SettleCallback { callback: id, outcome: CallbackOutcome::Discarded };
        self.market.execute(origin, settle).await?;
        self.market.metrics.callback_processed("discarded");
        self.report_failed();
        if failure.is_refusal() {
            self.report_refused();
        }
        Ok(())
    }

    /// Processes the callbacks that were received up to a moment and wait still: a crash came
    /// between, or the engine had no room.
    pub(crate) async fn process_waiting(&self, until: Time) {
        let waiting: Vec<(CallbackId, ProviderId)> =
            self.market.read_model.callbacks(|callbacks| {
                let old = callbacks.waiting().filter(|(_, kept)| kept.received_at <= until);
                old.map(|(id, kept)| (id, kept.provider)).collect()
            });
        for (id, provider) in waiting {
            let (origin, word) = (Origin::of(Actor::Worker(provider)), OperatorsWord::default());
            // What it fails of is stored with it; without room a later look tries again.
            let _processed = self.process_callback(&origin, id, word).await;
        }
    }

    async fn process(
        &self,
        origin: &Origin,
        id: CallbackId,
        provider: ProviderId,
        (read, body): (Result<PostedMessage, JsonFault>, &[u8]),
        word: OperatorsWord,
    ) -> Result<Processed, CallbackRefusal> {
        let delivered = match read {
            Ok(posted) => self.deliver(origin, id, provider, (&posted, body), word).await,
            Err(fault) => Err(CallbackRefusal::Fault(fault)),
        };
        let outcome = match &delivered {
            // The engine ended the callback with the message.
            Ok(told @ (Processed::Accepted | Processed::Late)) => {
                let word = if *told == Processed::Late { "late" } else { "accepted" };
                self.market.metrics.callback_processed(word);
                self.report_failed();
                return delivered;
            }
            Ok(Processed::Duplicate) => CallbackOutcome::Duplicate,
            Ok(Processed::Kept) => CallbackOutcome::Failed(CallbackFailure::TooManyMessages),
            Err(refusal) => match failure(refusal) {
                Some(failure) => CallbackOutcome::Failed(failure),
                // It waits.
                None => return delivered,
            },
        };
        let told = match outcome {
            CallbackOutcome::Accepted => "accepted",
            CallbackOutcome::Duplicate => "duplicate",
            CallbackOutcome::Discarded => "discarded",
            CallbackOutcome::Failed(failure) => failure.code(),
        };
        self.market.metrics.callback_processed(told);
        // Not known again if this finds no room: it waits then.
        let settle = SettleCallback { callback: id, outcome };
        self.market.execute(origin, settle).await.map_err(Refusal::from)?;
        self.report_failed();
        delivered
    }

    /// Tells the operator that callbacks are kept that could not be processed, or no more.
    pub(crate) fn report_failed(&self) {
        let count = |callbacks: &Callbacks| (callbacks.failed_len(), callbacks.dropped());
        let (failed, dropped) = self.market.read_model.callbacks(count);
        let text = (failed > 0).then(|| match dropped {
            0 => format!("{failed} could not be processed"),
            dropped => format!(
                "{failed} could not be processed; {dropped} older ones were dropped for want of room"
            ),
        });
        let (kind, subject) = (AttentionKind::CallbacksFailed, AttentionSubject::default());
        self.market.attention.report(kind, subject, text);
    }

    async fn deliver(
        &self,
        origin: &Origin,
        id: CallbackId,
        provider: ProviderId,
        (posted, body): (&PostedMessage, &[u8]),
        word: OperatorsWord,
    ) -> Result<Processed, CallbackRefusal> {
        let number = callback::number(posted).ok_or(CallbackRefusal::InvalidNumber)?;
        let named = posted.service.as_deref().map(|code| {
            let (catalog, code) = (self.market.catalog, code.trim());
            let slug = catalog.service_by_slug(code);
            let code_of = || catalog.service_by_handler_code(code);
            slug.or_else(code_of).or_else(|| catalog.find_service(code))
        });
        let service = match (word.service, named) {
            (Some(service), Some(Some(own))) if service != own => {
                return Err(CallbackRefusal::NamesOther);
            }
            (Some(service), _) | (None, Some(Some(service))) => Some(service),
            (None, Some(None)) => return Err(CallbackRefusal::UnknownService),
            (None, None) => None,
        };
        if !word.later_order {
            self.know_lost(id).await?;
        }
        let came = match self.first_came(id, posted, body) {
            _ if word.later_order => None,
            Some(came) => Some(came),
            // It was processed when it came first: one that was dropped, or thrown away, was not.
            None => return Ok(Processed::Duplicate),
        };
        let message = Arrived {
            external_id: posted.id.as_deref(),
            sender: &posted.sender,
            text: &posted.text,
            code: None,
        };
        let posted = Posted { provider, number, service, came };
        match self.ingest_posted(origin, posted, message, Some(id)).await {
            Ok(Ingested::Accepted) => Ok(Processed::Accepted),
            Ok(Ingested::Late) => Ok(Processed::Late),
            Ok(Ingested::Duplicate) => Ok(Processed::Duplicate),
            Err(Refusal::Rejected(Reject::Exhausted("messages"))) => Ok(Processed::Kept),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

impl Orders {
    /// Waits, after a start, until it is known whether a callback that is not kept was processed.
    async fn know_lost(&self, id: CallbackId) -> Result<(), Refusal> {
        let read_model = &self.market.read_model;
        let is_kept = read_model.callbacks(|callbacks| callbacks.get(id).is_some());
        if is_kept || read_model.lost_callbacks().are_known_within(LOST_WAIT).await {
            return Ok(());
        }
        Err(Refusal::Busy)
    }

    /// When a message came first, as far as its callbacks are known; `None` if it has an id and
    /// its callback was processed.
    fn first_came(&self, id: CallbackId, posted: &PostedMessage, body: &[u8]) -> Option<Time> {
        let now = self.market.clock.now();
        let came = self.market.read_model.callbacks(|callbacks| {
            let kept = callbacks.get(id).map(|kept| kept.received_at);
            let kept = kept.or_else(|| self.market.read_model.lost_callbacks().came(id));
            let came = if posted.id.is_some() { kept? } else { kept.unwrap_or(now) };
            // A source that was refused tries again, also in another minute. Of one that is
            // kept no longer the minute is known.
            let index = self.market.sealing.index();
            Some(repeated::first_came(index, posted, came, |key, end| {
                let known = callbacks.with_key(key)?;
                Some(callbacks.get(known).map_or(end, |kept| kept.received_at))
            }))
        })?;
        let refused = self.came_refused(posted, body, came);
        Some(refused.map_or(came, |refused| refused.min(came)))
    }
}

/// What the log has been told of callbacks that were dropped to make room.
#[derive(Debug)]
pub(crate) struct DroppedCallbacks {
    told: u64,
    told_at: Option<Instant>,
}

impl DroppedCallbacks {
    /// Nothing is told of those before.
    pub(crate) fn since(orders: &Orders) -> Self {
        Self { told: orders.market.read_model.callbacks(Callbacks::dropped), told_at: None }
    }

    /// Logs how many were dropped since it was told last, once a minute at most.
    pub(crate) fn tell(&mut self, orders: &Orders) {
        let dropped = orders.market.read_model.callbacks(Callbacks::dropped);
        if let Some(count) = self.news(dropped, Instant::now()) {
            tracing::warn!(
                count,
                "callbacks that could not be processed, or were refused, were dropped to make room"
            );
        }
    }

    fn news(&mut self, dropped: u64, now: Instant) -> Option<u64> {
        let is_soon = self.told_at.is_some_and(|at| now.duration_since(at) < DROPS_TOLD);
        let count = dropped.saturating_sub(self.told);
        if is_soon || count == 0 {
            return None;
        }
        *self = Self { told: dropped, told_at: Some(now) };
        Some(count)
    }
}

/// Why a callback is kept for the operator; `None` if it waits for another try.
fn failure(refusal: &CallbackRefusal) -> Option<CallbackFailure> {
    match refusal {
        CallbackRefusal::Fault(fault) => Some(match fault.kind {
            JsonFaultKind::Malformed => CallbackFailure::Unreadable,
            JsonFaultKind::UnknownField
            | JsonFaultKind::RepeatedField
            | JsonFaultKind::InvalidField => CallbackFailure::InvalidField,
        }),
        CallbackRefusal::InvalidNumber => Some(CallbackFailure::InvalidNumber),
        CallbackRefusal::UnknownService => Some(CallbackFailure::UnknownService),
        CallbackRefusal::Refused(Refusal::NoHolder) => Some(CallbackFailure::UnknownNumber),
        CallbackRefusal::Refused(Refusal::Ambiguous) => Some(CallbackFailure::Ambiguous),
        CallbackRefusal::Refused(Refusal::OtherService) => Some(CallbackFailure::OtherService),
        CallbackRefusal::Refused(Refusal::Rejected(_)) => Some(CallbackFailure::InvalidField),
        // It stays as it is.
        CallbackRefusal::NamesOther | CallbackRefusal::Forgotten | CallbackRefusal::Refused(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_told_once_a_minute_with_all_that_came_between() {
        let (mut drops, begin) = (DroppedCallbacks { told: 7, told_at: None }, Instant::now());
        let mut news = |dropped, s| drops.news(dropped, begin + Duration::from_secs(s));
        assert_eq!((news(7, 0), news(8, 1)), (None, Some(1)));
        assert_eq!((news(9, 2), news(500, 60)), (None, None));
        assert_eq!((news(1_008, 61), news(1_008, 200)), (Some(1_000), None));
    }
}
