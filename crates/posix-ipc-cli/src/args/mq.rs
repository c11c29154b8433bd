//! The arguments of `mq`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use posix_ipc::Name;

use super::value;

/// What to do with a message queue.
#[derive(Debug, Subcommand)]
pub(crate) enum MqCommand {
    Send(MqSendArgs),
    #[command(visible_alias = "recv")]
    Receive(MqReceiveArgs),
    /// Wait until a queue holds a message, and leave it there
    #[command(after_help = "\
Ends with status 75 if none came in time.

Examples:
  pipc mq wait /events --timeout 10s && pipc mq receive /events")]
    Wait {
        /// The queue
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// How long to wait at most
        #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
        timeout: Option<Duration>,
    },
    /// Throw away the messages of a queue and say how many
    #[command(after_help = "\
Examples:
  pipc mq drain /events")]
    Drain {
        /// The queue
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
    },
    /// Move the messages of a queue into a file
    #[command(after_help = "\
Linux has no way to look at a message without taking it, so the queue is empty afterwards; with
--keep the messages are sent back, in their order, and nobody else should use the queue meanwhile.

Examples:
  pipc mq save /events events.pipc
  pipc mq save /events events.pipc --keep")]
    Save {
        /// The queue
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// The file, which must not exist; - is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Send the messages back
        #[arg(long)]
        keep: bool,
    },
    /// Send the messages of a file that `save` has made, with their priorities
    #[command(after_help = "\
Examples:
  pipc mq load /events events.pipc")]
    Load {
        /// The queue
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// The file; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How long to wait for room at most
        #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
        timeout: Option<Duration>,
    },
    /// Give a queue another capacity or message size, keeping its messages
    #[command(after_help = "\
A queue can't be changed: a new one of the name takes the old one's owner, permissions and messages,
in their order and with their priorities. Refused while a process has the old one open, and if a
message would not fit. The messages are also kept in a file until they are in the new queue.
Killed with SIGKILL meanwhile, it loses at most the message that it is taking, since Linux has no
peek; the others are in the file, or in a queue.

Examples:
  pipc mq resize /events --maxmsg 10 --msgsize 4K")]
    Resize {
        /// The queue
        #[arg(value_name = "NAME", value_parser = value::name())]
        name: Name,
        /// How many messages it can hold
        #[arg(long, value_name = "N", alias = "max-messages", required_unless_present = "msgsize")]
        maxmsg: Option<u64>,
        /// The longest message
        #[arg(long, value_name = "SIZE", value_parser = value::size, alias = "message-size")]
        msgsize: Option<u64>,
        /// Do it although a process has it open, which then keeps the old one
        #[arg(short, long)]
        force: bool,
    },
}

/// Send messages
#[derive(Debug, Args)]
#[command(after_help = "\
Without MSG, or with - for it, standard input is one message, or with --lines or --nul one for each
line or part. What is sent is exactly those bytes. If any message is too long, none is sent.

Examples:
  pipc mq send /events 'hello' -p 5
  pipc mq send /events one two three
  printf 'a\\0b' | pipc mq send /events -
  tail -f log | pipc mq send /events --lines
  pipc mq send /events --hex 00ff10
  pipc mq send /events --file a.bin b.bin")]
pub(crate) struct MqSendArgs {
    /// The queue
    #[arg(value_name = "NAME", value_parser = value::name())]
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The priority, 0 to 32767; the highest is received first
    #[arg(short, long, value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=32767))]
    pub(crate) priority: u32,
    /// How long to wait for room at most; then status 75
    #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Where messages to send come from.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// The messages; - is standard input
    #[arg(value_name = "MSG", allow_hyphen_values = false)]
    pub(crate) messages: Vec<OsString>,
    /// Each line of standard input is a message, without its line break
    #[arg(short, long, group = "form", conflicts_with = "messages")]
    pub(crate) lines: bool,
    /// Each part of standard input that a NUL byte ends is a message
    #[arg(short = '0', long, group = "form", conflicts_with = "messages")]
    pub(crate) nul: bool,
    /// The messages are written in hexadecimal
    #[arg(short = 'x', long, group = "form")]
    pub(crate) hex: bool,
    /// The messages are the contents of these files
    #[arg(short, long, group = "form", requires = "messages")]
    pub(crate) file: bool,
}

/// Receive messages and print them
#[derive(Debug, Args)]
#[command(after_help = "\
Formats: raw (the bytes; on a terminal or of several messages, each with a line break), hex, json
(one object a line, with the bytes as text or in hexadecimal), or a text with {prio}, {len}, {data},
{hex}, {time} and {n} in it, and \\n, \\t, \\0 and \\\\.

Examples:
  pipc mq receive /events                   the next message, waiting for it
  pipc mq receive /events --timeout 2s      status 75 if none comes
  pipc mq receive /events --all             what is there, without waiting
  pipc mq receive /events --create --follow --format '{prio} {data}'
  pipc mq receive /events -n 3 --format json")]
pub(crate) struct MqReceiveArgs {
    /// The queue
    #[arg(value_name = "NAME", value_parser = value::name())]
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) amount: AmountArgs,
    /// Create the queue if it does not exist; it stays when pipc ends
    #[arg(long)]
    pub(crate) create: bool,
}

/// How many messages to receive, how long to wait and how to print.
#[derive(Debug, Args)]
pub(crate) struct AmountArgs {
    /// Receive so many messages
    #[arg(short = 'n', long, value_name = "K", default_value_t = 1, group = "amount")]
    pub(crate) count: u64,
    /// Receive what is there, without waiting
    #[arg(short, long, group = "amount", conflicts_with = "timeout")]
    pub(crate) all: bool,
    /// Receive for ever
    #[arg(short, long, group = "amount")]
    pub(crate) follow: bool,
    /// How long to wait for each message at most; then status 75
    #[arg(short, long, value_name = "TIME", value_parser = value::duration)]
    pub(crate) timeout: Option<Duration>,
    /// How to print: raw, hex, json, or a text with {prio}, {len}, {data}
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
}
