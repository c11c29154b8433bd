//! `pipc sem run`: a command that holds a unit.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{SigSet, Signal as Blocked};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use posix_ipc::{Cleanup, OpenMode, Semaphore};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use super::take::{Caught, Taken, take};
use super::{end_by, none_free};
use crate::args::SemRunArgs;
use crate::exit::{Failure, Outcome};

/// What ends a process that does not handle it, and is passed on to the command.
const SIGNALS: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
/// What the kernel calls the origin of a signal that was typed: `SI_KERNEL`.
const FROM_KERNEL: i32 = 0x80;

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
    let deadline = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    match take(&semaphore, deadline, &caught)? {
        Taken::Yes => {}
        Taken::TimedOut => return Err(none_free(&args.name)),
        Taken::Signal(signal) => return Err(end_by(signal)),
    }
    let result = run_command(args, &caught);
    semaphore.post()?;
    Err(Failure::Child(status(result?)))
}

fn run_command(args: &SemRunArgs, caught: &Caught) -> Outcome<ExitStatus> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("there is no command to run"));
    };
    let mut child = Command::new(program).args(arguments).spawn().map_err(|error| {
        let status = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
        eprintln!("pipc: cannot run {}: {error}", program.display());
        Failure::Child(status)
    })?;
    let result = pass_signals_on(pid(&child), caught);
    let status = wait(&mut child);
    result.and(status)
}

/// Passes what comes from now on to the command, as long as this process lives.
///
/// What is typed at a terminal goes to the command by itself, as it is in the same group.
fn pass_signals_on(pid: Option<Pid>, caught: &Caught) -> Outcome {
    let failed = |errno: nix::Error| Failure::io("wait for signals")(errno.into());
    // Blocked only now, since the command would inherit that.
    let signals = SIGNALS.iter().filter_map(|&signal| Blocked::try_from(signal).ok());
    let signals: SigSet = signals.collect();
    signals.thread_block().map_err(failed)?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).map_err(failed)?;
    // One that came between the unit and the command was seen by nobody else.
    if let Some(signal) = caught.last() {
        pass_on(pid, signal);
    }
    thread::spawn(move || {
        while let Ok(info) = signals.read_signal() {
            let info = info.filter(|info| info.ssi_code != FROM_KERNEL);
            if let Some(Ok(signal)) = info.map(|info| i32::try_from(info.ssi_signo)) {
                pass_on(pid, signal);
            }
        }
    });
    Ok(())
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
