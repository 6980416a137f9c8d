//! A request to a running server: where it is, what it answers, how the answer is printed.
//!
//! The commands that ask say what they ask, and with whose key.

use std::time::Duration;

use serde_json::{Value, json};

use super::print::{say, show};
use super::values;
use crate::provider::cause;
use crate::provider::transport::client_for;

/// Where the server is unless it is said.
const URL_DEFAULT: &str = "http://127.0.0.1:8080";
/// Names the address where `--url` does not.
const URL_ENV: &str = "NEXNUM_URL";
/// An admin request is decided in milliseconds; a sync may take a provider's minute.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Bytes of an answer. The longest is a list of 10,000 accounts: 1 MB with short names, 3 MB
/// with the longest that there are.
const ANSWER_LEN_MAX: usize = 8 << 20;

/// Why a server did not do it.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No key was given.
    #[error("{what} is needed: give {option} KEY, or set the variable {variable}")]
    NoKey {
        /// Which kind of key.
        what: &'static str,
        /// The option that takes it.
        option: &'static str,
        /// The variable that is read without the option.
        variable: &'static str,
    },
    /// The address is not one.
    #[error("{url:?} is not the address of a server, as http://127.0.0.1:8080 is")]
    BadUrl {
        /// What was given.
        url: String,
    },
    /// The server was not reached, or went away.
    #[error(
        "cannot reach {url}: {}: is the server running, and is --url right?",
        cause::of(source)
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The network client could not be set up.
    #[error("cannot set up the network client: {}", cause::of_setup(.0))]
    Client(reqwest::Error),
    /// The server refused.
    #[error("refused ({status}, {code}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// In words.
        detail: String,
    },
    /// What answered is not a NexNum server.
    #[error("{url} did not answer as a NexNum server does: is --url right?")]
    NotOurs {
        /// Where.
        url: String,
    },
    /// Tokio could not be started.
    #[error("cannot start the network client: {0}")]
    Runtime(std::io::Error),
}

impl RemoteError {
    /// Whether another request of the same command may fare better: this one was refused for what
    /// it asks, not for whom it comes from.
    pub(super) fn is_of_one(&self) -> bool {
        match self {
            Self::Refused { status, .. } => !matches!(status, 401 | 403),
            Self::NoKey { .. }
            | Self::BadUrl { .. }
            | Self::Unreachable { .. }
            | Self::Client(_)
            | Self::NotOurs { .. }
            | Self::Runtime(_) => false,
        }
    }
}

/// Sends one request with a key and waits for the answer.
pub(super) fn ask(
    url: Option<&str>,
    path: &str,
    key: &str,
    build: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
) -> Result<Value, RemoteError> {
    wait_for(send(url, path, |client, url| build(client, url).bearer_auth(key)))
}

/// As [`ask`], where no key is needed.
pub(super) fn ask_openly(
    url: Option<&str>,
    path: &str,
    build: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
) -> Result<Value, RemoteError> {
    wait_for(send(url, path, build))
}

fn wait_for(
    answer: impl Future<Output = Result<Value, RemoteError>>,
) -> Result<Value, RemoteError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(RemoteError::Runtime)?.block_on(answer)
}

/// Where the server is said to be: on the command line, or in the environment.
pub(super) fn told_address(url: Option<&str>) -> Option<String> {
    given(url, URL_ENV).map(|base| base.trim_end_matches('/').to_owned())
}

/// Where the server is asked.
pub(super) fn asked_address(url: Option<&str>) -> String {
    told_address(url).unwrap_or_else(|| URL_DEFAULT.to_owned())
}

/// A value of the command line, or of the environment.
pub(super) fn given(value: Option<&str>, variable: &str) -> Option<String> {
    value.map(str::to_owned).or_else(|| values::variable(variable))
}

async fn send(
    url: Option<&str>,
    path: &str,
    build: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
) -> Result<Value, RemoteError> {
    let base = asked_address(url);
    let url = format!("{base}{path}");
    if !is_address(&base) {
        return Err(RemoteError::BadUrl { url: base });
    }
    let failed = |source| RemoteError::Unreachable { url: base.clone(), source };
    let builder = reqwest::Client::builder().timeout(TIMEOUT);
    let client = client_for(&base, builder).map_err(RemoteError::Client)?;
    let mut reply = build(&client, &url).send().await.map_err(failed)?;
    let status = reply.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_LEN_MAX {
            return Err(RemoteError::NotOurs { url: base });
        }
    }
    let answer = parse(&bytes).ok_or_else(|| RemoteError::NotOurs { url: base.clone() })?;
    if status.is_success() { Ok(answer) } else { Err(refusal(status.as_u16(), &answer)) }
}

/// A text as one segment of a path, or a header: percent-encoded, but for RFC 3986's unreserved
/// letters.
pub(super) fn percent_encoded(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

/// Prints an answer: as it is, or as lines of words.
pub(super) fn print(answer: &Value, json: bool) {
    if json {
        say(answer);
    } else {
        show(lines(answer));
    }
}

fn is_address(base: &str) -> bool {
    let parsed = reqwest::Url::parse(base);
    parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// An empty body, as of a 204, is an empty object.
fn parse(bytes: &[u8]) -> Option<Value> {
    if bytes.is_empty() { Some(json!({})) } else { serde_json::from_slice(bytes).ok() }
}

fn refusal(status: u16, answer: &Value) -> RemoteError {
    let field = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    RemoteError::Refused {
        status,
        code: field("code").unwrap_or_else(|| "unknown".to_owned()),
        detail: reason(field("detail"), field("title"), field("param")),
    }
}

/// A refusal in words, with the field or parameter that it is about.
fn reason(detail: Option<String>, title: Option<String>, param: Option<String>) -> String {
    let words = detail.or(title).unwrap_or_default();
    match param {
        Some(param) if words.starts_with("is ") || words.starts_with("must ") => {
            format!("{param} {words}")
        }
        Some(param) if !words.contains(&param) => format!("{param}: {words}"),
        Some(_) | None => words,
    }
}

/// A line for each item of a list, or for the one object, as `field=value` words.
fn lines(answer: &Value) -> String {
    let items = answer.as_object().and_then(|fields| fields.values().find_map(Value::as_array));
    let one = std::slice::from_ref(answer);
    items.map_or(one, Vec::as_slice).iter().map(line).collect()
}

fn line(item: &Value) -> String {
    let Some(fields) = item.as_object() else { return format!("{item}\n") };
    if fields.is_empty() {
        return "done\n".to_owned();
    }
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={}", tame(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("{name}={value}")
        }
    };
    fields.iter().map(word).collect::<Vec<_>>().join(" ") + "\n"
}

/// A text without what moves the cursor, begins a line or turns the direction of writing:
/// bodies of callbacks are the words of strangers.
fn tame(text: &str) -> String {
    let is_wild = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut tamed = String::with_capacity(text.len());
    for c in text.chars() {
        if is_wild(c) { tamed.extend(c.escape_default()) } else { tamed.push(c) }
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_stays_on_its_line() {
        let list = json!({ "items": [{ "body": "\u{1b}[31m\nid=9 \u{202e}x é" }] });
        assert_eq!(lines(&list), "body=\\u{1b}[31m\\nid=9 \\u{202e}x é\n");
    }

    #[test]
    fn an_answer_prints_as_lines_of_words() {
        let list = json!({ "items": [{ "id": "1", "name": "a b" }, { "id": "2", "open": true }] });
        assert_eq!(lines(&list), "id=1 name=a b\nid=2 open=true\n");
        assert_eq!(lines(&json!({ "id": "7", "key": "nx" })), "id=7 key=nx\n");
        assert_eq!(lines(&parse(b"").unwrap()), "done\n");
        assert_eq!(lines(&json!({ "items": [] })), "");
    }

    #[test]
    fn any_name_is_one_segment_of_a_path() {
        assert_eq!(percent_encoded("5sim-2_a.b~"), "5sim-2_a.b~");
        assert_eq!(percent_encoded("My SMS/50%+?#\t"), "My%20SMS%2F50%25%2B%3F%23%09");
        assert_eq!(percent_encoded("é"), "%C3%A9");
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for good in ["http://127.0.0.1:8080", "https://market.example/base/"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["foo", "", "127.0.0.1:8080", "localhost:8080", "ftp://a", "http://"] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_refusal_shows_its_code_and_words() {
        let problem = json!({ "code": "name_taken", "title": "Name taken", "detail": "in use" });
        let shown = refusal(409, &problem).to_string();
        assert_eq!(shown, "refused (409, name_taken): in use");
        let problem = json!({ "code": "invalid_field", "param": "name", "detail": "is empty" });
        let shown = refusal(400, &problem).to_string();
        assert_eq!(shown, "refused (400, invalid_field): name is empty");
        assert_eq!(refusal(502, &json!([])).to_string(), "refused (502, unknown): ");
    }
}
