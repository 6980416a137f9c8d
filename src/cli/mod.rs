//! The command line: what each command takes, prints, and ends with.
//!
//! Exit codes: 0 done; 1 refused or failed, with one line on standard error that says why;
//! 2 wrong usage, or with `serve --check-config` a provider that the server would start
//! without; 3 the data folder is damaged.

// They panic where the reader went away: `say`, `show` and `note` do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod bench;
mod callback;
pub mod demo;
mod drivers;
mod error;
mod init;
pub mod load;
mod message;
mod print;
mod provider;
mod receipt;
mod remote;
mod search;
pub mod serve;
mod values;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;
use print::note;

/// An engine for a business of virtual phone numbers.
#[derive(Debug, Parser)]
#[command(name = "nexnum", version, about, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage or (serve --check-config) a provider \
     that the server would start without, 3 damage found";

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
    /// List the callbacks that could not be processed, and process them again.
    Callback(callback::Args),
    /// List what needs the operator's attention on a running server, and settle what has been
    /// dealt with.
    Attention(admin::AttentionArgs),
    /// Accept what the machine's clock shows after it jumped.
    Clock(admin::ClockArgs),
    /// Search a running server for countries and services, with their best price and stock.
    Search(search::Args),
    /// Check a receipt of an order with the roots of the days alone; print receipts and roots.
    Receipt(receipt::Args),
    /// Try what NexNum reads in messages: find the codes in texts from standard input.
    Message(message::Args),
    /// Check a data folder: hash chain, replay, audit, snapshots, history. Writes nothing.
    Verify(verify::Args),
    /// Measure a server under load.
    Bench(bench::Args),
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // One provider of TLS for everything below; a second installation changes nothing.
    let _again = rustls::crypto::ring::default_provider().install_default();
    match cli.command.run() {
        Ok(()) => match print::lost() {
            None => ExitCode::SUCCESS,
            Some(error) => {
                note(format_args!("nexnum: done, but standard output cannot be written: {error}"));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            note(format_args!("nexnum: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
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
            Self::Callback(args) => callback::run(args),
            Self::Attention(args) => admin::attention(&args),
            Self::Clock(args) => admin::clock(&args),
            Self::Search(args) => search::run(&args),
            Self::Receipt(args) => receipt::run(&args),
            Self::Message(args) => message::run(&args),
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
                    --sms-delay-ms 100..900 --min-cancel-age 3 --faults 0.05 --buyers 32 --quiet --json";
        let Command::Demo(args) = parse(told).unwrap().command else { panic!("not the demo") };
        assert_eq!((args.seed, args.sms_delay_ms, args.min_cancel_age), (7, 100..=900, 3));
        for wrong in [
            "--sms-delay-ms 9..1",
            "--sms-delay-ms 5",
            "--faults 1.5",
            "--faults NaN",
            "--buyers 257",
        ] {
            assert!(parse(&format!("nexnum demo {wrong}")).is_err(), "{wrong}");
        }
    }
}
