//! glibc's layout where 64-bit atomics are at hand: value and waiters in one word.
//!
//! Since one atomic step sees both, a poster knows exactly whether anybody sleeps, and a waiter
//! takes its unit and its announcement away in one go.

use rustix::io::{Errno, Result};

use super::last;
use super::protocol::{Protocol, VALUE_MAX};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};

/// One waiter, in the upper half of the word.
const WAITER: u64 = 1 << 32;
/// Below this value a post of [`FEW`] units cannot pass the maximum, whoever else posts in the
/// same moment: Linux has at most 2^22 threads, and 2^22 posts of 255 are less than 2^30.
const FAR_FROM_FULL: u32 = 1 << 30;
const FEW: u32 = 255;

/// The words of a `sem_t`; the rest of its 32 bytes is not used.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Words {
    /// The value in the lower half, the waiters in the upper one.
    pub(crate) data: AtomicU64,
    /// 128 if processes share it, 0 if only threads do.
    pub(crate) private: AtomicU32,
    pub(crate) pad: AtomicU32,
}

#[inline]
fn value(data: u64) -> u32 {
    data as u32
}

#[inline]
fn waiters(data: u64) -> u32 {
    (data >> 32) as u32
}

impl Words {
    /// For many units, or close to the maximum.
    #[cold]
    fn add_carefully(&self, units: u32) -> Result<bool> {
        let mut data = self.data.load(Ordering::Relaxed);
        loop {
            if value(data).checked_add(units).is_none_or(|sum| sum > VALUE_MAX) {
                return Err(Errno::OVERFLOW);
            }
            let new = data + u64::from(units);
            match self.data.compare_exchange_weak(data, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Ok(waiters(data) != 0),
                Err(now) => data = now,
            }
        }
    }
}

impl Protocol for Words {
    #[inline]
    fn value(&self) -> u32 {
        value(self.data.load(Ordering::Relaxed)).min(VALUE_MAX)
    }

    #[inline]
    fn waiters(&self) -> u32 {
        waiters(self.data.load(Ordering::Relaxed))
    }

    #[inline]
    fn try_take(&self, units: u32) -> bool {
        let guess = last::of(self).filter(|guess| value(*guess) >= units);
        let mut data = guess.unwrap_or_else(|| self.data.load(Ordering::Relaxed));
        while value(data) >= units {
            let new = data - u64::from(units);
            match self.data.compare_exchange_weak(data, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    last::note(self, new);
                    return true;
                }
                Err(now) => data = now,
            }
        }
        if guess.is_some() {
            // Or whoever tries again and again would take the line from its owner each time.
            last::note(self, data);
        }
        false
    }

    /// Where nothing is known, an addition and not a compare-and-exchange, since that need not wait for the
    /// load.
    #[inline]
    fn add(&self, units: u32) -> Result<bool> {
        if units > FEW {
            return self.add_carefully(units);
        }
        let now = match last::of(self) {
            // Nobody waits, and the value is far from its maximum.
            Some(guess) if guess < u64::from(FAR_FROM_FULL) => {
                let new = guess + u64::from(units);
                let added =
                    self.data.compare_exchange(guess, new, Ordering::Release, Ordering::Relaxed);
                match added {
                    Ok(_) => {
                        last::note(self, new);
                        return Ok(false);
                    }
                    Err(now) => now,
                }
            }
            _ => self.data.load(Ordering::Relaxed),
        };
        if value(now) >= FAR_FROM_FULL {
            return self.add_carefully(units);
        }
        let old = self.data.fetch_add(u64::from(units), Ordering::Release);
        last::note(self, old.wrapping_add(u64::from(units)));
        Ok(waiters(old) != 0)
    }

    fn register(&self) {
        // The value's own order is enough: it is the same word.
        self.data.fetch_add(WAITER, Ordering::Relaxed);
    }

    fn take_registered(&self, units: u32) -> core::result::Result<u32, u32> {
        let mut data = self.data.load(Ordering::Relaxed);
        while value(data) >= units {
            let new = data.wrapping_sub(u64::from(units) + WAITER);
            match self.data.compare_exchange_weak(data, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(0),
                Err(now) => data = now,
            }
        }
        Err(value(data))
    }

    fn deregister(&self) -> u32 {
        let old = self.data.fetch_sub(WAITER, Ordering::Relaxed);
        // Whoever leaves may have used up a wake-up that was meant for a unit still there.
        u32::from(value(old) > 0 && waiters(old) > 1)
    }

    #[inline]
    fn futex_address(&self) -> *const u32 {
        let base = (&raw const self.data).cast::<u32>();
        // The half with the value; it is the second one where the high bytes come first.
        if cfg!(target_endian = "big") { base.wrapping_add(1) } else { base }
    }

    #[cfg(posix_ipc_loom)]
    fn futex_value(&self) -> u32 {
        value(self.data.load(Ordering::Relaxed))
    }

    fn spare(&self) -> &AtomicU32 {
        &self.pad
    }
}

#[cfg(all(feature = "std", not(posix_ipc_loom)))]
#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: u64) -> Words {
        Words { data: AtomicU64::new(value), private: AtomicU32::new(128), pad: AtomicU32::new(0) }
    }

    /// Checks words that this thread left otherwise than they are.
    fn changed_by_others(noted: u64, data: u64, check: impl FnOnce(&Words)) {
        let words = words(data);
        last::note(&words, noted);
        assert_eq!(last::of(&words), Some(noted));
        check(&words);
    }

    #[test]
    fn a_thread_notes_what_it_left_and_of_the_last_semaphore_alone() {
        let [one, other] = [words(2), words(5)];
        assert!(one.try_take(1));
        assert_eq!(last::of(&one), Some(1));
        assert_eq!(one.add(3), Ok(false));
        assert_eq!((last::of(&one), one.value()), (Some(4), 4));
        assert!(other.try_take(2));
        assert_eq!((last::of(&one), last::of(&other)), (None, Some(3)));
    }

    #[test]
    fn units_are_taken_from_what_is_there_whatever_was_noted() {
        for (noted, there) in [(3, 1), (1, 3), (0, 2), (u64::MAX, 1), (7, 7)] {
            changed_by_others(noted, there, |words| {
                assert!(words.try_take(1));
                assert_eq!(u64::from(words.value()), there - 1);
            });
        }
    }

    #[test]
    fn what_is_not_there_is_not_taken_and_looked_at_without_a_guess_from_then_on() {
        changed_by_others(5, 1, |words| {
            assert!(!words.try_take(2));
            assert_eq!((words.value(), last::of(words)), (1, Some(1)));
        });
    }

    #[test]
    fn a_poster_learns_of_waiters_that_came_or_went_since() {
        changed_by_others(0, 2 * WAITER, |words| {
            assert_eq!(words.add(1), Ok(true));
            assert_eq!(words.add(1), Ok(true), "they are there still");
        });
        changed_by_others(2 * WAITER, 0, |words| assert_eq!(words.add(1), Ok(false)));
    }

    #[test]
    fn the_maximum_is_not_passed_whatever_was_noted() {
        for noted in [0, u64::from(VALUE_MAX), u64::MAX] {
            changed_by_others(noted, VALUE_MAX.into(), |words| {
                assert_eq!(words.add(1), Err(Errno::OVERFLOW));
                assert_eq!(words.value(), VALUE_MAX);
            });
        }
        changed_by_others(VALUE_MAX.into(), 7, |words| {
            assert_eq!((words.add(FEW), words.value()), (Ok(false), 7 + FEW));
        });
    }
}
