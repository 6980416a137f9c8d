//! Customers' accounts, their keys and their money.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::StatusCode;
use nexnum_engine::command::{Deposit, Effect, IssueKey, OpenAccount, RevokeKey};
use nexnum_engine::ids::{AccountId, KeyId};
use nexnum_engine::money::Micros;
use nexnum_engine::reject::Reject;
use serde::Deserialize;

use super::execute;
use crate::app::App;
use crate::digest;
use crate::http::v1::{parse_amount, parse_amount_or_zero, refused};
use crate::http::{Call, Json, Problem, Response, auth, problems, reply};
use crate::keys::{self, KeyKind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    #[serde(default)]
    credit_limit: Option<String>,
}

pub(super) async fn open(mut call: Call<App>) -> Result<Response, Problem> {
    auth::operator(&call)?;
    call.query(&[])?;
    let new: NewAccount = call.json().await?;
    check_name(&new.name)?;
    let credit_limit = match &new.credit_limit {
        Some(text) => parse_amount_or_zero(text, "credit_limit")?,
        None => Micros::ZERO,
    };
    let id = execute(&call.state, OpenAccount { name: new.name.into(), credit_limit }).await?;
    Ok(created_id(u64::from(id.0)))
}

/// What looks like another name, or like none, is refused; its length is the engine's matter.
fn check_name(name: &str) -> Result<(), Problem> {
    if name.chars().any(char::is_control) {
        return Err(Problem::invalid_field("name", "has a control character"));
    }
    if name.trim() != name {
        return Err(Problem::invalid_field("name", "begins or ends with a blank"));
    }
    Ok(())
}

fn created_id(id: u64) -> Response {
    let mut body = Json::with_capacity(32);
    body.object(|o| o.number_text("id", id));
    reply::json_written(StatusCode::CREATED, body)
}

/// Accounts shown at once; more are for the command line's export.
const ACCOUNTS_MAX: usize = 10_000;

pub(super) fn list(call: &Call<App>) -> Result<Response, Problem> {
    auth::operator(call)?;
    call.query(&[])?;
    let mut accounts = call.state.read_model.accounts();
    accounts.sort_unstable_by_key(|(id, _)| *id);
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

pub(super) async fn issue_key(mut call: Call<App>) -> Result<Response, Problem> {
    auth::operator(&call)?;
    call.query(&[])?;
    call.no_fields().await?;
    let account = account_id(&call)?;
    let key = keys::generate(KeyKind::Live).map_err(|error| {
        tracing::error!(%error, "no key could be drawn");
        Problem::internal()
    })?;
    let (hash, prefix) = (key.sha256(), key.shown().into());
    let issue = IssueKey { account: Some(account), hash, prefix };
    let id = execute(&call.state, issue).await?;
    let mut body = Json::with_capacity(96);
    body.object(|o| {
        o.number_text("id", u64::from(id.0));
        o.text("key", key.reveal());
    });
    Ok(reply::json_written(StatusCode::CREATED, body))
}

pub(super) async fn revoke_key(
    mut call: Call<App>,
    revocations: Arc<Revocations>,
) -> Result<Response, Problem> {
    auth::operator(&call)?;
    call.query(&[])?;
    call.no_fields().await?;
    let id = u32::try_from(call.id_param("id")?);
    let key = KeyId(id.map_err(|_| Problem::not_found("no such key"))?);
    let operators = || call.state.read_model.operators();
    let _under_way = if operators().contains(&key) {
        // Counted before it is looked again, so that two at once cannot take the last two.
        let under_way = revocations.begin();
        if operators().len() <= under_way.count {
            return Err(last_admin_key());
        }
        Some(under_way)
    } else {
        None
    };
    execute(&call.state, RevokeKey { key }).await?;
    Ok(reply::no_content())
}

fn last_admin_key() -> Problem {
    Problem::new(StatusCode::CONFLICT, "last_admin_key", "It is the last admin key that works")
        .detail("issue another one first: `nexnum key create --admin` on the stopped folder")
}

/// Counts the operators' keys that are being revoked: the engine lets the last one go, and
/// nobody could issue another.
#[derive(Debug, Default)]
pub(super) struct Revocations(AtomicUsize);

/// A revocation under way, until it is published or refused.
struct UnderWay<'a> {
    revocations: &'a Revocations,
    /// Those under way with this one.
    count: usize,
}

impl Revocations {
    // Sequentially consistent: of two that begin at once, one sees the other.
    fn begin(&self) -> UnderWay<'_> {
        UnderWay { revocations: self, count: self.0.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.revocations.0.fetch_sub(1, Ordering::SeqCst);
    }
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

/// The reference is the deposit's idempotency key: the same again changes nothing.
pub(super) async fn deposit(mut call: Call<App>) -> Result<Response, Problem> {
    auth::operator(&call)?;
    call.query(&[])?;
    let account = account_id(&call)?;
    let body = call.bytes().await?;
    let new: NewDeposit<'_> = crate::http::body::decode_json(&body)?;
    let amount = parse_amount(&new.amount, "amount")?;
    if !(1..=REFERENCE_LEN_MAX).contains(&new.reference.len()) {
        return Err(Problem::invalid_field("reference", "must be 1 to 255 bytes"));
    }
    let reference = digest::of(&[b"deposit", new.reference.as_bytes()]);
    let deposit = Deposit { account, amount, reference };
    let answer = call.state.handle.ask(deposit).await.map_err(problems::of_send)?;
    let effect = answer.map_err(|reject| match reject {
        Reject::IdempotencyMismatch => {
            refused(reject.code(), "The reference was used with another amount", "reference")
        }
        other => problems::of_reject(other),
    })?;
    let repeated = effect == Effect::Unchanged;
    let view = call.state.read_model.account(account);
    let wallet = view.ok_or_else(|| Problem::not_found("no such account"))?.wallet();
    let mut body = Json::with_capacity(96);
    body.object(|o| {
        o.text("balance", &wallet.available.to_string());
        o.boolean("repeated", repeated);
    });
    Ok(reply::json_written(StatusCode::CREATED, body))
}

fn account_id(call: &Call<App>) -> Result<AccountId, Problem> {
    let id = u32::try_from(call.id_param("id")?).map(AccountId);
    id.map_err(|_| Problem::not_found("no such account"))
}
