//! The commands, a file for each.

mod bench;
mod completions;
mod create;
mod demo;
pub(crate) mod describe;
mod doctor;
mod entry;
pub(crate) mod format;
mod gc;
mod limits;
mod ls;
mod mq;
mod ring;
mod rm;
mod sem;
mod shm;
pub(crate) mod source;
mod stat;
mod temporary;
mod typed;
mod watch;

pub(crate) use self::mq::Saved;
pub(crate) use self::typed::inspect_bytes;
use crate::args::Command;
use crate::exit::Outcome;
use crate::output::Out;

/// Runs one command.
pub(crate) fn run(command: Command, out: &mut Out) -> Outcome {
    match command {
        Command::Ls(args) => ls::run(&args, out),
        Command::Stat(args) => stat::run(&args, out),
        Command::Create(command) => create::run(&command, out),
        Command::Ring(command) => ring::run(&command, out),
        Command::Sem(command) => sem::run(&command, out),
        Command::Shm(command) => shm::run(&command, out),
        Command::Rm(args) => rm::run(&args, out),
        Command::Gc(args) => gc::run(&args, out),
        Command::Mq(command) => mq::run(&command, out),
        Command::Limits(args) => limits::run(&args, out),
        Command::Doctor(_) => doctor::run(out),
        Command::Typed(command) => typed::run(&command, out),
        Command::Bench(args) => bench::run(&args, out),
        Command::Demo(args) => demo::run(&args, out),
        Command::Watch(args) => watch::run(&args, out),
        Command::Completions(args) => completions::completions(&args, out),
        Command::Man(args) => completions::man(&args, out),
    }
}
