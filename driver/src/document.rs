//! The shape of a driver document, as TOML spells it.
//!
//! Serde refuses unknown keys and wrong types with their line; what the words mean,
//! and whether they fit together, is checked where each part is compiled. What
//! each output takes is with the outputs. The words are described at the top of the crate.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One string or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "must be a string or an array of strings")]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn items(&self) -> &[String] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub name: String,
    pub version: u32,
    pub dialect: String,
    pub currency: String,
    pub base_url: Option<String>,
    #[serde(default)]
    pub auth: Vec<AuthDoc>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub limits: LimitsDoc,
    pub timings: TimingsDoc,
    #[serde(default)]
    pub placeholders: Vec<String>,
    #[serde(default)]
    pub rules: Vec<RuleDoc>,
    pub operations: OperationsDoc,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthPlace {
    Query,
    Header,
    Bearer,
    Form,
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthDoc {
    pub place: AuthPlace,
    pub name: Option<String>,
    #[serde(default = "key_slot")]
    pub value: String,
}

fn key_slot() -> String {
    "{key}".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsDoc {
    pub concurrency: u32,
    pub penalty_ms: u64,
    pub windows: Vec<WindowDoc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowDoc {
    pub calls: u32,
    pub per_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimingsDoc {
    pub min_cancel_age_ms: u64,
    pub lifetime_ms: u64,
    pub poll_interval_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationsDoc {
    #[serde(default = "unsupported")]
    pub balance: OpDoc,
    #[serde(default = "unsupported")]
    pub prices: OpDoc,
    #[serde(default = "unsupported")]
    pub buy: OpDoc,
    #[serde(default = "unsupported")]
    pub status: OpDoc,
    #[serde(default = "unsupported")]
    pub cancel: OpDoc,
    #[serde(default = "unsupported")]
    pub finish: OpDoc,
    #[serde(default = "unsupported")]
    pub resend: OpDoc,
    #[serde(default = "unsupported")]
    pub list_active: OpDoc,
}

/// An operation that a document does not mention.
fn unsupported() -> OpDoc {
    OpDoc {
        kind: OpKind::Unsupported,
        reply: ReplyKind::default(),
        request: None,
        body: None,
        rules: Vec::new(),
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OpKind {
    #[default]
    Call,
    Constant,
    Noop,
    Unsupported,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplyKind {
    #[default]
    Json,
    Text,
    Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpDoc {
    #[serde(default)]
    pub kind: OpKind,
    #[serde(default)]
    pub reply: ReplyKind,
    pub request: Option<RequestDoc>,
    pub body: Option<String>,
    #[serde(default)]
    pub rules: Vec<RuleDoc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestDoc {
    #[serde(default = "get")]
    pub method: String,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub open: bool,
    #[serde(default)]
    pub query: BTreeMap<String, ParamDoc>,
    #[serde(default)]
    pub headers: BTreeMap<String, ParamDoc>,
    pub form: Option<BTreeMap<String, ParamDoc>>,
    pub json: Option<BTreeMap<String, ParamDoc>>,
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a string, or a table of `value`, `unless` and `number`")]
pub(crate) enum ParamDoc {
    Plain(String),
    Detailed(ParamTable),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParamTable {
    pub value: String,
    pub unless: Option<String>,
    #[serde(default)]
    pub number: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleDoc {
    #[serde(default)]
    pub status: Vec<u16>,
    pub at: Option<String>,
    pub equals: Option<OneOrMany>,
    pub starts: Option<String>,
    pub regex: Option<String>,
    pub exists: Option<bool>,
    pub error: Option<String>,
    #[serde(default)]
    pub in_doubt: bool,
    #[serde(default)]
    pub certain: bool,
    pub retry_after_s: Option<OneOrMany>,
    pub price: Option<OneOrMany>,
    pub give: Option<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterDoc {
    pub at: String,
    pub equals: OneOrMany,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowsDoc {
    pub path: String,
    #[serde(default)]
    pub bind: Vec<String>,
    #[serde(default)]
    pub skip_keys: Vec<String>,
    #[serde(default)]
    pub lone: bool,
    #[serde(default)]
    pub filters: Vec<FilterDoc>,
}
