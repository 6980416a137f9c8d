//! Refusals and failures on the wire: RFC 9457 problem documents.
//!
//! A problem has a stable `code` that clients branch on; `detail` is for people and may
//! change. Which refusal of the engine becomes which code is each face's own table.

use std::borrow::Cow;
use std::fmt;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::response::Response;

const CONTENT_TYPE: &str = "application/problem+json";

/// A refused or failed request, before it is rendered for one request.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    param: Option<Cow<'static, str>>,
    retryable: bool,
    closes: bool,
    /// The detail is for the log alone.
    is_internal: bool,
    retry_after_s: Option<u32>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with nothing but its kind: `code` is stable, `title` says it in words.
    #[must_use]
    pub const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            detail: Cow::Borrowed(""),
            param: None,
            retryable: false,
            closes: false,
            is_internal: false,
            retry_after_s: None,
            headers: Vec::new(),
        }
    }

    /// What went wrong this time, for a person. Never holds secrets or message texts.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The field, parameter or header at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same request may succeed later without a change.
    #[must_use]
    pub const fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Retryable, and not before so many seconds: in the body and as `Retry-After`.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retryable = true;
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds a reply header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The connection ends with this reply: what follows on it cannot be trusted or is not wanted.
    #[must_use]
    pub const fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// 400 `malformed_request`: the message itself is wrong.
    #[must_use]
    pub fn malformed_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", "The request is malformed")
            .detail(detail)
    }

    /// 400 `invalid_header`: a header that we read has a value we cannot use.
    #[must_use]
    pub fn invalid_header(name: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_header", "A header has an invalid value")
            .param(name)
            .detail(detail)
    }

    /// 400 `invalid_parameter`: a query or path parameter has a value we cannot use.
    #[must_use]
    pub fn invalid_parameter(
        name: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_parameter", "A parameter has an invalid value")
            .param(name)
            .detail(detail)
    }

    /// 400 `invalid_field`: a field of the body is missing or has a value we cannot use.
    #[must_use]
    pub fn invalid_field(
        name: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_field", "A field has an invalid value")
            .param(name)
            .detail(detail)
    }

    /// 401 `unauthorized`, with the challenge.
    #[must_use]
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid API key is required")
            .detail(detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 404 `not_found`: nothing there, or nothing there for this caller.
    #[must_use]
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found").detail(detail)
    }

    /// 405 `method_not_allowed`, with `Allow`.
    #[must_use]
    pub fn method_not_allowed(allow: &HeaderValue, method: &Method) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "The method is not allowed here",
        )
        .detail(format!(
            "{method} is not one of the methods of this path: {}",
            allow.to_str().unwrap_or_default()
        ))
        .header(header::ALLOW, allow.clone())
    }

    /// 429 `rate_limited`, with `Retry-After`.
    #[must_use]
    pub fn rate_limited(seconds: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests")
            .retry_after(seconds)
    }

    /// 503 `overloaded`, with `Retry-After`: a bounded queue is full.
    #[must_use]
    pub fn overloaded(seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The server is at its limit")
            .retry_after(seconds)
    }

    /// 500 `internal_error`: our fault. The cause goes to the log, with the request's id, and
    /// not into the reply.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        let title = "The server failed";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", title);
        Self { is_internal: true, ..problem.detail(cause.to_string()) }
    }

    /// What the log says of it, where that is not for the client.
    pub(super) fn cause(&self) -> Option<&str> {
        self.is_internal.then_some(&*self.detail)
    }

    /// The reply to one request: `instance` is its path, `request_id` its id.
    #[must_use]
    pub fn into_response(self, instance: &str, request_id: &str) -> Response {
        let body = self.document(Some(instance), request_id);
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.reserve(4 + self.headers.len());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.extend(self.headers);
        response
    }

    /// A whole reply for a connection that no request was read from: `head` has the status
    /// line and may have header lines, each with its line break.
    pub(super) fn into_bytes(self, mut head: Vec<u8>, request_id: &str) -> Vec<u8> {
        let body = self.document(None, request_id);
        let mut line = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                head.extend_from_slice(part.as_bytes());
            }
        };
        line("content-type", CONTENT_TYPE);
        line("x-request-id", request_id);
        if let Some(seconds) = self.retry_after_s {
            line("retry-after", &seconds.to_string());
        }
        line("content-length", &body.len().to_string());
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(&body);
        head
    }

    fn document(&self, instance: Option<&str>, request_id: &str) -> Vec<u8> {
        let document = ProblemDocument {
            kind: ProblemType(self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: Some(&*self.detail).filter(|text| !text.is_empty() && !self.is_internal),
            instance,
            code: self.code,
            request_id,
            param: self.param.as_deref(),
            retryable: self.retryable,
            retry_after: self.retry_after_s,
        };
        let mut body = Vec::with_capacity(320);
        serde_json::to_writer(&mut body, &document).expect("texts and numbers have a JSON form");
        body.push(b'\n');
        body
    }
}

/// A refused or failed request, as RFC 9457 has it. Branch on `code`, which is stable; `title`
/// and `detail` are for people.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument<'a> {
    /// `/problems/` and the code.
    #[serde(rename = "type")]
    #[schemars(with = "String", extend("format" = "uri-reference"))]
    kind: ProblemType<'a>,
    /// What the code means, in words.
    title: &'a str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What went wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    /// What kind of problem it is.
    code: &'a str,
    /// The id of the request, as in `X-Request-Id`.
    request_id: &'a str,
    /// The field, parameter, header or limit at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// How many seconds to wait before the request is repeated, as in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    retry_after: Option<u32>,
}

/// A problem's type: a reference that is made of its code.
#[derive(Debug)]
struct ProblemType<'a>(&'a str);

impl Serialize for ProblemType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/problems/{}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn a_problem_is_rendered_with_all_its_members() {
        let problem = Problem::new(StatusCode::CONFLICT, "no_numbers", "No numbers")
            .detail("sold \"out\"")
            .param("country")
            .retry_after(3);
        let response = problem.into_response("/api/v1/orders", "r1");
        assert_eq!(response.status(), 409);
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = futures_body(response);
        assert_eq!(
            body,
            concat!(
                r#"{"type":"/problems/no_numbers","title":"No numbers","status":409,"#,
                r#""detail":"sold \"out\"","instance":"/api/v1/orders","code":"no_numbers","#,
                r#""request_id":"r1","param":"country","retryable":true,"retry_after":3}"#,
                "\n"
            )
        );
    }

    fn futures_body(response: Response) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_problem_stays_small_enough_to_be_returned_by_value() {
        assert!(size_of::<Problem>() <= 128);
    }
}
