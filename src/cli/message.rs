//! `nexnum message`: what NexNum reads in messages, tried on texts from standard input.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};

use clap::Subcommand;
use nexnum_driver::mended;
use serde::Deserialize;
use serde_json::json;

use super::error::CliError;
use super::print::show;
use crate::json::{self, JsonFault, JsonFaultKind};
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
    /// null where none is sure, and how sure it is, from 0 to 1. For a line that is no such object
    /// it is `{"line","error"}`, and the command fails once all lines are answered. Empty lines
    /// are passed over.
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

/// Reads lines to the end, and goes on behind one that is no message. Results are printed as
/// soon as no further line is at hand.
fn extract_lines(input: &mut BufReader<impl Read>) -> Result<(), CliError> {
    let (mut line, mut found) = (Vec::new(), String::new());
    let (mut lines, mut bad, mut first) = (0_u64, 0_u64, None);
    for number in 1_u64.. {
        let answer = match next_line(input, &mut line) {
            Ok(Next::End) => break,
            Ok(Next::Line) if line.trim_ascii().is_empty() => continue,
            Ok(Next::Line) => answer(&line),
            Ok(Next::TooLong) => Err(format!("above {LINE_LEN_MAX} bytes")),
            Err(error) => {
                // What was asked before is answered.
                show(&found);
                return Err(CliError::failed("standard input cannot be read", &error));
            }
        };
        lines += 1;
        match answer {
            Ok(answer) => found.push_str(&answer),
            Err(why) => {
                bad += 1;
                found.push_str(&format!("{}\n", json!({ "line": number, "error": why })));
                first.get_or_insert_with(|| format!("line {number}: {why}"));
            }
        }
        if found.len() > HELD_BACK_MAX || !input.buffer().contains(&b'\n') {
            show(&found);
            found.clear();
        }
    }
    show(&found);
    let told = |first| format!("{first} ({bad} of {lines} lines could not be read)");
    first.map_or(Ok(()), |first| Err(CliError::Refused(told(first))))
}

/// What was read.
enum Next {
    Line,
    /// It is left out to its end.
    TooLong,
    End,
}

/// Reads a line into `line`, at most so much of it as a message may have.
fn next_line(input: &mut BufReader<impl Read>, line: &mut Vec<u8>) -> io::Result<Next> {
    line.clear();
    let mut whole = true;
    loop {
        let read = input.by_ref().take(LINE_LEN_MAX + 1).read_until(b'\n', line)?;
        if read as u64 > LINE_LEN_MAX && line.last() != Some(&b'\n') {
            (whole, *line) = (false, Vec::new());
            continue;
        }
        return Ok(match (whole, read) {
            (true, 0) => Next::End,
            (true, _) => Next::Line,
            (false, _) => Next::TooLong,
        });
    }
}

/// What is wrong with a line. It is one line of many, whose number is told beside it.
fn told(JsonFault { kind, field, detail }: &JsonFault) -> String {
    match kind {
        JsonFaultKind::Malformed => {
            format!("is no JSON: {}", detail.replacen("at line 1 column", "at byte", 1))
        }
        JsonFaultKind::UnknownField
        | JsonFaultKind::RepeatedField
        | JsonFaultKind::InvalidField => match field.as_str() {
            json::WHOLE => detail.clone(),
            field => format!("{field} {detail}"),
        },
    }
}

/// The answer to a line. One that is not written as JSON wants it is read as well as it can be,
/// as a callback is.
fn answer(line: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start_matches('\u{feff}').trim_end();
    let mended = mended(text);
    let text = mended.as_deref().unwrap_or(text);
    let line: Line = json::decode(text.as_bytes()).map_err(|fault| told(&fault))?;
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
