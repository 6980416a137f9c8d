//! Payments: those of customers, and those to providers.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use nexnum_engine::event::{DECIMAL_LEN_MAX, ForeignAmount};
use nexnum_engine::limits::REFERENCE_LEN_MAX;
use nexnum_engine::reject::Reject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::ID;
use super::providers::NAME;
use super::state::State;
use crate::face::auth::Operator;
use crate::face::description::code::ProblemCode as Code;
use crate::face::description::operation::Tag;
use crate::face::description::operation::{Operation as Described, Reply};
use crate::face::wire::{Amount, Money};
use crate::face::{parse, problems};
use crate::http::{Call, Problem, Response, body, reply};
use crate::market::Refused;
use crate::money::{DEFAULT_RAIL, PaymentError, StatedPayment, converts};

const ONCE: &str = "Each `reference` of a rail is one payment: the same request again changes nothing and \
                    says so, and with another amount, account or provider it is refused.";

pub(super) const DEPOSIT: Described = Described::new(
    "deposit",
    Tag::Admin,
    "Credit a payment to an account",
    &[Reply::json::<Deposit>(
        201,
        "The payment is credited",
        r#"{"balance": "100.000000", "repeated": false}"#,
    )],
)
.details(ONCE)
.path(&[ID])
.body::<NewPayment<'_>>(
    r#"{"amount": "99.99", "reference": "invoice 2026-117", "rail": "bank",
        "paid": {"amount": "92.00", "currency": "EUR", "rate": "1.0869"}}"#,
)
.problems(&[
    Code::UnknownAccount,
    Code::InvalidAmount,
    Code::IdempotencyMismatch,
    Code::InternalError,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Exhausted,
]);

pub(super) async fn deposit(
    state: Arc<State>,
    operator: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    let account = parse::account_id(&call)?;
    let body = call.bytes().await?;
    let stated = stated(body::decode_json(&body)?)?;
    let origin = operator.origin(&state.access, &call, Some(account)).await?;
    let recorded = state.money.deposit(&origin, account, &stated).await;
    let repeated = recorded.map_err(refused)?.repeated;
    let wallet = state.money.wallet(account);
    let wallet = wallet.ok_or_else(|| Problem::not_found("there is no such account"))?;
    let balance = Money(wallet.available);
    Ok(reply::json(StatusCode::CREATED, &Deposit { balance, repeated }))
}

pub(super) const PAY: Described = Described::new(
    "payProvider",
    Tag::Admin,
    "Record a payment to a provider",
    &[Reply::json::<ProviderPayment>(
        201,
        "The payment is recorded",
        r#"{"prepaid": "50.000000", "payable": "0.000000", "repeated": false}"#,
    )],
)
.details(
    "It pays what the provider is owed, and the rest stands there for what it charges next. For own \
     stock it pays what its numbers cost. Nothing is sent anywhere: the payment was made before.",
)
.path(&[NAME])
.body::<NewPayment<'_>>(r#"{"amount": "50.00", "reference": "top-up 31", "rail": "usdt-trc20"}"#)
.problems(&[
    Code::InvalidAmount,
    Code::IdempotencyMismatch,
    Code::Overloaded,
    Code::OutcomeUnknown,
    Code::Exhausted,
]);

pub(super) async fn pay(
    state: Arc<State>,
    operator: Operator,
    mut call: Call,
) -> Result<Response, Problem> {
    let name = call.param("name")?.into_owned();
    let directory = state.market.read_model.directory();
    let find = || directory.providers().into_iter().find(|(_, known)| *known.name == *name);
    let missing = || Problem::not_found("there is no provider of this name");
    let (provider, _) = find().ok_or_else(missing)?;
    let body = call.bytes().await?;
    let stated = stated(body::decode_json(&body)?)?;
    let origin = operator.origin(&state.access, &call, None).await?;
    let recorded = state.money.pay_provider(&origin, provider, &stated).await;
    let repeated = recorded.map_err(refused)?.repeated;
    let (_, known) = find().ok_or_else(missing)?;
    let (prepaid, payable) = (Money(known.books.prepaid), Money(known.books.payable));
    Ok(reply::json(StatusCode::CREATED, &ProviderPayment { prepaid, payable, repeated }))
}

fn stated(payment: NewPayment<'_>) -> Result<StatedPayment, Problem> {
    let NewPayment { amount, reference, rail, paid } = payment;
    let amount = parse::amount(&amount.0, "amount")?;
    if !(1..=REFERENCE_LEN_MAX).contains(&reference.len()) || reference.contains(char::is_control) {
        let rule = "must be 1 to 255 bytes without control characters";
        return Err(Problem::invalid_field("reference", rule));
    }
    let rail = rail.as_deref().unwrap_or(DEFAULT_RAIL);
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if !(1..=32).contains(&rail.len()) || !rail.bytes().all(is_part) {
        return Err(Problem::invalid_field(
            "rail",
            "must be 1 to 32 of a-z, 0-9, '.', '_' and '-'",
        ));
    }
    let foreign = paid.map(|paid| ForeignAmount {
        amount: paid.amount.into(),
        currency: paid.currency.into(),
        rate: paid.rate.into(),
    });
    if let Some(foreign) = &foreign {
        for (text, field) in [(&foreign.amount, "paid.amount"), (&foreign.rate, "paid.rate")] {
            let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            if !(1..=DECIMAL_LEN_MAX).contains(&text.len()) || !is_decimal {
                return Err(Problem::invalid_field(
                    field,
                    "must be a decimal number of at most 40 digits",
                ));
            }
        }
        let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let currency = &foreign.currency;
        if !(2..=10).contains(&currency.len()) || !currency.bytes().all(is_code) {
            return Err(Problem::invalid_field("paid.currency", "must be 2 to 10 of A-Z and 0-9"));
        }
        if !converts(foreign, amount) {
            let rule = "paid.amount times paid.rate must be the amount, to within 0.01";
            return Err(Problem::invalid_field("paid", rule));
        }
    }
    let (rail, reference) = (rail.into(), reference.into());
    Ok(StatedPayment { rail, amount, foreign, reference })
}

fn refused(error: PaymentError) -> Problem {
    match error {
        PaymentError::Refused(Refused::Rejected(reject @ Reject::IdempotencyMismatch)) => {
            let why = "The reference was used for another payment of this rail";
            parse::refused(reject.code(), why, "reference")
        }
        PaymentError::Refused(other) => problems::of_refused(other),
        PaymentError::Sealing(error) => {
            Problem::internal(format_args!("a payment's reference could not be sealed: {error}"))
        }
    }
}

/// A payment that was made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPayment<'a> {
    /// The amount in the ledger's currency, above zero.
    #[serde(borrow)]
    amount: Amount<'a>,
    /// The payment's own reference, 1 to 255 bytes of UTF-8 without control characters. Each is one
    /// payment of its rail.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 255))]
    reference: Cow<'a, str>,
    /// The way that it took, as the operator calls it: 1 to 32 of `a-z 0-9 . _ -`; `manual` if left
    /// out. A new name begins a new rail; there are 256 at most.
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 32))]
    rail: Option<Cow<'a, str>>,
    /// What was paid, where that was another currency.
    #[serde(borrow, default)]
    paid: Option<NewPaidAmount<'a>>,
}

/// An amount in another currency.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPaidAmount<'a> {
    /// How much: a decimal number, of as many places as the currency has.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 40))]
    amount: Cow<'a, str>,
    /// The currency: 2 to 10 of `A-Z 0-9`, such as `EUR` or `USDT`.
    #[serde(borrow)]
    #[schemars(length(min = 2, max = 10))]
    currency: Cow<'a, str>,
    /// Units of the ledger's currency for one unit of it: a decimal number. With it the amounts are
    /// the same to within 0.01.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 40))]
    rate: Cow<'a, str>,
}

/// A deposit that was credited.
#[derive(Debug, Serialize, JsonSchema)]
struct Deposit {
    /// The account's balance after it.
    balance: Money,
    /// Whether the payment had been credited before; then nothing was credited now.
    repeated: bool,
}

/// A payment to a provider that was recorded.
#[derive(Debug, Serialize, JsonSchema)]
struct ProviderPayment {
    /// What the provider has of ours after it.
    prepaid: Money,
    /// What it is still owed.
    payable: Money,
    /// Whether the payment had been recorded before; then nothing was recorded now.
    repeated: bool,
}
