//! What needs the operator's attention: a row for each condition, from when it is noticed
//! until its cause is gone.
//!
//! Promises: a row is logged when it appears and when it goes, and not between, however often
//! its condition is noticed; the list is bounded. Leaves to others: what counts as such a
//! condition, and when it is over. Memory only: after a start each is noticed anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;
use parking_lot::Mutex;

use crate::clock::Clock;

/// Rows of one kind: as many as there may be providers.
const OF_KIND_MAX: usize = 1_000;
/// Bytes of a row's text: the kind of an error and the beginning of a reply.
const TEXT_LEN_MAX: usize = 500;
/// How long what strangers or gateways do is shown after it was noticed last.
const QUIET_MS: u64 = 60 * 60 * 1000;
/// How long something that happened once is shown: until the operator has looked on any day.
const EVENT_KEPT_MS: u64 = 24 * 60 * 60 * 1000;

/// Whether a kind is a condition, which ends, or something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasts {
    /// Until it is cleared.
    UntilCleared,
    /// A day, unless it is cleared before, and as long as it is held.
    ADay,
    /// Until it has not been noticed for an hour.
    UntilQuiet,
}

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $kind:ident $word:literal $lasts:ident)*) => {
        /// What kind of condition it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum AttentionKind {
            $($(#[doc = $meaning])+ $kind,)*
        }

        impl AttentionKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The stable word for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($($meaning),+),)*
                }
            }

            const fn lasts(self) -> Lasts {
                match self {
                    $(Self::$kind => Lasts::$lasts,)*
                }
            }
        }
    };
}

kinds! {
    /// A provider has no key: it is not bought from.
    KeyMissing "key_missing" UntilCleared
    /// A provider refuses our key, or has banned us: it is not bought from.
    KeyRefused "key_refused" UntilCleared
    /// A provider's section of the configuration cannot be used: the server runs without it.
    ProviderNotSetUp "provider_not_set_up" UntilCleared
    /// A provider's balance is below the operator's limit.
    BalanceLow "balance_low" UntilCleared
    /// A provider does not say what our account there holds.
    BalanceFailed "balance_failed" UntilCleared
    /// A provider's balance pays for nothing more.
    BalanceEmpty "balance_empty" UntilCleared
    /// A provider's circuit breaker is open.
    BreakerOpen "breaker_open" UntilCleared
    /// A provider asked for a pause of calls, which lasts.
    ProviderPaused "provider_paused" UntilCleared
    /// A provider's last price list did not come, or could not be taken in.
    PriceListFailed "price_list_failed" UntilCleared
    /// A provider's price list is older than twice its interval.
    PriceListLate "price_list_late" UntilCleared
    /// A whole price list is held back.
    PriceListQuarantined "price_list_quarantined" UntilCleared
    /// Rows of a price list are held back.
    PricesQuarantined "prices_quarantined" UntilCleared
    /// A refused purchase named a price far above the list's: nothing is sold at it.
    NamedPriceHeld "named_price_held" ADay
    /// Purchases are in doubt for longer than they should be.
    DoubtsOld "doubts_old" UntilCleared
    /// A provider's account shows activations that may be purchases of ours and may be another
    /// program's: they are left alone.
    UnattributedPurchase "unattributed_purchase" UntilCleared
    /// Another program buys on our account at a provider.
    SharedAccount "shared_account" UntilCleared
    /// A provider charged more than the customer paid: the offer is closed until its list names as
    /// much.
    Overcharge "overcharge" ADay
    /// A provider answered a purchase with a number of another country, or of another order: it
    /// was not sold.
    WrongNumber "wrong_number" ADay
    /// A provider's replies name a currency that is not the configured one.
    WrongCurrency "wrong_currency" UntilCleared
    /// Open activations are at a provider that is not connected, since it was renamed or removed,
    /// or whose key is missing; or activations ran out while their provider did not answer, and it
    /// has not answered since.
    ActivationsLeft "activations_left" UntilCleared
    /// Many open activations, or all of several, are unknown to their provider at once, or ended.
    ActivationsMissing "activations_missing" UntilCleared
    /// A provider's list of open activations does not come: each is asked about alone.
    ActiveListFailed "active_list_failed" UntilCleared
    /// A provider does not take the end of an activation that has ended here.
    EndRefused "end_refused" UntilCleared
    /// An activation that has ended here was not ended at its provider in all tries, or a provider
    /// kept a purchase that no order has: it may be charged.
    EndLeft "end_left" ADay
    /// A provider's answers about an activation cannot be read: a message may be in them.
    StatusUnreadable "status_unreadable" UntilCleared
    /// Callbacks could not be processed: `GET /api/admin/callbacks` has them.
    CallbacksFailed "callbacks_failed" UntilCleared
    /// Callbacks are refused: for their address, signature, size or form. A row of those that are
    /// kept stays until none is left.
    CallbacksRefused "callbacks_refused" UntilQuiet
    /// A provider shows more messages of an order than an order takes.
    TooManyMessages "too_many_messages" ADay
    /// A loop or thread panicked and was restarted.
    LoopPanicked "loop_panicked" UntilCleared
    /// The background task of an order panicked: its order was left to the workers.
    TaskPanicked "task_panicked" ADay
    /// Fewer connections are served than the configuration says.
    ConnectionLimitLowered "connection_limit_lowered" UntilCleared
    /// Connections cannot be accepted.
    AcceptFailed "accept_failed" UntilCleared
    /// A snapshot could not be written: the next start takes longer.
    SnapshotFailed "snapshot_failed" UntilCleared
    /// The machine's clock was set, or was behind the ledger at the start: time goes on without the
    /// step, slightly faster or slower until the two agree.
    ClockApart "clock_apart" UntilCleared
    /// The history cannot be written.
    HistoryFailed "history_failed" UntilCleared
}

/// What a row is about. Two rows of one kind differ in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttentionSubject {
    /// Which provider, where it is about one.
    pub provider: Option<Box<str>>,
    /// Which order, where it is about one.
    pub order: Option<OrderId>,
    /// Which part of the server, where several could have the condition.
    pub part: &'static str,
}

/// A provider by its name.
impl From<&str> for AttentionSubject {
    fn from(provider: &str) -> Self {
        Self { provider: Some(provider.into()), ..Self::default() }
    }
}

/// An order, and its provider's name.
impl From<(&str, OrderId)> for AttentionSubject {
    fn from((provider, order): (&str, OrderId)) -> Self {
        Self { order: Some(order), ..provider.into() }
    }
}

/// A condition that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionRow {
    /// Of which kind.
    pub kind: AttentionKind,
    /// What it is about.
    pub subject: AttentionSubject,
    /// When it was noticed first.
    pub since: Time,
    /// When it was noticed last.
    pub last_at: Time,
    /// How often it was noticed.
    pub count: u64,
    /// What it is, as it was told last.
    pub text: String,
    lasts: Lasts,
}

/// A row cannot be taken off the list: it goes when its cause is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseLasts;

/// The list. A clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Attention {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    clock: Arc<Clock>,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    rows: BTreeMap<(AttentionKind, AttentionSubject), AttentionRow>,
    /// Conditions of a kind that found no room, counted until it has some again.
    left_out: BTreeMap<AttentionKind, u64>,
}

impl Attention {
    /// An empty list.
    #[must_use]
    pub fn new(clock: &Arc<Clock>) -> Self {
        let (clock, list) = (Arc::clone(clock), Mutex::default());
        Self { shared: Arc::new(Shared { clock, list }) }
    }

    /// Notes a condition: a new row, or once more the one that is there.
    pub fn raise(
        &self,
        kind: AttentionKind,
        subject: impl Into<AttentionSubject>,
        text: impl Into<String>,
    ) {
        self.note(kind.lasts(), (kind, subject.into()), text.into());
    }

    /// Notes a condition whose row stays until it is cleared, whatever others of its kind do.
    pub fn hold(&self, kind: AttentionKind, subject: impl Into<AttentionSubject>, text: &str) {
        self.note(Lasts::UntilCleared, (kind, subject.into()), text.to_owned());
    }

    fn note(&self, lasts: Lasts, key: (AttentionKind, AttentionSubject), mut text: String) {
        text.truncate(text.floor_char_boundary(TEXT_LEN_MAX));
        let (now, mut list) = (self.shared.clock.now(), self.shared.list.lock());
        list.expire(now);
        if let Some(row) = list.rows.get_mut(&key) {
            (row.last_at, row.count) = (now, row.count.saturating_add(1));
            (row.text, row.lasts) = (text, lasts);
            return;
        }
        if list.of_kind(key.0) >= OF_KIND_MAX {
            return list.leave_out(key.0);
        }
        list.add(now, lasts, key, text);
    }

    /// Has the rows of a kind about a provider's orders last as long as they are among these, and
    /// from then on as any of their kind; those that are not there are noted.
    pub fn hold_orders(
        &self,
        kind: AttentionKind,
        provider: &str,
        texts: &BTreeMap<OrderId, String>,
    ) {
        let (now, mut list) = (self.shared.clock.now(), self.shared.list.lock());
        for (_, row) in list.rows.iter_mut().filter(|((of, _), _)| *of == kind) {
            if row.subject.provider.as_deref() == Some(provider) {
                let is_held = row.subject.order.is_some_and(|order| texts.contains_key(&order));
                row.lasts = if is_held { Lasts::UntilCleared } else { kind.lasts() };
            }
        }
        let has_left_out = list.left_out.contains_key(&kind);
        for (order, text) in texts {
            let key = (kind, (provider, *order).into());
            if list.rows.contains_key(&key) {
                continue;
            }
            if list.of_kind(kind) < OF_KIND_MAX {
                list.add(now, Lasts::UntilCleared, key, text.clone());
            } else if !has_left_out {
                // Counted once, however often they are looked at.
                list.leave_out(kind);
            }
        }
    }

    /// Notes that a condition's cause is gone. Nothing happens if there is no such row.
    pub fn clear(&self, kind: AttentionKind, subject: impl Into<AttentionSubject>) {
        self.shared.list.lock().remove(&(kind, subject.into()));
    }

    /// Takes the rows of a kind off the list, since the operator has dealt with them: those about
    /// a provider and an order, or about any, whose cause is not known to last. Gives how many
    /// there were.
    ///
    /// # Errors
    /// The cause of all of them lasts, and with it they do.
    pub fn settle(
        &self,
        kind: AttentionKind,
        provider: Option<&str>,
        order: Option<OrderId>,
    ) -> Result<usize, CauseLasts> {
        let mut list = self.shared.list.lock();
        let is_meant = |key: &(AttentionKind, AttentionSubject)| {
            key.0 == kind
                && provider.is_none_or(|wanted| key.1.provider.as_deref() == Some(wanted))
                && order.is_none_or(|wanted| key.1.order == Some(wanted))
        };
        let meant = list.rows.iter().filter(|(key, _)| is_meant(key));
        let lasts = |(_, row): &(&_, &AttentionRow)| row.lasts == Lasts::UntilCleared;
        let (lasting, over): (Vec<_>, Vec<_>) = meant.partition(lasts);
        if over.is_empty() && !lasting.is_empty() {
            return Err(CauseLasts);
        }
        let keys: Vec<_> = over.into_iter().map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| list.remove(key));
        Ok(keys.len())
    }

    /// Notes a condition where there is a text for it, and else that its cause is gone.
    pub fn report(
        &self,
        kind: AttentionKind,
        subject: impl Into<AttentionSubject>,
        text: Option<impl Into<String>>,
    ) {
        match text {
            Some(text) => self.raise(kind, subject, text),
            None => self.clear(kind, subject),
        }
    }

    /// Notes that a provider is gone, and with it all rows about it.
    pub fn forget_provider(&self, provider: &str) {
        let mut list = self.shared.list.lock();
        let of_it =
            |key: &&(AttentionKind, AttentionSubject)| key.1.provider.as_deref() == Some(provider);
        let keys: Vec<_> = list.rows.keys().filter(of_it).cloned().collect();
        keys.iter().for_each(|key| list.remove(key));
    }

    /// At most `most` of the rows, oldest first, and how many conditions are not among them.
    #[must_use]
    pub fn rows(&self, most: usize) -> (Vec<AttentionRow>, u64) {
        let mut list = self.shared.list.lock();
        list.expire(self.shared.clock.now());
        let mut rows: Vec<_> = list.rows.values().cloned().collect();
        rows.sort_by_key(|row| row.since);
        let left_out = rows.len().saturating_sub(most) as u64 + list.left_out.values().sum::<u64>();
        rows.truncate(most);
        (rows, left_out)
    }

    /// How many rows of each kind there are, with those that found no room.
    #[must_use]
    pub fn counts(&self) -> Vec<(AttentionKind, u64)> {
        let mut list = self.shared.list.lock();
        list.expire(self.shared.clock.now());
        let left_out = |kind| list.left_out.get(&kind).copied().unwrap_or(0);
        let count = |kind| (kind, list.of_kind(kind) as u64 + left_out(kind));
        AttentionKind::ALL.iter().map(|kind| count(*kind)).collect()
    }
}

impl List {
    fn of_kind(&self, kind: AttentionKind) -> usize {
        let from = (kind, AttentionSubject::default());
        self.rows.range(from..).take_while(|((of, _), _)| *of == kind).count()
    }

    fn add(
        &mut self,
        now: Time,
        lasts: Lasts,
        key: (AttentionKind, AttentionSubject),
        text: String,
    ) {
        let (kind, subject) = key.clone();
        let row = AttentionRow { kind, subject, since: now, last_at: now, count: 1, text, lasts };
        row.log_begin();
        self.rows.insert(key, row);
    }

    fn leave_out(&mut self, kind: AttentionKind) {
        let count = self.left_out.entry(kind).or_default();
        *count += 1;
        if *count == 1 {
            let kind = kind.word();
            tracing::warn!(kind, "more needs attention than is listed: the list is full");
        }
    }

    fn remove(&mut self, key: &(AttentionKind, AttentionSubject)) {
        if let Some(row) = self.rows.remove(key) {
            row.log_end();
            // Those without a row are noticed again, if they last.
            self.left_out.remove(&key.0);
        }
    }

    /// Ends the rows of what happened long ago.
    fn expire(&mut self, now: Time) {
        let is_over = |row: &AttentionRow| match row.lasts {
            Lasts::UntilCleared => false,
            Lasts::ADay => now.ms_since(row.last_at) >= EVENT_KEPT_MS,
            Lasts::UntilQuiet => now.ms_since(row.last_at) >= QUIET_MS,
        };
        let over: Vec<_> =
            self.rows.iter().filter(|(_, row)| is_over(row)).map(|(key, _)| key.clone()).collect();
        over.iter().for_each(|key| self.remove(key));
    }
}

impl AttentionRow {
    fn log_begin(&self) {
        let Self { kind, subject, text, .. } = self;
        let (kind, provider, order) = (kind.word(), &subject.provider, subject.order_number());
        tracing::warn!(kind, provider, order, text, "attention is needed");
    }

    fn log_end(&self) {
        let Self { kind, subject, count, .. } = self;
        let (kind, provider, order) = (kind.word(), &subject.provider, subject.order_number());
        let lasted_s = self.last_at.ms_since(self.since) / 1000;
        tracing::info!(kind, provider, order, count, lasted_s, "attention is needed no longer");
    }
}

impl AttentionSubject {
    fn order_number(&self) -> Option<u32> {
        self.order.map(|order| order.0)
    }
}

#[cfg(test)]
mod tests;
