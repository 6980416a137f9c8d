//! Replies in the description: those of each operation, and the problems that all share.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::operation::{Content, Operation, Reply, ReplyHeader};
use super::schema;
use crate::face::spec::{QuotaClass, RouteSpec};

/// Problems by status: the name among the components, what they mean, headers beside the
/// request's id.
const PROBLEMS: [(u16, &str, &str, &[&str]); 14] = [
    (400, "BadRequest", "The request is malformed", &[]),
    (401, "Unauthorized", "The request has no valid API key", &["WWW-Authenticate"]),
    (402, "PaymentRequired", "The account cannot pay", &[]),
    (403, "Forbidden", "The key does not open this route", &[]),
    (404, "NotFound", "What the path names does not exist for this caller", &[]),
    (408, "RequestTimeout", "The body did not arrive in time", &[]),
    (409, "Conflict", "The present state does not allow it", &["Retry-After"]),
    (413, "ContentTooLarge", "The body is too long", &[]),
    (422, "UnprocessableContent", "A value is well-formed and not acceptable", &[]),
    (
        429,
        "TooManyRequests",
        "The key has used up its quota",
        &["Retry-After", "RateLimit", "RateLimit-Policy"],
    ),
    (500, "InternalServerError", "The server failed", &[]),
    (502, "BadGateway", "The provider of the number did not answer", &["Retry-After"]),
    (
        503,
        "ServiceUnavailable",
        "The server is at its limit, stopping, or rebuilding its history",
        &["Retry-After"],
    ),
    (507, "InsufficientStorage", "A limit of this server is reached", &[]),
];

/// The named responses: one for each status of a problem.
pub(super) fn problems() -> Value {
    let named = PROBLEMS.iter().map(|(_, name, description, headers)| {
        let response = json!({
            "description": description,
            "headers": references(headers),
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
            }},
        });
        ((*name).to_owned(), response)
    });
    Value::Object(named.collect())
}

/// The headers that replies have.
pub(super) fn headers() -> Value {
    let text = |description: &str, example: &str| json!({"description": description, "schema": {"type": "string"}, "example": example});
    json!({
        "X-Request-Id": {
            "description": "The request's id: the caller's own where it brought a valid one, \
                            else a new one. It is in the server's log as well.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        },
        "Retry-After": {
            "description": "How many seconds to wait before the request is repeated; present \
                            with problems that have `retry_after`",
            "schema": {"type": "integer", "minimum": 1},
        },
        "RateLimit": text(
            "How many requests the key has left, and in how many seconds its quota is full again",
            "\"requests\";r=0;t=1",
        ),
        "RateLimit-Policy": text(
            "How many requests a key may make in so many seconds",
            "\"requests\";q=6000000;w=60",
        ),
        "Idempotent-Replayed": {
            "description": "Present where an earlier request with the same key placed the order",
            "schema": {"type": "string", "enum": ["true"]},
        },
        "WWW-Authenticate": {
            "description": "How to authenticate",
            "schema": {"type": "string", "enum": ["Bearer"]},
        },
        "ETag": text("The version of the body", "\"0123456789abcdef0123456789abcdef\""),
        "Content-Security-Policy": text(
            "What the page may load: files of this server",
            "default-src 'self'",
        ),
    })
}

/// An operation's responses by status; `problems` are the statuses of its problems.
pub(super) fn of_operation<'a>(
    spec: &RouteSpec,
    operation: &Operation,
    problems: impl Iterator<Item = &'a String>,
    schemas: &mut SchemaGenerator,
) -> Value {
    let mut responses = Map::new();
    for reply in operation.replies {
        responses.insert(reply.status.to_string(), success(spec, reply, schemas));
    }
    for status in problems {
        let known = PROBLEMS.iter().find(|(known, ..)| known.to_string() == *status);
        let (_, name, ..) = known.expect("every status of a problem has a name");
        let to = format!("#/components/responses/{name}");
        responses.insert(status.clone(), json!({"$ref": to}));
    }
    Value::Object(responses)
}

fn success(spec: &RouteSpec, reply: &Reply, schemas: &mut SchemaGenerator) -> Value {
    let mut headers: Vec<&str> = reply.headers.iter().map(|header| name(*header)).collect();
    if spec.quota == QuotaClass::Request {
        headers.extend(["RateLimit", "RateLimit-Policy"]);
    }
    if spec.idempotent {
        headers.push("Idempotent-Replayed");
    }
    let mut response = json!({"description": reply.description, "headers": references(&headers)});
    let (media, content) = match reply.content {
        Content::None => return response,
        Content::Json(shape, shown) => {
            let schema = schema::inline(shape(schemas));
            ("application/json", json!({"schema": schema, "example": example(shown)}))
        }
        Content::AnyObject => ("application/json", json!({"schema": {"type": "object"}})),
        Content::Text(media) => (media, json!({"schema": {"type": "string"}})),
    };
    response["content"] = json!({media: content});
    response
}

const fn name(header: ReplyHeader) -> &'static str {
    match header {
        ReplyHeader::ETag => "ETag",
        ReplyHeader::ContentSecurityPolicy => "Content-Security-Policy",
    }
}

/// References to headers; every reply has the request's id.
fn references(names: &[&str]) -> Value {
    let all = ["X-Request-Id"].iter().chain(names);
    let reference =
        |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    Value::Object(all.map(reference).collect())
}

/// An example that a route states as text.
///
/// # Panics
/// If it is not JSON.
pub(super) fn example(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
