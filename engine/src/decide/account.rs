//! Accounts, keys, deposits.

use super::check::{bounded, following};
use crate::command::Reply;
use crate::event::{AccountEvent, Event, Scope};
use crate::ids::{AccountId, KeyId};
use crate::limits::{CASH_IN_MAX, NAME_LEN_MAX};
use crate::money::{AMOUNT_MAX, Micros};
use crate::reject::Reject;
use crate::state::State;

pub(super) fn open(
    state: &State,
    name: &str,
    credit_limit: Micros,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    bounded(name, NAME_LEN_MAX, "name")?;
    if credit_limit < Micros::ZERO || credit_limit > AMOUNT_MAX {
        return Err(Reject::AmountOutOfRange("credit_limit"));
    }
    if state.account_names.contains(name) {
        return Err(Reject::NameTaken);
    }
    let account = AccountId(following(state.counters.account.0, "accounts")?);
    events.push(Event::Account(AccountEvent::AccountOpened {
        account,
        name: name.into(),
        credit_limit,
    }));
    Ok(Reply::Account(account))
}

pub(super) fn issue_key(
    state: &State,
    account: Option<AccountId>,
    hash: &[u8; 32],
    prefix: &str,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let (account, scope) = match account {
        Some(account) if !state.accounts.contains(account) => {
            return Err(Reject::UnknownAccount);
        }
        Some(account) => (account, Scope::Trade),
        None => (AccountId(0), Scope::Admin),
    };
    bounded(prefix, NAME_LEN_MAX, "prefix")?;
    if state.key_hashes.contains(hash) {
        return Err(Reject::DuplicateKey);
    }
    let key = KeyId(following(state.counters.key.0, "keys")?);
    events.push(Event::Account(AccountEvent::KeyIssued {
        key,
        account,
        scope,
        hash: *hash,
        prefix: prefix.into(),
    }));
    Ok(Reply::Key(key))
}

pub(super) fn revoke_key(
    state: &State,
    key: KeyId,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    let known = state.keys.get(key).ok_or(Reject::UnknownKey)?;
    if known.revoked {
        return Ok(Reply::Unchanged);
    }
    events.push(Event::Account(AccountEvent::KeyRevoked { key }));
    Ok(Reply::Done)
}

pub(super) fn deposit(
    state: &State,
    account: AccountId,
    amount: Micros,
    reference: u128,
    events: &mut Vec<Event>,
) -> Result<Reply, Reject> {
    if !state.accounts.contains(account) {
        return Err(Reject::UnknownAccount);
    }
    if !amount.is_positive() || amount > AMOUNT_MAX {
        return Err(Reject::AmountOutOfRange("amount"));
    }
    match state.deposits.get(&(account, reference)) {
        Some(credited) if *credited == amount => return Ok(Reply::Unchanged),
        Some(_) => return Err(Reject::IdempotencyMismatch),
        None => {}
    }
    let cash_in = state.balance(crate::account::Book::CashIn);
    if cash_in.0 < -CASH_IN_MAX.0 + amount.0 {
        return Err(Reject::Exhausted("deposits"));
    }
    events.push(Event::Account(AccountEvent::Deposited { account, amount, reference }));
    Ok(Reply::Done)
}
