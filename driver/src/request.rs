//! Requests as a driver lays them out: method, path, query, headers and body.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::document::{AuthDoc, AuthPlace, ParamDoc, RequestDoc};
use crate::op::Op;
use crate::place::{DriverError, Place};
use crate::template::{
    Credentials, Encoding, Param, RequestError, Slot, Slots, Template, Values, is_printable,
    percent_encode,
};

/// A request's body.
#[derive(Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// None.
    Empty,
    /// `application/x-www-form-urlencoded`.
    Form(String),
    /// `application/json`.
    Json(String),
}

/// A request, ready to send.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderRequest {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The whole address, credentials included.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: RequestBody,
}

/// Shows the method alone: address, headers and body carry credentials.
impl fmt::Debug for ProviderRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderRequest").field("method", &self.method).finish_non_exhaustive()
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
pub(crate) struct RequestTemplate {
    method: &'static str,
    path: Template,
    query: Vec<Param>,
    headers: Vec<Param>,
    body: BodyTemplate,
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl RequestTemplate {
    pub(crate) fn compile(
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
        if path.is_optional() {
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

    /// True if the slot is anywhere in it.
    pub(crate) fn uses(&self, slot: Slot) -> bool {
        self.path.uses(slot) || self.params().any(|param| param.uses(slot))
    }

    /// True if it cannot be filled without a value for the slot.
    pub(crate) fn requires(&self, slot: Slot) -> bool {
        self.path.requires(slot) || self.params().any(|param| param.requires(slot))
    }

    fn params(&self) -> impl Iterator<Item = &Param> {
        let body: &[Param] = match &self.body {
            BodyTemplate::Empty => &[],
            BodyTemplate::Form(fields) | BodyTemplate::Json(fields) => fields,
        };
        self.query.iter().chain(&self.headers).chain(body)
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
    pub(crate) fn expand(
        &self,
        slots: &Slots<'_>,
        credentials: &Credentials,
        base_url: &str,
    ) -> Result<ProviderRequest, RequestError> {
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
            if let Some(value) = header.expand(&values, Encoding::Header)? {
                if !is_printable(&value) {
                    return Err(RequestError::Unsendable("header"));
                }
                headers.push((header.name.clone(), value));
            }
        }
        let body = match &self.body {
            BodyTemplate::Empty => RequestBody::Empty,
            BodyTemplate::Form(fields) => RequestBody::Form(pairs(fields, &values)?),
            BodyTemplate::Json(fields) => RequestBody::Json(json_body(fields, &values)?),
        };
        Ok(ProviderRequest { method: self.method, url, headers, body })
    }
}

/// Refuses what is not plain `http(s)://host[:port][/path]`.
pub fn check_base(base_url: &str) -> Result<(), RequestError> {
    let url = url::Url::parse(base_url).map_err(|_| RequestError::BadBase)?;
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
