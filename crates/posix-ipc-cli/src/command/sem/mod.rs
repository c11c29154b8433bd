//! `pipc sem`.

mod run;

use std::time::{Duration, Instant};

use posix_ipc::{Kind, Name, Semaphore, inspect};
use serde_json::json;

use super::describe;
use crate::args::SemCommand;
use crate::exit::{Failure, Outcome};
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

/// Takes units one after the other, and gives them back if not all can be had in time.
fn wait(name: &Name, count: u32, timeout: Option<Duration>, out: &mut Out) -> Outcome {
    let semaphore = Semaphore::open(name)?;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    for taken in 0..count {
        let got = match deadline {
            Some(deadline) => semaphore.wait_deadline(deadline)?,
            None => semaphore.wait().map(|()| true)?,
        };
        if !got {
            if taken > 0 {
                semaphore.post_many(taken)?;
            }
            let text = format!("no unit of semaphore {name} became free in time");
            return Err(Failure::timed_out(text));
        }
    }
    report(&semaphore, out)
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
