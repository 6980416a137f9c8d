//! The nexnum binary.

use std::process::ExitCode;

/// Many small buffers live for one request: the system's allocator costs a tenth of the CPU.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nexnum::cli::run()
}
