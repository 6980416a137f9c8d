//! What this face writes and reads: the types are the JSON and its description.

use std::borrow::Cow;

use nexnum_engine::event::ProviderKind as Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::face::wire::{Amount, GivenNumber, Id, Moment, Money};

/// Customers' accounts, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AccountList<'a> {
    /// The accounts, at most 10,000.
    pub accounts: Vec<Account<'a>>,
}

/// A customer's account.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Account<'a> {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: &'a str,
    /// What it can spend; below zero where it uses credit.
    pub balance: Money,
    /// What its open orders hold.
    pub escrow: Money,
}

/// An account to open.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount<'a> {
    /// Its name: unique, 1 to 100 bytes of UTF-8, without control characters, not beginning or
    /// ending with a blank.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 100))]
    pub name: Cow<'a, str>,
    /// How far below zero its balance may go; 0 if left out.
    #[serde(borrow, default)]
    pub credit_limit: Option<Amount<'a>>,
}

/// An account that was opened.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OpenedAccount {
    /// Its id.
    pub id: Id,
}

/// An API key that was issued.
#[derive(Serialize, JsonSchema)]
pub(super) struct IssuedKey<'a> {
    /// Its id, to revoke it with.
    pub id: Id,
    /// The key, 32 characters. It is shown in this reply only; the server keeps its hash.
    #[schemars(length(min = 32, max = 32))]
    pub key: &'a str,
}

/// A payment to credit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDeposit<'a> {
    /// The amount, above zero.
    #[serde(borrow)]
    pub amount: Amount<'a>,
    /// The payment's own reference, 1 to 255 bytes of UTF-8. An account is credited once for
    /// each reference.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 255))]
    pub reference: Cow<'a, str>,
}

/// A deposit that was credited.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deposit {
    /// The account's balance after it.
    pub balance: Money,
    /// Whether the reference had been credited before; then nothing was credited now.
    pub repeated: bool,
}

/// Numbers of own stock to put on sale.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStock<'a> {
    /// The country: its ISO code of two or three letters, in any case.
    #[serde(borrow)]
    pub country: Cow<'a, str>,
    /// The service: its slug or its short code, in any case.
    #[serde(borrow)]
    pub service: Cow<'a, str>,
    /// The phone company by name, at most 100 bytes of UTF-8; a new name is added. None if left
    /// out, empty or `any`.
    #[serde(borrow, default)]
    #[schemars(length(max = 100))]
    pub operator: Option<Cow<'a, str>>,
    /// The price of one number, above zero.
    #[serde(borrow)]
    pub price: Amount<'a>,
    /// What one number costs the business, at most the price; 0 if left out.
    #[serde(borrow, default)]
    pub cost: Option<Amount<'a>>,
    /// The numbers, 1 to 20,000, none of them in stock already.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 20_000))]
    pub numbers: Vec<GivenNumber<'a>>,
}

/// Stock that was loaded.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LoadedStock {
    /// The offer that the numbers were added to.
    pub offer: Id,
    /// How many numbers were added.
    #[schemars(range(min = 1))]
    pub loaded: u32,
}

/// The providers: own stock, and those that are or were connected.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ProviderList<'a> {
    /// The providers.
    pub providers: Vec<Provider<'a>>,
}

/// A provider. Own stock, and a provider that is not in the configuration, have only the
/// fields `id`, `name`, `kind` and `written_off`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Provider<'a> {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: &'a str,
    /// Whether it is own stock or a connected provider.
    pub kind: ProviderKind,
    /// What purchases with an unknown outcome have cost, less what the provider took back.
    pub written_off: Money,
    #[serde(flatten)]
    pub connection: Option<Connection<'a>>,
}

/// The kind of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProviderKind {
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
pub(super) struct Connection<'a> {
    /// The name of its driver.
    pub driver: &'a str,
    /// Its circuit breaker.
    pub breaker: Breaker,
    /// Whether the configuration allows purchases from it.
    pub enabled: bool,
    /// Its balance when it was last read, in the currency of the ledger; `null` until then.
    pub balance: Option<Money>,
    /// When its last complete price list was read; `null` until then.
    pub last_sync_at: Option<Moment>,
    /// How many offers its last price list gave.
    pub offers: usize,
    /// How many rows its last price list had.
    pub rows: usize,
    /// Rows whose country or service is not in the catalogue.
    pub unknown_rows: usize,
    /// Rows that could not be read, whose price is out of range, or that exceed the number of
    /// offers that one provider may have.
    pub misfits: usize,
    /// Rows held back because their price changed too much, or all rows of a list that became
    /// much shorter.
    pub quarantined: usize,
    /// The newest of `errors` in one line; `null` if there is none.
    pub last_error: Option<String>,
    /// The last failures, newest first.
    #[schemars(length(max = 16))]
    pub errors: Vec<ProviderError<'a>>,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Breaker {
    /// The provider works: orders buy from it.
    Closed,
    /// Too many purchases failed: nothing is bought from it.
    Open,
    /// The pause after the failures is over: a first call shows whether it works again.
    HalfOpen,
}

/// A failed operation of a provider.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ProviderError<'a> {
    /// When it failed.
    pub at: Moment,
    /// What was asked of the provider: `balance`, `prices`, `buy`, `status`, `cancel`, `finish`,
    /// `resend` or `list_active`.
    pub operation: &'a str,
    /// The order that it was for; `null` if it was for none.
    pub order_id: Option<Id>,
    /// The kind of the failure and the beginning of the provider's reply, with secrets masked.
    pub text: &'a str,
}

/// A price list that is being read.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SyncStarted {
    /// What happens.
    pub status: SyncStatus,
}

/// Whether a sync runs.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SyncStatus {
    /// The price list is read now; `GET /api/admin/providers` shows the outcome.
    Started,
}
