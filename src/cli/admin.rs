//! Commands that ask a running server through its admin API, as an operator.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::error::CliError;
use super::print::note;
use super::remote::{self, RemoteError};
use super::values;
use crate::market::folder;

/// Names the key where `--admin-key` does not: arguments are seen by every process.
const KEY_ENV: &str = "NEXNUM_ADMIN_KEY";
const NO_KEY: RemoteError =
    RemoteError::NoKey { what: "an admin key", option: "--admin-key", variable: KEY_ENV };

/// Accounts in one answer, as the API's description says.
const ACCOUNTS_MAX: usize = 10_000;

/// Which server, as whom, and how to print.
#[derive(Clone, Debug, Args)]
pub(super) struct Server {
    /// The server's address [default: the variable NEXNUM_URL, or http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// An admin key [default: the variable NEXNUM_ADMIN_KEY].
    #[arg(long, value_name = "KEY", global = true)]
    admin_key: Option<String>,
    /// Why you do this; it is kept in the ledger, sealed, with what the command changes.
    #[arg(long, value_name = "TEXT", global = true)]
    reason: Option<String>,
    /// Print the server's JSON as it is.
    #[arg(long, global = true)]
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
    /// List the accounts, oldest first; at most 10,000 are shown.
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
        /// Accept what the machine's clock shows, as `nexnum serve --accept-clock` does.
        #[arg(long, requires = "data")]
        accept_clock: bool,
    },
    /// Revoke a key: requests with it are refused from then on.
    Revoke {
        /// The key's id.
        #[arg(value_parser = values::id)]
        id: u32,
    },
}

/// What needs attention.
#[derive(Debug, Args)]
pub(super) struct AttentionArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: Option<AttentionAction>,
}

#[derive(Debug, Subcommand)]
enum AttentionAction {
    /// Take what happened and has been dealt with off the list. A row whose cause lasts stays.
    Settle {
        /// The kind of the row.
        kind: String,
        /// The provider that the rows are about; of any where it is left out.
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// The order that the rows are about, by its number or its id; of any where it is left out.
        #[arg(long, value_name = "ID")]
        order: Option<String>,
    },
}

/// The clock.
#[derive(Debug, Args)]
pub(super) struct ClockArgs {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    action: ClockAction,
}

#[derive(Debug, Subcommand)]
enum ClockAction {
    /// Accept what the machine's clock shows since it jumped: the ledger's time goes there at once,
    /// or slowly if that is back.
    Accept,
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
    #[arg(allow_negative_numbers = true, value_parser = values::amount)]
    amount: String,
    #[command(flatten)]
    payment: PaymentArgs,
}

/// What is said of a payment beside its amount.
#[derive(Debug, Args)]
pub(super) struct PaymentArgs {
    /// Your reference of the payment; a repeat of it changes nothing.
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// The way that the payment took, as you call it [default: manual].
    #[arg(long, value_name = "NAME")]
    rail: Option<String>,
    /// What was paid in another currency.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    paid: Option<String>,
    /// That currency, as EUR.
    #[arg(long, value_name = "CODE", requires = "rate")]
    currency: Option<String>,
    /// How much of the ledger's currency one unit of it was taken for.
    #[arg(long, value_name = "RATE", requires = "paid")]
    rate: Option<String>,
}

impl PaymentArgs {
    /// The payment as the API takes it.
    pub(super) fn body(self, amount: String) -> Value {
        let Self { reference, rail, paid, currency, rate } = self;
        let mut body = json!({ "amount": amount, "reference": reference });
        if let Some(rail) = rail {
            body["rail"] = rail.into();
        }
        if let Some(paid) = paid {
            body["paid"] = json!({ "amount": paid, "currency": currency, "rate": rate });
        }
        body
    }
}

pub(super) fn account(args: AccountArgs) -> Result<(), CliError> {
    let AccountArgs { server, action } = args;
    match action {
        AccountAction::List => {
            let answer = server.request(Method::GET, "accounts", None)?;
            server.print(&answer);
            if is_cut(&answer) {
                note(format_args!(
                    "nexnum: the list is cut at {ACCOUNTS_MAX} accounts: newer ones, if there are \
                     any, are not shown"
                ));
            }
            Ok(())
        }
        AccountAction::Create { name, credit_limit } => {
            let mut body = json!({ "name": name });
            if let Some(limit) = credit_limit {
                body["credit_limit"] = limit.into();
            }
            server.ask(Method::POST, "accounts", Some(body))
        }
    }
}

/// Whether a list of accounts is as long as the server makes one.
fn is_cut(answer: &Value) -> bool {
    answer["accounts"].as_array().is_some_and(|accounts| accounts.len() >= ACCOUNTS_MAX)
}

pub(super) fn key(args: KeyArgs) -> Result<(), CliError> {
    let KeyArgs { server, action } = args;
    match action {
        KeyAction::Create { data: Some(dir), accept_clock, .. } => {
            let mut opened = folder::open(&dir, |_| {})?;
            opened.accepts_clock = accept_clock;
            let key = folder::issue_admin_key(opened)?;
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
    let DepositArgs { server, account, amount, payment } = args;
    server.ask(Method::POST, &format!("accounts/{account}/deposits"), Some(payment.body(amount)))
}

/// Prints a line for each condition; without one says so, since an empty answer could be taken
/// for a failure.
pub(super) fn attention(args: &AttentionArgs) -> Result<(), CliError> {
    if let Some(AttentionAction::Settle { kind, provider, order }) = &args.action {
        let body = json!({ "kind": kind, "provider": provider, "order": order });
        return args.server.ask(Method::POST, "attention/settle", Some(body));
    }
    let answer = args.server.request(Method::GET, "attention", None)?;
    args.server.print(&answer);
    let left_out = answer["left_out"].as_u64().unwrap_or(0);
    if left_out > 0 {
        note(format_args!("nexnum: {left_out} more are not shown"));
    } else if answer["rows"].as_array().is_some_and(Vec::is_empty) {
        note("nexnum: nothing needs attention");
    }
    Ok(())
}

pub(super) fn clock(args: &ClockArgs) -> Result<(), CliError> {
    let ClockAction::Accept = args.action;
    let answer = args.server.request(Method::POST, "clock/accept", None)?;
    if args.server.json {
        args.server.print(&answer);
    } else if answer["accepted"].is_null() {
        note("nexnum: the machine's clock has not jumped: there is nothing to accept");
    } else {
        args.server.print(&answer["accepted"]);
    }
    Ok(())
}

impl Server {
    /// Whether JSON is to be printed.
    pub(super) const fn prints_json(&self) -> bool {
        self.json
    }

    /// Where the server is said to be.
    pub(super) fn address(&self) -> Option<String> {
        remote::told_address(self.url.as_deref())
    }

    /// Where it is asked.
    pub(super) fn asked_address(&self) -> String {
        remote::asked_address(self.url.as_deref())
    }

    /// Sends one request and prints the answer.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(), CliError> {
        let answer = self.request(method, path, body)?;
        self.print(&answer);
        Ok(())
    }

    /// Sends one request and gives the answer.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, RemoteError> {
        let key = remote::given(self.admin_key.as_deref(), KEY_ENV).ok_or(NO_KEY)?;
        let path = format!("/api/admin/{path}");
        remote::ask(self.url.as_deref(), &path, &key, |client, url| {
            let request = client.request(method, url);
            let reason = self.reason.as_deref().map(remote::percent_encoded);
            let request = reason.into_iter().fold(request, |it, text| it.header("x-reason", text));
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        })
    }

    /// Prints an answer as the command line says.
    pub(super) fn print(&self, answer: &Value) {
        remote::print(answer, self.json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_accounts_is_cut_when_it_is_as_long_as_the_server_makes_one() {
        let list = |len| json!({ "accounts": vec![json!({ "id": "1" }); len] });
        assert!(!is_cut(&list(ACCOUNTS_MAX - 1)));
        assert!(is_cut(&list(ACCOUNTS_MAX)));
        assert!(!is_cut(&json!({})));
    }
}
