//! Customers' accounts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::money::Micros;

use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::{Operation as Described, PathParam, Reply, Tag};
use crate::face::wire::{Amount, Id, Money};
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, body, reply};

/// The id of an account in a path.
pub(super) const ID: PathParam = PathParam::new::<Id>("id", "The account's id", "1");

pub(super) const OPEN: Described = Described::new(
    "openAccount",
    Tag::Admin,
    "Open an account for a customer",
    &[Reply::json::<OpenedAccount>(201, "The account was opened", r#"{"id": "1"}"#)],
)
.body::<NewAccount<'_>>(r#"{"name": "reseller", "credit_limit": "0"}"#)
.problems(&[
    Code::NameTaken,
    Code::InvalidAmount,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Exhausted,
]);

pub(super) async fn open(
    state: Arc<State>,
    operator: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    let body = call.bytes().await?;
    let new: NewAccount<'_> = body::decode_json(&body)?;
    check_name(&new.name)?;
    let credit_limit = match &new.credit_limit {
        Some(amount) => parse::amount_or_zero(&amount.0, "credit_limit")?,
        None => Micros::ZERO,
    };
    let origin = operator.origin(&state.access, &call, None).await?;
    let opened = state.access.open_account(&origin, &new.name, credit_limit).await;
    let id = opened.map_err(problems::of_refused)?;
    Ok(reply::json(StatusCode::CREATED, &OpenedAccount { id: id.0.into() }))
}

/// What looks like another name, or like none, is refused; its length is looked at when it is opened.
fn check_name(name: &str) -> Result<(), Problem> {
    if name.chars().any(char::is_control) {
        return Err(Problem::invalid_field("name", "must not have a control character"));
    }
    if name.trim() != name {
        return Err(Problem::invalid_field("name", "must not begin or end with a blank"));
    }
    Ok(())
}

/// Accounts shown at once; more are for pages, once lists have them.
const ACCOUNTS_MAX: usize = 10_000;

pub(super) const LIST: Described = Described::new(
    "listAccounts",
    Tag::Admin,
    "List the customers' accounts",
    &[Reply::json::<AccountList>(
        200,
        "The accounts, oldest first, at most 10,000",
        r#"{"accounts": [
            {"id": "1", "name": "reseller", "balance": "1000.000000", "escrow": "0.000000"}
        ]}"#,
    )],
);

pub(super) async fn list(state: Arc<State>, _: Operator, _: Call) -> Result<Response, Problem> {
    let mut known = state.access.accounts();
    known.truncate(ACCOUNTS_MAX);
    let names = state.access.account_names(known.clone()).await.map_err(|error| {
        Problem::internal(format_args!("names of accounts do not open: {error}"))
    })?;
    let accounts = known.iter().zip(names).map(|((id, account), name)| {
        let wallet = account.wallet();
        let (balance, escrow) = (Money(wallet.available), Money(wallet.escrow));
        Account { id: id.0.into(), name, balance, escrow }
    });
    Ok(reply::json(StatusCode::OK, &AccountList { accounts: accounts.collect() }))
}

/// Customers' accounts, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
struct AccountList {
    /// The accounts, at most 10,000.
    accounts: Vec<Account>,
}

/// A customer's account.
#[derive(Debug, Serialize, JsonSchema)]
struct Account {
    /// Its id.
    id: Id,
    /// Its name; `null` if it has none, or if that is forgotten or cannot be read, which is logged.
    name: Option<String>,
    /// What it can spend; below zero where it uses credit.
    balance: Money,
    /// What its open orders hold.
    escrow: Money,
}

/// An account to open.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount<'a> {
    /// Its name: unique, 1 to 100 bytes of UTF-8, without control characters, not beginning or
    /// ending with a blank.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 100))]
    name: Cow<'a, str>,
    /// How far below zero its balance may go; 0 if left out.
    #[serde(borrow, default)]
    credit_limit: Option<Amount<'a>>,
}

/// An account that was opened.
#[derive(Debug, Serialize, JsonSchema)]
struct OpenedAccount {
    /// Its id.
    id: Id,
}
