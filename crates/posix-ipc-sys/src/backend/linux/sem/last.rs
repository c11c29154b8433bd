//! What this thread left in a semaphore's word when it used one last: a guess at what is there.
//!
//! To load a word that a locked instruction has just written takes three nanoseconds, and an uncontended wait
//! and post are two of each. With the guess a compare-and-exchange can come first, which tells what is there
//! if it was wrong. It proves the guess, so that nothing hangs on its truth: not if others have changed the
//! word, if another semaphore has its address by now, or if a signal handler came between.

#[cfg(all(feature = "std", not(posix_ipc_loom)))]
pub(super) use thread::{note, of};

#[cfg(all(feature = "std", not(posix_ipc_loom)))]
mod thread {
    use core::cell::Cell;
    use std::thread_local;

    thread_local! {
        /// The address of the words, and the word.
        static LAST: Cell<(usize, u64)> = const { Cell::new((0, 0)) };
    }

    /// What this thread left in the word of `words`, if it used that semaphore last.
    #[inline]
    pub(in super::super) fn of<W>(words: &W) -> Option<u64> {
        let (address, word) = LAST.get();
        (address == (&raw const *words).addr()).then_some(word)
    }

    /// Notes what is in the word of `words` now.
    #[inline]
    pub(in super::super) fn note<W>(words: &W, word: u64) {
        LAST.set(((&raw const *words).addr(), word));
    }
}

/// Without threads of the standard library there is no place for it; a model's threads are none.
#[cfg(not(all(feature = "std", not(posix_ipc_loom))))]
#[inline]
pub(super) fn of<W>(_: &W) -> Option<u64> {
    None
}

#[cfg(not(all(feature = "std", not(posix_ipc_loom))))]
#[inline]
pub(super) fn note<W>(_: &W, _: u64) {}
