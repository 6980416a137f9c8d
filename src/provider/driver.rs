//! A driver: one TOML document that says how a provider is asked and how it answers.
//!
//! The document is checked whole when it is parsed, so that a driver that loads can be
//! run; what it cannot say is not done. Parsing, filling requests and reading replies
//! do no I/O and panic on no input.
//!
//! # The language
//!
//! ```toml
//! name = "example"                    # lower-case name of the driver
//! version = 1                         # raised with every change
//! dialect = "example"                 # whose country and service codes it speaks
//! currency = "USD"                    # of its prices and balance
//! base_url = "https://example.com/v1" # where it lives unless the operator says otherwise
//! headers = { Accept = "application/json" }  # sent with every call
//! placeholders = ["-"]                # values that mean "nothing yet"
//! auth = [{ place = "query", name = "api_key" }]  # query, header, bearer, form, json;
//!                                     # value = "{key}" unless said otherwise
//! [limits]
//! concurrency = 8                     # calls in flight
//! penalty_ms = 5000                   # pause after a 429 that names none
//! windows = [{ calls = 10, per_ms = 1000 }, { calls = 200, per_ms = 60000 }]
//! [timings]
//! min_cancel_age_ms = 120000
//! lifetime_ms = 1200000
//! poll_interval_ms = 5000
//! ```
//!
//! Each of the operations `balance prices buy status cancel finish resend list_active`
//! is a table: `kind` = `call` (the default), `constant` (a fixed `body` is read as the
//! reply), `noop` (nothing needs to be done) or `unsupported`; `reply` = `json` (the
//! default; text rules work on it too), `text` or `scalar`; a `request`
//! `{ method, path, query, headers, form, json, open }` of templates (see
//! [`super::template`]; a parameter may be `{ value, unless = "slot", number = true }`);
//! and ordered `rules`.
//!
//! A rule applies if its `status` (a list) and its one test hold: `equals` (one or many),
//! `starts`, `regex` (with named groups) or `exists`, on the body's trimmed text or what
//! `at` names: `/a/b` in the JSON, `.` the whole JSON, `@Name` a header. It has either an
//! `error` (with `in_doubt`, `min_price`, `retry_after_s`) or a `give`, whose fields
//! are sources ([`super::source`]) and, for lists, `rows = { path = "*.*", bind =
//! ["country", "service"], skip_keys, filters = [{ at, equals }] }`. An operation's rules
//! come first, then the driver's own `rules`; the first that applies decides. `give`:
//!
//! | operation | fields |
//! |---|---|
//! | balance | `amount`, `scale` (10^-scale units) |
//! | prices | `rows`, `country`, `service`, `operator`, `cost`, `stock`, `scale`; or `empty` |
//! | buy | `external_id`, `number`, `number_prefix`, `cost`, `operator`, `scale` |
//! | status | `state`, `states` (theirs = waiting, received, finished, cancelled, expired), `messages` of `rows`, `external_id`, `sender`, `text`, `code` |
//! | cancel, finish, resend | none; a resend may give a new `external_id` |
//! | list_active | `rows`, `external_id`, `number`, `number_prefix`, `country`, `service`, `created`; or `empty` |

use std::fmt;

use super::document::{Document, OpDoc, OpKind, OperationsDoc, Place, ReplyKind};
use super::outcome::{Consequence, ErrorKind, ProviderError, Rule, fail, unknown};
use super::output::Output;
use super::source::{Captures, View};
use super::template::{Credentials, Request, RequestError, RequestTemplate, Slots, check_base};

pub use super::source::RawReply;

include!(concat!(env!("OUT_DIR"), "/shipped_drivers.rs"));

/// Bytes of a driver document; the largest shipped one is a tenth of it.
pub const DOCUMENT_BYTES_MAX: usize = 128 * 1024;
/// Rules of one list: a linear scan of more would be a programming language.
pub const RULES_MAX: usize = 256;

/// What can be asked of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The account's balance.
    Balance,
    /// The whole price list.
    Prices,
    /// Buy a number.
    Buy,
    /// An activation's state and messages.
    Status,
    /// Give a number back.
    Cancel,
    /// Say that no more messages are wanted.
    Finish,
    /// Ask for another message.
    Resend,
    /// The activations open at the provider.
    ListActive,
}

impl Op {
    /// All operations, in the order of their documents.
    pub const ALL: [Self; 8] = [
        Self::Balance,
        Self::Prices,
        Self::Buy,
        Self::Status,
        Self::Cancel,
        Self::Finish,
        Self::Resend,
        Self::ListActive,
    ];

    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Prices => "prices",
            Self::Buy => "buy",
            Self::Status => "status",
            Self::Cancel => "cancel",
            Self::Finish => "finish",
            Self::Resend => "resend",
            Self::ListActive => "list_active",
        }
    }

    /// True if asking twice changes nothing.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        match self {
            Self::Balance | Self::Prices | Self::Status | Self::ListActive => true,
            Self::Buy | Self::Cancel | Self::Finish | Self::Resend => false,
        }
    }
}

/// Why a document is no driver, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverError {
    /// The dotted place in the document, or its line.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for DriverError {}

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
pub struct Limits {
    /// Calls in flight at once.
    pub concurrency: u32,
    /// The pause after a refusal for too many calls that names none.
    pub penalty_ms: u64,
    /// All of them hold.
    pub windows: Vec<Window>,
}

/// A provider's times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
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
    Call(Request),
    /// Send nothing and read this as the reply.
    Answer(RawReply),
    /// Nothing needs to be done.
    Nothing,
    /// The provider cannot do it.
    Unsupported,
}

#[derive(Debug)]
enum Method {
    Call(RequestTemplate),
    Constant(String),
    Nothing,
    Unsupported,
}

#[derive(Debug)]
struct Operation {
    method: Method,
    reply: ReplyKind,
    rules: Vec<Rule>,
}

/// A validated driver.
#[derive(Debug)]
pub struct Driver {
    name: String,
    version: u32,
    dialect: String,
    currency: String,
    base_url: Option<String>,
    limits: Limits,
    timings: Timings,
    placeholders: Vec<String>,
    operations: Vec<Operation>,
    /// Driver-wide rules, once for each kind of reply they are run on.
    rules: Vec<(ReplyKind, Vec<Rule>)>,
}

impl Driver {
    /// Parses and checks a document.
    ///
    /// # Errors
    /// The first thing wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, DriverError> {
        let root = |problem: String| DriverError { place: "document".to_owned(), problem };
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(root(format!("is larger than {DOCUMENT_BYTES_MAX} bytes")));
        }
        let document: Document =
            toml::from_str(text).map_err(|error| root(error.to_string().trim_end().to_owned()))?;
        compile(&document)
    }

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
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The provider's times.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// True if the provider can do the operation, or it needs no doing.
    #[must_use]
    pub fn supports(&self, op: Op) -> bool {
        !matches!(self.operation(op).method, Method::Unsupported)
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
        let Some(view) = View::new(reply, self.operation(op).reply, &self.placeholders) else {
            return Err(unknown(reply, "the body is not UTF-8"));
        };
        let Some((rule, captures)) = self.decide(op, &view) else {
            return Err(unknown(reply, &view.text));
        };
        match &rule.consequence {
            Consequence::Fail { .. } => Err(fail(&view, &rule.consequence, &captures)),
            Consequence::Give(give) => give.read(&view, &captures).map_err(|_| {
                // A rule's own 5xx or 429 reading cannot be trusted once it did not fit.
                let mut error = unknown(reply, &view.text);
                (error.kind, error.certain) = (ErrorKind::Unmapped, false);
                error
            }),
        }
    }

    /// The place of the rule that decides a reply, for operators and tests.
    #[must_use]
    pub fn deciding_rule(&self, op: Op, reply: &RawReply) -> Option<&str> {
        let view = View::new(reply, self.operation(op).reply, &self.placeholders)?;
        self.decide(op, &view).map(|(rule, _)| rule.place.as_str())
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

fn compile(document: &Document) -> Result<Driver, DriverError> {
    check_words(document)?;
    let mut operations = Vec::new();
    for op in Op::ALL {
        let place = Place::new("operations").field(op.name());
        operations.push(compile_operation(document, op, &place)?);
    }
    let mut rules = Vec::new();
    for kind in [ReplyKind::Json, ReplyKind::Text, ReplyKind::Scalar] {
        rules.push((kind, compile_wide_rules(document, kind)?));
    }
    let windows = document.limits.windows.iter();
    let windows = windows.map(|w| Window { calls: w.calls, per_ms: w.per_ms }).collect();
    Ok(Driver {
        name: document.name.clone(),
        version: document.version,
        dialect: document.dialect.clone(),
        currency: document.currency.clone(),
        base_url: document.base_url.clone(),
        limits: Limits {
            concurrency: document.limits.concurrency,
            penalty_ms: document.limits.penalty_ms,
            windows,
        },
        timings: Timings {
            min_cancel_age_ms: document.timings.min_cancel_age_ms,
            lifetime_ms: document.timings.lifetime_ms,
            poll_interval_ms: document.timings.poll_interval_ms,
        },
        placeholders: document.placeholders.clone(),
        operations,
        rules,
    })
}

/// A day: no provider counts calls, or keeps an activation waiting for one, by longer.
const TIMES_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// Calls in one window; beyond it the window limits nothing.
const WINDOW_CALLS_MAX: u32 = 1_000_000;

fn check_words(document: &Document) -> Result<(), DriverError> {
    let word = |text: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
    };
    let currency = &document.currency;
    let iso = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
    let (limits, timings) = (&document.limits, &document.timings);
    let time = |ms: u64| (1..=TIMES_MS_MAX).contains(&ms);
    let base = document.base_url.as_deref().is_none_or(|url| check_base(url).is_ok());
    let window =
        limits.windows.iter().all(|w| (1..=WINDOW_CALLS_MAX).contains(&w.calls) && time(w.per_ms));
    let checks = [
        (word(&document.name), "name", "is not a word of a-z, 0-9, _ and -"),
        (word(&document.dialect), "dialect", "is not a word of a-z, 0-9, _ and -"),
        (document.version > 0, "version", "begins at 1"),
        (iso, "currency", "is not an ISO 4217 code"),
        (base, "base_url", "is not http(s)://host[:port][/path]"),
        ((1..=1024).contains(&limits.concurrency), "limits.concurrency", "is not 1 to 1024"),
        (time(limits.penalty_ms), "limits.penalty_ms", "is not 1 to a day"),
        ((1..=8).contains(&limits.windows.len()), "limits.windows", "are not 1 to 8"),
        (window, "limits.windows", "need calls of 1 to a million in 1 ms to a day"),
        (timings.min_cancel_age_ms <= TIMES_MS_MAX, "timings.min_cancel_age_ms", "is above a day"),
        (time(timings.lifetime_ms), "timings.lifetime_ms", "is not 1 to a day"),
        (time(timings.poll_interval_ms), "timings.poll_interval_ms", "is not 1 to a day"),
    ];
    match checks.iter().find(|(holds, _, _)| !holds) {
        Some((_, place, problem)) => Err(Place::new(place).error(*problem)),
        None => Ok(()),
    }
}

fn op_doc(operations: &OperationsDoc, op: Op) -> &OpDoc {
    match op {
        Op::Balance => &operations.balance,
        Op::Prices => &operations.prices,
        Op::Buy => &operations.buy,
        Op::Status => &operations.status,
        Op::Cancel => &operations.cancel,
        Op::Finish => &operations.finish,
        Op::Resend => &operations.resend,
        Op::ListActive => &operations.list_active,
    }
}

fn compile_operation(document: &Document, op: Op, place: &Place) -> Result<Operation, DriverError> {
    let doc = op_doc(&document.operations, op);
    check_fields(doc, place)?;
    let method = match (doc.kind, &doc.request, &doc.body) {
        (OpKind::Call, Some(request), _) => Method::Call(RequestTemplate::compile(
            request,
            &document.auth,
            &document.headers,
            op,
            &place.field("request"),
        )?),
        (OpKind::Constant, _, Some(body)) => Method::Constant(body.clone()),
        (OpKind::Noop, _, _) if matches!(op, Op::Cancel | Op::Finish | Op::Resend) => {
            Method::Nothing
        }
        (OpKind::Noop, _, _) => return Err(place.error("has an output and cannot be a noop")),
        (OpKind::Unsupported, _, _) if matches!(op, Op::Buy | Op::Status) => {
            return Err(place.error("cannot be unsupported"));
        }
        (OpKind::Unsupported, _, _) => Method::Unsupported,
        (OpKind::Call, None, _) => return Err(place.error("needs a `request`")),
        (OpKind::Constant, _, None) => return Err(place.error("needs a `body`")),
    };
    let rules = compile_rules(&doc.rules, Some(op), doc.reply, &place.field("rules"))?;
    let gives = rules.iter().any(|rule| matches!(rule.consequence, Consequence::Give(_)));
    if matches!(method, Method::Call(_)) && !gives {
        return Err(place.error("no rule gives an output"));
    }
    Ok(Operation { method, reply: doc.reply, rules })
}

fn check_fields(doc: &OpDoc, place: &Place) -> Result<(), DriverError> {
    let (request, body, rules) = match doc.kind {
        OpKind::Call => (true, false, true),
        OpKind::Constant => (false, true, true),
        OpKind::Noop | OpKind::Unsupported => (false, false, false),
    };
    let unused = [
        ("request", doc.request.is_some() && !request),
        ("body", doc.body.is_some() && !body),
        ("rules", !doc.rules.is_empty() && !rules),
    ];
    match unused.iter().find(|(_, unused)| *unused) {
        Some((name, _)) => Err(place.field(name).error("is never used by this kind of operation")),
        None => Ok(()),
    }
}

fn compile_rules(
    docs: &[super::document::RuleDoc],
    op: Option<Op>,
    reply: ReplyKind,
    place: &Place,
) -> Result<Vec<Rule>, DriverError> {
    if docs.len() > RULES_MAX {
        return Err(place.error(format!("are more than {RULES_MAX}")));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for (index, doc) in docs.iter().enumerate() {
        let place = place.index(index);
        let rule = Rule::compile(doc, op, reply, &place)?;
        if let Some(earlier) = rules.iter().find(|earlier| earlier.catches_all()) {
            return Err(place.error(format!("is never reached: {} takes all", earlier.place)));
        }
        let shadow = rules.iter().find_map(|e| rule.shadowed_by(e).map(|token| (e, token)));
        if let Some((earlier, token)) = shadow {
            let problem = format!("`{token}` is never reached: {} takes it", earlier.place);
            return Err(place.error(problem));
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// Driver-wide rules for one kind of reply: those that look into JSON are left out where
/// there is none.
fn compile_wide_rules(document: &Document, reply: ReplyKind) -> Result<Vec<Rule>, DriverError> {
    let place = Place::new("rules");
    let all = compile_rules(&document.rules, None, ReplyKind::Json, &place)?;
    let usable = |rule: &Rule| reply == ReplyKind::Json || !rule.reads_json();
    Ok(all.into_iter().filter(usable).collect())
}
