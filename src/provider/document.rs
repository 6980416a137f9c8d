//! The shape of a driver document, as TOML spells it.
//!
//! Serde refuses unknown keys and wrong types with their line; what the words mean,
//! and whether they fit together, is checked where each part is compiled. The words
//! themselves are described in [`super::driver`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::driver::DriverError;

/// One string or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn items(&self) -> &[String] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
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
pub(super) enum AuthPlace {
    Query,
    Header,
    Bearer,
    Form,
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthDoc {
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
pub(super) struct LimitsDoc {
    pub concurrency: u32,
    pub penalty_ms: u64,
    pub windows: Vec<WindowDoc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowDoc {
    pub calls: u32,
    pub per_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimingsDoc {
    pub min_cancel_age_ms: u64,
    pub lifetime_ms: u64,
    pub poll_interval_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationsDoc {
    pub balance: OpDoc,
    pub prices: OpDoc,
    pub buy: OpDoc,
    pub status: OpDoc,
    pub cancel: OpDoc,
    pub finish: OpDoc,
    pub resend: OpDoc,
    pub list_active: OpDoc,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum OpKind {
    #[default]
    Call,
    Constant,
    Noop,
    Unsupported,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReplyKind {
    #[default]
    Json,
    Text,
    Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpDoc {
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
pub(super) struct RequestDoc {
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
#[serde(untagged)]
pub(super) enum ParamDoc {
    Plain(String),
    Detailed(ParamTable),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParamTable {
    pub value: String,
    pub unless: Option<String>,
    #[serde(default)]
    pub number: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleDoc {
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
    pub retry_after_s: Option<OneOrMany>,
    pub give: Option<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilterDoc {
    pub at: String,
    pub equals: OneOrMany,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmptyGive {
    pub empty: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalanceGive {
    pub amount: OneOrMany,
    #[serde(default)]
    pub scale: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowsDoc {
    pub path: String,
    #[serde(default)]
    pub bind: Vec<String>,
    #[serde(default)]
    pub skip_keys: Vec<String>,
    #[serde(default)]
    pub filters: Vec<FilterDoc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PricesGive {
    pub rows: RowsDoc,
    pub country: Option<OneOrMany>,
    pub service: Option<OneOrMany>,
    pub operator: Option<OneOrMany>,
    pub cost: Option<OneOrMany>,
    pub stock: OneOrMany,
    #[serde(default)]
    pub scale: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuyGive {
    pub external_id: OneOrMany,
    pub number: OneOrMany,
    pub number_prefix: Option<OneOrMany>,
    pub cost: Option<OneOrMany>,
    pub operator: Option<OneOrMany>,
    #[serde(default)]
    pub scale: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusGive {
    pub state: OneOrMany,
    #[serde(default)]
    pub states: BTreeMap<String, String>,
    pub messages: Option<MessagesDoc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessagesDoc {
    pub rows: Option<RowsDoc>,
    pub external_id: Option<OneOrMany>,
    pub sender: Option<OneOrMany>,
    pub text: Option<OneOrMany>,
    pub code: Option<OneOrMany>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoneGive {
    pub external_id: Option<OneOrMany>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActiveGive {
    pub rows: RowsDoc,
    pub external_id: OneOrMany,
    pub number: OneOrMany,
    pub number_prefix: Option<OneOrMany>,
    #[serde(default)]
    pub local: bool,
    pub country: Option<OneOrMany>,
    pub service: Option<OneOrMany>,
    pub created: Option<OneOrMany>,
    pub page_len: Option<usize>,
    pub total: Option<OneOrMany>,
}

/// A dotted place in a document, for errors that say where.
#[derive(Clone, Debug)]
pub(super) struct Place(String);

impl Place {
    pub(super) fn new(root: &str) -> Self {
        Self(root.to_owned())
    }

    pub(super) fn field(&self, name: &str) -> Self {
        Self(format!("{}.{name}", self.0))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> DriverError {
        DriverError { place: self.0.clone(), problem: problem.into() }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}
