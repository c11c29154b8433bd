//! What a lock gives: a guard, and whether the last owner died.

use std::sync::atomic::Ordering;

use super::{DIRTY, OWNER, RobustMutex, WAITERS};

/// How a [`RobustMutex`] was locked.
#[derive(Debug)]
#[must_use = "the lock is given back at once if this is dropped"]
pub enum Lock<'a> {
    /// The last owner gave it back.
    Acquired(RobustMutexGuard<'a>),
    /// The last owner died with it, or gave it back without calling
    /// [`make_consistent`](RobustMutexGuard::make_consistent) after another had died.
    OwnerDied(RobustMutexGuard<'a>),
}

impl<'a> Lock<'a> {
    /// The guard, for those to whom a dead owner makes no difference.
    pub fn into_guard(self) -> RobustMutexGuard<'a> {
        match self {
            Self::Acquired(guard) | Self::OwnerDied(guard) => guard,
        }
    }

    /// Whether the last owner died.
    pub fn is_owner_dead(&self) -> bool {
        matches!(self, Self::OwnerDied(_))
    }
}

/// The lock, given back when this is dropped.
///
/// One that is leaked keeps it until its handle or its process ends; the next owner is then told
/// that the last one died.
#[derive(Debug)]
#[must_use = "the lock is given back at once if this is dropped"]
pub struct RobustMutexGuard<'a> {
    pub(super) mutex: &'a RobustMutex,
}

impl RobustMutexGuard<'_> {
    /// Says that what the lock guards is in order again: the next owner is not told any more that
    /// one had died.
    ///
    /// # Examples
    ///
    /// See [`RobustMutex`].
    #[doc(alias = "pthread_mutex_consistent")]
    pub fn make_consistent(&self) {
        if let Ok(word) = self.mutex.word() {
            word.fetch_and(!DIRTY, Ordering::Relaxed);
        }
    }

    /// Whether what the lock guards is in order.
    pub fn is_consistent(&self) -> bool {
        self.mutex.word().is_ok_and(|word| word.load(Ordering::Relaxed) & DIRTY == 0)
    }
}

impl Drop for RobustMutexGuard<'_> {
    fn drop(&mut self) {
        let Ok(word) = self.mutex.word() else { return };
        let seat = self.mutex.seat.number();
        let mut seen = word.load(Ordering::Relaxed);
        // Not ours any more only if another process has written what it should not.
        while seen & OWNER == seat {
            match word.compare_exchange_weak(
                seen,
                seen & DIRTY,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    if seen & WAITERS != 0 {
                        super::lock::wake(word);
                    }
                    return;
                }
                Err(now) => seen = now,
            }
        }
    }
}
