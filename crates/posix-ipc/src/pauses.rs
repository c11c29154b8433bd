//! The pauses of who spins, for as long as the clock allows.
//!
//! Their number tells little: one takes 45 nanoseconds on one processor, 10 on another and 1 on a third,
//! so that a thousand of them cover the wake of a sleeping peer here, and not there.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// How long to spin for a peer before a sleep: a peer that is asleep takes up to 30 microseconds to be
/// awake, on virtual machines that give an idle processor back, and some more for its answer.
///
/// It is a cliff and not a slope: where both sides sleep by turns an answer takes as long as a wake, so
/// that spinning for less than that never succeeds and never learns. Hence the full time or none.
pub(crate) const SPIN: Duration = Duration::from_micros(50);

/// How many pauses come before the clock is read for the first time. Most spins end before.
pub(crate) const UNTIMED: u32 = 256;
/// How many come between two readings.
const STEP: u32 = 64;

/// Pauses until a limit.
#[derive(Debug)]
pub(crate) struct Pauses<L> {
    limit: L,
    /// When the clock was first read, and what the limit was then.
    timed: Option<(Instant, Duration)>,
    /// How many are left until it is read next.
    untimed: u32,
}

impl<L: FnMut() -> Duration> Pauses<L> {
    /// Pauses for `limit`, and before that for as long as the pauses take for which the clock is not read;
    /// the limit is only asked for when it is.
    #[inline(always)]
    pub(crate) fn until(limit: L) -> Self {
        Self { limit, timed: None, untimed: UNTIMED }
    }

    /// Pauses so many times; `false` if this has gone on for long enough.
    #[inline(always)]
    pub(crate) fn pause(&mut self, count: u32) -> bool {
        (0..count).for_each(|_| spin_loop());
        match self.untimed.checked_sub(count) {
            Some(left) if !cfg!(posix_ipc_loom) => {
                self.untimed = left;
                true
            }
            _ => self.goes_on(),
        }
    }

    /// Whether they were to last for `time`, and no shorter limit was in its way.
    pub(crate) fn were_for(&self, time: Duration) -> bool {
        self.timed.is_none_or(|(_, limit)| limit >= time)
    }

    #[cold]
    fn goes_on(&mut self) -> bool {
        // A model has no time: there every look but the first is one too many.
        if cfg!(posix_ipc_loom) {
            return false;
        }
        self.untimed = STEP;
        let (since, limit) = self.timed.get_or_insert_with(|| (Instant::now(), (self.limit)()));
        since.elapsed() < *limit
    }
}

#[cfg(not(posix_ipc_loom))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_end_no_sooner_than_the_limit_however_many_there_are_at_a_time() {
        const LIMIT: Duration = Duration::from_millis(2);
        for count in [1, 3, 16, 1000] {
            let start = Instant::now();
            let mut pauses = Pauses::until(|| LIMIT);
            while pauses.pause(count) {}
            assert!(start.elapsed() >= LIMIT, "{count} at a time");
        }
    }

    #[test]
    fn without_time_only_those_are_left_that_are_not_timed() {
        let mut pauses = Pauses::until(|| Duration::ZERO);
        let count = std::iter::from_fn(|| pauses.pause(1).then_some(())).count();
        assert_eq!(count, UNTIMED as usize);
    }

    #[test]
    fn an_endless_limit_is_none_and_asked_for_once_when_the_clock_is_read() {
        let mut asked = 0;
        let mut pauses = Pauses::until(|| {
            asked += 1;
            Duration::MAX
        });
        assert!((0..UNTIMED).all(|_| pauses.pause(1)));
        assert_eq!(pauses.timed, None);
        assert!((0..10_000).all(|_| pauses.pause(1)));
        assert_eq!(asked, 1);
    }
}
