//! Accounts and keys.

use super::check::{bounded, next_id, sealed_under};
use crate::command::{Effect, IssueKey, NumberAddress, OpenAccount, RevokeKey};
use crate::event::{AccountEvent, Event, Scope};
use crate::ids::{AccountId, AddressNumber, KeyId};
use crate::limits::NAME_LEN_MAX;
use crate::money::{AMOUNT_MAX, Micros};
use crate::reject::Reject;
use crate::sealed::{KeyOwner, Purpose, SealedValue};
use crate::state::State;

pub(super) fn open(
    state: &State,
    OpenAccount { name, credit_limit }: &OpenAccount,
    events: &mut Vec<Event>,
) -> Result<AccountId, Reject> {
    let credit_limit = *credit_limit;
    if name.as_ref().is_some_and(|name| !fits(&name.sealed)) {
        return Err(Reject::OutOfBounds("name"));
    }
    if credit_limit < Micros::ZERO || credit_limit > AMOUNT_MAX {
        return Err(Reject::AmountOutOfRange("credit_limit"));
    }
    if name.as_ref().is_some_and(|name| state.account_names.contains(&name.digest)) {
        return Err(Reject::NameTaken);
    }
    let account = AccountId(next_id(state.counters.account.0, "accounts")?);
    if let Some(name) = name {
        sealed_under(state, &name.sealed, |owner| owner == KeyOwner::Identity(account))?;
    }
    events.push(Event::Account(AccountEvent::AccountOpened {
        account,
        name: name.clone(),
        credit_limit,
    }));
    Ok(account)
}

/// Whether it may be a name: one is not empty.
fn fits(name: &SealedValue) -> bool {
    name.fits(Purpose::Name) && name.clear_len() > 0
}

pub(super) fn issue_key(
    state: &State,
    IssueKey { account, hash, prefix }: &IssueKey,
    events: &mut Vec<Event>,
) -> Result<KeyId, Reject> {
    let (account, scope) = match *account {
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
    let key = KeyId(next_id(state.counters.key.0, "keys")?);
    events.push(Event::Account(AccountEvent::KeyIssued {
        key,
        account,
        scope,
        hash: *hash,
        prefix: prefix.clone(),
    }));
    Ok(key)
}

pub(super) fn revoke_key(
    state: &State,
    &RevokeKey { key }: &RevokeKey,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let known = state.keys.get(key).ok_or(Reject::UnknownKey)?;
    if known.revoked {
        return Ok(Effect::Unchanged);
    }
    events.push(Event::Account(AccountEvent::KeyRevoked { key }));
    Ok(Effect::Done)
}

pub(super) fn number_address(
    state: &State,
    NumberAddress { account, digest, sealed }: &NumberAddress,
    events: &mut Vec<Event>,
) -> Result<AddressNumber, Reject> {
    let (account, digest) = (*account, *digest);
    if account != AccountId(0) && !state.accounts.contains(account) {
        return Err(Reject::UnknownAccount);
    }
    if let Some(known) = state.addresses.number(account, digest) {
        return Ok(known);
    }
    if !sealed.fits(Purpose::CallerAddress) {
        return Err(Reject::OutOfBounds("address"));
    }
    sealed_under(state, sealed, |owner| owner == KeyOwner::Identity(account))?;
    let address = state.addresses.next(account).ok_or(Reject::Exhausted("addresses"))?;
    let sealed = sealed.clone();
    let seen = AccountEvent::AddressSeen { account, address, digest, sealed };
    events.push(Event::Account(seen));
    Ok(address)
}
