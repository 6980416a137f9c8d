//! `nexnum demo`: a whole market on this machine.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::CliError;

/// What the demo may be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the server listens; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The data folder; made if there is none.
    #[arg(long, value_name = "DIR", default_value = "./nexnum-demo")]
    pub data: PathBuf,
    /// What the simulated market grows from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How long a message takes, in milliseconds.
    #[arg(long, value_name = "MIN..MAX", default_value = "2000..20000", value_parser = delays)]
    pub sms_delay_ms: RangeInclusive<u64>,
    /// From when on a number may be cancelled, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub min_cancel_age: u64,
    /// The share of provider calls that go wrong, 0 to 1.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub faults: f64,
}

fn delays(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |part: &str| part.trim_start_matches('=').parse::<u64>().ok();
    let (least, most) = text.split_once("..").ok_or("is not MIN..MAX")?;
    match (number(least), number(most)) {
        (Some(least), Some(most)) if least <= most => Ok(least..=most),
        (Some(_), Some(_)) => Err("begins after its end".to_owned()),
        (None, _) | (_, None) => Err("is not MIN..MAX in whole milliseconds".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("is not a share from 0 to 1".to_owned()),
    }
}

/// Runs the demo until it is stopped.
///
/// # Errors
/// What kept it from running.
pub fn run(args: Args) -> Result<(), CliError> {
    drop(args);
    Err(CliError::Refused("the demo is not part of this build".to_owned()))
}
