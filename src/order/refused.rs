//! Callbacks that are refused for what they lack: a known address, a signature, a bound.
//!
//! Promises: each is counted, and the operator is told while it goes on, and as long as one is
//! kept; also of how many are not. One of a source that
//! is known by its address, so that a gateway with a wrong secret loses no message, is kept
//! apart from those that are trusted until an operator has it processed. Leaves to others: who
//! is a known source.

use nexnum_engine::callback::{CallbackFailure, CallbackOutcome};
use nexnum_engine::callbacks::Callbacks;
use nexnum_engine::command::{ReceiveCallback, SettleCallback};
use nexnum_engine::group::{Actor, Origin};
use nexnum_engine::ids::ProviderId;
use nexnum_engine::limits::CALLBACK_REFUSED_LEN_MAX;
use nexnum_engine::sealed::Purpose;
use nexnum_engine::time::Time;
use nexnum_storage::index_key::{IndexKey, Indexed};

use super::Orders;
use super::refused_told::kept_by_provider;
use crate::attention::{AttentionKind, AttentionSubject};
use crate::message::callback::{self, PostedMessage};
use crate::message::repeated;

/// Why a callback is refused that is kept all the same.
const KEPT: [CallbackFailure; 2] =
    [CallbackFailure::InvalidSignature, CallbackFailure::ExpiredToken];

/// Where a refused callback comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackSource {
    /// It knows an address of this provider, or knew the one before.
    Known(&'static str),
    /// It may be any client.
    Unknown,
}

impl CallbackSource {
    const fn name(self) -> &'static str {
        match self {
            Self::Known(provider) => provider,
            Self::Unknown => "unknown",
        }
    }
}

impl Orders {
    /// Counts a callback that is refused, for a reason that is one of few words, and tells the
    /// operator. One that may be kept has been before.
    pub fn note_refused_callback(&self, source: CallbackSource, reason: &'static str) {
        self.market.metrics.callback_refused(source.name(), reason);
        let (provider, text) = match source {
            CallbackSource::Known(_) if KEPT.iter().any(|kept| kept.code() == reason) => {
                return self.report_refused();
            }
            CallbackSource::Known(name) => {
                (Some(name.into()), format!("callbacks are refused: {reason}"))
            }
            CallbackSource::Unknown => {
                let text = format!("posts without a token of a callback are refused: {reason}");
                (None, text)
            }
        };
        let subject = AttentionSubject { provider, order: None, part: reason };
        self.market.attention.raise(AttentionKind::CallbacksRefused, subject, text);
    }

    /// Tells the operator of each provider's refused callbacks that are kept, or that none is
    /// left; and of those that are not kept.
    pub(crate) fn report_refused(&self) {
        // Locked to the end, so that no older look is told after a newer one.
        let mut told = self.refused_told.lock();
        let (read_model, now) = (&self.market.read_model, self.market.clock.now());
        let kept = read_model.callbacks(kept_by_provider);
        for (id, provider) in read_model.directory().providers() {
            let dropped = read_model.lost_callbacks().refused_of(id);
            if !kept.contains_key(&id) && !told.contains_key(&id) && dropped == 0 {
                continue;
            }
            let told = told.entry(id).or_default();
            let unkept = told.count_unkept(dropped, now);
            if unkept > 0 {
                self.market.metrics.callbacks_unkept(&provider.name, unkept);
            }
            let (kind, attention) = (AttentionKind::CallbacksRefused, &self.market.attention);
            match kept.get(&id) {
                Some(kept) => attention.hold(kind, &*provider.name, &told.hold(kept)),
                None if told.end() => attention.clear(kind, &*provider.name),
                None if unkept > 0 => {
                    let text = format!("callbacks were refused{}", told.unkept());
                    attention.raise(kind, &*provider.name, text);
                }
                None => {}
            }
        }
    }

    /// Ends the rows of refused callbacks where none is kept, should its end not have been told.
    pub(crate) fn report_none_refused(&self) {
        if self.market.read_model.callbacks(Callbacks::refused_len) == 0 {
            self.report_refused();
        }
    }

    /// Keeps a callback that is refused, as far as there is room for such; the same body once.
    pub async fn keep_refused_callback(
        &self,
        provider: ProviderId,
        content_type: &str,
        body: &[u8],
        failure: CallbackFailure,
    ) {
        let read = callback::read(content_type, body);
        let (content_type, stored) =
            callback::stored(content_type, body, &read, CALLBACK_REFUSED_LEN_MAX);
        let kept = async {
            let sealed = self.market.seal_of_day(Purpose::CallbackBody, None, &stored).await?;
            let (key, content_type) = (key(self.market.sealing.index(), body), content_type.into());
            let failure = Some(failure);
            let received = ReceiveCallback { provider, key, content_type, sealed, failure };
            self.market.execute(Actor::Worker(provider), received).await
        };
        // Without room it is counted alone, as its sender is told that it was refused.
        if kept.await.is_err() {
            self.refused_told.lock().entry(provider).or_default().miss();
        }
    }

    /// When a message came first that came refused before: the same body, or its id at its
    /// number. It is no proof of anything, and keeps a message from a later order alone.
    pub(super) fn came_refused(
        &self,
        posted: &PostedMessage,
        body: &[u8],
        came: Time,
    ) -> Option<Time> {
        let read_model = &self.market.read_model;
        let of_body = read_model.callbacks(|callbacks| {
            callbacks.with_key(key(self.market.sealing.index(), body)).and_then(|known| {
                let kept = callbacks.get(known).map(|kept| kept.received_at);
                kept.or_else(|| read_model.lost_callbacks().came(known))
            })
        });
        // Without an id an equal one is the same for a while alone.
        let since = repeated::refused_since(came);
        let of_body = of_body.filter(|at| posted.id.is_some() || *at >= since);
        let of_id = repeated::id_key(self.market.sealing.index(), posted)
            .and_then(|wanted| self.refused_ids.first_came(&self.market, wanted));
        of_body.into_iter().chain(of_id).min()
    }

    /// Settles a refused callback whose body has now come with what it lacked.
    pub(super) async fn settle_refused(&self, origin: &Origin, body: &[u8]) {
        let known = self.market.read_model.callbacks(|callbacks| {
            let of_body = || callbacks.with_key(key(self.market.sealing.index(), body));
            let known = (callbacks.refused_len() > 0).then(of_body).flatten()?;
            callbacks.get(known).and_then(|kept| kept.failure).map(|_| known)
        });
        if let Some(callback) = known {
            let settle = SettleCallback { callback, outcome: CallbackOutcome::Duplicate };
            // Without room it stays in the list, and processing it finds that it is known.
            if self.market.execute(origin, settle).await.is_ok() {
                self.report_refused();
            }
        }
    }
}

/// What makes a refused callback the same: never what makes a trusted one the same, so that
/// none stands in another's place.
fn key(index: &IndexKey, body: &[u8]) -> u128 {
    index.digest(Indexed::Callback, &[b"callback refused", body])
}
