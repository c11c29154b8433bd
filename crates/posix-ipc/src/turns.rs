//! Taking turns: what a waiter does whose other side shares its processor.
//!
//! There a spin is in vain, but a yield lets the other side run, which may bring what is waited for
//! without a sleep and a wake. If others want the processor, too, a yield gives it to them, for
//! milliseconds, where a sleeper that is woken gets it at once: so a turn that took long ends
//! the practice for a while.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How many turns there are before a sleep.
const TURNS: u32 = 2;
/// How long a turn may take: longer, and others than the other side are being run.
const LONG: Duration = Duration::from_micros(100);
/// The most waits that go by without turns after turns that brought nothing.
const VAIN_MAX: u32 = 1024;
/// The fewest and the most waits that go by without turns after one that took long.
const BUSY_MIN: u32 = 1024;
const BUSY_MAX: u32 = 1 << 20;

/// What a handle has learnt of taking turns. Shared by the threads that use the handle, which at
/// worst mix up a guess.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Waits to come without turns.
    skip: AtomicU32,
    /// Waits to skip after the next turns that bring nothing.
    vain: AtomicU32,
    /// Waits to skip after the next turn that takes long.
    busy: AtomicU32,
    /// Turns that went well since the last one that took long.
    went_well: AtomicU32,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            skip: AtomicU32::new(0),
            vain: AtomicU32::new(1),
            busy: AtomicU32::new(BUSY_MIN),
            went_well: AtomicU32::new(0),
        }
    }
}

impl Turns {
    /// Lets others run, until `look` finds something or it is not worth its while.
    #[cold]
    pub(crate) fn take<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let skip = self.skip.load(Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Relaxed);
            return None;
        }
        for _ in 0..TURNS {
            let before = Instant::now();
            std::thread::yield_now();
            let found = look();
            match (found, before.elapsed() < LONG) {
                (None, true) => {}
                (Some(found), true) => {
                    self.vain.store(1, Relaxed);
                    self.went_well.store(self.went_well.load(Relaxed).saturating_add(1), Relaxed);
                    return Some(found);
                }
                (found, false) => {
                    self.took_long();
                    return found;
                }
            }
        }
        let vain = self.vain.load(Relaxed);
        self.skip.store(vain, Relaxed);
        self.vain.store((vain * 2).min(VAIN_MAX), Relaxed);
        None
    }

    /// Goes without, longer each time, until turns have gone well for as long.
    fn took_long(&self) {
        let busy = self.busy.load(Relaxed);
        let busy = if self.went_well.swap(0, Relaxed) > busy { BUSY_MIN } else { busy };
        self.skip.store(busy, Relaxed);
        self.busy.store((busy * 2).min(BUSY_MAX), Relaxed);
    }
}

#[cfg(all(test, not(posix_ipc_loom)))]
mod tests {
    use super::*;

    /// How many of `waits` took a turn.
    fn taken(turns: &Turns, waits: u32, mut look: impl FnMut() -> Option<()>) -> u32 {
        let mut count = 0;
        for _ in 0..waits {
            let mut looked = false;
            turns.take(|| {
                looked = true;
                look()
            });
            count += u32::from(looked);
        }
        count
    }

    #[test]
    fn turns_that_bring_nothing_become_rare() {
        let count = taken(&Turns::default(), 10_000, || None);
        // 1 + 2 + 4 + ... + 1024 waits lie between the first ones, then 1024 each time; fewer
        // if some took long on a busy machine.
        assert!((1..=20).contains(&count), "{count}");
    }

    #[test]
    fn a_turn_that_takes_long_ends_them_for_a_while() {
        let turns = Turns::default();
        let slow = || {
            std::thread::sleep(LONG * 2);
            Some(())
        };
        assert_eq!(taken(&turns, 1, slow), 1);
        assert_eq!(taken(&turns, BUSY_MIN, || Some(())), 0);
        assert_eq!(taken(&turns, 1, slow), 1, "it is tried again");
        assert_eq!(taken(&turns, 2 * BUSY_MIN, || Some(())), 0, "for twice as long");
    }
}
