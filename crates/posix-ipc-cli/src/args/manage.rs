//! The arguments of `ls`, `stat`, `create`, `rm`, `gc` and `watch`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use posix_ipc::Name;

use super::value::{self, KindArg, Pattern};

/// List objects
#[derive(Debug, Args)]
#[command(after_help = "\
Columns: kind, name, mode, owner, group, size, allocated, value, waiters, messages, max-messages,
message-size, bytes, notify, state, changed, modified, accessed, age, identity, users.
What this user may not see is shown as ?.

Examples:
  pipc ls                           everything
  pipc ls mq 'log-*'                queues whose name starts so
  pipc ls --users --sort size       who uses what, largest last
  pipc ls --stale --older 1h        what nobody uses and is over an hour old
  pipc ls --ghosts                  memory that has no name any more but is still held
  pipc ls sem -o name,value --json  for a script")]
pub(crate) struct LsArgs {
    /// A kind (sem, shm, mq, ring), a pattern for names, or both in this order
    #[arg(value_name = "KIND|GLOB", num_args = 0..=2)]
    pub(crate) what: Vec<String>,
    /// Show which processes have an object open or mapped
    #[arg(long)]
    pub(crate) users: bool,
    /// Also show what is unlinked but still held
    #[arg(long)]
    pub(crate) ghosts: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Columns to show, separated by commas
    #[arg(short = 'o', long, value_name = "COLS", value_delimiter = ',')]
    pub(crate) output: Vec<Column>,
    /// Sort by this column; numbers go up
    #[arg(long, value_name = "COL")]
    pub(crate) sort: Option<Column>,
    /// Sort the other way round
    #[arg(short, long)]
    pub(crate) reverse: bool,
    /// Print sizes in bytes
    #[arg(short, long)]
    pub(crate) bytes: bool,
    /// Print no line of headings
    #[arg(long)]
    pub(crate) no_headings: bool,
}

/// Which objects are meant, apart from their names.
#[derive(Debug, Clone, Args)]
pub(crate) struct FilterArgs {
    /// Only what no process has open or mapped, as far as this user can see
    #[arg(long, visible_alias = "unused")]
    pub(crate) stale: bool,
    /// Only what was last changed longer ago than this
    #[arg(long, value_name = "AGE", value_parser = value::duration)]
    pub(crate) older: Option<Duration>,
    /// Only objects of this user (name or number)
    #[arg(long, value_name = "USER", value_parser = value::user)]
    pub(crate) owner: Option<u32>,
}

/// The columns of `ls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub(crate) enum Column {
    Kind,
    Name,
    Mode,
    Owner,
    Group,
    Size,
    Allocated,
    Value,
    Waiters,
    Messages,
    MaxMessages,
    MessageSize,
    Bytes,
    Notify,
    State,
    Changed,
    Modified,
    Accessed,
    Age,
    Identity,
    Users,
}

/// Show all that can be known of objects
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipc stat /jobs
  pipc stat /jobs /events --json
  pipc stat --kind sem /jobs")]
pub(crate) struct StatArgs {
    /// Names; every object of the name is shown, of whatever kind
    #[arg(value_name = "NAME", required = true, value_parser = value::name())]
    pub(crate) names: Vec<Name>,
    /// Only objects of this kind
    #[arg(short, long)]
    pub(crate) kind: Option<KindArg>,
}

/// Create an object of a kind.
#[derive(Debug, Subcommand)]
pub(crate) enum CreateCommand {
    /// Create a semaphore
    #[command(after_help = "\
Examples:
  pipc create sem /jobs --value 4
  pipc create sem /lock --exist match --mode 660 --exact")]
    Sem {
        /// How many units are free at first, 1 if not given; with --exist match, how many have to be
        #[arg(long, value_name = "N")]
        value: Option<u32>,
        #[command(flatten)]
        common: CreateArgs,
    },
    /// Create shared memory, filled with zeros
    #[command(after_help = "\
The memory is reserved, so that a full file system is an error now and not a crash later.

Examples:
  pipc create shm /frame --size 8M
  pipc create shm /frame --size 8M --exist match")]
    Shm {
        /// The size
        #[arg(long, value_name = "SIZE", value_parser = value::size)]
        size: u64,
        #[command(flatten)]
        common: CreateArgs,
    },
    /// Create a message queue
    #[command(after_help = "\
Examples:
  pipc create mq /events --maxmsg 10 --msgsize 1K
  pipc create mq /events --exist ok --json")]
    Mq {
        /// How many messages it can hold
        #[arg(long, value_name = "N", alias = "max-messages")]
        maxmsg: Option<u64>,
        /// The longest message
        #[arg(long, value_name = "SIZE", value_parser = value::size, alias = "message-size")]
        msgsize: Option<u64>,
        #[command(flatten)]
        common: CreateArgs,
    },
    /// Create a ring, a message queue in shared memory
    #[command(after_help = "\
Examples:
  pipc create ring /frames --capacity 1M
  pipc create ring /work --slots 1024 --slot-size 256")]
    Ring {
        /// Bytes of a ring for one sender and one receiver, 64K if nothing is given
        #[arg(long, value_name = "SIZE", value_parser = value::size, conflicts_with = "slots")]
        capacity: Option<u64>,
        /// Messages of a ring for many senders and receivers
        #[arg(long, value_name = "N")]
        slots: Option<u64>,
        /// The longest message of a ring with slots, 240 if not given
        #[arg(long, value_name = "SIZE", value_parser = value::size, requires = "slots")]
        slot_size: Option<u64>,
        #[command(flatten)]
        common: CreateArgs,
    },
}

/// What the creation of every kind takes.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The name
    #[arg(value_name = "NAME", value_parser = value::name())]
    pub(crate) name: Name,
    /// Permissions in octal, less what the umask takes
    #[arg(short, long, value_name = "MODE", default_value = "600", value_parser = value::mode)]
    pub(crate) mode: u32,
    /// Give these permissions whatever the umask is
    #[arg(long)]
    pub(crate) exact: bool,
    /// Give it to this user (name or number)
    #[arg(long, value_name = "USER", value_parser = value::user)]
    pub(crate) owner: Option<u32>,
    /// Give it to this group (name or number)
    #[arg(long, value_name = "GROUP", value_parser = value::group)]
    pub(crate) group: Option<u32>,
    /// What to do if the name exists
    #[arg(long, value_enum, default_value_t = Exist::Fail)]
    pub(crate) exist: Exist,
}

/// What to do if the name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exist {
    /// Fail with status 4, changing nothing
    Fail,
    /// Open it as it is
    Ok,
    /// Open it if it is as asked for, else fail with status 1
    Match,
    /// Remove the name and create a new object
    Replace,
}

/// Remove objects
#[derive(Debug, Args)]
#[command(after_help = "\
Without --kind, NAMEs are names: an object of exactly that name is removed, and if there are several
kinds of it, --kind has to say which. With --kind, they are patterns, and only objects of that kind
are touched. A pattern that means all of them is refused without --yes. Each object is compared with
the one that was found just before its name is removed.

Examples:
  pipc rm /jobs
  pipc rm --kind mq 'test-*' --dry-run
  pipc rm --kind shm 'psm_*' --unused --older 1d
  pipc rm --kind sem '*' --owner 1000 --yes")]
pub(crate) struct RmArgs {
    /// Names, or with --kind patterns
    #[arg(value_name = "NAME|GLOB", required = true)]
    pub(crate) names: Vec<OsString>,
    /// Remove objects of this kind only
    #[arg(short, long)]
    pub(crate) kind: Option<KindArg>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Ask before each
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) interactive: bool,
    /// Yes, also if the pattern means all objects of the kind
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// A name that does not exist is no error
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Remove what nobody uses
#[derive(Debug, Args)]
#[command(after_help = "\
Removes this user's objects that no process has open or mapped and that were last changed longer ago
than --older. Left alone are queues and rings that still hold messages (unless --messages is given),
and objects that other users may open, if this user can't see whether they do.

Examples:
  pipc gc --dry-run
  pipc gc --older 1d
  pipc gc --kind shm 'psm_*' --older 10m")]
pub(crate) struct GcArgs {
    /// Only names that match one of these
    #[arg(value_name = "GLOB")]
    pub(crate) patterns: Vec<Pattern>,
    /// Only objects of this kind
    #[arg(short, long)]
    pub(crate) kind: Option<KindArg>,
    /// Only what was last changed longer ago than this
    #[arg(long, value_name = "AGE", default_value = "1h", value_parser = value::duration)]
    pub(crate) older: Duration,
    /// Also queues that still hold messages
    #[arg(long)]
    pub(crate) messages: bool,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// Watch objects live
#[derive(Debug, Args)]
#[command(after_help = "\
Keys: q quits, arrows or j and k scroll, s changes the order, p pauses.

Examples:
  pipc watch
  pipc watch 'log-*' --interval 250ms
  pipc watch --json | jq -c '.objects[] | {name, messages}'")]
pub(crate) struct WatchArgs {
    /// Only names that match
    #[arg(value_name = "GLOB")]
    pub(crate) pattern: Option<Pattern>,
    /// Only objects of this kind
    #[arg(short, long)]
    pub(crate) kind: Option<KindArg>,
    /// How often to look
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = value::duration)]
    pub(crate) interval: Duration,
    /// Look so many times, then end
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
}
