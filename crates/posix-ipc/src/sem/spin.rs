//! Spinning before sleeping: how long, and whether it is worth its while.
//!
//! A hand-over between two processors takes well under a microsecond if the receiver looks at the
//! value, and some ten if it sleeps. The budget is a cliff and not a slope: when both
//! sides sleep by turns an answer takes as long as a wake-up, so that spinning for less than that
//! never succeeds and never learns. Hence the full budget or none.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use posix_ipc_sys::sem as sys;
use rustix::io::Result;

use super::Semaphore;
use super::wait::until;
use crate::deadline::Deadline;
use crate::turns::Turns;

/// How a wait spins, looking for a unit, before it sleeps.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, Semaphore, sem::Spin};
///
/// # let name = Name::unique("doc-spin");
/// let mut sem = Semaphore::create(&name, 0)?;
/// sem.set_spin(Spin::Never); // this one waits for hours
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Spin {
    /// For some 20 microseconds as long as that succeeds, otherwise rarely, to find out whether
    /// it would. Not at all if whoever woke it last runs on the same processor or, where that is
    /// not known, if this process may run on one only.
    #[default]
    Adaptive,
    /// Not at all: sleeps at once.
    Never,
    /// For as many looks, every time.
    Iterations(u32),
}

/// How long the full budget is; a wake-up takes some 5 microseconds, and up to 10 now and then.
const BUDGET: Duration = Duration::from_micros(20);
/// So many looks come before the clock is read for the first time.
const UNTIMED: u32 = 256;
/// So many failures in a row, after success, end the spinning.
const PATIENCE: u32 = 4;
/// Without success, one in so many waits spins, to find out.
const PROBE: u32 = 1024;

/// A handle's spinning, and what it has learnt.
#[derive(Debug)]
pub(super) struct Spinner {
    spin: Spin,
    /// Failures that are still forgiven; 0 if spinning has proved useless. It starts as after a
    /// first one, so that even the first spin is asked for its chances.
    credit: AtomicU32,
    /// Waits since the last probe.
    idle: AtomicU32,
    /// Whether the other side was last seen on our processor, where it runs if we yield.
    shares_processor: AtomicBool,
    turns: Turns,
}

impl Spinner {
    pub(super) fn new(spin: Spin) -> Self {
        Self {
            spin,
            credit: AtomicU32::new(PATIENCE - 1),
            idle: AtomicU32::new(0),
            shares_processor: AtomicBool::new(false),
            turns: Turns::default(),
        }
    }

    /// Takes `units` of a semaphore that had too few, first spinning, then sleeping.
    pub(super) fn take_or(
        &self,
        semaphore: &Semaphore,
        units: u32,
        deadline: Deadline,
    ) -> Result<()> {
        let took = match self.spin {
            Spin::Never => false,
            Spin::Iterations(looks) => (0..looks).any(|_| look(semaphore, units)),
            Spin::Adaptive => self.adaptive(semaphore, units, deadline),
        };
        if took { Ok(()) } else { sys::wait_many(&semaphore.sem, units, until(deadline)) }
    }

    fn adaptive(&self, semaphore: &Semaphore, units: u32, deadline: Deadline) -> bool {
        if self.shares_processor.load(Ordering::Relaxed) && !deadline.has_passed() {
            let took = self.turns.take(|| look(semaphore, units).then_some(())).is_some();
            if !took && shares_processor(semaphore) == Some(false) {
                self.shares_processor.store(false, Ordering::Relaxed);
                self.credit.store(PATIENCE - 1, Ordering::Relaxed);
            }
            return took;
        }
        // Two threads that read and write these by turns only mix up a guess.
        let credit = self.credit.load(Ordering::Relaxed);
        if credit == 0 {
            let idle = self.idle.load(Ordering::Relaxed).wrapping_add(1);
            self.idle.store(idle, Ordering::Relaxed);
            if idle % PROBE != 0 {
                return false;
            }
        }
        if credit < PATIENCE {
            let shares = shares_processor(semaphore);
            self.shares_processor.store(shares == Some(true), Ordering::Relaxed);
            if shares.unwrap_or_else(one_processor) {
                self.credit.store(0, Ordering::Relaxed);
                return false;
            }
        }
        let took = spin(semaphore, units, deadline);
        let credit = if took { PATIENCE } else { credit.saturating_sub(1) };
        self.credit.store(credit, Ordering::Relaxed);
        took
    }
}

/// Whether the other side runs on our processor, so that it cannot run while we spin; `None` if
/// that is not known.
///
/// Two processes that are each bound to a processor of their own can spin for each other, so that
/// it counts more where the other one is than how many processors there are for this one.
#[cold]
fn shares_processor(semaphore: &Semaphore) -> Option<bool> {
    sys::waker_cpu(&semaphore.sem).map(|cpu| Some(cpu) == this_cpu())
}

#[cfg(target_os = "linux")]
fn one_processor() -> bool {
    rustix::thread::sched_getaffinity(None).is_ok_and(|set| set.count() == 1)
}

#[cfg(not(target_os = "linux"))]
fn one_processor() -> bool {
    std::thread::available_parallelism().is_ok_and(|count| count.get() == 1)
}

#[cfg(target_os = "linux")]
fn this_cpu() -> Option<u32> {
    u32::try_from(rustix::thread::sched_getcpu()).ok()
}

#[cfg(not(target_os = "linux"))]
fn this_cpu() -> Option<u32> {
    None
}

/// One look, and a pause that leaves the word to others.
#[inline]
fn look(semaphore: &Semaphore, units: u32) -> bool {
    spin_loop();
    let enough = sys::getvalue(&semaphore.sem).map_or(true, |value| value >= units);
    enough && semaphore.try_wait_many(units)
}

fn spin(semaphore: &Semaphore, units: u32, deadline: Deadline) -> bool {
    for _ in 0..UNTIMED {
        if look(semaphore, units) {
            return true;
        }
    }
    if deadline.has_passed() {
        return false;
    }
    let start = Instant::now();
    while start.elapsed() < BUDGET {
        for _ in 0..UNTIMED / 4 {
            if look(semaphore, units) {
                return true;
            }
        }
    }
    false
}
