//! `nexnum init`: a new data folder.

use std::path::PathBuf;

use serde_json::json;

use super::error::CliError;
use super::print::{say, say_once};
use crate::market::folder;

/// What `init` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to create; a folder that exists must be empty.
    dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let created = folder::init(&args.dir)?;
    let (dir, key) = (args.dir.display(), created.admin_key.reveal());
    let lost = |error| {
        CliError::Refused(format!(
            "the folder is made, but its admin key could not be printed ({error}): \
             `nexnum key create --admin --data {dir}` prints another"
        ))
    };
    if args.json {
        let config = folder::config_path(&created.folder);
        let told = say_once(json!({ "data_dir": args.dir, "config": config, "admin_key": key }));
        return told.map_err(lost);
    }
    say(format_args!("Created the data folder {dir}."));
    say_once(format_args!("Admin key (it cannot be shown again): {key}")).map_err(lost)?;
    say(format_args!("Keep a copy of {} elsewhere:", created.folder.master_key().display()));
    say("without it the stored keys of providers cannot be read.");
    say(format_args!(
        "Next: nexnum serve --config {}",
        folder::config_path(&created.folder).display()
    ));
    Ok(())
}
