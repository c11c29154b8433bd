//! What the two layouts of glibc have in common: the steps that waiting and posting are made of.

use core::fmt;

use rustix::io::Result;

pub(super) use crate::sem::VALUE_MAX;

/// The words of one semaphore, shared with processes that run glibc's own code on them.
///
/// Everything read from them is what another process wrote: a hostile one can make any call
/// here block, fail or wake others for nothing, and nothing else.
pub(crate) trait Protocol: fmt::Debug {
    /// The number of units, at most `VALUE_MAX`.
    fn value(&self) -> u32;

    /// How many waiters are registered; those that were killed stay counted.
    fn waiters(&self) -> u32;

    /// Takes `units` if there are so many.
    fn try_take(&self, units: u32) -> bool;

    /// Adds `units`, and tells whether anybody has to be woken; `EOVERFLOW`, and no change, if
    /// the value would pass its maximum.
    fn add(&self, units: u32) -> Result<bool>;

    /// Announces a waiter, before it looks at the value for the last time.
    fn register(&self);

    /// As [`try_take`](Self::try_take) for a registered waiter, which it deregisters if it
    /// succeeds.
    ///
    /// The success is how many others have to be woken; the failure is what the futex word was,
    /// with the announcement made in it.
    fn take_registered(&self, units: u32) -> core::result::Result<u32, u32>;

    /// Takes back an announcement; tells how many others have to be woken.
    fn deregister(&self) -> u32;

    /// Where the futex word is, for the kernel.
    fn futex_address(&self) -> *const u32;

    /// What the futex word is, as the kernel would compare it.
    #[cfg(posix_ipc_loom)]
    fn futex_value(&self) -> u32;

    /// A word that glibc keeps at zero and never reads.
    fn spare(&self) -> &crate::primitive::AtomicU32;
}
