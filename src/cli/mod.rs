//! The command line: what each command takes, prints, and ends with.
//!
//! Exit codes: 0 done; 1 refused or failed, with one line on standard error that says why;
//! 2 wrong usage; 3 the data folder is damaged.

// They panic where the reader went away: `say`, `show` and `note` do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod bench;
pub mod demo;
mod init;
pub mod load;
mod provider;
mod remote;
mod search;
pub mod serve;
mod values;
mod verify;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::load::BenchError;
use crate::market::folder::BootError;
use crate::server::config::ConfigError;

/// An engine for a business of virtual phone numbers.
#[derive(Debug, Parser)]
#[command(name = "nexnum", version, about, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_DAMAGED: u8 = 3;
const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 damage found";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole market on this machine, with simulated providers.
    Demo(demo::DemoArgs),
    /// Make a data folder and print its first admin key.
    Init(init::Args),
    /// Run the server on a data folder.
    Serve(serve::ServeArgs),
    /// Open and list customers' accounts.
    Account(admin::AccountArgs),
    /// Issue and revoke API keys.
    Key(admin::KeyArgs),
    /// Credit an account. A repeat with the same reference credits nothing.
    Deposit(admin::DepositArgs),
    /// List and sync providers, set their keys.
    Provider(provider::Args),
    /// Search a running server for countries and services, with their best price and stock.
    Search(search::Args),
    /// Check a data folder: hash chain, replay, audit, snapshots, history. Writes nothing.
    Verify(verify::Args),
    /// Measure a server under load.
    Bench(bench::Args),
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Refused, or failed, in words.
    #[error("{0}")]
    Refused(String),
    /// The data folder could not be made or opened.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The configuration is not one.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The running server refused or was not reached.
    #[error(transparent)]
    Remote(#[from] remote::RemoteError),
    /// A bench could not be run.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Damage was found and has been reported.
    #[error("the data folder is damaged")]
    Damaged,
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Boot(error) if error.is_damage() => EXIT_DAMAGED,
            Self::Refused(_)
            | Self::Boot(_)
            | Self::Config(_)
            | Self::Remote(_)
            | Self::Bench(_) => 1,
            Self::Damaged => EXIT_DAMAGED,
        }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // One provider of TLS for everything below; a second installation changes nothing.
    let _again = rustls::crypto::ring::default_provider().install_default();
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("nexnum: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints a line.
fn say(line: impl Display) {
    show(format_args!("{line}\n"));
}

/// Prints a text as it is. A reader that went away, as `head` does, is no failure of ours.
fn show(text: impl Display) {
    let _gone = write!(std::io::stdout(), "{text}");
}

/// Prints a line on standard error, under the same rule.
fn note(line: impl Display) {
    let _gone = writeln!(std::io::stderr(), "{line}");
}

impl Command {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::Demo(args) => demo::run(args),
            Self::Init(args) => init::run(&args),
            Self::Serve(args) => serve::run(&args),
            Self::Account(args) => admin::account(args),
            Self::Key(args) => admin::key(args),
            Self::Deposit(args) => admin::deposit(args),
            Self::Provider(args) => provider::run(args),
            Self::Search(args) => search::run(&args),
            Self::Verify(args) => verify::run(&args),
            Self::Bench(args) => bench::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_key_is_made_for_an_account_or_for_an_operator() {
        for good in ["--account 7", "--admin --data x"] {
            assert!(Cli::try_parse_from(format!("nexnum key create {good}").split(' ')).is_ok());
        }
        for wrong in ["--admin", "--data x", "--account 7 --data x", "--account 7 --admin --data x"]
        {
            let parsed = Cli::try_parse_from(format!("nexnum key create {wrong}").split(' '));
            assert!(parsed.is_err(), "{wrong}");
        }
        assert!(Cli::try_parse_from(["nexnum", "key", "create"]).is_err());
    }

    #[test]
    fn a_value_outside_the_range_that_the_help_states_is_wrong_usage() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' '));
        let deposit = "nexnum deposit 7 --reference r";
        for good in ["nexnum search tg --limit 1", "nexnum search tg --limit 50"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        assert!(parse(&format!("{deposit} 12.50")).is_ok());
        for limit in ["0", "51", "-1", "x"] {
            assert!(parse(&format!("nexnum search tg --limit {limit}")).is_err(), "{limit}");
        }
        for amount in ["0", "-1", "1,5", "1.2345678"] {
            assert!(parse(&format!("{deposit} {amount}")).is_err(), "{amount}");
        }
    }

    #[test]
    fn the_demo_takes_what_its_users_were_told() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' '));
        let told = "nexnum demo --listen 127.0.0.1:0 --data /tmp/x --seed 7 \
                    --sms-delay-ms 100..900 --min-cancel-age 3 --faults 0.05";
        let Command::Demo(args) = parse(told).unwrap().command else { panic!("not the demo") };
        assert_eq!((args.seed, args.sms_delay_ms, args.min_cancel_age), (7, 100..=900, 3));
        for wrong in ["--sms-delay-ms 9..1", "--sms-delay-ms 5", "--faults 1.5", "--faults NaN"] {
            assert!(parse(&format!("nexnum demo {wrong}")).is_err(), "{wrong}");
        }
    }
}
