//! What a row of the attention list is: of which kind, about what, and how long it lasts.

use nexnum_engine::ids::OrderId;
use nexnum_engine::time::Time;

/// How long what strangers or gateways do is shown after it was noticed last.
const QUIET_MS: u64 = 60 * 60 * 1000;
/// How long something that happened once is shown: until the operator has looked on any day.
pub(super) const EVENT_KEPT_MS: u64 = 24 * 60 * 60 * 1000;

/// Whether a kind is a condition, which ends, or something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    /// Until it is cleared.
    UntilCleared,
    /// The same, also across starts: an answer alone shows that it is over.
    UntilProven,
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

            /// How long a row of it lasts.
            pub(super) const fn lasts(self) -> Lasts {
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
    KeyRefused "key_refused" UntilProven
    /// A provider refuses purchases, for want of money or again and again, whatever its other calls
    /// say: they are tried at growing intervals.
    PurchasesRefused "purchases_refused" UntilProven
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
    /// The last terms of a provider's offers are lost, and no recent order tells what they cost: its
    /// list is held back until it is accepted.
    PricesLost "prices_lost" UntilCleared
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
    /// A provider's list of open activations leaves their codes out: each is asked about alone.
    ListLeavesOut "list_leaves_codes_out" UntilCleared
    /// A provider does not take the end of an activation that has ended here.
    EndRefused "end_refused" UntilProven
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
    /// The machine's clock jumped, or was behind the ledger at the start: time does not follow it
    /// until it comes back or `POST /api/admin/clock/accept` accepts it.
    ClockApart "clock_apart" UntilCleared
    /// A key is there for longer than it should be, or that of tokens and digests has no follower: what
    /// is forgotten could be guessed at or read.
    LookupKeyOverdue "lookup_key_overdue" UntilCleared
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

/// What a row is of and about.
pub(super) type Key = (AttentionKind, AttentionSubject);

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
    pub(super) lasts: Lasts,
}

impl AttentionRow {
    /// Whether it goes by itself now.
    pub(super) fn is_over(&self, now: Time) -> bool {
        match self.lasts {
            Lasts::UntilCleared | Lasts::UntilProven => false,
            Lasts::ADay => now.ms_since(self.last_at) >= EVENT_KEPT_MS,
            Lasts::UntilQuiet => now.ms_since(self.last_at) >= QUIET_MS,
        }
    }

    pub(super) fn log_begin(&self) {
        let Self { kind, subject, text, .. } = self;
        let (kind, provider, order) = (kind.word(), &subject.provider, subject.order_number());
        tracing::warn!(kind, provider, order, text, "attention is needed");
    }

    pub(super) fn log_end(&self, now: Time) {
        let Self { kind, subject, count, .. } = self;
        let (kind, provider, order) = (kind.word(), &subject.provider, subject.order_number());
        let lasted_s = now.ms_since(self.since) / 1000;
        tracing::info!(kind, provider, order, count, lasted_s, "attention is needed no longer");
    }
}

impl AttentionSubject {
    fn order_number(&self) -> Option<u64> {
        self.order.map(|order| order.0)
    }
}
