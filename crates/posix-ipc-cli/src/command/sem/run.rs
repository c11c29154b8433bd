//! `pipc sem run`: a command that holds a unit.

use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use posix_ipc::sem::Waited;
use posix_ipc::{Cleanup, OpenMode, Semaphore};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::args::SemRunArgs;
use crate::exit::{Failure, Outcome};

/// What ends a process that does not handle it, and is passed on to the command.
const SIGNALS: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
/// How often a waiting process looks whether a signal came just before it went to sleep.
const SLICE: Duration = Duration::from_millis(100);

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
    let caught = Arc::new(AtomicUsize::new(0));
    for signal in SIGNALS {
        let number = usize::try_from(signal).unwrap_or(0);
        signal_hook::flag::register_usize(signal, Arc::clone(&caught), number)
            .map_err(Failure::io("catch signals"))?;
    }
    acquire(&semaphore, args, &caught)?;
    let result = run_command(args, &caught);
    semaphore.post()?;
    Err(Failure::Child(status(result?)))
}

fn acquire(semaphore: &Semaphore, args: &SemRunArgs, caught: &AtomicUsize) -> Outcome {
    let deadline = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let slice = Instant::now() + SLICE;
        let until = deadline.map_or(slice, |deadline| deadline.min(slice));
        let waited = semaphore.wait_interruptible(Some(until))?;
        let taken = waited == Waited::Taken;
        let signal = caught.load(Ordering::Relaxed);
        if signal != 0 {
            if taken {
                semaphore.post()?;
            }
            let signal = i32::try_from(signal).unwrap_or(SIGTERM);
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        if taken {
            return Ok(());
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let text = format!("no unit of semaphore {} became free in time", args.name);
            return Err(Failure::timed_out(text));
        }
    }
}

fn run_command(args: &SemRunArgs, caught: &AtomicUsize) -> Outcome<ExitStatus> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("there is no command to run"));
    };
    let mut signals = Signals::new(SIGNALS).map_err(Failure::io("catch signals"))?;
    let mut child = Command::new(program).args(arguments).spawn().map_err(|error| {
        let status = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
        eprintln!("pipc: cannot run {}: {error}", program.display());
        Failure::Child(status)
    })?;
    let pid = pid(&child);
    // One that came between the unit and the command was seen by nobody else.
    if let Some(signal) = Some(caught.load(Ordering::Relaxed)).filter(|&signal| signal != 0) {
        pass_on(pid, i32::try_from(signal).unwrap_or(SIGTERM));
    }
    let handle = signals.handle();
    let at_terminal = io::stdin().is_terminal();
    let forwarder = thread::spawn(move || {
        for signal in signals.forever() {
            // What is typed at a terminal goes to the command by itself.
            if !(at_terminal && matches!(signal, SIGINT | SIGQUIT)) {
                pass_on(pid, signal);
            }
        }
    });
    let status = wait(&mut child);
    handle.close();
    let _ = forwarder.join();
    status
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
