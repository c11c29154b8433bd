//! glibc's layout where 64-bit atomics are at hand: value and waiters in one word.
//!
//! Since one atomic step sees both, a poster knows exactly whether anybody sleeps, and a waiter
//! takes its unit and its announcement away in one go.

use rustix::io::{Errno, Result};

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
        let mut data = self.data.load(Ordering::Relaxed);
        while value(data) >= units {
            let new = data - u64::from(units);
            match self.data.compare_exchange_weak(data, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => data = now,
            }
        }
        false
    }

    /// An addition and not a compare-and-exchange, since that need not wait for the load.
    #[inline]
    fn add(&self, units: u32) -> Result<bool> {
        if units <= FEW && value(self.data.load(Ordering::Relaxed)) < FAR_FROM_FULL {
            let old = self.data.fetch_add(u64::from(units), Ordering::Release);
            return Ok(waiters(old) != 0);
        }
        self.add_carefully(units)
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
