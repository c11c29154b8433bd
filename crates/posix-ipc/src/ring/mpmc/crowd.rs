//! Letting others have the processor before a spin, where some wait for it.
//!
//! In a dialogue of participants on one processor the one that a waiter waits for waits for the
//! waiter's processor: a yield runs it, a spin would keep it from running. Whether others want the
//! processor shows in how long a yield takes, so that nobody has to say where it runs, and it
//! does not matter which of many it is. Streams go without: where messages come in numbers, the
//! others are running.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::deadline::Limit;

/// A yield that took less came back at once, since nobody else wanted the processor.
const ALONE: Duration = Duration::from_nanos(1500);
/// A yield that took more gave the processor to others than the one that is waited for, for as long
/// as they were allowed to have it.
const LONG: Duration = Duration::from_micros(100);
/// The most messages since the last wait that are no stream.
const FEW: u32 = 4;
/// How many yields there are before a sleep.
const TURNS: u32 = 2;
/// The most waits that go by without a yield after yields that came back at once.
const ALONE_MAX: u32 = 1024;
/// The fewest and the most waits that go by without a yield after one that took long.
const BUSY_MIN: u32 = 1024;
const BUSY_MAX: u32 = 1 << 20;

/// What a handle has learnt. Shared by the threads that use the handle, which at worst mix
/// up a guess.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Waits to come without a yield.
    skip: AtomicU32,
    /// Waits to skip after the next yield that comes back at once.
    alone: AtomicU32,
    /// Waits to skip after the next yield that takes long.
    busy: AtomicU32,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    Have(T),
    /// Nobody else wants the processor, as far as is known.
    Spin,
    /// Others have it for better things than to watch us spin.
    Sleep,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { skip: AtomicU32::new(0), alone: AtomicU32::new(1), busy: AtomicU32::new(BUSY_MIN) }
    }
}

impl Crowd {
    /// Yields to others, if that is likely to bring what `look` looks for; `served` is how many
    /// messages there were since the last wait.
    #[inline]
    pub(super) fn give_way<T>(
        &self,
        served: u32,
        limit: &mut Limit,
        look: impl FnMut() -> Option<T>,
    ) -> Next<T> {
        let turn = || {
            // They are a part of its time.
            limit.deadline();
            turn()
        };
        self.with_turns(served, turn, look)
    }

    /// As `give_way`, with `turn` to yield, which says how long that took.
    #[inline(always)]
    fn with_turns<T>(
        &self,
        served: u32,
        turn: impl FnMut() -> Duration,
        look: impl FnMut() -> Option<T>,
    ) -> Next<T> {
        let skip = self.skip.load(Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Relaxed);
            return Next::Spin;
        }
        if served > FEW {
            return Next::Spin;
        }
        self.take_turns(turn, look)
    }

    #[cold]
    fn take_turns<T>(
        &self,
        mut turn: impl FnMut() -> Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Next<T> {
        for _ in 0..TURNS {
            let took = turn();
            let found = look();
            if took < ALONE {
                let alone = self.alone.load(Relaxed);
                self.skip.store(alone, Relaxed);
                self.alone.store((alone * 2).min(ALONE_MAX), Relaxed);
                return found.map_or(Next::Spin, Next::Have);
            }
            if took > LONG {
                let busy = self.busy.load(Relaxed);
                self.skip.store(busy, Relaxed);
                self.busy.store((busy * 2).min(BUSY_MAX), Relaxed);
                return found.map_or(Next::Sleep, Next::Have);
            }
            if let Some(found) = found {
                self.alone.store(1, Relaxed);
                return Next::Have(found);
            }
        }
        let alone = self.alone.load(Relaxed);
        self.skip.store(alone, Relaxed);
        self.alone.store((alone * 2).min(ALONE_MAX), Relaxed);
        Next::Sleep
    }
}

/// Lets others run; says for how long.
fn turn() -> Duration {
    let before = Instant::now();
    std::thread::yield_now();
    before.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_nanos(600);
    const OTHERS_RAN: Duration = Duration::from_micros(20);
    const HOG_RAN: Duration = Duration::from_millis(3);

    /// How many of `waits`, between each of which `served` messages came, yielded.
    fn yields(crowd: &Crowd, waits: u32, served: u32, took: Duration, found: bool) -> u32 {
        let mut count = 0;
        for _ in 0..waits {
            let turn = || {
                count += 1;
                took
            };
            crowd.with_turns(served, turn, || found.then_some(()));
        }
        count
    }

    #[test]
    fn who_has_a_processor_alone_hardly_ever_yields() {
        let crowd = Crowd::default();
        // 1 + 2 + 4 + ... + 1024 waits lie between the first ones, then 1024 each time.
        assert_eq!(yields(&crowd, 1 << 16, 1, SHORT, true), 73);
        let mut other = 0;
        let turn = || {
            other += 1;
            SHORT
        };
        assert_eq!(Crowd::default().with_turns(1, turn, || None::<()>), Next::Spin);
        assert_eq!(other, 1, "there is no second try");
    }

    #[test]
    fn where_others_want_the_processor_every_wait_yields_while_that_brings_something() {
        let crowd = Crowd::default();
        assert_eq!(yields(&crowd, 1000, 1, OTHERS_RAN, true), 1000);
        let next = crowd.with_turns(1, || OTHERS_RAN, || None::<()>);
        assert_eq!(next, Next::Sleep, "a spin would only keep them from running");
    }

    #[test]
    fn a_long_turn_ends_them_for_a_while() {
        let crowd = Crowd::default();
        assert_eq!(yields(&crowd, 1, 1, HOG_RAN, true), 1);
        assert_eq!(yields(&crowd, BUSY_MIN, 1, OTHERS_RAN, true), 0);
        assert_eq!(yields(&crowd, 1, 1, HOG_RAN, true), 1, "it is tried again");
        assert_eq!(yields(&crowd, 2 * BUSY_MIN, 1, OTHERS_RAN, true), 0, "for twice as long");
    }

    #[test]
    fn streams_go_without() {
        assert_eq!(yields(&Crowd::default(), 1000, FEW + 1, OTHERS_RAN, true), 0);
    }

    #[test]
    fn turns_that_bring_nothing_become_rare() {
        let count = yields(&Crowd::default(), 1 << 16, 1, OTHERS_RAN, false);
        assert_eq!(count, 73 * TURNS);
    }
}
