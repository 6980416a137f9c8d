//! One request as a handler sees it: path, query, headers, body, each read strictly.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Uri};
use serde::de::DeserializeOwned;

use super::body;
use super::error::Problem;
use super::limit::Allowance;
use super::query::{self, Plus, Query};
use super::request_id::RequestId;

/// Most parameters in a path template.
pub const PATH_PARAMS_MAX: usize = 4;
/// Longest `Idempotency-Key`, as at the payment gateways that clients know.
pub const IDEMPOTENCY_KEY_LEN_MAX: usize = 255;
/// Most characters of a reason.
const REASON_CHARS_MAX: usize = 500;
/// Longest API key looked at: ours have 32 characters, the rest is room.
pub const API_KEY_LEN_MAX: usize = 128;

const X_REASON: HeaderName = HeaderName::from_static("x-reason");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request being answered.
pub struct Call {
    pub(super) parts: Parts,
    pub(super) template: &'static str,
    pub(super) params: PathParams,
    pub(super) request_id: RequestId,
    pub(super) peer: IpAddr,
    pub(super) body: BodyState,
    pub(super) body_len_max: usize,
    pub(super) body_timeout: Duration,
    /// Where the handler leaves what is left of the quota, for the reply.
    pub(super) allowance: Arc<Allowance>,
}

/// Where the values of a path's parameters lie in the path, in the template's order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PathParams {
    pub(super) ranges: [(u16, u16); PATH_PARAMS_MAX],
}

/// The body of a request: still to come, here, or taken.
#[derive(Debug)]
pub(super) enum BodyState {
    Coming(body::Arriving),
    Read(Bytes),
    Taken,
}

/// Shows the route only: headers carry keys and bodies what people wrote.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (method, id) = (&self.parts.method, self.request_id());
        write!(f, "Call({method} {} {id})", self.template)
    }
}

impl Call {
    /// Whether the reply's body is sent: not to a HEAD.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.parts.method != Method::HEAD
    }

    /// The request target.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// All headers. Those that routes agree on have accessors of their own.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The id that the reply will carry.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request_id.as_str()
    }

    /// The address that the client has connected from.
    #[must_use]
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The value of `{name}` (or `{*name}`) in the route's template, decoded.
    ///
    /// # Errors
    /// 400 `invalid_parameter` where it is not percent-encoded UTF-8.
    ///
    /// # Panics
    /// If the template has no such parameter.
    pub fn param(&self, name: &'static str) -> Result<Cow<'_, str>, Problem> {
        let at = template_names(self.template).position(|known| known == name);
        let (start, end) = self.params.ranges[at.expect("a route reads only its own parameters")];
        let raw = &self.parts.uri.path()[usize::from(start)..usize::from(end)];
        query::decode(raw, Plus::IsPlus)
            .ok_or_else(|| Problem::invalid_parameter(name, "is not percent-encoded UTF-8"))
    }

    /// The value of `{name}` as an id: decimal digits without sign or leading zeros, from 1.
    ///
    /// # Errors
    /// 404 `not_found` for anything else: no such thing can exist.
    pub fn id_param(&self, name: &'static str) -> Result<u64, Problem> {
        let text = self.param(name)?;
        query::parse_number(&text)
            .filter(|_| !text.starts_with('0'))
            .ok_or_else(|| Problem::not_found("no such id"))
    }

    /// The query, in which only `names` are allowed.
    ///
    /// # Errors
    /// As [`Query::parse`].
    pub fn query(&self, names: &'static [&'static str]) -> Result<Query<'_>, Problem> {
        Query::parse(self.parts.uri.query().unwrap_or_default(), names)
    }

    /// The API key, from `Authorization: Bearer` or `X-API-Key`.
    ///
    /// # Errors
    /// 401 where there is none or the scheme is another; 400 where there are two.
    pub fn api_key(&self) -> Result<&str, Problem> {
        let bearer = single(self.headers(), &header::AUTHORIZATION, "Authorization")?;
        let plain = single(self.headers(), &X_API_KEY, "X-API-Key")?;
        let key = match (bearer, plain) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid_header(
                    "X-API-Key",
                    "is given beside Authorization: send one of them",
                ));
            }
            (Some(value), None) => bearer_token(value)
                .ok_or_else(|| Problem::unauthorized("Authorization is not `Bearer KEY`"))?,
            (None, Some(value)) => visible(value).unwrap_or_default(),
            (None, None) => {
                return Err(Problem::unauthorized(
                    "no API key was sent: send `Authorization: Bearer KEY`",
                ));
            }
        };
        if (1..=API_KEY_LEN_MAX).contains(&key.len()) {
            Ok(key)
        } else {
            Err(Problem::unauthorized("the API key is mistyped or cut: its checksum does not fit"))
        }
    }

    /// The `Idempotency-Key`, if sent: bare, or the quoted string of RFC 8941, which is the
    /// same key without its quotes.
    ///
    /// # Errors
    /// 400 `invalid_header` unless it is 1 to 255 visible ASCII characters.
    pub fn idempotency_key(&self) -> Result<Option<Cow<'_, str>>, Problem> {
        let Some(value) = single(self.headers(), &IDEMPOTENCY_KEY, "Idempotency-Key")? else {
            return Ok(None);
        };
        let key = visible(value).and_then(unquote);
        match key {
            Some(key) if (1..=IDEMPOTENCY_KEY_LEN_MAX).contains(&key.len()) => Ok(Some(key)),
            _ => Err(Problem::invalid_header(
                "Idempotency-Key",
                "must be 1 to 255 visible ASCII characters, bare or in double quotes",
            )),
        }
    }

    /// Why the caller asks, from `X-Reason`: percent-encoded UTF-8.
    ///
    /// # Errors
    /// 400 `invalid_header` unless it is 1 to 500 characters without control characters.
    pub fn reason(&self) -> Result<Option<Cow<'_, str>>, Problem> {
        let Some(value) = single(self.headers(), &X_REASON, "X-Reason")? else { return Ok(None) };
        let text = value.to_str().ok().and_then(|text| query::decode(text, Plus::IsPlus));
        match text.filter(|text| query::is_line(text, REASON_CHARS_MAX)) {
            Some(text) => Ok(Some(text)),
            None => Err(Problem::invalid_header(
                "X-Reason",
                "must be 1 to 500 characters without control characters; `%` itself, and what is \
                 not ASCII, percent-encoded",
            )),
        }
    }

    /// Reads the body to its end; a second call gives an empty one.
    ///
    /// # Errors
    /// 413, 408 or 400.
    pub async fn bytes(&mut self) -> Result<Bytes, Problem> {
        match std::mem::replace(&mut self.body, BodyState::Taken) {
            BodyState::Coming(body) => body::read(body, self.body_len_max, self.body_timeout).await,
            BodyState::Read(bytes) => Ok(bytes),
            BodyState::Taken => Ok(Bytes::new()),
        }
    }

    /// Reads the body and decodes it as JSON.
    ///
    /// # Errors
    /// As [`Call::bytes`] and [`body::decode_json`].
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        body::decode_json(&self.bytes().await?)
    }

    /// Reads the body of a route that takes no fields: nothing, or an empty object.
    ///
    /// # Errors
    /// As [`Call::json`]; a field is unknown.
    pub async fn no_fields(&mut self) -> Result<(), Problem> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let body = self.bytes().await?;
        if body.is_empty() {
            return Ok(());
        }
        body::decode_json::<Nothing>(&body).map(|Nothing {}| ())
    }

    /// What is left of the caller's quota, for the reply to say.
    #[must_use]
    pub fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Refuses a body by its declared length, also where the handler would not read it.
    ///
    /// # Errors
    /// 413.
    pub fn check_declared(&self) -> Result<(), Problem> {
        match &self.body {
            BodyState::Coming(body) => body::check_declared(body, self.body_len_max),
            BodyState::Read(_) | BodyState::Taken => Ok(()),
        }
    }

    /// Reads the body now, so that the handler cannot wait for the client any more.
    pub(super) async fn read_ahead(&mut self) -> Result<(), Problem> {
        self.body = BodyState::Read(self.bytes().await?);
        Ok(())
    }
}

/// The names of a path template's parameters, in order.
pub(super) fn template_names(template: &'static str) -> impl Iterator<Item = &'static str> {
    template.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        Some(name.trim_start_matches('*'))
    })
}

/// What every HTTP/1.1 request needs and hyper does not ask for: exactly one `Host`.
pub(super) fn check_host(parts: &Parts) -> Result<(), Problem> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => Ok(()),
        (Some(_), Some(_)) => Err(Problem::malformed_request("Host is given twice").closing()),
        (None, _) if parts.version < hyper::Version::HTTP_11 => Ok(()),
        (None, _) => Err(Problem::malformed_request("Host is missing").closing()),
    }
}

/// We know one coding: any other, or a pile of them, would have to be undone to read the body.
pub(super) fn check_encoding(parts: &Parts) -> Result<(), Problem> {
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (Some(one), None) if one.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => {
            let detail = "the only Transfer-Encoding that is understood is `chunked`, once";
            Err(Problem::malformed_request(detail).closing())
        }
    }
}

fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    shown: &'static str,
) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Problem::invalid_header(shown, "is given twice")),
    }
}

fn visible(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_graphic()))
}

fn bearer_token(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let sound =
        scheme.eq_ignore_ascii_case("bearer") && token.bytes().all(|b| b.is_ascii_graphic());
    sound.then_some(token)
}

fn unquote(key: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = key.strip_prefix('"') else {
        return (!key.contains('"')).then_some(Cow::Borrowed(key));
    };
    let inner = rest.strip_suffix('"')?;
    if !inner.contains(['"', '\\']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => plain.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => plain.push(other),
        }
    }
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(headers: &[(&str, &str)]) -> Call {
        let mut request = hyper::Request::get("/a/x%20y/%ff?b=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut params = PathParams::default();
        params.ranges[0] = (3, 8);
        params.ranges[1] = (9, 12);
        Call {
            parts: request.body(()).unwrap().into_parts().0,
            template: "/a/{one}/{*two}",
            params,
            request_id: RequestId::Made([b'0'; 16]),
            peer: IpAddr::from([192, 0, 2, 1]),
            body: BodyState::Taken,
            body_len_max: 0,
            body_timeout: Duration::ZERO,
            allowance: Arc::default(),
        }
    }

    #[test]
    fn path_parameters_are_found_by_name_and_decoded() {
        let call = call(&[]);
        assert_eq!(call.param("one").unwrap(), "x y");
        assert_eq!(call.param("two").unwrap_err().code(), "invalid_parameter");
        assert_eq!(call.id_param("one").unwrap_err().code(), "not_found");
        assert_eq!(format!("{call:?}"), "Call(GET /a/{one}/{*two} 0000000000000000)");
    }

    #[test]
    fn an_api_key_comes_in_one_of_two_headers() {
        assert_eq!(call(&[("authorization", "bearer  nx_1 ")]).api_key().unwrap(), "nx_1");
        assert_eq!(call(&[("x-api-key", "nx_2")]).api_key().unwrap(), "nx_2");
        let long = "k".repeat(129);
        for (headers, code) in [
            (vec![], "unauthorized"),
            (vec![("authorization", "Basic abc")], "unauthorized"),
            (vec![("authorization", "Bearer")], "unauthorized"),
            (vec![("authorization", "Bearer a b")], "unauthorized"),
            (vec![("x-api-key", "")], "unauthorized"),
            (vec![("x-api-key", "a b")], "unauthorized"),
            (vec![("x-api-key", long.as_str())], "unauthorized"),
            (vec![("x-api-key", "a"), ("x-api-key", "a")], "invalid_header"),
            (vec![("x-api-key", "a"), ("authorization", "Bearer a")], "invalid_header"),
        ] {
            assert_eq!(call(&headers).api_key().unwrap_err().code(), code, "{headers:?}");
        }
    }

    #[test]
    fn an_idempotency_key_is_the_same_bare_and_quoted() {
        let long = "k".repeat(255);
        for (sent, key) in [
            ("8e03-x", "8e03-x"),
            ("\"8e03-x\"", "8e03-x"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (long.as_str(), long.as_str()),
        ] {
            let call = call(&[("idempotency-key", sent)]);
            assert_eq!(call.idempotency_key().unwrap().as_deref(), Some(key));
        }
        assert!(call(&[]).idempotency_key().unwrap().is_none());
        let long = "k".repeat(256);
        for bad in ["", "\"\"", "\"", "a b", "\"a b\"", "a\"b", "\"a\"b\"", r#""a\b""#, "é", &long]
        {
            let call = call(&[("idempotency-key", bad)]);
            assert_eq!(call.idempotency_key().unwrap_err().code(), "invalid_header", "{bad:?}");
        }
    }

    #[test]
    fn a_reason_is_few_words_of_any_script() {
        let long = "%20".repeat(500);
        for (sent, reason) in [
            ("double payment", "double payment"),
            ("%D0%BF%D0%BE%20%D0%BF%D1%80%D0%BE%D1%81%D1%8C%D0%B1%D0%B5 +1", "по просьбе +1"),
            (&long, &*" ".repeat(500)),
        ] {
            let call = call(&[("x-reason", sent)]);
            assert_eq!(call.reason().unwrap().as_deref(), Some(reason));
        }
        assert!(call(&[]).reason().unwrap().is_none());
        let long = "x".repeat(501);
        for bad in ["", "%", "%ff", "a%0Ab", "é", &long] {
            assert_eq!(call(&[("x-reason", bad)]).reason().unwrap_err().code(), "invalid_header");
        }
        let twice = call(&[("x-reason", "a"), ("x-reason", "b")]);
        assert_eq!(twice.reason().unwrap_err().code(), "invalid_header");
    }
}
