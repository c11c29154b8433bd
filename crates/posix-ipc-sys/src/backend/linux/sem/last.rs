//! What this thread left in a semaphore's word when it used one last: a guess at what is there.
//!
//! To load a word that a locked instruction has just written takes three nanoseconds, and an uncontended wait
//! and post are two of each. With the guess a compare-and-exchange can come first, which tells what is there
//! if it was wrong. It proves the guess, so that nothing hangs on its truth: not if others have changed the
//! word, if another semaphore has its address by now, or if a signal handler came between.
//!
//! In a library that a program loads later, the C library may have to allocate what belongs to a thread when the
//! thread comes here first.

#[cfg(feature = "std")]
pub(super) use thread::{note, of};

#[cfg(feature = "std")]
mod thread {
    #[cfg(posix_ipc_loom)]
    use loom::{sync::atomic::AtomicUsize, thread_local};
    #[cfg(not(posix_ipc_loom))]
    use {core::sync::atomic::AtomicUsize, std::thread_local};

    use crate::primitive::{AtomicU64, Ordering};

    /// The address of the words, and the word: atomic for the sake of signal handlers alone.
    #[derive(Debug)]
    struct Last(AtomicUsize, AtomicU64);

    #[cfg(not(posix_ipc_loom))]
    thread_local! {
        static LAST: Last = const { Last(AtomicUsize::new(0), AtomicU64::new(0)) };
    }
    #[cfg(posix_ipc_loom)]
    thread_local! {
        static LAST: Last = Last(AtomicUsize::new(0), AtomicU64::new(0));
    }

    /// What this thread left in the word of `words`, if it used that semaphore last.
    #[inline]
    pub(in super::super) fn of<W>(words: &W) -> Option<u64> {
        LAST.with(|Last(address, word)| {
            let is_it = address.load(Ordering::Relaxed) == (&raw const *words).addr();
            is_it.then(|| word.load(Ordering::Relaxed))
        })
    }

    /// Notes what is in the word of `words` now.
    #[inline]
    pub(in super::super) fn note<W>(words: &W, now: u64) {
        LAST.with(|Last(address, word)| {
            address.store((&raw const *words).addr(), Ordering::Relaxed);
            word.store(now, Ordering::Relaxed);
        });
    }
}

/// Without the standard library there is no place for it.
#[cfg(not(feature = "std"))]
#[inline]
pub(super) fn of<W>(_: &W) -> Option<u64> {
    None
}

#[cfg(not(feature = "std"))]
#[inline]
pub(super) fn note<W>(_: &W, _: u64) {}
