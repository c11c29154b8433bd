//! The command `pipc`: POSIX IPC from the shell. Parses, runs one command, and turns what came
//! of it into an exit status.
//!
//! It has no API: what is public is for the binary and for its fuzz target.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("pipc lists objects through /dev/shm, /dev/mqueue and /proc, which only Linux has");

mod args;
mod command;
mod exit;
#[doc(hidden)]
pub mod fuzz;
mod output;

use std::process::ExitCode;

use clap::Parser;

use args::Args;
use output::Out;

/// Runs the command with the arguments of the process.
#[doc(hidden)]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = Out::new(args.json, args.quiet);
    let result = command::run(args.command, &mut out);
    exit::finish(result, &mut out)
}
