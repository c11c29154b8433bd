//! What every process of the soak does around its role.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use testutil::leaks;

use crate::arguments::Task;
use crate::kinds;
use crate::random::Random;
use crate::words::Words;

/// How a process ends that saw what may not be.
pub(crate) const VIOLATION: u8 = 3;

/// How long a role waits at most before it looks whether it is to end.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// Says what is wrong, and ends the process.
pub(crate) fn fail(what: &str) -> ! {
    let arguments: Vec<String> = std::env::args().skip(2).take(2).collect();
    eprintln!("{} {}: {what}", std::process::id(), arguments.join(" "));
    std::process::exit(VIOLATION.into())
}

/// What a role has at hand.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) task: Task,
    pub(crate) random: Random,
    stop: Words,
}

impl Worker {
    /// The name of one of the round's objects.
    pub(crate) fn name(&self, label: &str) -> String {
        format!("{}-{label}", self.task.prefix)
    }

    /// Whether the round is over.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.at(0).load(Ordering::Relaxed) != 0
    }

    /// Does nothing for a while, mostly a short one, in one of several ways.
    pub(crate) fn dawdle(&mut self) {
        match self.random.below(64) {
            0 => thread::sleep(Duration::from_micros(self.random.below(2000))),
            1..4 => thread::yield_now(),
            4..8 => (0..self.random.below(2000)).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    }
}

/// Runs a role until the round is over, and sees that it holds nothing afterwards.
pub(crate) fn run(task: &Task) -> ExitCode {
    // A worker never outlives the soak.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let Some(role) = kinds::role(&task.role) else { fail("there is no such role") };
    let before = held();
    let mut worker = Worker {
        task: task.clone(),
        random: Random::new(task.seed),
        stop: Words::open(&format!("{}-stop", task.prefix)),
    };
    role(&mut worker);
    drop(worker);
    let after = held();
    if before != after {
        fail(&format!("held descriptors and mappings {before:?} before and {after:?} after"));
    }
    ExitCode::SUCCESS
}

/// Descriptors and mappings of objects that this process has.
fn held() -> (usize, usize) {
    (leaks::descriptors(), leaks::mappings("/dev/shm"))
}
