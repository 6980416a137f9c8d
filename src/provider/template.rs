//! Requests from templates: slots filled in, encoded by where they stand.
//!
//! `{slot}` must have a value, `{slot?}` drops its whole parameter when it has none,
//! `{slot|word}` falls back to a word. What fills a slot can never change the shape of
//! the request: paths, queries and forms are percent-encoded, JSON is escaped, header
//! values with control characters are refused. Credentials never show in `Debug`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use super::document::{AuthDoc, AuthPlace, ParamDoc, Place, RequestDoc};
use super::driver::{DriverError, Op};

/// A text that must not be shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to be sent and not to be shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What a provider knows us by; most want the key alone.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The API key or token.
    pub key: Secret,
    /// An account name, where one is asked for.
    pub login: Option<Secret>,
    /// A password, where one is asked for.
    pub password: Option<Secret>,
}

/// What one call is about; each operation uses some of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slots<'a> {
    /// The provider's code of the country.
    pub country: Option<&'a str>,
    /// The provider's code of the service.
    pub service: Option<&'a str>,
    /// The operator, pool or partner to buy from.
    pub operator: Option<&'a str>,
    /// The most to pay, as a decimal in the provider's currency.
    pub max_price: Option<&'a str>,
    /// The provider's identifier of an activation.
    pub external_id: Option<&'a str>,
}

/// A request's body.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// `application/x-www-form-urlencoded`.
    Form(String),
    /// `application/json`.
    Json(String),
}

/// A request, ready to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The whole address, credentials included.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// Shows the method alone: address, headers and body carry credentials.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Why a request could not be made from its template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The call came without a value the template needs.
    #[error("no value for `{0}`")]
    Missing(&'static str),
    /// A value that cannot stand where the template puts it.
    #[error("the value of `{0}` cannot be sent")]
    Unsendable(&'static str),
    /// The base address is not `http(s)://host[:port][/path]`.
    #[error("the base address is not http(s)://host[:port][/path]")]
    BadBase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Country,
    Service,
    Operator,
    MaxPrice,
    ExternalId,
    Key,
    Login,
    Password,
}

impl Slot {
    const ALL: [(&'static str, Self); 8] = [
        ("country", Self::Country),
        ("service", Self::Service),
        ("operator", Self::Operator),
        ("max_price", Self::MaxPrice),
        ("external_id", Self::ExternalId),
        ("key", Self::Key),
        ("login", Self::Login),
        ("password", Self::Password),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| *word == name).map(|(_, slot)| *slot)
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, slot)| *slot == self);
        found.map_or("", |(name, _)| name)
    }

    /// True if calls of the operation can bring a value; `sure` if all of them do.
    fn filled_by(self, op: Op) -> (bool, bool) {
        match (self, op) {
            (Self::Key, _) => (true, true),
            (Self::Login | Self::Password, _) => (true, true),
            (Self::Country | Self::Service, Op::Buy) => (true, true),
            (Self::Operator | Self::MaxPrice, Op::Buy) => (true, false),
            (Self::ExternalId, Op::Status | Op::Cancel | Op::Finish | Op::Resend) => (true, true),
            (
                Self::Country | Self::Service | Self::Operator | Self::MaxPrice | Self::ExternalId,
                _,
            ) => (false, false),
        }
    }
}

/// Where a call's values come from.
pub(super) struct Values<'a> {
    pub slots: &'a Slots<'a>,
    pub credentials: &'a Credentials,
}

impl Values<'_> {
    fn get(&self, slot: Slot) -> Option<&str> {
        let value = match slot {
            Slot::Country => self.slots.country,
            Slot::Service => self.slots.service,
            Slot::Operator => self.slots.operator,
            Slot::MaxPrice => self.slots.max_price,
            Slot::ExternalId => self.slots.external_id,
            Slot::Key => Some(self.credentials.key.expose()),
            Slot::Login => self.credentials.login.as_ref().map(Secret::expose),
            Slot::Password => self.credentials.password.as_ref().map(Secret::expose),
        };
        value.filter(|value| !value.is_empty())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Path,
    Plain,
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    Slot { slot: Slot, optional: bool, fallback: Option<String> },
}

/// A text with slots.
#[derive(Debug)]
struct Template(Vec<Piece>);

impl Template {
    fn compile(text: &str, op: Op, place: &Place) -> Result<Self, DriverError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((word, tail)) = after.split_once('}') else {
                return Err(place.error("has a `{` without a `}`"));
            };
            pieces.push(Piece::Literal(literal.to_owned()));
            pieces.push(compile_slot(word, op, place)?);
            rest = tail;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
        let stray = |piece: &Piece| matches!(piece, Piece::Literal(text) if text.contains('}'));
        if pieces.iter().any(stray) {
            return Err(place.error("has a `}` without a `{`"));
        }
        Ok(Self(pieces))
    }

    /// The text with its slots filled; `None` if an optional slot has no value.
    fn expand(
        &self,
        values: &Values<'_>,
        encoding: Encoding,
    ) -> Result<Option<String>, RequestError> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Slot { slot, optional, fallback } => {
                    match values.get(*slot).or(fallback.as_deref()) {
                        Some(value) => encode(value, *slot, encoding, &mut text)?,
                        None if *optional => return Ok(None),
                        None => return Err(RequestError::Missing(slot.name())),
                    }
                }
            }
        }
        Ok(Some(text))
    }
}

fn compile_slot(word: &str, op: Op, place: &Place) -> Result<Piece, DriverError> {
    let (name, fallback) = match word.split_once('|') {
        Some((name, fallback)) => (name, Some(fallback.to_owned())),
        None => (word, None),
    };
    let optional = name.ends_with('?');
    let name = name.trim_end_matches('?');
    let Some(slot) = Slot::parse(name) else {
        let known = Slot::ALL.map(|(name, _)| name).join(", ");
        return Err(place.error(format!("`{{{word}}}` is none of {known}")));
    };
    let (possible, sure) = slot.filled_by(op);
    if !possible {
        return Err(place.error(format!("`{{{word}}}` has no value in this operation")));
    }
    if !sure && !optional && fallback.is_none() {
        let problem = format!("`{{{word}}}` may be absent: write {{{name}?}} or {{{name}|word}}");
        return Err(place.error(problem));
    }
    if optional && fallback.is_some() {
        return Err(place.error(format!("`{{{word}}}` is optional and has a fallback")));
    }
    Ok(Piece::Slot { slot, optional, fallback })
}

fn encode(
    value: &str,
    slot: Slot,
    encoding: Encoding,
    into: &mut String,
) -> Result<(), RequestError> {
    match encoding {
        // A URL parser would read these as steps up, encoded or not.
        Encoding::Path if matches!(value, "." | "..") => Err(RequestError::Unsendable(slot.name())),
        Encoding::Path => {
            percent_encode(value, into);
            Ok(())
        }
        Encoding::Plain => {
            into.push_str(value);
            Ok(())
        }
    }
}

/// RFC 3986: all but the unreserved characters.
fn percent_encode(value: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[derive(Debug)]
struct Param {
    name: String,
    value: Template,
    unless: Option<Slot>,
    number: bool,
}

impl Param {
    fn compile(name: &str, doc: &ParamDoc, op: Op, place: &Place) -> Result<Self, DriverError> {
        let place = place.field(name);
        let (value, unless, number) = match doc {
            ParamDoc::Plain(value) => (value, None, false),
            ParamDoc::Detailed(table) => (&table.value, table.unless.as_deref(), table.number),
        };
        let unless = match unless.map(|word| (word, Slot::parse(word))) {
            None => None,
            Some((_, Some(slot))) if slot.filled_by(op) == (true, false) => Some(slot),
            Some((word, _)) => {
                let problem = format!("`{word}` is no slot that may be absent here");
                return Err(place.field("unless").error(problem));
            }
        };
        let value = Template::compile(value, op, &place)?;
        Ok(Self { name: name.to_owned(), value, unless, number })
    }

    fn expand(
        &self,
        values: &Values<'_>,
        encoding: Encoding,
    ) -> Result<Option<String>, RequestError> {
        if self.unless.is_some_and(|slot| values.get(slot).is_some()) {
            return Ok(None);
        }
        self.value.expand(values, encoding)
    }
}

#[derive(Debug)]
enum BodyTemplate {
    Empty,
    Form(Vec<Param>),
    Json(Vec<Param>),
}

/// A compiled request.
#[derive(Debug)]
pub(super) struct RequestTemplate {
    method: &'static str,
    path: Template,
    query: Vec<Param>,
    headers: Vec<Param>,
    body: BodyTemplate,
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl RequestTemplate {
    pub(super) fn compile(
        doc: &RequestDoc,
        auth: &[AuthDoc],
        common_headers: &BTreeMap<String, String>,
        op: Op,
        place: &Place,
    ) -> Result<Self, DriverError> {
        let Some(method) = METHODS.iter().find(|known| **known == doc.method) else {
            return Err(place.field("method").error(format!("is none of {}", METHODS.join(", "))));
        };
        if !doc.path.is_empty() && !doc.path.starts_with('/') {
            return Err(place.field("path").error("does not begin with `/`"));
        }
        if doc.path.contains(['?', '#']) && !doc.path.contains("?}") {
            return Err(place.field("path").error("holds a query; name its parameters in `query`"));
        }
        let path = Template::compile(&doc.path, op, &place.field("path"))?;
        if path.0.iter().any(|piece| matches!(piece, Piece::Slot { optional: true, .. })) {
            return Err(place.field("path").error("has an optional slot; give it a fallback"));
        }
        let params =
            |map: &BTreeMap<String, ParamDoc>, name: &str| -> Result<Vec<Param>, DriverError> {
                let place = place.field(name);
                map.iter().map(|(key, doc)| Param::compile(key, doc, op, &place)).collect()
            };
        let mut headers = params(&doc.headers, "headers")?;
        for (name, value) in common_headers {
            let doc = ParamDoc::Plain(value.clone());
            headers.push(Param::compile(name, &doc, op, &Place::new("headers"))?);
        }
        let body = match (&doc.form, &doc.json) {
            (None, None) => BodyTemplate::Empty,
            (Some(form), None) => BodyTemplate::Form(params(form, "form")?),
            (None, Some(json)) => BodyTemplate::Json(params(json, "json")?),
            (Some(_), Some(_)) => return Err(place.error("has both `form` and `json`")),
        };
        if *method == "GET" && !matches!(body, BodyTemplate::Empty) {
            return Err(place.error("a GET has no body"));
        }
        let mut template =
            Self { method, path, query: params(&doc.query, "query")?, headers, body };
        for (index, auth) in auth.iter().enumerate().filter(|_| !doc.open) {
            template.authorize(auth, op, &Place::new("auth").index(index), place)?;
        }
        template.check_header_names(place)?;
        Ok(template)
    }

    fn authorize(
        &mut self,
        auth: &AuthDoc,
        op: Op,
        auth_place: &Place,
        place: &Place,
    ) -> Result<(), DriverError> {
        let (name, value) = match (auth.place, &auth.name) {
            (AuthPlace::Bearer, None) => ("Authorization", format!("Bearer {}", auth.value)),
            (AuthPlace::Bearer, Some(_)) => {
                return Err(auth_place.field("name").error("a bearer has no name"));
            }
            (_, Some(name)) => (name.as_str(), auth.value.clone()),
            (_, None) => return Err(auth_place.error("needs a `name`")),
        };
        let param = Param::compile(name, &ParamDoc::Plain(value), op, auth_place)?;
        match (auth.place, &mut self.body) {
            (AuthPlace::Query, _) => self.query.push(param),
            (AuthPlace::Header | AuthPlace::Bearer, _) => self.headers.push(param),
            (AuthPlace::Form, BodyTemplate::Form(fields)) => fields.push(param),
            (AuthPlace::Json, BodyTemplate::Json(fields)) => fields.push(param),
            (AuthPlace::Form | AuthPlace::Json, _) => {
                return Err(place.error("has no body to carry the key; or say `open = true`"));
            }
        }
        Ok(())
    }

    fn check_header_names(&self, place: &Place) -> Result<(), DriverError> {
        for header in &self.headers {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if header.name.is_empty() || !header.name.bytes().all(token) {
                let problem = format!("`{}` is no header name", header.name);
                return Err(place.field("headers").error(problem));
            }
        }
        Ok(())
    }

    /// Fills the template.
    pub(super) fn expand(
        &self,
        slots: &Slots<'_>,
        credentials: &Credentials,
        base_url: &str,
    ) -> Result<Request, RequestError> {
        let values = Values { slots, credentials };
        check_base(base_url)?;
        let path = self.path.expand(&values, Encoding::Path)?.unwrap_or_default();
        let base = if path.is_empty() { base_url } else { base_url.trim_end_matches('/') };
        let mut url = format!("{base}{path}");
        let query = pairs(&self.query, &values)?;
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query);
        }
        let mut headers = Vec::new();
        for header in &self.headers {
            if let Some(value) = header.expand(&values, Encoding::Plain)? {
                if !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
                    return Err(RequestError::Unsendable("header"));
                }
                headers.push((header.name.clone(), value));
            }
        }
        let body = match &self.body {
            BodyTemplate::Empty => Body::Empty,
            BodyTemplate::Form(fields) => Body::Form(pairs(fields, &values)?),
            BodyTemplate::Json(fields) => Body::Json(json_body(fields, &values)?),
        };
        Ok(Request { method: self.method, url, headers, body })
    }
}

/// Refuses what is not plain `http(s)://host[:port][/path]`.
pub(super) fn check_base(base_url: &str) -> Result<(), RequestError> {
    let url = reqwest::Url::parse(base_url).map_err(|_| RequestError::BadBase)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if plain { Ok(()) } else { Err(RequestError::BadBase) }
}

fn pairs(params: &[Param], values: &Values<'_>) -> Result<String, RequestError> {
    let mut text = String::new();
    for param in params {
        let Some(value) = param.expand(values, Encoding::Plain)? else { continue };
        if !text.is_empty() {
            text.push('&');
        }
        percent_encode(&param.name, &mut text);
        text.push('=');
        percent_encode(&value, &mut text);
    }
    Ok(text)
}

fn json_body(params: &[Param], values: &Values<'_>) -> Result<String, RequestError> {
    let mut members: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
    for param in params {
        let Some(value) = param.expand(values, Encoding::Plain)? else { continue };
        let unsendable = || RequestError::Unsendable("json");
        let written = if param.number {
            value.parse::<rust_decimal::Decimal>().map_err(|_| unsendable())?.to_string()
        } else {
            serde_json::Value::from(value).to_string()
        };
        let raw = RawValue::from_string(written).map_err(|_| unsendable())?;
        members.insert(&param.name, raw);
    }
    serde_json::to_string(&members).map_err(|_| RequestError::Unsendable("json"))
}
