//! Takes a unit as long as no signal comes, which would end this process with units in its hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use posix_ipc::Semaphore;
use posix_ipc::sem::Waited;
use signal_hook::consts::SIGTERM;

use crate::exit::{Failure, Outcome};

/// How often a waiting process looks whether a signal came just before it went to sleep.
const SLICE: Duration = Duration::from_millis(100);

/// The last of some signals that came; they end the process no more.
pub(super) struct Caught(Arc<AtomicUsize>);

/// How a wait for a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    TimedOut,
    /// By this signal; nothing was taken.
    Signal(i32),
}

impl Caught {
    pub(super) fn new(signals: &[i32]) -> Outcome<Self> {
        let caught = Arc::new(AtomicUsize::new(0));
        for &signal in signals {
            let number = usize::try_from(signal).unwrap_or(0);
            signal_hook::flag::register_usize(signal, Arc::clone(&caught), number)
                .map_err(Failure::io("catch signals"))?;
        }
        Ok(Self(caught))
    }

    pub(super) fn last(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(i32::try_from(signal).unwrap_or(SIGTERM)),
        }
    }
}

pub(super) fn take(
    semaphore: &Semaphore,
    deadline: Option<Instant>,
    caught: &Caught,
) -> Outcome<Taken> {
    loop {
        let slice = Instant::now() + SLICE;
        let until = deadline.map_or(slice, |deadline| deadline.min(slice));
        let taken = semaphore.wait_interruptible(Some(until))? == Waited::Taken;
        if let Some(signal) = caught.last() {
            if taken {
                semaphore.post()?;
            }
            return Ok(Taken::Signal(signal));
        }
        if taken {
            return Ok(Taken::Yes);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(Taken::TimedOut);
        }
    }
}
