//! The arguments of `limits`, `doctor`, `bench`, `demo`, `completions` and `man`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::value;

/// Show what this system allows
#[derive(Debug, Args)]
#[command(after_help = "\
A plan is a capacity, a message size and a number of queues: it says whether this user could create
them, what they would take of the user's allowance, and which limit stands in the way.

Examples:
  pipc limits
  pipc limits --plan 10,8K,4
  pipc limits --json")]
pub(crate) struct LimitsArgs {
    /// Whether so many queues of that capacity and message size are possible
    #[arg(long, value_name = "CAPACITY,SIZE,COUNT", value_parser = plan)]
    pub(crate) plan: Option<Plan>,
}

/// Queues that somebody plans to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) capacity: u64,
    pub(crate) message_size: u64,
    pub(crate) count: u64,
}

pub(crate) fn plan(text: &str) -> Result<Plan, String> {
    let explain = "a plan is like 10,8K,4: capacity, message size, number of queues";
    let mut parts = text.split(',').map(|part| value::size(part.trim()));
    let (Some(Ok(capacity)), Some(Ok(message_size)), count, None) =
        (parts.next(), parts.next(), parts.next().unwrap_or(Ok(1)), parts.next())
    else {
        return Err(explain.to_string());
    };
    match count {
        Ok(count) if capacity > 0 && message_size > 0 && count > 0 => {
            Ok(Plan { capacity, message_size, count })
        }
        _ => Err(explain.to_string()),
    }
}

/// Look for what is wrong on this system
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at the mounts and their permissions, free space against the sum of sizes, systemd's RemoveIPC,
left-over temporary files, semaphore files that are too short, memory without a name, and objects of
users that no longer exist. Ends with status 1 if something is wrong; advice alone is no failure.

Examples:
  pipc doctor
  pipc doctor --json | jq '.findings[] | select(.level == \"error\")'")]
pub(crate) struct DoctorArgs {}

/// Measure latency and throughput on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Two processes exchange messages of each kind; every answer is checked. Times depend on the machine
and on what else it does: compare them within one run.

Examples:
  pipc bench
  pipc bench mq ring --duration 2s
  pipc bench --plot bench.svg --json > bench.json")]
pub(crate) struct BenchArgs {
    /// What to measure; everything if not given
    #[arg(value_name = "KIND", value_enum)]
    pub(crate) what: Vec<Measured>,
    /// How long each measurement takes
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = value::duration)]
    pub(crate) duration: Duration,
    /// Bytes of a message
    #[arg(long, value_name = "SIZE", default_value = "64", value_parser = value::size)]
    pub(crate) size: u64,
    /// Draw the latencies into this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Answer as the other process.
    #[arg(long, hide = true)]
    pub(crate) echo: Option<String>,
}

/// What `bench` can measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measured {
    /// Two semaphores that wake the other process in turn
    Sem,
    /// A message queue each way
    Mq,
    /// A ring each way
    Ring,
    /// A pipe each way, for comparison
    Pipe,
    /// Copies into and out of shared memory
    Shm,
}

/// See semaphores, shared memory and message queues at work
#[derive(Debug, Args)]
#[command(after_help = "\
Starts processes that meet by name alone, exchange messages, share memory and guard it with a
semaphore, says what happens, checks every result, and removes what it made. Ends with status 1 if
anything was not as it should be.

Examples:
  pipc demo
  pipc demo --json")]
pub(crate) struct DemoArgs {
    /// How many processes share the memory
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) workers: u32,
    /// How many times each of them enters the critical section
    #[arg(long, value_name = "N", default_value_t = 2000,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rounds: u32,
    /// Play one of the other processes.
    #[arg(long, hide = true, num_args = 1.., allow_hyphen_values = true)]
    pub(crate) role: Vec<String>,
}

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipc completions bash > /etc/bash_completion.d/pipc
  pipc completions zsh > ~/.zfunc/_pipc
  pipc completions fish > ~/.config/fish/completions/pipc.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipc man | man -l -
  pipc man --all /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write one page for each command into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) all: Option<PathBuf>,
    /// The command whose page to print, as in `pipc man mq send`
    #[arg(value_name = "COMMAND", conflicts_with = "all")]
    pub(crate) command: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_two_or_three_numbers() {
        let expected = Plan { capacity: 10, message_size: 8192, count: 4 };
        assert_eq!(plan("10,8K,4"), Ok(expected));
        assert_eq!(plan("10, 8K"), Ok(Plan { count: 1, ..expected }));
        for text in ["", "10", "10,8K,4,1", "0,1,1", "a,b,c"] {
            assert!(plan(text).is_err(), "{text:?}");
        }
    }
}
