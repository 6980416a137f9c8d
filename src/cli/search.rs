//! `nexnum search`: a search on a running server, as a customer.

use super::error::CliError;
use super::remote::{self, RemoteError};
use super::values;
use crate::market::search::HITS_MAX;

/// Names the key where `--key` does not: arguments are seen by every process.
pub(super) const KEY_ENV: &str = "NEXNUM_KEY";
/// There is no key of a customer.
pub(super) const NO_KEY: RemoteError =
    RemoteError::NoKey { what: "a customer's API key", option: "--key", variable: KEY_ENV };

// What the help says.
const _: () = assert!(HITS_MAX == 50);

/// What is looked for, and as which customer.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
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
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(1..=HITS_MAX as u64))]
    limit: Option<u32>,
    /// Print the server's JSON as it is.
    #[arg(long)]
    json: bool,
}

/// Searches as a customer, with the customer's key.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let key = remote::given(args.key.as_deref(), KEY_ENV).ok_or(NO_KEY)?;
    let limit = args.limit.map(|limit| ("limit", limit.to_string()));
    let query: Vec<_> = [("q", args.query.join(" "))].into_iter().chain(limit).collect();
    let found = remote::ask(args.url.as_deref(), "/api/v1/search", &key, |client, url| {
        client.get(url).query(&query)
    })?;
    remote::print(&found, args.json);
    Ok(())
}
