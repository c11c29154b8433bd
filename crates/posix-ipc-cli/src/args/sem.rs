//! The arguments of `sem`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Subcommand};
use posix_ipc::Name;

use super::value;

/// What to do with a semaphore.
#[derive(Debug, Subcommand)]
pub(crate) enum SemCommand {
    /// Take a unit, waiting until one is free
    #[command(after_help = "\
Ends with status 75 if none became free in time.

Examples:
  pipc sem wait /jobs
  pipc sem wait /jobs --timeout 2s || echo busy")]
    Wait {
        /// The semaphore
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// How many units to take, one after the other
        #[arg(short = 'n', long, value_name = "K", default_value_t = 1)]
        count: u32,
        /// How long to wait at most
        #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
        timeout: Option<Duration>,
    },
    /// Take a unit if one is free
    #[command(after_help = "\
Ends with status 75 if none is free.

Examples:
  pipc sem try /lock && echo mine")]
    Try {
        /// The semaphore
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
    },
    /// Give units
    #[command(after_help = "\
Examples:
  pipc sem post /jobs
  pipc sem post /jobs -n 4")]
    Post {
        /// The semaphore
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// How many, all at once or none
        #[arg(short = 'n', long, value_name = "K", default_value_t = 1)]
        count: u32,
    },
    /// Print how many units are free
    #[command(after_help = "\
Examples:
  pipc sem get /jobs
  pipc sem get /jobs --json")]
    Get {
        /// The semaphore
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
    },
    Run(SemRunArgs),
}

/// Run a command while holding a unit
#[derive(Debug, Args)]
#[command(after_help = "\
Takes a unit, runs the command and gives the unit back when it has ended, also if it failed or a
signal ended it. Signals that would end pipc are passed on to the command. The status is the
command's: 128 and the signal's number if a signal ended it, 126 if it can't be run and 127 if there
is no such command. A unit is lost only if pipc itself is killed with SIGKILL.

Examples:
  pipc sem run /jobs --create 4 -- make -j1
  pipc sem run /lock --create --timeout 10s -- ./deploy")]
pub(crate) struct SemRunArgs {
    /// The semaphore
    #[arg(value_name = "NAME", value_parser = value::name())]
    pub(crate) name: Name,
    /// Create it with so many units if it does not exist (1 if no number is given)
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1")]
    pub(crate) create: Option<u32>,
    /// How long to wait for a unit at most; then status 75
    #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
    pub(crate) timeout: Option<Duration>,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, last = true)]
    pub(crate) command: Vec<OsString>,
}
