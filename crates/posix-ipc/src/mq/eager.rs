//! When an asynchronous receiver looks again before it goes to sleep.
//!
//! Between two processes that answer each other at once, falling asleep and being woken takes
//! longer than the answer. A few more tries, some microseconds that the runtime's other tasks
//! have to wait, find it. Where they find nothing they only cost: so each failure makes the next
//! ones rarer, by twice as much, and a success makes them the rule again.

use std::sync::atomic::{AtomicU32, Ordering};

/// How often one looks again before a sleep.
pub(super) const TRIES: u32 = 12;

/// How many waits at most go by without another look.
const RAREST: u32 = 1023;

/// Whether looking again is worth it, as learned from how it went.
#[derive(Debug, Default)]
pub(super) struct Eager {
    /// How many waits are still to go without.
    skip: AtomicU32,
    /// How many there are after the next failure.
    penalty: AtomicU32,
}

impl Eager {
    /// Whether this wait looks again. Tasks that come at once may miscount, which is harmless.
    pub(super) fn is_worth_it(&self) -> bool {
        match self.skip.load(Ordering::Relaxed) {
            0 => true,
            left => {
                self.skip.store(left - 1, Ordering::Relaxed);
                false
            }
        }
    }

    pub(super) fn succeeded(&self) {
        self.penalty.store(0, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        let penalty = (self.penalty.load(Ordering::Relaxed) * 2 + 1).min(RAREST);
        self.penalty.store(penalty, Ordering::Relaxed);
        self.skip.store(penalty, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_tries_rare_and_a_success_makes_them_the_rule() {
        let eager = Eager::default();
        let tries =
            |waits: u32| (0..waits).filter(|_| eager.is_worth_it()).map(|_| eager.failed()).count();
        assert_eq!(tries(10_000), 18, "ten while the pauses grow, then one in 1024");
        while !eager.is_worth_it() {}
        eager.succeeded();
        assert!((0..100).all(|_| eager.is_worth_it()));
    }
}
