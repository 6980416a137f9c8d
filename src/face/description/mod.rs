//! The API's description: an OpenAPI 3.1 document, made of the route table, of what each
//! route states of itself, and of the types that requests are read into and replies made from.
//!
//! Promises: every route with an [`operation::Operation`] is in it; the same routes give the
//! same bytes. What a route's row in the table implies (key, quota, path, body) it says of the
//! route; the route states the rest.

pub mod code;
pub mod operation;
mod response;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hyper::header::HeaderValue;
use schemars::SchemaGenerator;
use schemars::generate::Contract;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::code::ProblemCode;
use self::operation::{BodySpec, Operation, PathParam, Shape, Tag};
use super::spec::{KeyPlace, QuotaClass, RouteSpec, Runs, Who};
use crate::http::error::ProblemDocument;
use crate::{digest, http};

/// A description, ready to be served.
#[derive(Clone, Debug)]
pub struct Description {
    /// The document.
    pub json: Bytes,
    /// A strong entity tag: the same for the same bytes only.
    pub etag: HeaderValue,
}

impl Description {
    /// Describes routes.
    ///
    /// # Panics
    /// If a route states an example that is not JSON.
    #[must_use]
    pub fn of(specs: &[RouteSpec]) -> Self {
        let json = http::reply::to_json(&document(specs));
        let etag = format!("\"{:032x}\"", digest::of(&[b"description", &json]));
        let etag = HeaderValue::try_from(etag).expect("hexadecimal digits are visible ASCII");
        Self { json, etag }
    }
}

/// The two kinds of schemas: of what is read, and of what is written.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// The members of the document, in the order in which people read them.
#[derive(Serialize)]
struct Document {
    openapi: &'static str,
    info: Value,
    servers: Value,
    tags: Value,
    paths: Map<String, Value>,
    components: Value,
}

fn document(specs: &[RouteSpec]) -> Document {
    let read = schema::generator(Contract::Deserialize);
    let mut schemas = Schemas { read, written: schema::generator(Contract::Serialize) };
    // 1. The routes; the generators take note of the types that they name.
    let mut paths = Map::new();
    for spec in specs {
        let Some(operation) = &spec.operation else { continue };
        let path = paths.entry(spec.path).or_insert_with(|| json!({}));
        let method = spec.method.as_str().to_lowercase();
        path[method] = describe(spec, operation, &mut schemas);
    }
    // 2. What problems look like, which every route names.
    schemas.written.subschema_for::<ProblemDocument<'_>>();
    schemas.written.subschema_for::<ProblemCode>();
    // 3. The types.
    let mut components = schema::definitions(&mut schemas.written);
    for (name, read) in schema::definitions(&mut schemas.read) {
        let written = components.insert(name, read.clone());
        assert!(written.is_none_or(|written| written == read), "one name, two types: {read}");
    }
    let code = &mut components["Problem"]["properties"]["code"];
    *code = json!({"$ref": "#/components/schemas/ProblemCode", "description": code["description"]});
    // 4. The whole.
    Document {
        openapi: "3.1.0",
        info: json!({
            "title": "NexNum",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "summary": "Virtual phone numbers of many providers, sold from one market",
            "description": ABOUT,
        }),
        servers: json!([{"url": "/"}]),
        tags: json!(Tag::ALL.map(|tag| json!({"name": tag.name(), "description": tag.about()}))),
        paths,
        components: json!({
            "securitySchemes": security_schemes(),
            "headers": response::headers(),
            "responses": response::problems(),
            "schemas": components,
        }),
    }
}

const ABOUT: &str = "\
An amount of money is a decimal string, a moment is RFC 3339 in UTC. An id is a string: keep it as it \
is, whatever it looks like.

**Keys.** A request has its API key in `Authorization: Bearer KEY` or in `X-API-Key: KEY`, not in \
both. A customer's key opens `/api/v1`, an operator's key opens `/api/admin`. If the server limits \
requests by key, each reply to a key that works has what is left of the quota in `RateLimit` and \
`RateLimit-Policy`.

**Refusals** are problem documents (RFC 9457) with a stable `code`. Fields, parameters and methods \
that are not described are refused, unless the route says otherwise: `unknown_field` and \
`unknown_parameter` (400), `method_not_allowed` (405). A path that does not exist is `not_found` (404). What is not valid HTTP \
is refused with `malformed_request` (400), `uri_too_long` (414), `headers_too_large` (431) or, where \
a client begins with HTTP/2, `http_version_not_supported` (505); a connection above the server's \
limits with `overloaded` (503) or `rate_limited` (429). These refusals end the connection.

**Limits.** A body has at most 64 KiB unless its route says otherwise, and the request's line and \
headers together at most 16 KiB.

**Request ids.** Each reply has an `X-Request-Id`. A request can bring its own (1 to 64 of `A-Z`, \
`a-z`, `0-9`, `.`, `_`, `-`), which the reply then repeats; any other is replaced by a new one.

`HEAD` works wherever `GET` does.";

impl Tag {
    const ALL: [Self; 8] = [
        Self::Catalogue,
        Self::Market,
        Self::Orders,
        Self::Activations,
        Self::Wallet,
        Self::Admin,
        Self::Callbacks,
        Self::Operations,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Market => "market",
            Self::Orders => "orders",
            Self::Activations => "activations",
            Self::Wallet => "wallet",
            Self::Admin => "admin",
            Self::Callbacks => "callbacks",
            Self::Operations => "operations",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Catalogue => "Countries and services, whether they are on sale or not",
            Self::Market => "What is on sale now, and at what price",
            Self::Orders => "Buying numbers",
            Self::Activations => "The numbers bought, and their messages",
            Self::Wallet => "The account's money",
            Self::Admin => "Customers, payments, own stock and providers, for operators",
            Self::Callbacks => "Messages that SIM banks pass on",
            Self::Operations => "Health, metrics and documentation of the server",
        }
    }
}

fn security_schemes() -> Value {
    let bearer =
        |of: &str| json!({"type": "http", "scheme": "bearer", "description": format!("{of} key")});
    let header = |of: &str| {
        let description = format!("{of} key in a header of its own, instead of `Authorization`");
        json!({"type": "apiKey", "in": "header", "name": "X-API-Key", "description": description})
    };
    json!({
        "customer": bearer("A customer's"),
        "customerHeader": header("A customer's"),
        "operator": bearer("An operator's"),
        "operatorHeader": header("An operator's"),
    })
}

/// The keys that open a route, one of them being enough.
fn security(who: Who) -> Value {
    match who {
        // The token of a callback is a parameter of its path.
        Who::Anyone | Who::CallbackSender => json!([]),
        Who::Trader => json!([{"customer": []}, {"customerHeader": []}]),
        Who::Operator => json!([{"operator": []}, {"operatorHeader": []}]),
    }
}

fn describe(spec: &RouteSpec, operation: &Operation, schemas: &mut Schemas) -> Value {
    let codes = codes(spec, operation);
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "security": security(spec.who),
        "responses": response::of_operation(spec, operation, codes.keys(), &mut schemas.written),
        // Which codes each status of this operation comes with.
        "x-problem-codes": codes,
    });
    if !operation.details.is_empty() {
        described["description"] = json!(operation.details);
    }
    let parameters = parameters(spec, operation, &mut schemas.read);
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = &operation.body {
        described["requestBody"] = request_body(body, spec.body_len_max, &mut schemas.read);
    }
    described
}

/// The problems that a route may answer, by status: those that its row implies, and its own.
fn codes(spec: &RouteSpec, operation: &Operation) -> BTreeMap<String, BTreeSet<ProblemCode>> {
    use ProblemCode as P;
    let has_key = spec.key == KeyPlace::Headers;
    let implied: [(bool, &[P]); 9] = [
        (true, &[P::MalformedRequest, P::InvalidParameter]),
        (!spec.is_lenient, &[P::UnknownParameter]),
        (has_key || spec.idempotent, &[P::InvalidHeader]),
        (has_key, &[P::Unauthorized, P::Forbidden]),
        (spec.quota == QuotaClass::Request, &[P::RateLimited]),
        (operation.query.is_some(), &[P::RepeatedParameter]),
        (spec.path.contains('{'), &[P::NotFound]),
        (
            spec.runs == Runs::Detached,
            &[P::MalformedJson, P::InvalidField, P::BodyTimeout, P::BodyTooLarge],
        ),
        (spec.runs == Runs::Detached && !spec.is_lenient, &[P::UnknownField]),
    ];
    let implied = implied.iter().filter(|(holds, _)| *holds).flat_map(|(_, codes)| *codes);
    let mut by_status: BTreeMap<String, BTreeSet<P>> = BTreeMap::new();
    for code in implied.chain(operation.problems) {
        by_status.entry(code.status().as_str().to_owned()).or_default().insert(*code);
    }
    by_status
}

fn parameters(
    spec: &RouteSpec,
    operation: &Operation,
    schemas: &mut SchemaGenerator,
) -> Vec<Value> {
    let path = operation.path.iter().map(|param| path_parameter(param, schemas));
    let mut all: Vec<Value> = path.collect();
    if let Some(shape) = operation.query {
        all.extend(query_parameters(shape, schemas));
    }
    if spec.idempotent {
        all.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "A key that makes it safe to repeat the request: 1 to 255 visible \
                            ASCII characters, bare or in double quotes. The same key with \
                            another body is refused.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "example": "3f0c1d52-order-1",
        }));
    }
    if spec.takes_reason {
        all.push(json!({
            "name": "X-Reason",
            "in": "header",
            "required": false,
            "description": "Why, in your words: 1 to 500 characters without control characters; \
                            `%` itself, and what is not ASCII, percent-encoded. It is kept with \
                            what the request changes, sealed, as long as its account or its day \
                            is.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 6000},
            "example": "Paid twice, as agreed by phone",
        }));
    }
    all
}

fn path_parameter(param: &PathParam, schemas: &mut SchemaGenerator) -> Value {
    json!({
        "name": param.name,
        "in": "path",
        "required": true,
        "description": param.description,
        "schema": schema::inline((param.shape)(schemas)),
        "example": param.example,
    })
}

/// The fields of a type as parameters.
fn query_parameters(shape: Shape, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let all = schema::inline(shape(schemas));
    let required = |name: &String| {
        all["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let Some(fields) = all["properties"].as_object() else { return Vec::new() };
    let parameter = |(name, field): (&String, &Value)| {
        let mut schema = field.as_object().cloned().unwrap_or_default();
        schema::without_null(&mut schema);
        let description = schema.remove("description").unwrap_or_default();
        let example = schema.remove("examples").map(|mut examples| examples[0].take());
        // What has a default may be left out.
        let required = required(name) && !schema.contains_key("default");
        let mut parameter = json!({
            "name": name,
            "in": "query",
            "required": required,
            "description": description,
            "schema": schema,
        });
        if let Some(example) = example {
            parameter["example"] = example;
        }
        parameter
    };
    fields.iter().map(parameter).collect()
}

fn request_body(body: &BodySpec, len_max: usize, schemas: &mut SchemaGenerator) -> Value {
    let kind = if body.may_be_form { "A JSON object, or a form," } else { "A JSON object" };
    let content = json!({
        "schema": schema::inline((body.shape)(schemas)),
        "example": response::example(body.example),
    });
    let mut described = json!({
        "required": true,
        "description": format!("{kind} of at most {} KiB", len_max / 1024),
        "content": {"application/json": content},
    });
    if body.may_be_form {
        described["content"]["application/x-www-form-urlencoded"] = content;
    }
    described
}
