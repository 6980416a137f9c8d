//! `nexnum init`: a new data folder.

use std::path::PathBuf;

use serde_json::json;

use super::{CliError, say};
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
    if args.json {
        let config = folder::config_path(&created.folder);
        say(json!({ "data_dir": args.dir, "config": config, "admin_key": key }));
        return Ok(());
    }
    say(format_args!("Created the data folder {dir}."));
    say(format_args!("Admin key (it cannot be shown again): {key}"));
    say(format_args!("Keep a copy of {} elsewhere:", created.folder.master_key().display()));
    say("without it the stored keys of providers cannot be read.");
    say(format_args!(
        "Next: nexnum serve --config {}",
        folder::config_path(&created.folder).display()
    ));
    Ok(())
}
