//! Customers' accounts and their money.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::money::Micros;
use nexnum_engine::reject::Reject;
use serde::Deserialize;

use super::State;
use crate::face::auth::Operator;
use crate::face::{parse, problems};
use crate::http::{Call, Json, Problem, Response, body, reply};
use crate::market::Refused;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    #[serde(default)]
    credit_limit: Option<String>,
}

pub(super) async fn open(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    let new: NewAccount = call.json().await?;
    check_name(&new.name)?;
    let credit_limit = match &new.credit_limit {
        Some(text) => parse::amount_or_zero(text, "credit_limit")?,
        None => Micros::ZERO,
    };
    let opened = state.access.open_account(new.name.into(), credit_limit).await;
    let id = opened.map_err(problems::of_refused)?;
    let mut body = Json::with_capacity(32);
    body.object(|o| o.number_text("id", u64::from(id.0)));
    Ok(reply::json_written(StatusCode::CREATED, body))
}

/// What looks like another name, or like none, is refused; its length is the engine's matter.
fn check_name(name: &str) -> Result<(), Problem> {
    if name.chars().any(char::is_control) {
        return Err(Problem::invalid_field("name", "must not have a control character"));
    }
    if name.trim() != name {
        return Err(Problem::invalid_field("name", "must not begin or end with a blank"));
    }
    Ok(())
}

/// Accounts shown at once; more are for the command line's export.
const ACCOUNTS_MAX: usize = 10_000;

pub(super) fn list(state: &State, _: Operator, call: &Call) -> Result<Response, Problem> {
    call.query(&[])?;
    let accounts = state.access.accounts();
    let mut body = Json::with_capacity(128 * accounts.len() + 32);
    body.object(|o| {
        o.array("accounts", |list| {
            for (id, account) in accounts.iter().take(ACCOUNTS_MAX) {
                let wallet = account.wallet();
                list.object(|o| {
                    o.number_text("id", u64::from(id.0));
                    o.text("name", &account.name);
                    o.text("balance", &wallet.available.to_string());
                    o.text("escrow", &wallet.escrow.to_string());
                });
            }
        });
    });
    Ok(reply::json_written(StatusCode::OK, body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDeposit<'a> {
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    reference: Cow<'a, str>,
}

/// Bytes of a payment's reference.
const REFERENCE_LEN_MAX: usize = 255;

pub(super) async fn deposit(
    state: Arc<State>,
    _: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    call.query(&[])?;
    let account = parse::account_id(&call)?;
    let body = call.bytes().await?;
    let new: NewDeposit<'_> = body::decode_json(&body)?;
    let amount = parse::amount(&new.amount, "amount")?;
    if !(1..=REFERENCE_LEN_MAX).contains(&new.reference.len()) {
        return Err(Problem::invalid_field("reference", "must be 1 to 255 bytes"));
    }
    let credited = state.money.deposit(account, amount, &new.reference).await;
    let credited = credited.map_err(|refused| match refused {
        Refused::Rejected(reject @ Reject::IdempotencyMismatch) => {
            parse::refused(reject.code(), "The reference was used with another amount", "reference")
        }
        other => problems::of_refused(other),
    })?;
    let wallet = state.money.wallet(account);
    let wallet = wallet.ok_or_else(|| Problem::not_found("there is no such account"))?;
    let mut body = Json::with_capacity(96);
    body.object(|o| {
        o.text("balance", &wallet.available.to_string());
        o.boolean("repeated", credited.repeated);
    });
    Ok(reply::json_written(StatusCode::CREATED, body))
}
