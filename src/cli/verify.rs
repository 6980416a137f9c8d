//! `nexnum verify`: a data folder proven, or the place where it breaks.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nexnum_engine::ids::Seq;
use serde_json::{Value, json};

use super::CliError;
use crate::verify::{Finding, Proof, verify};

/// What `verify` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The data folder.
    dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let bar = bar();
    let verified = verify(&args.dir, |progress| {
        bar.set_length(progress.total.0);
        bar.set_position(progress.done.0);
    });
    bar.finish_and_clear();
    match verified {
        Ok(proof) => {
            let shown = if args.json { sound(&proof).to_string() } else { words(&proof) };
            println!("{shown}");
            Ok(())
        }
        Err(Finding::Unreadable(error)) => Err(error.into()),
        Err(Finding::Damage { seq, reason }) => {
            let seq = seq.map(|Seq(seq)| seq);
            let found = json!({ "ok": false, "seq": seq, "error": reason });
            println!("{}", if args.json { found.to_string() } else { reason });
            Err(CliError::Damaged)
        }
    }
}

/// On a terminal, events done of all; elsewhere nothing.
fn bar() -> ProgressBar {
    let style = "{bar:40} {human_pos}/{human_len} events, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    let bar = ProgressBar::new(0).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn sound(proof: &Proof) -> Value {
    let snapshots: Vec<u64> = proof.snapshots.iter().map(|seq| seq.0).collect();
    json!({
        "ok": true,
        "ledger": proof.ledger.to_string(),
        "events": proof.end.seq.0,
        "rows": proof.rows,
        "hash": proof.end.hash.to_string(),
        "state_hash": proof.state_hash.to_string(),
        "audits": proof.audits,
        "snapshots": snapshots,
        "history": proof.history.map(|Seq(seq)| seq),
    })
}

fn words(proof: &Proof) -> String {
    let Proof { ledger, end, rows, state_hash, audits, snapshots, history } = proof;
    let (events, hash, compared) = (end.seq, end.hash, snapshots.len());
    let history = history.map_or("not looked at".to_owned(), |seq| format!("follows up to {seq}"));
    format!(
        "sound: ledger {ledger}, {events} events in {rows} rows\n\
         chain      {hash}\n\
         state      {state_hash}, audited {audits} times\n\
         snapshots  {compared} equal to the replay\n\
         history    {history}"
    )
}
