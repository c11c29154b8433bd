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

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use exit::Failure;
use output::Out;

/// Runs the command with the arguments of the process.
#[doc(hidden)]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() && asks_for_json(std::env::args_os()) => {
            let mut out = Out::new(true, false);
            return exit::finish(Err(Failure::usage(in_one_piece(&error))), &mut out);
        }
        Err(error) => error.exit(),
    };
    let mut out = Out::new(args.json, args.quiet);
    let result = command::run(args.command, &mut out);
    exit::finish(result, &mut out)
}

/// Whether the arguments, which could not be parsed, say that answers are to be JSON.
fn asks_for_json(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut ours = arguments.into_iter().skip(1).take_while(|argument| argument != "--");
    ours.any(|argument| argument == "--json")
}

/// What is wrong with the arguments, without what is written for people around it.
fn in_one_piece(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    text.trim().trim_start_matches("error: ").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_by_an_argument_of_ours() {
        let asks = |line: &str| asks_for_json(line.split(' ').map(OsString::from));
        assert!(asks("pipc --json nonsense") && asks("pipc sem get --nonsense --json"));
        assert!(!asks("--json nonsense") && !asks("pipc sem run /s -- jq --json"));
    }
}
