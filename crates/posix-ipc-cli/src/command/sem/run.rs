//! `pipc sem run`: a command that holds a unit.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Instant;

use posix_ipc::{Cleanup, OpenMode, Semaphore};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::take::{Caught, Taken, take};
use super::{end_by, none_free};
use crate::args::SemRunArgs;
use crate::exit::{Failure, Outcome};

/// What ends a process that does not handle it, and is passed on to the command.
const SIGNALS: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

pub(super) fn run(args: &SemRunArgs) -> Outcome {
    let semaphore = match args.create {
        None => Semaphore::open(&args.name)?,
        Some(value) => Semaphore::options()
            .mode(OpenMode::OpenOrCreate)
            .initial_value(value)
            .cleanup(Cleanup::Keep)
            .open(&args.name)?,
    };
    // Caught from before the unit is taken, so that none can end us while we hold it.
    let caught = Caught::new(&SIGNALS)?;
    let signals = SignalsInfo::<WithOrigin>::new(SIGNALS).map_err(Failure::io("catch signals"))?;
    let deadline = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    match take(&semaphore, deadline, &caught)? {
        Taken::Yes => {}
        Taken::TimedOut => return Err(none_free(&args.name)),
        Taken::Signal(signal) => return Err(end_by(signal)),
    }
    let result = run_command(args, signals);
    semaphore.post()?;
    Err(Failure::Child(status(result?)))
}

fn run_command(args: &SemRunArgs, signals: SignalsInfo<WithOrigin>) -> Outcome<ExitStatus> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("there is no command to run"));
    };
    let mut child = Command::new(program).args(arguments).spawn().map_err(|error| {
        let status = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
        eprintln!("pipc: cannot run {}: {error}", program.display());
        Failure::Child(status)
    })?;
    pass_signals_on(pid(&child), signals);
    wait(&mut child)
}

/// Passes what has come since the unit was taken, and comes from now on, to the command.
///
/// What is typed at a terminal comes from the kernel, and goes to the command by itself, as it is
/// in the same group. One that is typed between the unit and the start of the command reaches neither:
/// it cannot be told from one that both got.
fn pass_signals_on(pid: Option<Pid>, mut signals: SignalsInfo<WithOrigin>) {
    thread::spawn(move || {
        for origin in &mut signals {
            if !matches!(origin.cause, Cause::Kernel) {
                pass_on(pid, origin.signal);
            }
        }
    });
}

fn wait(child: &mut Child) -> Outcome<ExitStatus> {
    loop {
        match child.wait() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(Failure::io("wait for the command")),
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn pass_on(pid: Option<Pid>, signal: i32) {
    if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) {
        let _ = kill_process(pid, signal);
    }
}

/// The command's status, as a shell would tell it.
fn status(status: ExitStatus) -> u8 {
    let signal = status.signal().map(|signal| 128 + signal);
    status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
