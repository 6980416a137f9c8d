//! A driver: one TOML document that says how a provider is asked and how it answers.
//!
//! The document is checked whole when it is parsed, so that a driver that loads can be
//! run; what it cannot say is not done. Parsing, filling requests and reading replies
//! do no I/O and panic on no input. The
//! language is described at the top of the crate.

use crate::document::ReplyKind;
use crate::error::{ProviderError, unknown, unread};
use crate::json::mended;
use crate::op::Op;
use crate::output::{MessageFields, Output};
use crate::reply::{Captures, RawReply, Unread, View};
use crate::request::{ProviderRequest, RequestTemplate};
use crate::rule::{Consequence, Rule, fail};
use crate::template::{Credentials, RequestError, Secret, Slot, Slots};

include!(concat!(env!("OUT_DIR"), "/shipped_drivers.rs"));

/// Calls allowed in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many.
    pub calls: u32,
    /// In how many milliseconds.
    pub per_ms: u64,
}

/// How hard a provider may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Calls in flight at once.
    pub concurrency: u32,
    /// The pause after a refusal for too many calls that names none.
    pub penalty_ms: u64,
    /// All of them hold.
    pub windows: Vec<Window>,
}

/// A provider's times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderTimings {
    /// An activation younger than this cannot be cancelled.
    pub min_cancel_age_ms: u64,
    /// How long an activation lives.
    pub lifetime_ms: u64,
    /// How often to ask for its state.
    pub poll_interval_ms: u64,
}

/// What to do for an operation.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Send this and read the reply.
    Call(ProviderRequest),
    /// Send nothing and read this as the reply.
    Answer(RawReply),
    /// Nothing needs to be done.
    Nothing,
    /// The provider cannot do it.
    Unsupported,
}

#[derive(Debug)]
pub(crate) enum Method {
    Call(RequestTemplate),
    Constant(String),
    Nothing,
    Unsupported,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub method: Method,
    pub reply: ReplyKind,
    pub rules: Vec<Rule>,
}

/// A validated driver.
#[derive(Debug)]
pub struct Driver {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) dialect: String,
    pub(crate) currency: String,
    pub(crate) base_url: Option<String>,
    pub(crate) limits: CallLimits,
    pub(crate) timings: ProviderTimings,
    pub(crate) placeholders: Vec<String>,
    pub(crate) operations: Vec<Operation>,
    /// Driver-wide rules, once for each kind of reply they are run on.
    pub(crate) rules: Vec<(ReplyKind, Vec<Rule>)>,
}

impl Driver {
    /// The drivers that come with the program: name and text.
    #[must_use]
    pub fn shipped() -> &'static [(&'static str, &'static str)] {
        SHIPPED
    }

    /// The driver's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document's version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whose codes of countries and services it speaks: the crosswalk's key.
    #[must_use]
    pub fn dialect(&self) -> &str {
        &self.dialect
    }

    /// The currency of its amounts, ISO 4217.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Where it lives unless the operator says otherwise.
    #[must_use]
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// How hard the provider may be asked.
    #[must_use]
    pub fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// The provider's times.
    #[must_use]
    pub fn timings(&self) -> ProviderTimings {
        self.timings
    }

    /// True if the provider can do the operation, or it needs no doing.
    #[must_use]
    pub fn supports(&self, op: Op) -> bool {
        !matches!(self.operation(op).method, Method::Unsupported)
    }

    /// True if the provider is called for it: a constant, or an operation with nothing to do, needs no call.
    #[must_use]
    pub fn calls(&self, op: Op) -> bool {
        matches!(self.operation(op).method, Method::Call(_))
    }

    /// The name of a credential beside the key that requests need and that is not given:
    /// `login` or `password`.
    #[must_use]
    pub fn missing_credential(&self, credentials: &Credentials) -> Option<&'static str> {
        let Credentials { key: _, login, password } = credentials;
        let known = [("login", Slot::Login, login), ("password", Slot::Password, password)];
        let requires = |slot: Slot| {
            self.operations.iter().any(|operation| match &operation.method {
                Method::Call(template) => template.requires(slot),
                Method::Constant(_) | Method::Nothing | Method::Unsupported => false,
            })
        };
        let is_missing = |given: &Option<Secret>| given.as_ref().is_none_or(Secret::is_empty);
        let found = known.iter().find(|(_, slot, given)| is_missing(given) && requires(*slot));
        found.map(|(name, _, _)| *name)
    }

    /// True if the list of open activations can be asked for from a row on.
    #[must_use]
    pub fn pages(&self) -> bool {
        match &self.operation(Op::ListActive).method {
            Method::Call(template) => template.uses(Slot::Offset),
            Method::Constant(_) | Method::Nothing | Method::Unsupported => false,
        }
    }

    /// True if the list of open activations shows the messages of each: one call then
    /// stands for a status call of every row.
    #[must_use]
    pub fn lists_messages(&self) -> bool {
        self.list_messages().next().is_some()
    }

    /// True if a status call says an activation's number, which a purchase may lack.
    #[must_use]
    pub fn tells_number(&self) -> bool {
        let mut rules = self.operation(Op::Status).rules.iter();
        rules.any(|rule| match &rule.consequence {
            Consequence::Output(fields) => fields.tells_number(),
            Consequence::Fail { .. } => false,
        })
    }

    fn list_messages(&self) -> impl Iterator<Item = &MessageFields> {
        let rules = self.operation(Op::ListActive).rules.iter();
        rules.filter_map(|rule| match &rule.consequence {
            Consequence::Output(fields) => fields.messages(),
            Consequence::Fail { .. } => None,
        })
    }

    /// What to do for an operation.
    ///
    /// # Errors
    /// If a value is missing or cannot be sent, or the base address is none.
    pub fn plan(
        &self,
        op: Op,
        slots: &Slots<'_>,
        credentials: &Credentials,
        base_url: &str,
    ) -> Result<Plan, RequestError> {
        match &self.operation(op).method {
            Method::Call(template) => template.expand(slots, credentials, base_url).map(Plan::Call),
            Method::Constant(body) => {
                let body = body.clone().into_bytes();
                Ok(Plan::Answer(RawReply { status: 200, headers: Vec::new(), body }))
            }
            Method::Nothing => Ok(Plan::Nothing),
            Method::Unsupported => Ok(Plan::Unsupported),
        }
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// The provider's refusal in our words; `Unmapped` for what no rule knows or what does
    /// not fit the rule it met.
    pub fn interpret(&self, op: Op, reply: &RawReply) -> Result<Output, ProviderError> {
        self.view(op, reply, |view| self.read(op, view))
    }

    fn read(&self, op: Op, view: &View<'_>) -> Result<Output, ProviderError> {
        let Some((rule, captures)) = self.decide(op, view) else {
            return Err(unknown(view.reply, &view.text));
        };
        if rule.doubts(view.reply) {
            return Err(ProviderError { certain: false, ..unknown(view.reply, &view.text) });
        }
        match &rule.consequence {
            Consequence::Fail { .. } => Err(fail(view, &rule.consequence, &captures)),
            Consequence::Output(fields) => {
                fields.read(view, &captures).map_err(|Unread { why }| {
                    // A rule's own 5xx or 429 reading cannot be trusted once it did not fit.
                    unread(view.reply, &view.text, why)
                })
            }
        }
    }

    /// Prepares a reply for reading. JSON with line breaks or foreign escapes in its strings
    /// is mended: a message that a provider wrote down carelessly is a message.
    fn view<R>(&self, op: Op, reply: &RawReply, read: impl FnOnce(&View<'_>) -> R) -> R {
        let kind = self.operation(op).reply;
        let text = reply.text();
        let view = View::new(reply, &text, kind, &self.placeholders);
        let is_broken = kind == ReplyKind::Json && view.root.is_none();
        match is_broken.then(|| mended(&text)).flatten() {
            Some(text) => read(&View::new(reply, &text, kind, &self.placeholders)),
            None => read(&view),
        }
    }

    /// The place of the rule that decides a reply, for operators and tests.
    #[must_use]
    pub fn deciding_rule(&self, op: Op, reply: &RawReply) -> Option<&str> {
        self.view(op, reply, |view| self.decide(op, view).map(|(rule, _)| rule.place.as_str()))
    }

    /// The places of all rules.
    pub fn rule_places(&self) -> impl Iterator<Item = &str> {
        let own = self.operations.iter().flat_map(|operation| &operation.rules);
        let wide = self.rules.first().into_iter().flat_map(|(_, rules)| rules);
        own.chain(wide).map(|rule| rule.place.as_str())
    }

    fn decide(&self, op: Op, view: &View<'_>) -> Option<(&Rule, Captures)> {
        let operation = self.operation(op);
        let wide = self.rules.iter().filter(|(reply, _)| *reply == operation.reply);
        let mut rules = operation.rules.iter().chain(wide.flat_map(|(_, rules)| rules));
        rules.find_map(|rule| rule.matches(view).map(|captures| (rule, captures)))
    }

    fn operation(&self, op: Op) -> &Operation {
        &self.operations[op as usize]
    }
}
