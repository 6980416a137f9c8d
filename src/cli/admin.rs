//! Commands that ask a running server: through its admin API, and a search as a customer.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{CliError, values};
use crate::market::folder;
use crate::provider::cause;

/// Where the server is unless it is said.
const URL_DEFAULT: &str = "http://127.0.0.1:8080";
/// Names the address where `--url` does not.
const URL_ENV: &str = "NEXNUM_URL";
/// Names the key where `--admin-key` does not: arguments are seen by every process.
const KEY_ENV: &str = "NEXNUM_ADMIN_KEY";
/// Names a customer's key where `--key` does not.
const TRADER_KEY_ENV: &str = "NEXNUM_KEY";
/// An admin request is decided in milliseconds; a sync may take a provider's minute.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Bytes of an answer: a page of accounts has a hundredth.
const ANSWER_LEN_MAX: usize = 8 << 20;

/// Why a server did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No admin key was given.
    #[error("an admin key is needed: give --admin-key KEY, or set the variable {KEY_ENV}")]
    NoKey,
    /// No customer's key was given.
    #[error("a customer's API key is needed: give --key KEY, or set the variable {TRADER_KEY_ENV}")]
    NoTraderKey,
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

/// Which server, as whom, and how to print.
#[derive(Clone, Debug, Args)]
pub(super) struct Server {
    /// The server's address [default: the variable NEXNUM_URL, or http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// An admin key [default: the variable NEXNUM_ADMIN_KEY].
    #[arg(long, value_name = "KEY", global = true)]
    admin_key: Option<String>,
    /// Print the server's JSON as it is.
    #[arg(long, global = true)]
    json: bool,
}

/// What is looked for, and as which customer.
#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    /// Words: names, codes, beginnings of words.
    #[arg(required = true)]
    query: Vec<String>,
    /// The server's address [default: the variable NEXNUM_URL, or http://127.0.0.1:8080].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A customer's key [default: the variable NEXNUM_KEY].
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Most hits, 1 to 50 [default: 10].
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(0..=u32::MAX.into()))]
    limit: Option<u32>,
    /// Print the server's JSON as it is.
    #[arg(long)]
    json: bool,
}

/// Accounts.
#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: AccountAction,
}

#[derive(Debug, Subcommand)]
enum AccountAction {
    /// Open an account.
    Create {
        /// The account's name; no two accounts have the same.
        name: String,
        /// How far below zero the account's balance may go.
        #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
        credit_limit: Option<String>,
    },
    /// List all accounts.
    List,
}

/// Keys.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Debug, Subcommand)]
enum KeyAction {
    /// Create a key and print it. The server keeps only its hash, so it cannot be shown again.
    Create {
        /// The id of the account that the key buys for.
        #[arg(long, value_name = "ID", required_unless_present = "admin", value_parser = values::id)]
        account: Option<u32>,
        /// Create an admin key in the data folder of a stopped server. Use it when the last
        /// admin key is lost.
        #[arg(long, requires = "data", conflicts_with = "account")]
        admin: bool,
        /// The data folder.
        #[arg(long, value_name = "DIR", requires = "admin", conflicts_with = "account")]
        data: Option<PathBuf>,
    },
    /// Revoke a key: requests with it are refused from then on.
    Revoke {
        /// The key's id.
        #[arg(value_parser = values::id)]
        id: u32,
    },
}

/// A deposit.
#[derive(Debug, Args)]
pub(super) struct DepositArgs {
    #[command(flatten)]
    server: Server,
    /// The account's id, as `nexnum account list` shows it.
    #[arg(value_parser = values::id)]
    account: u32,
    /// The amount, above zero, as 12.50.
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// Your reference of the payment; a repeat of it credits nothing.
    #[arg(long, value_name = "TEXT")]
    reference: String,
}

pub(super) fn account(args: AccountArgs) -> Result<(), CliError> {
    let AccountArgs { server, action } = args;
    match action {
        AccountAction::List => server.ask(Method::GET, "accounts", None),
        AccountAction::Create { name, credit_limit } => {
            let mut body = json!({ "name": name });
            if let Some(limit) = credit_limit {
                body["credit_limit"] = limit.into();
            }
            server.ask(Method::POST, "accounts", Some(body))
        }
    }
}

pub(super) fn key(args: KeyArgs) -> Result<(), CliError> {
    let KeyArgs { server, action } = args;
    match action {
        KeyAction::Create { data: Some(dir), .. } => {
            let key = folder::issue_admin_key(&dir)?;
            server.print(&json!({ "admin_key": key.reveal() }));
            Ok(())
        }
        KeyAction::Create { account, data: None, .. } => {
            let account = account.expect("the command line asks for it without --admin");
            server.ask(Method::POST, &format!("accounts/{account}/keys"), None)
        }
        KeyAction::Revoke { id } => server.ask(Method::DELETE, &format!("keys/{id}"), None),
    }
}

pub(super) fn deposit(args: DepositArgs) -> Result<(), CliError> {
    let DepositArgs { server, account, amount, reference } = args;
    let body = json!({ "amount": amount, "reference": reference });
    server.ask(Method::POST, &format!("accounts/{account}/deposits"), Some(body))
}

impl Server {
    /// Sends one request and prints the answer.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(), CliError> {
        let answer = blocking(self.request(method, path, body))?;
        self.print(&answer);
        Ok(())
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, AdminError> {
        let key = given(self.admin_key.as_deref(), KEY_ENV).ok_or(AdminError::NoKey)?;
        let path = format!("/api/admin/{path}");
        send(self.url.as_deref(), &path, &key, |client, url| {
            let request = client.request(method, url);
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        })
        .await
    }

    fn print(&self, answer: &Value) {
        print(answer, self.json);
    }
}

/// Searches as a customer, with the customer's key.
pub(super) fn search(args: &SearchArgs) -> Result<(), CliError> {
    let key = given(args.key.as_deref(), TRADER_KEY_ENV).ok_or(AdminError::NoTraderKey)?;
    let limit = args.limit.map(|limit| ("limit", limit.to_string()));
    let query: Vec<_> = [("q", args.query.join(" "))].into_iter().chain(limit).collect();
    let asked = send(args.url.as_deref(), "/api/v1/search", &key, |client, url| {
        client.get(url).query(&query)
    });
    print(&blocking(asked)?, args.json);
    Ok(())
}

/// A value of the command line, or of the environment.
fn given(value: Option<&str>, variable: &str) -> Option<String> {
    let set = || std::env::var(variable).ok().filter(|text| !text.is_empty());
    value.map(str::to_owned).or_else(set)
}

/// Sends one request with a key and reads the answer.
async fn send(
    url: Option<&str>,
    path: &str,
    key: &str,
    build: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
) -> Result<Value, AdminError> {
    let base = given(url, URL_ENV).unwrap_or_else(|| URL_DEFAULT.to_owned());
    let url = format!("{}{path}", base.trim_end_matches('/'));
    if !is_address(&base) {
        return Err(AdminError::BadUrl { url: base });
    }
    let failed = |source| AdminError::Unreachable { url: base.clone(), source };
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(failed)?;
    let mut reply = build(&client, &url).bearer_auth(key).send().await.map_err(failed)?;
    let status = reply.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_LEN_MAX {
            return Err(AdminError::NotOurs { url: base });
        }
    }
    let answer = parse(&bytes).ok_or_else(|| AdminError::NotOurs { url: base.clone() })?;
    if status.is_success() { Ok(answer) } else { Err(refusal(status.as_u16(), &answer)) }
}

/// A reader that went away, as `head` does, is no failure of ours.
fn print(answer: &Value, json: bool) {
    let text = if json { format!("{answer}\n") } else { lines(answer) };
    let _gone = std::io::stdout().write_all(text.as_bytes());
}

fn is_address(base: &str) -> bool {
    let parsed = reqwest::Url::parse(base);
    parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// An empty body, as of a 204, is an empty object.
fn parse(bytes: &[u8]) -> Option<Value> {
    if bytes.is_empty() { Some(json!({})) } else { serde_json::from_slice(bytes).ok() }
}

fn refusal(status: u16, answer: &Value) -> AdminError {
    let field = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    AdminError::Refused {
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

fn blocking<T>(work: impl Future<Output = Result<T, AdminError>>) -> Result<T, AdminError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(AdminError::Runtime)?.block_on(work)
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
        Value::String(text) => format!("{name}={text}"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("{name}={value}")
        }
    };
    fields.iter().map(word).collect::<Vec<_>>().join(" ") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_prints_as_lines_of_words() {
        let list = json!({ "items": [{ "id": "1", "name": "a b" }, { "id": "2", "open": true }] });
        assert_eq!(lines(&list), "id=1 name=a b\nid=2 open=true\n");
        assert_eq!(lines(&json!({ "id": "7", "key": "nx" })), "id=7 key=nx\n");
        assert_eq!(lines(&parse(b"").unwrap()), "done\n");
        assert_eq!(lines(&json!({ "items": [] })), "");
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
