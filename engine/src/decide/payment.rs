//! Payments over rails: those that come in, and those to providers.

use super::check::{bounded, sealed_under};
use super::money;
use crate::book::Book;
use crate::command::{Deposit, Effect, NewPayment, PayProvider};
use crate::event::{DECIMAL_LEN_MAX, Event, ForeignAmount, MoneyEvent, Payment, ProviderKind};
use crate::ids::RailId;
use crate::limits::{RAIL_NAME_LEN_MAX, RAILS_MAX, REFERENCE_LEN_MAX};
use crate::money::AMOUNT_MAX;
use crate::reject::Reject;
use crate::sealed::{KeyOwner, Purpose};
use crate::state::{Paid, PaidTo, State};

pub(super) fn deposit(
    state: &State,
    Deposit { account, payment, sealed }: &Deposit,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let account = *account;
    state.account(account).ok_or(Reject::UnknownAccount)?;
    check(payment)?;
    if let Some(sealed) = sealed {
        if !sealed.fits(Purpose::Reference) {
            return Err(Reject::OutOfBounds("sealed"));
        }
        sealed_under(state, sealed, |owner| owner == KeyOwner::Money(account))?;
    }
    if is_known(state, payment, PaidTo::Account(account))? {
        return Ok(Effect::Unchanged);
    }
    money::check_book(state, Book::Available(account), "deposits")?;
    let (rail, named) = rail(state, payment)?;
    events.extend(named);
    let (paid, sealed) = (of_rail(rail, payment), sealed.clone());
    let deposited = MoneyEvent::Deposited { account, payment: paid, sealed };
    events.push(Event::Money(deposited));
    events.push(money::deposit(rail, account, payment.amount));
    Ok(Effect::Done)
}

pub(super) fn pay_provider(
    state: &State,
    PayProvider { provider, payment, text }: &PayProvider,
    events: &mut Vec<Event>,
) -> Result<Effect, Reject> {
    let provider = *provider;
    let known = state.provider(provider).ok_or(Reject::UnknownProvider)?;
    check(payment)?;
    bounded(text, REFERENCE_LEN_MAX, "reference")?;
    if is_known(state, payment, PaidTo::Provider(provider))? {
        return Ok(Effect::Unchanged);
    }
    // What is owed gets less by it.
    let grows = match known.kind {
        ProviderKind::Driven => Book::Prepaid(provider),
        ProviderKind::Own => Book::OwnStockCost,
    };
    money::check_book(state, grows, "payments")?;
    let (rail, named) = rail(state, payment)?;
    events.extend(named);
    let (paid, text) = (of_rail(rail, payment), text.clone());
    events.push(Event::Money(MoneyEvent::ProviderPaid { provider, payment: paid, text }));
    events.push(money::pay_provider(state, rail, provider, payment.amount));
    Ok(Effect::Done)
}

fn check(payment: &NewPayment) -> Result<(), Reject> {
    if !payment.amount.is_positive() || payment.amount > AMOUNT_MAX {
        return Err(Reject::AmountOutOfRange("amount"));
    }
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    bounded(&payment.rail, RAIL_NAME_LEN_MAX, "rail")?;
    if !payment.rail.bytes().all(is_part) {
        return Err(Reject::OutOfBounds("rail"));
    }
    let Some(ForeignAmount { amount, currency, rate }) = &payment.foreign else { return Ok(()) };
    for (text, field) in [(amount, "foreign.amount"), (rate, "foreign.rate")] {
        let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if text.is_empty() || text.len() > DECIMAL_LEN_MAX || !is_decimal {
            return Err(Reject::OutOfBounds(field));
        }
    }
    let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let fits = (2..=10).contains(&currency.len()) && currency.bytes().all(is_code);
    if fits { Ok(()) } else { Err(Reject::OutOfBounds("foreign.currency")) }
}

/// Whether the payment was recorded before, for the same amount and receiver.
fn is_known(state: &State, payment: &NewPayment, to: PaidTo) -> Result<bool, Reject> {
    let Some(rail) = state.rail(&payment.rail) else { return Ok(false) };
    let NewPayment { amount, foreign, .. } = payment;
    let is_same = |it: &Paid| (it.to, it.amount, &it.foreign) == (to, *amount, foreign);
    match state.payments.get(&(rail, payment.reference)) {
        None => Ok(false),
        Some(known) if is_same(known) => Ok(true),
        Some(_) => Err(Reject::IdempotencyMismatch),
    }
}

/// The payment's rail, and the event that brings it into use where it is new.
fn rail(state: &State, payment: &NewPayment) -> Result<(RailId, Option<Event>), Reject> {
    if let Some(rail) = state.rail(&payment.rail) {
        money::check_book(state, Book::Rail(rail), "payments")?;
        return Ok((rail, None));
    }
    let rail = RailId(state.counters.rail.0 + 1);
    if rail.0 > RAILS_MAX {
        return Err(Reject::Exhausted("rails"));
    }
    let name = payment.rail.clone();
    Ok((rail, Some(Event::Money(MoneyEvent::RailNamed { rail, name }))))
}

fn of_rail(rail: RailId, payment: &NewPayment) -> Payment {
    let NewPayment { amount, ref foreign, reference, .. } = *payment;
    Payment { rail, amount, foreign: foreign.clone(), reference }
}
