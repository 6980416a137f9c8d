//! Providers as the operator sees them.

use nexnum_engine::breaker;
use nexnum_engine::event::ProviderKind as Kind;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::ids::ProviderId;

use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation as Described, PathParam, Reply, Tag};
use crate::face::wire::{Id, Moment, Money, OrderRef, Seconds, Share};
use crate::http::{Call, Problem, Response, reply};
use crate::provider::connected::{Connected, Failure, Health};
use crate::public_id::PublicIds;

/// The name of a provider in a path.
pub(super) const NAME: PathParam = PathParam::new::<String>("name", "The provider's name", "5sim");

pub(super) const LIST: Described = Described::new(
    "listProviders",
    Tag::Admin,
    "List the providers and their condition",
    &[Reply::json::<ProviderList<'_>>(
        200,
        "Own stock and the connected providers",
        r#"{"providers": [
            {"id": "1", "name": "own", "kind": "own", "prepaid": "0.000000",
             "payable": "0.000000", "receivable": "0.000000", "written_off": "0.000000",
             "numbers": 12, "delivered_share": 1, "time_to_code_s": 8.5},
            {"id": "2", "name": "5sim", "kind": "driven", "prepaid": "12.500000",
             "payable": "0.000000", "receivable": "0.600000", "written_off": "0.000000",
             "numbers": 4150, "delivered_share": 0.925, "time_to_code_s": 14.2,
             "driver": "fivesim", "currency": "USD", "breaker": "closed", "enabled": true, "on_sale": true,
             "balance": "12.500000", "spendable": "11.900000", "balance_low": false,
             "last_sync_at": "2026-11-20T09:30:00.000Z", "offers": 41200, "rows": 41212,
             "unknown_rows": 12, "misfits": 0, "quarantined": 0, "overcharged": 0, "too_cheap": 0,
             "unobtainable": 0, "unattributed": 0,
             "last_error": "buy: no_balance: NO_BALANCE",
             "errors": [
                {"at": "2026-11-20T09:29:12.000Z", "operation": "buy", "order": "1042",
                 "order_id": "ord_08p3xq5n7t2ma",
                 "text": "no_balance: NO_BALANCE"}
            ]}
        ]}"#,
    )],
);

pub(super) fn list(state: &State, _: Operator, _: &Call) -> Result<Response, Problem> {
    let known = state.market.read_model.directory().providers();
    let connected = |(id, _): &(ProviderId, _)| {
        let provider = state.providers.get(*id)?;
        let health = provider.health();
        Some((provider, health))
    };
    let connected: Vec<_> = known.iter().map(connected).collect();
    let measured = state.market.history.tallies().of_providers(state.market.clock.now());
    let measured = |id| measured.get(id).copied().unwrap_or_default();
    let providers = known.iter().zip(&connected).map(|((id, known), connected)| Provider {
        id: u32::from(id.0).into(),
        name: &known.name,
        kind: known.kind.into(),
        prepaid: Money(known.books.prepaid),
        payable: Money(known.books.payable),
        receivable: Money(known.books.receivable),
        written_off: Money(known.books.loss),
        numbers: measured(id).numbers(),
        delivered_share: measured(id).delivered_permille().map(Share),
        time_to_code_s: measured(id).time_to_code_ms().map(Seconds),
        connection: connected
            .as_ref()
            .map(|(provider, health)| connection(provider, health, &state.market.ids)),
    });
    Ok(reply::json(StatusCode::OK, &ProviderList { providers: providers.collect() }))
}

fn connection<'a>(provider: &'a Connected, health: &'a Health, ids: &PublicIds) -> Connection<'a> {
    Connection {
        driver: provider.driver().name(),
        currency: provider.client().currency().map(|currency| currency.to_string()),
        breaker: health.breaker.into(),
        enabled: health.enabled,
        on_sale: health.on_sale,
        balance: health.balance.map(Money),
        spendable: health.spendable.map(Money),
        balance_low: health.balance_low,
        last_sync_at: health.last_sync_at.map(Moment),
        offers: health.offers,
        rows: health.rows,
        unknown_rows: health.unknown_rows,
        misfits: health.misfits,
        quarantined: health.quarantined,
        overcharged: health.overcharged,
        too_cheap: health.too_cheap,
        unobtainable: health.unobtainable,
        unattributed: health.unattributed,
        last_error: health.failures.back().map(Failure::to_string),
        errors: health.failures.iter().rev().map(|failure| error(failure, ids)).collect(),
    }
}

fn error<'a>(failure: &'a Failure, ids: &PublicIds) -> ProviderError<'a> {
    ProviderError {
        at: Moment(failure.at),
        operation: failure.op.name(),
        order: failure.order.map(|order| Id(order.0)),
        order_id: failure.order.map(|order| OrderRef(ids.order(order))),
        text: &failure.text,
    }
}

pub(super) const SYNC: Described = Described::new(
    "syncProvider",
    Tag::Admin,
    "Read a provider's price list now",
    &[Reply::json::<SyncStarted>(202, "The price list is being read", r#"{"status": "started"}"#)],
)
.path(&[NAME])
.problems(&[Code::ProviderDisabled]);

pub(super) async fn sync(state: Arc<State>, _: Operator, call: Call) -> Result<Response, Problem> {
    enabled(&state, &call)?.sync_now();
    Ok(reply::json(StatusCode::ACCEPTED, &SyncStarted { status: SyncStatus::Started }))
}

pub(super) const ACCEPT_PRICES: Described = Described::new(
    "acceptPrices",
    Tag::Admin,
    "Read a provider's price list now and believe it",
    &[Reply::json::<SyncStarted>(202, "The price list is being read", r#"{"status": "started"}"#)],
)
.details(
    "A price list is held back when most of its costs fell, when it shrank or lost its stock, and when \
     its prices cannot be held against anything: the terms of the last list are lost and no recent \
     order tells what an offer costs (`prices_lost`). The list that is read now is believed \
     whatever it says, unless it is empty, and sold by: look at the provider's prices before. Where \
     none comes within ten minutes, nothing is accepted any more. Later lists are held against it as \
     always.",
)
.path(&[NAME])
.problems(&[Code::ProviderDisabled]);

pub(super) async fn accept_prices(
    state: Arc<State>,
    operator: Operator,
    call: Call,
) -> Result<Response, Problem> {
    let provider = enabled(&state, &call)?;
    let (name, key) = (provider.name(), operator.key.0);
    tracing::info!(provider = name, key, "the operator accepts its next price list");
    provider.accept_prices(state.market.clock.now());
    Ok(reply::json(StatusCode::ACCEPTED, &SyncStarted { status: SyncStatus::Started }))
}

/// The provider that the path names, if its list is asked for.
fn enabled(state: &State, call: &Call) -> Result<Arc<Connected>, Problem> {
    let name = call.param("name")?;
    let missing = || Problem::not_found("no provider of this name is connected");
    let provider = state.providers.by_name(&name).ok_or_else(missing)?;
    if !provider.is_enabled() {
        let reason = provider.key_problem().map(str::to_owned);
        let disabled =
            || format!("provider {name:?} is disabled: enable it, then its list is read");
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "provider_disabled",
            "The provider is disabled",
        )
        .detail(reason.unwrap_or_else(disabled)));
    }
    Ok(provider)
}

/// The providers: own stock, and those that are or were connected.
#[derive(Debug, Serialize, JsonSchema)]
struct ProviderList<'a> {
    /// The providers.
    providers: Vec<Provider<'a>>,
}

/// A provider. Own stock, and a provider that is not in the configuration, have only the
/// fields from `id` to `time_to_code_s`.
#[derive(Debug, Serialize, JsonSchema)]
struct Provider<'a> {
    /// Its id.
    id: Id,
    /// Its name.
    name: &'a str,
    /// Whether it is own stock or a connected provider.
    kind: ProviderKind,
    /// What it was paid ahead and has not charged yet, by the ledger's books. `balance` is what it
    /// says itself.
    prepaid: Money,
    /// What it has charged beyond what it was paid.
    payable: Money,
    /// What it charged for numbers that are open, or not known to have been given back.
    receivable: Money,
    /// What it charged in vain: purchases with an unknown outcome, and messages after a refund, less
    /// what the provider took back.
    written_off: Money,
    /// How many numbers it gave to orders of late: each day counts half of the day after it.
    numbers: u64,
    /// The share of `numbers` that got a code so far; `null` without numbers.
    delivered_share: Option<Share>,
    /// The average time from the number to its code; `null` without codes.
    time_to_code_s: Option<Seconds>,
    #[serde(flatten)]
    connection: Option<Connection<'a>>,
}

/// The kind of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderKind {
    /// Own stock: numbers that the operator loaded.
    Own,
    /// A provider that is reached through a driver.
    Driven,
}

impl From<Kind> for ProviderKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Own => Self::Own,
            Kind::Driven => Self::Driven,
        }
    }
}

/// How a connected provider is.
#[derive(Debug, Serialize, JsonSchema)]
struct Connection<'a> {
    /// The name of its driver.
    driver: &'a str,
    /// The currency of its amounts, which `rate` in the configuration converts: as configured, or
    /// else the driver's, or the one that its replies named first; `null` until then.
    currency: Option<String>,
    /// Its circuit breaker.
    breaker: Breaker,
    /// Whether the configuration allows purchases from it, and it has the key that it needs.
    enabled: bool,
    /// Whether its offers can be bought now: it is enabled, it has offers, its circuit breaker is
    /// closed, it has not asked for a pause, and its balance is not zero. Orders can be refused
    /// as `providers_busy` all the same while its limits allow no more calls.
    on_sale: bool,
    /// Its balance when it was last read, in the currency of the ledger; `null` until then.
    balance: Option<Money>,
    /// What one more number may cost: the balance, less what was bought since it was read and
    /// what is being bought; `null` while the balance is not known.
    spendable: Option<Money>,
    /// Whether the balance, less what was bought since it was read, is zero, or lower than
    /// `low_balance` in the configuration.
    balance_low: bool,
    /// When its last complete price list was read; `null` until then.
    last_sync_at: Option<Moment>,
    /// How many offers its last price list gave.
    offers: usize,
    /// How many rows its last price list had.
    rows: usize,
    /// Rows whose country or service is not in the catalogue.
    unknown_rows: usize,
    /// Rows that could not be read, whose price is out of range, or that exceed the number of
    /// offers that one provider may have.
    misfits: usize,
    /// Rows held back because their price changed too much; or all rows of a list that became much
    /// shorter, or that nothing tells the costs of.
    quarantined: usize,
    /// Offers that are not sold because the provider charged more for one of their numbers than
    /// the customer paid; they come back when their listed cost is as much.
    overcharged: usize,
    /// Offers that are not sold for ten minutes to an hour because the provider refused a purchase at
    /// their listed cost as too cheap and named no price; a higher listed cost brings them back.
    too_cheap: usize,
    /// Offers that are not sold for a while because purchases were refused more than once though
    /// the price list has numbers, as one whose listed cost buys none.
    unobtainable: usize,
    /// Activations on the account that may be purchases of ours whose answers were lost, and may
    /// be another program's: they are left alone. Look at them on the provider's site.
    unattributed: usize,
    /// The newest of `errors` in one line; `null` if there is none.
    last_error: Option<String>,
    /// The last failures, newest first.
    #[schemars(length(max = 16))]
    errors: Vec<ProviderError<'a>>,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Breaker {
    /// The provider works: orders buy from it.
    Closed,
    /// Too many purchases failed: nothing is bought from it.
    Open,
    /// The pause after the failures is over: a first call shows whether it works again.
    HalfOpen,
}

impl From<breaker::Breaker> for Breaker {
    fn from(breaker: breaker::Breaker) -> Self {
        match breaker {
            breaker::Breaker::Closed { .. } => Self::Closed,
            breaker::Breaker::Open { .. } => Self::Open,
            breaker::Breaker::HalfOpen { .. } => Self::HalfOpen,
        }
    }
}

/// A failed operation of a provider.
#[derive(Debug, Serialize, JsonSchema)]
struct ProviderError<'a> {
    /// When it failed.
    at: Moment,
    /// What was asked of the provider: `balance`, `prices`, `buy`, `status`, `cancel`, `finish`,
    /// `resend` or `list_active`.
    operation: &'a str,
    /// The number of the order that it was for, as logs have it; `null` if it was for none.
    order: Option<Id>,
    /// That order's id as its buyer knows it.
    order_id: Option<OrderRef>,
    /// The kind of the failure and the beginning of the provider's reply, with secrets masked.
    text: &'a str,
}

/// A price list that is being read.
#[derive(Debug, Serialize, JsonSchema)]
struct SyncStarted {
    /// What happens.
    status: SyncStatus,
}

/// Whether a sync runs.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SyncStatus {
    /// The price list is read now; `GET /api/admin/providers` shows the outcome.
    Started,
}
