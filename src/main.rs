//! The binary: a runtime, and the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    pillarbox::cli::main(std::env::args_os())
}
