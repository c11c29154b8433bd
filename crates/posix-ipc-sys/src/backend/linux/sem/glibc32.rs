//! glibc's layout where 64-bit atomics are not at hand: value and waiters in two words.
//!
//! The lowest bit of the value's word says that somebody may be waiting. It can be wrong in one
//! direction only, and the waiter that clears it by mistake sets it again and wakes those who
//! could have been forgotten meanwhile.

use rustix::io::{Errno, Result};

use super::protocol::{Protocol, VALUE_MAX};
use crate::primitive::{AtomicU32, Ordering};

/// Somebody may be waiting.
const WAITED_FOR: u32 = 1;
/// How far the value is shifted in its word.
const SHIFT: u32 = 1;

/// The words of a `sem_t`: all its 16 bytes.
#[derive(Debug)]
#[repr(C, align(4))]
pub(crate) struct Words {
    /// Twice the value, and the bit for waiters.
    pub(crate) value: AtomicU32,
    /// 128 if processes share it, 0 if only threads do.
    pub(crate) private: AtomicU32,
    pub(crate) pad: AtomicU32,
    pub(crate) waiters: AtomicU32,
}

impl Words {
    /// Takes `units` from the value, where `seen` is what it was last.
    #[inline]
    fn take(&self, units: u32, mut seen: u32) -> core::result::Result<(), u32> {
        while seen >> SHIFT >= units {
            let new = seen - (units << SHIFT);
            match self.value.compare_exchange_weak(seen, new, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
        Err(seen)
    }

    /// Makes sure that posters see a waiter, and returns the value's word then.
    fn announce(&self) -> u32 {
        let mut seen = self.value.load(Ordering::Relaxed);
        while seen & WAITED_FOR == 0 {
            let new = seen | WAITED_FOR;
            match self.value.compare_exchange_weak(seen, new, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return new,
                Err(now) => seen = now,
            }
        }
        seen
    }

    /// Stops being registered; how many have to be woken.
    fn leave(&self) -> u32 {
        let guess = self.waiters.load(Ordering::Relaxed);
        if guess == 1 {
            // Acquire, so that it comes after the clearing of others, who count down with release.
            self.value.fetch_and(!WAITED_FOR, Ordering::Acquire);
        }
        let last = self.waiters.fetch_sub(1, Ordering::Release);
        if last > 1 && guess == 1 {
            return self.value.fetch_or(WAITED_FOR, Ordering::Relaxed) >> SHIFT;
        }
        0
    }
}

impl Protocol for Words {
    #[inline]
    fn value(&self) -> u32 {
        self.value.load(Ordering::Relaxed) >> SHIFT
    }

    #[inline]
    fn waiters(&self) -> u32 {
        self.waiters.load(Ordering::Relaxed)
    }

    #[inline]
    fn try_take(&self, units: u32) -> bool {
        self.take(units, self.value.load(Ordering::Relaxed)).is_ok()
    }

    #[inline]
    fn add(&self, units: u32) -> Result<bool> {
        let mut seen = self.value.load(Ordering::Relaxed);
        loop {
            if (seen >> SHIFT).checked_add(units).is_none_or(|sum| sum > VALUE_MAX) {
                return Err(Errno::OVERFLOW);
            }
            let new = seen + (units << SHIFT);
            match self.value.compare_exchange_weak(seen, new, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return Ok(seen & WAITED_FOR != 0),
                Err(now) => seen = now,
            }
        }
    }

    fn register(&self) {
        self.waiters.fetch_add(1, Ordering::Acquire);
    }

    fn take_registered(&self, units: u32) -> core::result::Result<u32, u32> {
        loop {
            let mut seen = self.announce();
            match self.take(units, seen) {
                Ok(()) => return Ok(self.leave()),
                Err(now) => seen = now,
            }
            // Another waiter that left may have cleared the bit between the two.
            if seen & WAITED_FOR != 0 {
                return Err(seen);
            }
        }
    }

    fn deregister(&self) -> u32 {
        let woken = self.leave();
        // Whoever leaves may have used up a wake-up that was meant for a unit still there.
        let owed = u32::from(self.value() > 0 && self.waiters() > 0);
        woken.max(owed)
    }

    #[inline]
    fn futex_address(&self) -> *const u32 {
        (&raw const self.value).cast()
    }

    #[cfg(posix_ipc_loom)]
    fn futex_value(&self) -> u32 {
        self.value.load(Ordering::Relaxed)
    }

    fn spare(&self) -> &AtomicU32 {
        &self.pad
    }
}
