//! Waiting: an adaptive spin, or turns where both sides share a processor, then a sleep that a
//! publication ends.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rustix::time::Timespec;

use super::primitive::Fences;
use crate::deadline::{Deadline, Limit};
use crate::pauses::{Pauses, SPIN};
use crate::turns::Turns;

/// The most waits that go by without a spin after spins that failed.
const SKIP_MAX: u32 = 1024;
/// The most pauses between two looks.
const GAP_MAX: u32 = 16;

/// How a handle waits: what it has learnt. Shared by the threads that use the handle, in which
/// case they learn from each other.
#[derive(Debug)]
pub(crate) struct Spin {
    /// Whether the handle is to spin at all.
    enabled: bool,
    /// Waits to come without a spin.
    skip: AtomicU32,
    /// Waits to skip after the next spin that fails.
    penalty: AtomicU32,
    /// Pauses between two looks.
    gap: AtomicU32,
    /// Whether the peer ran on our processor when we last slept: it can't run while we spin, but
    /// does when we yield.
    shares_processor: AtomicBool,
    turns: Turns,
}

impl Spin {
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            enabled: enabled && !cfg!(posix_ipc_loom),
            skip: AtomicU32::new(0),
            penalty: AtomicU32::new(1),
            gap: AtomicU32::new(1),
            shares_processor: AtomicBool::new(!has_several_processors()),
            turns: Turns::default(),
        }
    }

    /// Looks until something is found or it has taken long enough; when the clock is first read, `limit` is
    /// fixed, and ends it from then on.
    #[inline]
    pub(crate) fn look<T>(
        &self,
        limit: &mut Limit,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if !self.enabled {
            return None;
        }
        if self.shares_processor.load(Relaxed) {
            limit.deadline();
            return self.turns.take(look);
        }
        let skip = self.skip.load(Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Relaxed);
            return None;
        }
        let gap = self.gap.load(Relaxed);
        let mut pauses = Pauses::until(|| limit.deadline().at_most(SPIN));
        loop {
            if let Some(found) = look() {
                self.penalty.store(1, Relaxed);
                return Some(found);
            }
            if !pauses.pause(gap) {
                // What a timeout cut short might have succeeded.
                if pauses.were_for(SPIN) {
                    self.failed();
                }
                return None;
            }
        }
    }

    /// Goes without for a while.
    fn failed(&self) {
        let penalty = self.penalty.load(Relaxed);
        self.skip.store(penalty, Relaxed);
        self.penalty.store((penalty * 2).min(SKIP_MAX), Relaxed);
    }

    /// Learns whether several messages came since the last wait: where they come in streams, looking
    /// less often leaves the line to the peer; in a dialogue, every look counts.
    #[inline]
    pub(crate) fn served(&self, several: bool) {
        let gap = self.gap.load(Relaxed);
        self.gap.store(if several { (gap * 2).min(GAP_MAX) } else { (gap / 2).max(1) }, Relaxed);
    }

    /// Learns on which processors we and the peer were when we slept.
    fn slept(&self, shares_processor: bool) {
        if self.shares_processor.swap(shares_processor, Relaxed) && !shares_processor {
            self.skip.store(0, Relaxed);
        }
    }
}

/// Whether the machine has more than one processor; that a peer is pinned to ours shows in time.
fn has_several_processors() -> bool {
    let online = || std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    cfg!(posix_ipc_loom)
        || std::thread::available_parallelism().is_ok_and(|n| n.get() > 1)
        || online().trim() != "0"
}

/// What a wait ends with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited<T> {
    Found(T),
    TimedOut,
}

/// How one shape of ring announces a sleep and sleeps.
pub(crate) trait Bed {
    /// Says that we are about to sleep; gives what the sleep compares with.
    fn announce(&self) -> u32;
    /// Takes the announcement back, where it is ours alone.
    fn withdraw(&self);
    /// Sleeps until a publication after `announce`, at most as long as `timeout`.
    fn sleep(&self, expected: u32, timeout: Option<Timespec>);
    /// Whether the peer was last seen on the processor that we are on.
    fn shares_processor(&self) -> bool;
}

/// Sleeps, as often as necessary, until `look` finds something or the deadline passes.
///
/// `watch` is called before the first sleep with `false`, and after every `interval` in which
/// nothing happened with `true`: it finds out whether the peer is still there.
pub(crate) fn sleep_until<T, E>(
    bed: &impl Bed,
    spin: &Spin,
    fences: Fences,
    deadline: Deadline,
    interval: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
    mut watch: impl FnMut(bool) -> Result<(), E>,
) -> Result<Waited<T>, E> {
    let mut thorough = false;
    loop {
        let expected = bed.announce();
        fences.sleeper();
        match look() {
            Ok(None) => {}
            Ok(Some(found)) => {
                bed.withdraw();
                return Ok(Waited::Found(found));
            }
            Err(error) => {
                bed.withdraw();
                return Err(error);
            }
        }
        if let Err(error) = watch(thorough) {
            bed.withdraw();
            return Err(error);
        }
        let remaining = deadline.remaining();
        if matches!(remaining, Some(Timespec { tv_sec: 0, tv_nsec: 0 })) {
            bed.withdraw();
            return Ok(Waited::TimedOut);
        }
        let nap = match fences {
            Fences::Denied => interval.min(NAP),
            _ => interval,
        };
        let before = std::time::Instant::now();
        bed.sleep(expected, shorter(remaining, nap));
        thorough = before.elapsed() >= nap;
        spin.slept(bed.shares_processor());
        if let Some(found) = look()? {
            bed.withdraw();
            return Ok(Waited::Found(found));
        }
    }
}

/// How long a process sleeps that nobody can be sure to wake.
pub(crate) const NAP: Duration = Duration::from_millis(1);

fn shorter(remaining: Option<Timespec>, interval: Duration) -> Option<Timespec> {
    let interval = Timespec {
        tv_sec: i64::try_from(interval.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(interval.subsec_nanos()),
    };
    match remaining {
        Some(left) if (left.tv_sec, left.tv_nsec) < (interval.tv_sec, interval.tv_nsec) => {
            Some(left)
        }
        _ if interval.tv_sec == i64::MAX => None,
        _ => Some(interval),
    }
}

/// Which processor this thread runs on, counted from one; zero where that can't be known.
pub(crate) fn processor() -> u32 {
    #[cfg(all(target_os = "linux", not(posix_ipc_loom)))]
    {
        u32::try_from(rustix::thread::sched_getcpu()).map_or(0, |cpu| cpu.saturating_add(1))
    }
    #[cfg(not(all(target_os = "linux", not(posix_ipc_loom))))]
    {
        0
    }
}

#[cfg(not(posix_ipc_loom))]
#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::pauses::UNTIMED;

    /// A spin, whatever the machine's processors are.
    fn spin(shares_processor: bool) -> Spin {
        let spin = Spin::new(true);
        spin.shares_processor.store(shares_processor, Relaxed);
        spin
    }

    /// How often a spin in vain looked, and for how long.
    fn looks(spin: &Spin, limit: &mut Limit) -> (u32, Duration) {
        let (start, mut looks) = (Instant::now(), 0);
        let found = spin.look(limit, || {
            looks += 1;
            None::<()>
        });
        assert_eq!(found, None);
        (looks, start.elapsed())
    }

    #[test]
    fn a_spin_lasts_its_time_or_as_long_as_there_is() {
        for mut limit in [Limit::Never, Limit::After(Duration::from_secs(3600))] {
            assert!(looks(&spin(false), &mut limit).1 >= SPIN);
        }
        let now = Instant::now();
        for mut limit in [Limit::After(Duration::ZERO), Limit::At(now)] {
            assert_eq!(looks(&spin(false), &mut limit).0, UNTIMED + 1, "until the clock is read");
        }
    }

    #[test]
    fn a_timeout_includes_the_spin() {
        for shares_processor in [false, true] {
            let mut limit = Limit::After(Duration::from_secs(3600));
            looks(&spin(shares_processor), &mut limit);
            assert!(matches!(limit, Limit::Fixed(_)), "it began in the spin: {limit:?}");
        }
    }

    #[test]
    fn only_a_spin_that_lasted_its_time_keeps_later_ones_away() {
        let spin = spin(false);
        for _ in 0..10 {
            looks(&spin, &mut Limit::After(Duration::ZERO));
            assert_eq!(spin.skip.load(Relaxed), 0);
        }
        looks(&spin, &mut Limit::Never);
        assert_eq!(spin.skip.load(Relaxed), 1);
    }
}
