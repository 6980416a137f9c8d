//! Who calls: an API key to an account or an operator, and its share of the server.

use hyper::header::HeaderValue;
use nexnum_engine::event::Scope;
use nexnum_engine::ids::{AccountId, KeyId};
use subtle::ConstantTimeEq;

use super::spec::{KeyPlace, QuotaClass, Who};
use crate::access::Access;
use crate::clock;
use crate::http::limit::{Allowance, Gcra, Quota};
use crate::http::{Call, Problem};
use crate::keys;
use crate::market::read_model::KeyView;

/// A customer who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trader {
    /// The account.
    pub account: AccountId,
    /// The key that came with the request.
    pub key: KeyId,
}

/// An operator who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The key that came with the request.
    pub key: KeyId,
}

/// A caller that nothing is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger;

/// A sender that has shown its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackSender;

/// Who may call a route, with the type that its handler is given for the caller.
#[derive(Clone, Copy, Debug)]
pub struct Role<C> {
    /// The same as data.
    pub(super) who: Who,
    /// Where its key is read.
    pub(super) key: KeyPlace,
    /// What a call costs.
    pub(super) quota: QuotaClass,
    /// Looks the caller up by the head of a request; takes nothing from the quota.
    pub(super) admit: fn(&Auth, &Call) -> Result<C, Problem>,
    /// Takes the request from the caller's quota.
    pub(super) charge: fn(&Auth, &C, &Call) -> Result<(), Problem>,
}

/// Every client.
pub const ANYONE: Role<Stranger> = Role {
    who: Who::Anyone,
    key: KeyPlace::None,
    quota: QuotaClass::Free,
    admit: |_, _| Ok(Stranger),
    charge: |_, _, _| Ok(()),
};

/// Customers.
pub const TRADER: Role<Trader> = Role {
    who: Who::Trader,
    key: KeyPlace::Headers,
    quota: QuotaClass::Request,
    admit: Auth::trader,
    charge: |auth, trader, call| auth.charge(trader.key, call),
};

/// Operators.
pub const OPERATOR: Role<Operator> = Role {
    who: Who::Operator,
    key: KeyPlace::Headers,
    quota: QuotaClass::Request,
    admit: Auth::operator,
    charge: |auth, operator, call| auth.charge(operator.key, call),
};

/// Senders of callbacks for own stock.
pub const CALLBACK_SENDER: Role<CallbackSender> = Role {
    who: Who::CallbackSender,
    key: KeyPlace::Path,
    quota: QuotaClass::Free,
    admit: Auth::callback_sender,
    charge: |_, _, _| Ok(()),
};

/// What callers are looked up in.
#[derive(Debug)]
pub struct Auth {
    access: Access,
    limiter: Limiter,
    callback: CallbackAddress,
}

/// Where messages for own stock are posted.
#[derive(Clone, Copy, Debug)]
pub struct CallbackAddress {
    /// The provider's name in the path.
    pub provider: &'static str,
    /// SHA-256 of the token in the path.
    pub token_sha256: [u8; 32],
}

impl Auth {
    /// Looks callers up in a market's keys; `quota` bounds each key's requests.
    #[must_use]
    pub fn new(access: Access, quota: Option<Quota>, callback: CallbackAddress) -> Self {
        Self { access, limiter: Limiter::new(quota), callback }
    }

    fn trader(&self, call: &Call) -> Result<Trader, Problem> {
        let key = self.look_up(call)?;
        match key.scope {
            Scope::Trade => Ok(Trader { account: key.account, key: key.id }),
            Scope::Admin => {
                Err(forbidden("this is an admin key: buying needs the key of an account"))
            }
        }
    }

    fn operator(&self, call: &Call) -> Result<Operator, Problem> {
        let key = self.look_up(call)?;
        match key.scope {
            Scope::Admin => Ok(Operator { key: key.id }),
            Scope::Trade => Err(forbidden("this path needs an admin key")),
        }
    }

    /// Compares digests in constant time; a wrong provider and a wrong token look alike.
    fn callback_sender(&self, call: &Call) -> Result<CallbackSender, Problem> {
        let (provider, token) = (call.param("provider")?, call.param("token")?);
        let proven = keys::sha256(&token).ct_eq(&self.callback.token_sha256);
        if *provider == *self.callback.provider && bool::from(proven) {
            Ok(CallbackSender)
        } else {
            Err(Problem::not_found("no such callback address"))
        }
    }

    fn charge(&self, key: KeyId, call: &Call) -> Result<(), Problem> {
        self.limiter.check(key, call.allowance())
    }

    fn look_up(&self, call: &Call) -> Result<KeyView, Problem> {
        let text = call.api_key()?;
        self.access
            .find_key(text)
            .ok_or_else(|| Problem::unauthorized("the key is unknown or revoked"))
    }
}

/// Requests a key may make; `None` lets every key do what the machine can.
#[derive(Debug)]
struct Limiter {
    /// With the header that names it.
    quota: Option<(Quota, HeaderValue)>,
    keys: papaya::HashMap<KeyId, Gcra>,
}

impl Limiter {
    /// A limiter for all keys alike.
    fn new(quota: Option<Quota>) -> Self {
        let quota = quota.map(|quota| (quota, quota.policy()));
        Self { quota, keys: papaya::HashMap::new() }
    }

    fn check(&self, key: KeyId, allowance: &Allowance) -> Result<(), Problem> {
        let Some((quota, policy)) = &self.quota else { return Ok(()) };
        let keys = self.keys.pin();
        let gcra = keys.get_or_insert_with(key, Gcra::default);
        match gcra.check(quota, clock::monotonic_ns()) {
            Ok(left) => allowance.note(left, policy),
            Err(refused) => return Err(refused.into_problem(policy)),
        }
        Ok(())
    }
}

fn forbidden(detail: &'static str) -> Problem {
    Problem::new(hyper::StatusCode::FORBIDDEN, "forbidden", "This key may not do that")
        .detail(detail)
}
