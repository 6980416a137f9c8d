//! What commands print.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why something that was printed is lost, the first time that it was.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints a line.
pub(super) fn say(line: impl Display) {
    show(format_args!("{line}\n"));
}

/// Prints a text as it is. A reader that went away, as `head` does, is no failure of ours.
pub(super) fn show(text: impl Display) {
    match write!(io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _first = LOST.set(error);
        }
        Ok(()) | Err(_) => {}
    }
}

/// Prints a line on standard error, under the same rule.
pub(super) fn note(line: impl Display) {
    let _gone = writeln!(io::stderr(), "{line}");
}

/// Why standard output has not all that was printed, as where a disk is full.
pub(super) fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// Prints what is shown this once, and says whether it arrived.
pub(super) fn say_once(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}
