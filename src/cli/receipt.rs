//! `nexnum receipt`: what proves an order, and its check by a stranger.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Deserialize;
use serde_json::Value;

use super::error::CliError;
use super::print::say;
use super::remote;
use super::search::{KEY_ENV, NO_KEY};
use crate::json;
use crate::market::receipt::{DayRootPage, OrderReceipt, prove};

/// Bytes of a document that is read: a receipt has two megabytes at most, the roots of a century three.
const DOCUMENT_LEN_MAX: u64 = 16 << 20;

/// What `receipt` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a receipt with the roots of the days alone: no server, no key, no data folder.
    Verify {
        /// The roots of the days, as `nexnum receipt day-roots` prints them.
        #[arg(long, value_name = "FILE")]
        roots: PathBuf,
        /// The receipt; standard input where it is left out.
        receipt: Option<PathBuf>,
    },
    /// Print an order's receipt, as its buyer.
    Get {
        /// The order's id.
        order: String,
        /// The server's address [default: the variable NEXNUM_URL, or http://127.0.0.1:8080].
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// The customer's key [default: the variable NEXNUM_KEY].
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Print the roots of all closed days. No key is needed.
    DayRoots {
        /// The server's address [default: the variable NEXNUM_URL, or http://127.0.0.1:8080].
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
}

/// Does it.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    match &args.action {
        Action::Verify { roots, receipt } => verify(roots, receipt.as_deref()),
        Action::Get { order, url, key } => {
            let key = remote::given(key.as_deref(), KEY_ENV).ok_or(NO_KEY)?;
            let path = format!("/api/v1/orders/{}/receipt", remote::percent_encoded(order));
            let ask = |client: &reqwest::Client, url: &str| client.get(url);
            say(remote::ask(url.as_deref(), &path, &key, ask)?);
            Ok(())
        }
        Action::DayRoots { url } => day_roots(url.as_deref()),
    }
}

fn verify(roots: &Path, receipt: Option<&Path>) -> Result<(), CliError> {
    let roots: DayRootPage = read(Some(roots), "the roots")?;
    let receipt: OrderReceipt = read(receipt, "the receipt")?;
    prove(&receipt, &roots, say)
        .map_err(|unproven| CliError::Refused(format!("NOT PROVEN: {unproven}")))?;
    let records: usize = receipt.rows.iter().map(|row| row.records.len()).sum();
    let (order, ledger) = (receipt.order, &receipt.ledger);
    say(format_args!("PROVEN: {records} records of order {order} stand in ledger {ledger}"));
    Ok(())
}

/// Reads a document from a file, or from standard input.
fn read<T: for<'a> Deserialize<'a>>(path: Option<&Path>, what: &str) -> Result<T, CliError> {
    let place = path.map_or("standard input".to_owned(), |path| path.display().to_string());
    let cannot = |error: io::Error| CliError::failed(&format!("{place} cannot be read"), &error);
    let mut bytes = Vec::new();
    match path {
        Some(path) => File::open(path)
            .and_then(|file| file.take(DOCUMENT_LEN_MAX + 1).read_to_end(&mut bytes)),
        None => io::stdin().take(DOCUMENT_LEN_MAX + 1).read_to_end(&mut bytes),
    }
    .map_err(cannot)?;
    if bytes.len() as u64 > DOCUMENT_LEN_MAX {
        return Err(CliError::Refused(format!("{place} is above {DOCUMENT_LEN_MAX} bytes")));
    }
    json::decode(&bytes).map_err(|fault| {
        let field =
            if fault.field.is_empty() { String::new() } else { format!("{} ", fault.field) };
        CliError::Refused(format!("{place} is not {what}: {field}{}", fault.detail))
    })
}

/// All pages as one.
fn day_roots(url: Option<&str>) -> Result<(), CliError> {
    let (mut all, mut cursor): (Option<DayRootPage>, Option<String>) = (None, None);
    loop {
        let query: Vec<_> = [("limit", "100".to_owned())]
            .into_iter()
            .chain(cursor.take().map(|cursor| ("cursor", cursor)))
            .collect();
        let ask = |client: &reqwest::Client, url: &str| client.get(url).query(&query);
        let answer: Value = remote::ask_openly(url, "/api/v1/day-roots", ask)?;
        let page: DayRootPage = serde_json::from_value(answer)
            .map_err(|error| CliError::failed("the server's list is not one of roots", &error))?;
        cursor.clone_from(&page.next_cursor);
        match &mut all {
            None => all = Some(page),
            Some(all) => {
                all.day_roots.extend(page.day_roots);
                all.next_cursor = page.next_cursor;
            }
        }
        if cursor.is_none() {
            break;
        }
    }
    let text = serde_json::to_string(&all).expect("texts and numbers are JSON");
    say(text);
    Ok(())
}
