//! `nexnum message`: what NexNum reads in messages, tried on texts from standard input.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};

use clap::Subcommand;
use serde::Deserialize;

use super::error::CliError;
use super::print::show;
use crate::message::extract::extract;

/// Bytes of a line: more than the longest message has when it is written as JSON.
const LINE_LEN_MAX: u64 = 256 * 1024;
/// Bytes of results that are kept back while more lines are at hand.
const HELD_BACK_MAX: usize = 64 * 1024;

/// Messages.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Find the codes in messages. Each line of standard input is a JSON object,
    /// `{"text","sender"?}`; for each a line is printed, `{"code","confidence"}`: the code, or
    /// null where none is sure, and how sure it is, from 0 to 1.
    Extract,
}

/// A line of input; fields beside these are passed over.
#[derive(Deserialize)]
struct Line {
    text: String,
    #[serde(default)]
    sender: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    match args.action {
        Action::Extract => extract_lines(&mut BufReader::new(io::stdin().lock())),
    }
}

/// Reads lines to the end. Results are printed as soon as no further line is at hand.
fn extract_lines(input: &mut BufReader<impl Read>) -> Result<(), CliError> {
    let (mut line, mut found) = (Vec::new(), String::new());
    for number in 1_u64.. {
        line.clear();
        let read = input.by_ref().take(LINE_LEN_MAX + 1).read_until(b'\n', &mut line);
        let answer = match read {
            Ok(0) => break,
            Ok(_) if line.len() as u64 > LINE_LEN_MAX => {
                Err(CliError::Refused(format!("line {number}: above {LINE_LEN_MAX} bytes")))
            }
            Ok(_) if line.trim_ascii().is_empty() => continue,
            Ok(_) => {
                answer(&line).map_err(|why| CliError::Refused(format!("line {number}: {why}")))
            }
            Err(error) => Err(CliError::failed("standard input cannot be read", &error)),
        };
        match answer {
            Ok(answer) => found.push_str(&answer),
            // What was asked before is answered.
            Err(error) => {
                show(&found);
                return Err(error);
            }
        }
        if found.len() > HELD_BACK_MAX || !input.buffer().contains(&b'\n') {
            show(&found);
            found.clear();
        }
    }
    show(&found);
    Ok(())
}

fn answer(line: &[u8]) -> Result<String, String> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let line: Line = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." => error.inner().to_string(),
            field => format!("{field}: {}", error.inner()),
        }
    })?;
    json.end().map_err(|error| error.to_string())?;
    let found = extract(&line.text, line.sender.as_deref().unwrap_or_default());
    let mut answer = String::new();
    // A code has digits and capitals only: nothing in it is escaped.
    let written = match found {
        Some(found) => {
            let percent = found.confidence;
            writeln!(answer, r#"{{"code":"{}","confidence":0.{percent:02}}}"#, found.code)
        }
        None => writeln!(answer, r#"{{"code":null,"confidence":0}}"#),
    };
    written.expect("a string takes all that is written");
    Ok(answer)
}
