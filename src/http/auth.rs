//! Who calls: an API key to an account or an operator, and its share of the server.

use hyper::header::HeaderValue;
use nexnum_engine::event::Scope;
use nexnum_engine::ids::{AccountId, KeyId};

use super::limit::{Allowance, Gcra, Quota};
use super::{Call, Problem};
use crate::app::App;
use crate::clock;
use crate::keys;
use crate::read_model::KeyView;

/// Requests a key may make; `None` lets every key do what the machine can.
#[derive(Debug)]
pub struct Limiter {
    /// With the header that names it.
    quota: Option<(Quota, HeaderValue)>,
    keys: papaya::HashMap<KeyId, Gcra>,
}

impl Limiter {
    /// A limiter for all keys alike.
    #[must_use]
    pub fn new(quota: Option<Quota>) -> Self {
        let quota = quota.map(|quota| (quota, quota.policy()));
        Self { quota, keys: papaya::HashMap::new() }
    }

    fn check(&self, key: &KeyView, allowance: &Allowance) -> Result<(), Problem> {
        let Some((quota, policy)) = &self.quota else { return Ok(()) };
        let keys = self.keys.pin();
        let gcra = keys.get_or_insert_with(key.id, Gcra::default);
        match gcra.check(quota, clock::monotonic_ns()) {
            Ok(left) => allowance.note(left, policy),
            Err(refused) => return Err(refused.into_problem(policy)),
        }
        Ok(())
    }
}

/// The account whose trading key came with the request.
///
/// # Errors
/// 401 without a valid key, 403 with an operator's, 429 above the quota.
pub fn account(call: &Call<App>) -> Result<AccountId, Problem> {
    let key = known(call)?;
    match key.scope {
        Scope::Trade => Ok(key.account),
        Scope::Admin => Err(forbidden(NOT_TRADING)),
    }
}

/// Lets operators pass.
///
/// # Errors
/// 401 without a valid key, 403 with a customer's, 429 above the quota.
pub fn operator(call: &Call<App>) -> Result<(), Problem> {
    match known(call)?.scope {
        Scope::Admin => Ok(()),
        Scope::Trade => Err(forbidden(NOT_OPERATING)),
    }
}

/// Whether the key trades, by the head of the request alone; takes nothing from its quota.
///
/// # Errors
/// As [`account`], but for the quota.
pub fn may_trade(call: &Call<App>) -> Result<(), Problem> {
    match look_up(call)?.scope {
        Scope::Trade => Ok(()),
        Scope::Admin => Err(forbidden(NOT_TRADING)),
    }
}

/// Whether the key operates, by the head of the request alone.
///
/// # Errors
/// As [`operator`], but for the quota.
pub fn may_operate(call: &Call<App>) -> Result<(), Problem> {
    match look_up(call)?.scope {
        Scope::Admin => Ok(()),
        Scope::Trade => Err(forbidden(NOT_OPERATING)),
    }
}

const NOT_TRADING: &str = "this is an operator's key; it does not trade";
const NOT_OPERATING: &str = "this needs an operator's key";

fn known(call: &Call<App>) -> Result<KeyView, Problem> {
    let key = look_up(call)?;
    call.state.limiter.check(&key, &call.allowance)?;
    Ok(key)
}

/// The key of a request, looked up once: what the guard found serves the handler too.
fn look_up(call: &Call<App>) -> Result<KeyView, Problem> {
    if let Some(known) = call.key.get() {
        return Ok(*known);
    }
    let found = find(call)?;
    Ok(*call.key.get_or_init(|| found))
}

fn find(call: &Call<App>) -> Result<KeyView, Problem> {
    let text = call.api_key()?;
    let unknown = || Problem::unauthorized("no such key");
    // The checksum turns away typing errors and guesses before any table is asked.
    keys::check(text).ok_or_else(unknown)?;
    call.state.read_model.key(&keys::sha256(text)).ok_or_else(unknown)
}

fn forbidden(detail: &'static str) -> Problem {
    Problem::new(hyper::StatusCode::FORBIDDEN, "forbidden", "This key may not do that")
        .detail(detail)
}
