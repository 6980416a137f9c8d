//! The nexnum binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    nexnum::cli::run()
}
