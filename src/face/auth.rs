//! Who calls: an API key to an account or an operator, and its share of the server.

use std::sync::Arc;

use hyper::header::HeaderValue;
use nexnum_engine::event::Scope;
use nexnum_engine::group::{Actor, Origin};
use nexnum_engine::ids::{AccountId, AddressNumber, KeyId};

use super::problems;
use super::spec::{KeyPlace, QuotaClass, Who};
use crate::access::Access;
use crate::access::callback::{CallbackSecrets, TokenAge};
use crate::clock;
use crate::http::limit::{Allowance, Gcra, Quota};
use crate::http::{Call, Problem};
use crate::market::read_model::KeyView;
use crate::order::Asker;
use crate::supply::config::OWN_PROVIDER;

/// Who may call a route, where the key is read and what a call costs, with the type that
/// the handler is given for the caller.
#[derive(Clone, Copy, Debug)]
pub struct Role<C> {
    /// Who may call.
    pub(super) who: Who,
    /// Where the key is read.
    pub(super) key: KeyPlace,
    /// What a call costs.
    pub(super) quota: QuotaClass,
    /// The caller as the handler is given it.
    pub(super) caller: fn(Admitted) -> C,
}

/// A caller that may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// Nothing is known of the caller.
    Stranger,
    /// It has shown a key that works and may call the route; with the number of its address, if it was
    /// asked for.
    Key(KeyView, Option<AddressNumber>),
    /// It has shown the token of a callback, or the one before.
    CallbackSender(TokenAge),
}

/// A customer who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trader {
    /// The account.
    pub account: AccountId,
    /// The key that came with the request.
    pub key: KeyId,
    /// The number of the address that the request came from.
    address: Option<AddressNumber>,
}

/// An operator who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The key that came with the request.
    pub key: KeyId,
    /// The number of the address that the request came from.
    address: Option<AddressNumber>,
}

impl Trader {
    /// The key that sees the answer to a call; `None` where its body is not sent.
    pub(super) fn viewer(&self, call: &Call) -> Option<KeyId> {
        call.is_shown().then_some(self.key)
    }

    /// Who has a call carried out.
    pub(super) fn origin(&self, call: &Call) -> Origin {
        origin(self.key, self.address, call)
    }

    /// Who asks to be shown what a call answers.
    pub(super) fn asker(&self, call: &Call) -> Asker {
        Asker { origin: self.origin(call), account: self.account, address: call.peer() }
    }
}

impl Operator {
    /// Who has a call carried out, and why where that is said; `about` is the one account that it is
    /// about.
    ///
    /// # Errors
    /// 400 `invalid_header` of a reason; 503 if it cannot be kept now.
    pub(super) async fn origin(
        &self,
        access: &Access,
        call: &Call,
        about: Option<AccountId>,
    ) -> Result<Origin, Problem> {
        let mut origin = origin(self.key, self.address, call);
        if let Some(reason) = call.reason()? {
            let sealed = access.seal_reason(about, &reason).await;
            origin.reason = Some(Box::new(sealed.map_err(problems::of_refused)?));
        }
        Ok(origin)
    }
}

fn origin(key: KeyId, address: Option<AddressNumber>, call: &Call) -> Origin {
    let request = Some(call.request_id().into());
    Origin { request, address, ..Origin::of(Actor::Key(key)) }
}

/// A caller that nothing is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger;

/// A sender that has shown its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackSender {
    /// Whether it is still taken.
    pub token: TokenAge,
}

/// Every client.
pub const ANYONE: Role<Stranger> =
    Role { who: Who::Anyone, key: KeyPlace::None, quota: QuotaClass::Free, caller: |_| Stranger };

/// Customers.
pub const TRADER: Role<Trader> = Role {
    who: Who::Trader,
    key: KeyPlace::Headers,
    quota: QuotaClass::Request,
    caller: |admitted| {
        let (key, address) = admitted.key();
        Trader { account: key.account, key: key.id, address }
    },
};

/// Operators.
pub const OPERATOR: Role<Operator> = Role {
    who: Who::Operator,
    key: KeyPlace::Headers,
    quota: QuotaClass::Request,
    caller: |admitted| {
        let (key, address) = admitted.key();
        Operator { key: key.id, address }
    },
};

/// Senders of callbacks for own stock.
pub const CALLBACK_SENDER: Role<CallbackSender> = Role {
    who: Who::CallbackSender,
    key: KeyPlace::Path,
    quota: QuotaClass::Free,
    caller: |admitted| CallbackSender { token: admitted.token() },
};

impl Admitted {
    /// The key of a caller whose role has one, and the number of its address.
    fn key(self) -> (KeyView, Option<AddressNumber>) {
        match self {
            Self::Key(key, address) => (key, address),
            Self::Stranger | Self::CallbackSender(_) => {
                unreachable!("a role that reads its key in the headers admits by it")
            }
        }
    }

    /// The token of a caller whose role has one.
    fn token(self) -> TokenAge {
        match self {
            Self::CallbackSender(age) => age,
            Self::Stranger | Self::Key(..) => {
                unreachable!("a role that reads its token in the path admits by it")
            }
        }
    }
}

/// What callers are looked up in.
#[derive(Debug)]
pub struct Auth {
    access: Access,
    limiter: Limiter,
    callback: Arc<CallbackSecrets>,
}

impl Auth {
    /// Looks callers up in a market's keys; `quota` bounds each key's requests.
    #[must_use]
    pub fn new(access: Access, quota: Option<Quota>, callback: Arc<CallbackSecrets>) -> Self {
        Self { access, limiter: Limiter::new(quota), callback }
    }

    /// Looks the caller of a route up by the head of a request. A caller that is admitted is
    /// charged by [`Auth::charge`]; one with a key of another role is charged here.
    ///
    /// # Errors
    /// 401 without a key that works, 403 with one of another role, 429 if it comes too often;
    /// 404 for a callback address that does not exist.
    pub(super) fn admit(
        &self,
        who: Who,
        place: KeyPlace,
        call: &Call,
    ) -> Result<Admitted, Problem> {
        match place {
            KeyPlace::None => Ok(Admitted::Stranger),
            KeyPlace::Headers => self.by_key(who, call),
            KeyPlace::Path => self.by_token(call),
        }
    }

    /// The caller of a command with the number of its address, which gets one now if it has none.
    pub(super) async fn with_address(&self, admitted: Admitted, call: &Call) -> Admitted {
        match admitted {
            Admitted::Key(key, None) => Admitted::Key(
                key,
                self.access.market.number_address(key.account, call.peer()).await,
            ),
            known => known,
        }
    }

    /// Takes a request from the caller's quota.
    ///
    /// # Errors
    /// 429 above it.
    pub(super) fn charge(
        &self,
        quota: QuotaClass,
        caller: Admitted,
        call: &Call,
    ) -> Result<(), Problem> {
        match (quota, caller) {
            (QuotaClass::Request, Admitted::Key(key, _)) => {
                self.limiter.check(key.id, call.allowance())
            }
            (QuotaClass::Free, _)
            | (QuotaClass::Request, Admitted::Stranger | Admitted::CallbackSender(_)) => Ok(()),
        }
    }

    fn by_key(&self, who: Who, call: &Call) -> Result<Admitted, Problem> {
        let key = self.access.find_key(call.api_key()?);
        let key = key.ok_or_else(|| Problem::unauthorized("the key is unknown or revoked"))?;
        let refusal = match (who, key.scope) {
            (Who::Anyone, _) | (Who::Trader, Scope::Trade) | (Who::Operator, Scope::Admin) => {
                return Ok(Admitted::Key(key, None));
            }
            (Who::Trader, Scope::Admin) => {
                "this is an admin key: buying needs the key of an account"
            }
            (Who::Operator, Scope::Trade) => "this path needs an admin key",
            (Who::CallbackSender, _) => "this path needs the token of a callback",
        };
        // A refused request takes from the key's quota as an accepted one does.
        self.limiter.check(key.id, call.allowance())?;
        Err(forbidden(refusal))
    }

    /// A wrong provider and a wrong token look alike. One with the token before is read, and
    /// refused then: its messages are kept for the operator.
    fn by_token(&self, call: &Call) -> Result<Admitted, Problem> {
        let (provider, token) = (call.param("provider")?, call.param("token")?);
        let age = self.callback.age(&token, self.access.market.clock.now());
        match age {
            Some(age) if *provider == *OWN_PROVIDER => Ok(Admitted::CallbackSender(age)),
            Some(_) | None => Err(no_callback_address()),
        }
    }
}

/// What is answered where no callback is taken.
pub(super) fn no_callback_address() -> Problem {
    Problem::not_found("no such callback address")
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
