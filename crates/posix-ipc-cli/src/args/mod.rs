//! The arguments of the command: the whole tree, each family in a file of its own.

mod manage;
mod mq;
mod ring;
mod sem;
mod shm;
mod system;
pub(crate) mod value;

use clap::{Parser, Subcommand};

pub(crate) use manage::*;
pub(crate) use mq::*;
pub(crate) use ring::*;
pub(crate) use sem::*;
pub(crate) use shm::*;
pub(crate) use system::*;

/// What `--help` says after the options.
const AFTER_HELP: &str = "\
Names may be written with or without their slash. Durations: 250ms, 2s, 1h 30m, or seconds as a \
number. Sizes: 512, 64K, 1M, 1GiB, all in steps of 1024.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 exists already, 5 no permission, \
75 timed out or would have to wait.

Examples:
  pipc demo                              see all of it at work
  pipc ls --users                        what is there, and who uses it
  pipc create sem /jobs --value 4        a semaphore with four units
  pipc sem run /jobs -- make             run a command while holding a unit
  pipc mq receive /events --create       print the messages of a queue
  pipc mq send /events 'hello' -p 5      send one with a priority";

/// POSIX semaphores, shared memory, message queues and rings from the shell.
#[derive(Debug, Parser)]
#[command(name = "pipc", version, about, after_help = AFTER_HELP, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    /// Print JSON: true numbers, bytes, RFC 3339 times, null for what is unknown
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print nothing but errors and what was asked for
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ls(LsArgs),
    Stat(StatArgs),
    /// Create an object, or open one that exists
    #[command(subcommand)]
    Create(CreateCommand),
    Rm(RmArgs),
    Gc(GcArgs),
    /// Take, give and look at the units of a semaphore
    #[command(subcommand)]
    Sem(SemCommand),
    /// Copy to and from shared memory
    #[command(subcommand)]
    Shm(ShmCommand),
    /// Send and receive messages over a queue
    #[command(subcommand)]
    Mq(MqCommand),
    /// Send and receive messages over a ring
    #[command(subcommand)]
    Ring(RingCommand),
    /// Look into typed messages
    #[command(subcommand)]
    Typed(TypedCommand),
    Watch(WatchArgs),
    Limits(LimitsArgs),
    Doctor(DoctorArgs),
    Bench(BenchArgs),
    Demo(DemoArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_of_arguments_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_shows_examples() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands() {
                let name = sub.get_name();
                assert!(sub.get_about().is_some(), "{name} says nothing");
                if sub.has_subcommands() {
                    check(sub);
                } else {
                    let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains("Examples:"), "{name} has no examples");
                }
            }
        }
        check(&Args::command());
    }
}
