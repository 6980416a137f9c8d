//! From a document to a driver: what each operation does and reads, checked whole.

use crate::document::{Document, OpDoc, OpKind, OperationsDoc, ReplyKind, RuleDoc};
use crate::driver::{CallLimits, Driver, Method, Operation, ProviderTimings, Window};
use crate::op::Op;
use crate::place::{DriverError, Place};
use crate::request::{RequestTemplate, check_base};
use crate::rule::{Consequence, Rule};
use crate::words::in_words;

/// Bytes of a driver document; the largest shipped one is a tenth of it.
pub const DOCUMENT_BYTES_MAX: usize = 128 * 1024;
/// Rules of one list: a linear scan of more would be a programming language.
pub const RULES_MAX: usize = 256;

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
        let told = |error: toml::de::Error| {
            let words = in_words(error.message(), "a table");
            root(error.to_string().replace(error.message(), &words).trim_end().to_owned())
        };
        let document: Document = toml::from_str(text).map_err(told)?;
        compile(&document)
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
        limits: CallLimits {
            concurrency: document.limits.concurrency,
            penalty_ms: document.limits.penalty_ms,
            windows,
        },
        timings: ProviderTimings {
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
    let mut rules = compile_rules(&doc.rules, Some(op), doc.reply, &place.field("rules"))?;
    Rule::note_words(&mut rules);
    let gives = rules.iter().any(|rule| matches!(rule.consequence, Consequence::Output(_)));
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
    docs: &[RuleDoc],
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
