//! Spinning before sleeping: how long, and whether it is worth its while.
//!
//! A hand-over between two processors takes well under a microsecond if the receiver looks at the
//! value, and some ten if it sleeps.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use posix_ipc_sys::sem as sys;
use rustix::io::Result;

use super::Semaphore;
use super::wait::until;
use crate::deadline::Deadline;
use crate::pauses::{Pauses, SPIN};
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
    /// For some 50 microseconds as long as that succeeds, otherwise rarely, to find out whether
    /// it would. Not at all if whoever woke it last runs on the same processor or, where that is
    /// not known, if this process may run on one only.
    #[default]
    Adaptive,
    /// Not at all: sleeps at once.
    Never,
    /// For as many looks, every time.
    Iterations(u32),
}

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
            Spin::Iterations(looks) => (0..looks).any(|_| {
                spin_loop();
                look(semaphore, units)
            }),
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
                // Where the other side is may be known after the sleep that comes now.
                let credit = if shares.is_some() { 0 } else { credit.saturating_sub(1) };
                self.credit.store(credit, Ordering::Relaxed);
                return false;
            }
        }
        let spun = spin(semaphore, units, deadline);
        match spun {
            Spun::Took => self.credit.store(PATIENCE, Ordering::Relaxed),
            Spun::InVain => self.credit.store(credit.saturating_sub(1), Ordering::Relaxed),
            Spun::CutShort => {}
        }
        spun == Spun::Took
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

#[inline]
fn look(semaphore: &Semaphore, units: u32) -> bool {
    let enough = sys::getvalue(&semaphore.sem).map_or(true, |value| value >= units);
    enough && semaphore.try_wait_many(units)
}

/// How a spin ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spun {
    Took,
    InVain,
    /// By a timeout: it might have succeeded.
    CutShort,
}

fn spin(semaphore: &Semaphore, units: u32, deadline: Deadline) -> Spun {
    let mut pauses = Pauses::until(|| deadline.at_most(SPIN));
    while pauses.pause(1) {
        if look(semaphore, units) {
            return Spun::Took;
        }
    }
    if pauses.were_for(SPIN) { Spun::InVain } else { Spun::CutShort }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::*;

    /// Runs `body` with the thread bound to one processor.
    fn bound(body: impl FnOnce()) {
        let before = sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu)).unwrap());
        sched_setaffinity(None, &one).unwrap();
        body();
        sched_setaffinity(None, &before).unwrap();
    }

    #[test]
    fn who_is_bound_to_a_processor_gives_up_spinning_only_after_some_wakes_by_unknown_ones() {
        bound(|| {
            let name = crate::Name::unique("spin-bound");
            let semaphore = Semaphore::create(&name, 0).unwrap();
            let spinner = Spinner::new(Spin::Adaptive);
            for credit in [2, 1, 0, 0] {
                assert!(!spinner.adaptive(&semaphore, 1, Deadline::Never), "there is nothing");
                assert_eq!(spinner.credit.load(Ordering::Relaxed), credit);
            }
        });
    }

    #[test]
    fn who_spins_in_vain_time_and_again_stops_it() {
        let name = crate::Name::unique("spin-vain");
        let semaphore = Semaphore::create(&name, 0).unwrap();
        let spinner = Spinner::new(Spin::Adaptive);
        spinner.credit.store(PATIENCE, Ordering::Relaxed);
        for credit in [3, 2, 1, 0, 0] {
            assert!(!spinner.adaptive(&semaphore, 1, Deadline::Never), "there is nothing");
            assert_eq!(spinner.credit.load(Ordering::Relaxed), credit);
        }
        spinner.credit.store(PATIENCE, Ordering::Relaxed);
        assert!(!spinner.adaptive(&semaphore, 1, Deadline::after(std::time::Duration::ZERO)));
        assert_eq!(spinner.credit.load(Ordering::Relaxed), PATIENCE, "it was no whole spin");
        semaphore.post().unwrap();
        assert!(spinner.adaptive(&semaphore, 1, Deadline::Never), "there is a unit");
    }
}
