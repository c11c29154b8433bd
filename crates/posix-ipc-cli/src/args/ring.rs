//! The arguments of `ring` and `typed`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use posix_ipc::Name;

use super::{AmountArgs, SourceArgs, value};

/// What to do with a ring.
#[derive(Debug, Subcommand)]
pub(crate) enum RingCommand {
    /// Send messages
    #[command(after_help = "\
Without MSG, or with - for it, standard input is one message, or with --lines or --nul one for each
line or part.

Examples:
  pipc ring send /frames 'hello'
  tail -f log | pipc ring send /frames --lines
  pipc ring send /work 'urgent' --lane 0")]
    Send {
        /// The ring
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        #[command(flatten)]
        source: SourceArgs,
        /// The lane of a ring with slots; the highest is received first
        #[arg(short = 'p', long, value_name = "N", default_value_t = 0, alias = "priority")]
        lane: u32,
        /// How long to wait for room at most; then status 75
        #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
        timeout: Option<Duration>,
    },
    /// Receive messages and print them
    #[command(
        visible_alias = "recv",
        after_help = "\
Formats are those of `pipc mq receive`.

Examples:
  pipc ring receive /frames
  pipc ring receive /frames --follow --format hex
  pipc ring receive /frames --all"
    )]
    Receive {
        /// The ring
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        #[command(flatten)]
        amount: AmountArgs,
    },
}

/// What to do with typed messages.
#[derive(Debug, Subcommand)]
pub(crate) enum TypedCommand {
    Inspect(TypedInspectArgs),
}

/// Decode the headers of typed messages
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true), after_help = "\
Linux has no way to look at a message without taking it: of a queue, the messages are received, and
with --keep sent back in their order.

Examples:
  pipc typed inspect /events --keep
  pipc typed inspect --file frames.bin --json")]
pub(crate) struct TypedInspectArgs {
    /// A queue, whose messages are taken out
    #[arg(value_name = "NAME", group = "source", value_parser = value::name())]
    pub(crate) name: Option<Name>,
    /// A file of frames one after the other, or of `pipc mq save`; - is standard input
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) file: Option<PathBuf>,
    /// Send the messages back
    #[arg(long, conflicts_with = "file")]
    pub(crate) keep: bool,
}
