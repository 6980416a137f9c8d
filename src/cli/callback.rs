//! `nexnum callback`: callbacks that a running server could not process, or has refused.

use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::admin;
use super::error::CliError;
use super::print::note;
use super::remote::RemoteError;

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
    /// Process callbacks again. One that is refused is named, and the others are dealt with.
    Process {
        /// Their ids, as `nexnum callback list` shows them.
        #[arg(required = true, value_parser = clap::value_parser!(u64).range(1..))]
        ids: Vec<u64>,
        /// The service that the messages are for, by slug or short code; one that names another is refused.
        #[arg(long, value_name = "SERVICE")]
        service: Option<String>,
        /// A message may be for an order that was placed after it came.
        #[arg(long)]
        later_order: bool,
    },
    /// Throw callbacks away: their messages are lost. One that is refused is named, and the others
    /// are dealt with.
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
        Action::Process { ids, service, later_order } => {
            let body = json!({ "service": service, "later_order": later_order });
            each(&server, &ids, |id| {
                let path = format!("callbacks/{id}/process");
                server.request(Method::POST, &path, Some(body.clone()))
            })
        }
        Action::Discard { ids } => each(&server, &ids, |id| {
            let discarded = server.request(Method::DELETE, &format!("callbacks/{id}"), None)?;
            let told = json!({ "status": "discarded" });
            Ok(if ids.len() > 1 { told } else { discarded })
        }),
    }
}

/// Asks for each callback, and goes on behind one that is refused, which is named. Of several
/// each answer has its id.
fn each(
    server: &admin::Server,
    ids: &[u64],
    ask: impl Fn(u64) -> Result<Value, RemoteError>,
) -> Result<(), CliError> {
    let mut refused = 0_usize;
    for id in ids {
        match ask(*id) {
            Ok(mut answer) => {
                if let Some(fields) = answer.as_object_mut().filter(|_| ids.len() > 1) {
                    fields.insert("id".to_owned(), json!(id.to_string()));
                }
                server.print(&answer);
            }
            Err(error) if ids.len() > 1 && error.is_of_one() => {
                refused += 1;
                note(format_args!("nexnum: callback {id}: {error}"));
            }
            Err(error) => return Err(CliError::failed(&format!("callback {id}"), &error)),
        }
    }
    match refused {
        0 => Ok(()),
        some => Err(CliError::Refused(format!("{some} of {} were refused", ids.len()))),
    }
}
