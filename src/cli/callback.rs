//! `nexnum callback`: callbacks that a running server could not process, or has refused.

use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::json;

use super::admin;
use super::error::CliError;

/// Callbacks.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: admin::Server,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the callbacks that are kept, newest first.
    List {
        /// Those that could not be processed, those that were refused, or those that wait.
        #[arg(long, value_enum, default_value = "failed")]
        state: State,
        /// How many at most.
        #[arg(long, value_name = "N", default_value_t = 50,
            value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Where the page begins: `next_cursor` of the page before.
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<u64>,
    },
    /// Process a callback again.
    Process {
        /// The callback's id, as `nexnum callback list` shows it.
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,
        /// The service that the message is for, by slug or short code, where it names none.
        #[arg(long, value_name = "SERVICE")]
        service: Option<String>,
        /// The message may be for an order that was placed after it came.
        #[arg(long)]
        later_order: bool,
    },
    /// Throw callbacks away: their messages are lost.
    Discard {
        /// Their ids, as `nexnum callback list` shows them.
        #[arg(required = true, value_parser = clap::value_parser!(u64).range(1..))]
        ids: Vec<u64>,
    },
}

/// Which callbacks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Failed,
    Refused,
    Waiting,
}

pub(super) fn run(args: Args) -> Result<(), CliError> {
    let Args { server, action } = args;
    match action {
        Action::List { state, limit, cursor } => {
            let state = match state {
                State::Failed => "failed",
                State::Refused => "refused",
                State::Waiting => "waiting",
            };
            let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let path = format!("callbacks?state={state}&limit={limit}{cursor}");
            server.ask(Method::GET, &path, None)
        }
        Action::Process { id, service, later_order } => {
            let body = json!({ "service": service, "later_order": later_order });
            server.ask(Method::POST, &format!("callbacks/{id}/process"), Some(body))
        }
        Action::Discard { ids } => {
            let discard = |id| server.ask(Method::DELETE, &format!("callbacks/{id}"), None);
            ids.into_iter().try_for_each(discard)
        }
    }
}
