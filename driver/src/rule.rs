//! Which outcome a reply is: ordered rules, the first that matches decides.
//!
//! A rule's conditions are an HTTP status and one test on a subject (the body's text, a
//! place in the JSON, or a header); its consequence is a provider error of a fixed kind
//! or an output to read. An output is read from a reply whose status says that it went well,
//! or that the rule names.

use std::borrow::Cow;

use regex::Regex;

use crate::document::{ReplyKind, RuleDoc};
use crate::error::{
    ErrorKind, ProviderError, excerpt, header_pause, is_server_failure, is_success, pause_ms,
};
use crate::json::Node;
use crate::op::Op;
use crate::output::{ExternalState, Fields, Rounding, parse_amount};
use crate::place::{DriverError, Place};
use crate::reply::{Captures, RawReply, View};
use crate::source::{Scope, Sources, compile_path};

/// Bytes of the body up to which patterns are tried on the text itself: more than the longest
/// message has, and not the lists of prices.
const TEXT_TEST_MAX: usize = 1024 * 1024;

#[derive(Debug, PartialEq, Eq)]
enum Subject {
    Body,
    Path(Vec<String>),
    Root,
    Header(String),
}

#[derive(Debug)]
enum Test {
    Any,
    Equals(Vec<String>),
    Starts(String),
    Matches(Regex),
    Exists(bool),
}

#[derive(Debug)]
pub(crate) enum Consequence {
    Fail {
        kind: ErrorKind,
        certainty: Certainty,
        retry_after_s: Option<Sources>,
        price: Option<Sources>,
    },
    Output(Fields),
}

/// Whether a refusal says that nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// The document says so.
    Certain,
    /// Nothing was done, unless the server failed: its word is not trusted then.
    Usual,
    /// The document says that it may have been done.
    InDoubt,
}

/// One compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub place: String,
    status: Vec<u16>,
    subject: Subject,
    test: Test,
    pub consequence: Consequence,
}

impl Rule {
    /// Compiles a rule of an operation, or a driver-wide one if `op` is `None`.
    pub(crate) fn compile(
        doc: &RuleDoc,
        op: Option<Op>,
        reply: ReplyKind,
        place: &Place,
    ) -> Result<Self, DriverError> {
        let subject = compile_subject(doc.at.as_deref(), reply, place)?;
        let test = compile_test(doc, &subject, place)?;
        let groups: Vec<String> = match &test {
            Test::Matches(regex) => regex.capture_names().flatten().map(str::to_owned).collect(),
            Test::Any | Test::Equals(_) | Test::Starts(_) | Test::Exists(_) => Vec::new(),
        };
        let scope = Scope { reply, groups: &groups };
        let consequence = compile_consequence(doc, op, scope, place)?;
        let status = doc.status.clone();
        if let Some(bad) = status.iter().find(|status| !(100..600).contains(*status)) {
            return Err(place.field("status").error(format!("{bad} is no HTTP status")));
        }
        Ok(Self { place: place.clone().into_text(), status, subject, test, consequence })
    }

    /// True if nothing passes this rule by.
    pub(crate) fn catches_all(&self) -> bool {
        self.status.is_empty() && matches!(self.test, Test::Any)
    }

    /// True if the rule gives an output and does not name the status of a reply that did not
    /// go well: its words are not believed then.
    pub(crate) fn doubts(&self, reply: &RawReply) -> bool {
        let gives = matches!(self.consequence, Consequence::Output(_));
        gives && self.status.is_empty() && !is_success(reply.status)
    }

    /// True if the rule looks into the reply's JSON.
    pub(crate) fn reads_json(&self) -> bool {
        matches!(self.subject, Subject::Path(_) | Subject::Root)
    }

    /// Notes of each rule of a status call whether a word of the provider makes its state: one
    /// rule has words for both states, or two rules read them in one place. That a message
    /// exists is no word.
    pub(crate) fn note_words(rules: &mut [Self]) {
        let both = [ExternalState::Waiting, ExternalState::Received];
        let gives = |rule: &Self, wanted| rule.states().any(|state| state == wanted);
        let is_beside = |rule: &Self, other: &Self| {
            std::ptr::eq(rule, other)
                || rule.reads_word() && other.reads_word() && rule.subject == other.subject
        };
        let is_by_word = |rule: &Self| {
            let beside = || rules.iter().filter(|other| is_beside(rule, other));
            both.into_iter().all(|wanted| beside().any(|other| gives(other, wanted)))
        };
        let by_word: Vec<bool> = rules.iter().map(is_by_word).collect();
        for (rule, by_word) in rules.iter_mut().zip(by_word) {
            if let Consequence::Output(fields) = &mut rule.consequence {
                fields.set_by_word(by_word);
            }
        }
    }

    fn states(&self) -> impl Iterator<Item = ExternalState> {
        let fields = match &self.consequence {
            Consequence::Output(fields) => Some(fields),
            Consequence::Fail { .. } => None,
        };
        fields.into_iter().flat_map(Fields::states)
    }

    /// True if what the reply says decides, not that it says anything.
    const fn reads_word(&self) -> bool {
        match self.test {
            Test::Equals(_) | Test::Starts(_) | Test::Matches(_) => true,
            Test::Any | Test::Exists(_) => false,
        }
    }

    /// A token that an earlier rule already decides, so that this rule never sees it.
    pub(crate) fn shadowed_by<'a>(&'a self, earlier: &Self) -> Option<&'a str> {
        let covers = earlier.status.is_empty() || earlier.status == self.status;
        let (Test::Equals(mine), Test::Equals(theirs)) = (&self.test, &earlier.test) else {
            return None;
        };
        let token = mine.iter().find(|token| theirs.contains(token));
        token.filter(|_| covers && self.subject == earlier.subject).map(String::as_str)
    }

    /// The groups of the match, or `None` if the rule does not apply.
    pub(crate) fn matches(&self, view: &View<'_>) -> Option<Captures> {
        if !self.status.is_empty() && !self.status.contains(&view.reply.status) {
            return None;
        }
        if let Test::Any = self.test {
            return Some(Captures::new());
        }
        let value: Option<Cow<'_, str>> = match &self.subject {
            Subject::Body if self.is_pattern() && view.text.len() > TEXT_TEST_MAX => None,
            Subject::Body => Some(Cow::Borrowed(view.text.as_ref())),
            Subject::Header(name) => view.reply.header(name).map(Cow::Borrowed),
            Subject::Root => return self.matches_node(view.root.as_ref()),
            Subject::Path(path) => {
                return self.matches_node(view.root.as_ref().and_then(|n| n.at(path)).as_ref());
            }
        };
        self.test.matches(value.is_some(), value.as_deref())
    }

    const fn is_pattern(&self) -> bool {
        matches!(self.test, Test::Matches(_))
    }

    fn matches_node(&self, node: Option<&Node<'_>>) -> Option<Captures> {
        let node = node.filter(|node| !node.is_null());
        let text = node.and_then(Node::scalar);
        self.test.matches(node.is_some(), text.as_deref())
    }
}

impl Test {
    fn matches(&self, exists: bool, text: Option<&str>) -> Option<Captures> {
        let plain = |holds: bool| holds.then(Captures::new);
        match self {
            Self::Any => plain(true),
            Self::Exists(expected) => plain(exists == *expected),
            Self::Equals(tokens) => plain(text.is_some_and(|t| tokens.iter().any(|k| k == t))),
            Self::Starts(prefix) => plain(text.is_some_and(|t| t.starts_with(prefix.as_str()))),
            Self::Matches(regex) => {
                let found = regex.captures(text?)?;
                let named = regex.capture_names().flatten();
                let pairs =
                    named.filter_map(|n| Some((n.to_owned(), found.name(n)?.as_str().to_owned())));
                Some(pairs.collect())
            }
        }
    }
}

fn compile_subject(
    at: Option<&str>,
    reply: ReplyKind,
    place: &Place,
) -> Result<Subject, DriverError> {
    let json = reply == ReplyKind::Json;
    match at {
        None => Ok(Subject::Body),
        Some(text) if text.starts_with('@') => Ok(Subject::Header(text[1..].to_owned())),
        Some(_) if !json => Err(place.field("at").error("needs a json reply")),
        Some(".") => Ok(Subject::Root),
        Some(text) if text.starts_with('/') => Ok(Subject::Path(compile_path(text))),
        Some(text) => Err(place.field("at").error(format!("`{text}` is none of /path . @header"))),
    }
}

/// Compiled size of one regex: patterns for tokens need a fraction of it.
const REGEX_BYTES_MAX: usize = 1 << 18;

fn compile_test(doc: &RuleDoc, subject: &Subject, place: &Place) -> Result<Test, DriverError> {
    let named =
        [doc.equals.is_some(), doc.starts.is_some(), doc.regex.is_some(), doc.exists.is_some()];
    match (named.iter().filter(|named| **named).count(), subject) {
        (0, Subject::Body) => return Ok(Test::Any),
        (0, _) => return Err(place.error("`at` needs one of equals, starts, regex, exists")),
        (1, _) => {}
        (_, _) => return Err(place.error("has more than one of equals, starts, regex, exists")),
    }
    if let Some(tokens) = &doc.equals {
        return Ok(Test::Equals(tokens.items().to_vec()));
    }
    if let Some(prefix) = &doc.starts {
        return Ok(Test::Starts(prefix.clone()));
    }
    if let Some(pattern) = &doc.regex {
        // What comes in a message may have line breaks: a dot stands for them as well.
        let mut builder = regex::RegexBuilder::new(pattern);
        let built = builder.dot_matches_new_line(true).size_limit(REGEX_BYTES_MAX).build();
        return built.map(Test::Matches).map_err(|e| place.field("regex").error(e.to_string()));
    }
    match (doc.exists, subject) {
        (Some(_), Subject::Body) => {
            Err(place.field("exists").error("a body always exists; name `at`"))
        }
        (expected, _) => Ok(Test::Exists(expected.unwrap_or(true))),
    }
}

fn compile_consequence(
    doc: &RuleDoc,
    op: Option<Op>,
    scope: Scope<'_>,
    place: &Place,
) -> Result<Consequence, DriverError> {
    let only_with_error = [
        ("in_doubt", doc.in_doubt),
        ("certain", doc.certain),
        ("retry_after_s", doc.retry_after_s.is_some()),
        ("price", doc.price.is_some()),
    ];
    match (&doc.error, &doc.give, op) {
        (Some(_), Some(_), _) => Err(place.error("has both `error` and `give`")),
        (None, None, _) => Err(place.error("has neither `error` nor `give`")),
        (None, Some(_), None) => Err(place.error("a driver-wide rule can only be an `error`")),
        (None, Some(give), Some(op)) => {
            if let Some((name, _)) = only_with_error.iter().find(|(_, set)| *set) {
                return Err(place.field(name).error("belongs to an `error` rule"));
            }
            Fields::compile(give, op, scope, &place.field("give")).map(Consequence::Output)
        }
        (Some(word), None, _) => {
            let Some(kind) = ErrorKind::parse(word) else {
                let words: Vec<_> = ErrorKind::WORDS.iter().map(|(word, _)| *word).collect();
                let known = words.join(", ");
                return Err(place.field("error").error(format!("`{word}` is none of {known}")));
            };
            if doc.price.is_some() && kind != ErrorKind::PriceTooLow {
                return Err(place.field("price").error("belongs to `price_too_low`"));
            }
            let price =
                Sources::compile_optional(doc.price.as_ref(), scope, &place.field("price"))?;
            let retry_after_s = Sources::compile_optional(
                doc.retry_after_s.as_ref(),
                scope,
                &place.field("retry_after_s"),
            )?;
            let certainty = match (doc.certain, doc.in_doubt) {
                (false, false) => Certainty::Usual,
                (true, false) => Certainty::Certain,
                (false, true) => Certainty::InDoubt,
                (true, true) => {
                    return Err(place.field("certain").error("the rule is `in_doubt` already"));
                }
            };
            Ok(Consequence::Fail { kind, certainty, retry_after_s, price })
        }
    }
}

/// The error a failing rule makes of a reply.
pub(crate) fn fail(
    view: &View<'_>,
    consequence: &Consequence,
    captures: &Captures,
) -> ProviderError {
    let Consequence::Fail { kind, certainty, retry_after_s, price } = consequence else {
        return ProviderError::new(ErrorKind::Unmapped, false, excerpt(&view.text));
    };
    let read = |sources: &Option<Sources>| -> Option<String> {
        sources.as_ref()?.read(view, view.root.as_ref(), captures).map(Cow::into_owned)
    };
    let pause_ms = read(retry_after_s).and_then(|text| pause_ms(&text));
    let price = read(price).and_then(|text| parse_amount(&text, 0, Rounding::Up));
    let failed = is_server_failure(view.reply.status);
    let (kind, certain) = match (certainty, failed) {
        (Certainty::Certain, _) | (Certainty::Usual, false) => (*kind, true),
        (Certainty::InDoubt, false) => (*kind, false),
        // What a server that fails says of an activation or of our account is no answer.
        (Certainty::Usual | Certainty::InDoubt, true) if *kind == ErrorKind::RateLimited => {
            (*kind, false)
        }
        (Certainty::Usual | Certainty::InDoubt, true) => (ErrorKind::Temporary, false),
    };
    ProviderError {
        kind,
        certain,
        retry_after_ms: pause_ms.or(header_pause(view.reply)),
        price: price.filter(|price| certain && price.is_positive()),
        excerpt: excerpt(&view.text),
        reply: None,
    }
}
