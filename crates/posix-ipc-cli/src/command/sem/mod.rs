//! `pipc sem`.

mod run;
mod take;

use std::time::{Duration, Instant};

use posix_ipc::{Kind, Name, Semaphore, inspect};
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::take::{Caught, Taken, take};
use super::describe;
use crate::args::SemCommand;
use crate::exit::{Failure, Outcome, Status};
use crate::output::Out;

pub(crate) fn run(command: &SemCommand, out: &mut Out) -> Outcome {
    match command {
        SemCommand::Wait { name, count, timeout } => wait(name, *count, *timeout, out),
        SemCommand::Try { name } => {
            let semaphore = Semaphore::open(name)?;
            if !semaphore.try_wait() {
                return Err(Failure::timed_out(format!("no unit of semaphore {name} is free")));
            }
            report(&semaphore, out)
        }
        SemCommand::Post { name, count } => {
            let semaphore = Semaphore::open(name)?;
            semaphore.post_many(*count)?;
            report(&semaphore, out)
        }
        SemCommand::Get { name } => get(name, out),
        SemCommand::Run(args) => run::run(args),
    }
}

/// Takes units one after the other, and gives them back if not all can be had in time, or if a
/// signal ends the wait.
fn wait(name: &Name, count: u32, timeout: Option<Duration>, out: &mut Out) -> Outcome {
    let semaphore = Semaphore::open(name)?;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let caught = Caught::new(&[SIGHUP, SIGINT, SIGTERM])?;
    for held in 0..count {
        let result = take(&semaphore, deadline, &caught);
        if !matches!(result, Ok(Taken::Yes)) && held > 0 {
            semaphore.post_many(held)?;
        }
        match result? {
            Taken::Yes => {}
            Taken::TimedOut => return Err(none_free(name)),
            Taken::Signal(signal) => return Err(end_by(signal)),
        }
    }
    report(&semaphore, out)
}

fn none_free(name: &Name) -> Failure {
    Failure::timed_out(format!("no unit of semaphore {name} became free in time"))
}

/// Ends this process as the signal would have, had it not been caught.
fn end_by(signal: i32) -> Failure {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    Failure::Silent(Status::Failed)
}

/// As JSON, tells the value after what was done; a person sees the status.
fn report(semaphore: &Semaphore, out: &mut Out) -> Outcome {
    if !out.is_json() {
        return Ok(());
    }
    let name = describe::name(semaphore.name());
    out.document(json!({ "name": name, "value": semaphore.value()? }))
}

fn get(name: &Name, out: &mut Out) -> Outcome {
    let semaphore = Semaphore::open(name)?;
    let value = semaphore.value()?;
    if out.is_json() {
        // The C library's own semaphores don't tell, but their files do.
        let from_file = || Some(inspect::stat(Kind::Semaphore, name).ok()?.semaphore()?.waiters);
        let waiters = semaphore.waiters().or_else(from_file);
        let name = describe::name(name);
        return out.document(json!({ "name": name, "value": value, "waiters": waiters }));
    }
    out.line(&value.to_string())
}
