//! `nexnum verify`: a data folder proven, or the place where it breaks.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nexnum_engine::ids::Seq;
use serde_json::{Value, json};

use super::error::CliError;
use super::print::say;
use crate::market::verify::{Finding, Followed, Proof, verify};

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
            say(shown);
            Ok(())
        }
        Err(Finding::Unreadable(error)) => Err(error.into()),
        Err(Finding::Damage { seq, reason }) => {
            let seq = seq.map(|Seq(seq)| seq);
            let found = json!({ "ok": false, "seq": seq, "error": reason });
            say(if args.json { found.to_string() } else { reason });
            Err(CliError::Damaged)
        }
    }
}

/// On a terminal, records done of all; elsewhere nothing.
fn bar() -> ProgressBar {
    let style = "{bar:40} {human_pos}/{human_len} records, {per_sec}, {eta} left";
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
        "records": proof.end.seq.0,
        "rows": proof.rows,
        "hash": proof.end.hash.to_string(),
        "state_hash": proof.state_hash.to_string(),
        "audits": proof.audits,
        "days_closed": proof.days,
        "snapshots": snapshots,
        "tip_passed_over": proof.tip_passed_over,
        "secrets": proof.secrets,
        "sealing_keys": proof.sealing_keys.living,
        "sealing_keys_left_over": proof.sealing_keys.left_over,
        "history": match proof.history {
            Followed::To(Seq(seq)) => Some(seq),
            Followed::Absent => None,
        },
        "history_state": followed(proof.history),
    })
}

fn words(proof: &Proof) -> String {
    let Proof { ledger, end, rows, state_hash, audits, days, snapshots, sealing_keys, .. } = proof;
    let (records, hash, compared) = (end.seq, end.hash, snapshots.len());
    let living = sealing_keys.living;
    let history = followed(proof.history);
    let secrets = match proof.secrets {
        Some(count) => format!("opened with the master key: {count}"),
        None => "not opened: the master key is not in the folder".to_owned(),
    };
    let keys = match sealing_keys.left_over {
        0 => String::new(),
        left => format!("; that do not, which the next start destroys: {left}"),
    };
    let tip = match &proof.tip_passed_over {
        Some(reason) => format!("\ntip        not used: {reason}"),
        None => String::new(),
    };
    format!(
        "no damage found: ledger {ledger}, {records} records in {rows} rows\n\
         last hash  {hash}\n\
         state      hash {state_hash}; audits passed: {audits}\n\
         days       closed by the root of their rows, all right: {days}\n\
         snapshots  compared with the replay, all equal: {compared}\n\
         secrets    {secrets}\n\
         keys       that live and have their files: {living}{keys}\n\
         history    {history}{tip}"
    )
}

fn followed(history: Followed) -> String {
    match history {
        Followed::To(seq) => format!("complete up to record {seq}"),
        Followed::Absent => "absent: the next start builds it from the ledger".to_owned(),
    }
}
