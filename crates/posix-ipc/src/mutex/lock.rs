//! Taking the word, sleeping, and taking it from the dead.

use std::num::NonZeroU32;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};

use super::{DIRTY, Lock, OWNER, RobustMutex, RobustMutexGuard, WAITERS};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::kind::Kind;

/// How long a sleeper takes at most to notice that the owner has died.
const SLICE: Duration = Duration::from_millis(20);
/// How often it looks before it asks who lives and sleeps.
const LOOKS: u32 = 200;

pub(super) fn wake(word: &AtomicU32) {
    // It can only fail for memory that is not there, and then nobody sleeps there either.
    let _ = futex::wake(word, Flags::empty(), 1);
}

impl RobustMutex {
    /// Takes the lock if it is free; with the bits of `mark` set besides.
    pub(super) fn take(&self, mark: u32) -> Option<Lock<'_>> {
        let word = self.word().ok()?;
        let mut seen = word.load(Ordering::Relaxed);
        while seen & OWNER == 0 {
            let new = seen | self.seat.number() | mark;
            match word.compare_exchange_weak(seen, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(self.locked(seen & DIRTY != 0)),
                Err(now) => seen = now,
            }
        }
        None
    }

    fn locked(&self, dead: bool) -> Lock<'_> {
        let guard = RobustMutexGuard { mutex: self };
        if dead { Lock::OwnerDied(guard) } else { Lock::Acquired(guard) }
    }

    /// Takes the lock over if its owner is dead.
    ///
    /// Nobody's seat can be taken while its owner lives. Whoever holds the seat of a dead owner
    /// may act in its name, and nobody else can sit down there and lock meanwhile.
    pub(super) fn inherit(&self) -> Result<Option<Lock<'_>>> {
        let word = self.word()?;
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = word.load(Ordering::Relaxed);
        let owner = seen & OWNER;
        if owner == 0 || owner == self.seat.number() {
            return Ok(None);
        }
        if !self.seat.try_take(owner).map_err(|errno| self.error("ask for the owner of", errno))? {
            return Ok(None);
        }
        let mut taken = None;
        while seen & OWNER == owner {
            let new = (seen & WAITERS) | DIRTY | self.seat.number();
            match word.compare_exchange_weak(seen, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    taken = Some(self.locked(true));
                    break;
                }
                Err(now) => seen = now,
            }
        }
        self.seat.leave(owner);
        Ok(taken)
    }

    pub(super) fn lock_until(&self, deadline: Deadline) -> Result<Option<Lock<'_>>> {
        for _ in 0..LOOKS {
            if let Some(lock) = self.take(0) {
                return Ok(Some(lock));
            }
            std::hint::spin_loop();
        }
        let word = self.word()?;
        loop {
            // Others may be asleep: whoever has slept wakes the next one in any case.
            if let Some(lock) = self.take(WAITERS) {
                return Ok(Some(lock));
            }
            if let Some(lock) = self.inherit()? {
                return Ok(Some(lock));
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            let seen = word.load(Ordering::Relaxed);
            if seen & OWNER == 0 {
                continue;
            }
            let marked = seen | WAITERS;
            if seen != marked
                && word
                    .compare_exchange(seen, marked, Ordering::Relaxed, Ordering::Relaxed)
                    .is_err()
            {
                continue;
            }
            self.sleep(word, marked, deadline)?;
        }
    }

    fn sleep(&self, word: &AtomicU32, expected: u32, deadline: Deadline) -> Result<()> {
        let left = deadline.remaining().and_then(|left| Duration::try_from(left).ok());
        let slice = left.map_or(SLICE, |left| left.min(SLICE));
        let Deadline::Monotonic(until) = Deadline::after(slice) else { return Ok(()) };
        let any = NonZeroU32::MAX;
        match futex::wait_bitset(word, Flags::empty(), expected, Some(&until), any) {
            Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT | Errno::INTR) => Ok(()),
            Err(errno) => Err(self.error("wait for", errno)),
        }
    }

    #[cold]
    fn error(&self, operation: &'static str, errno: Errno) -> Error {
        let name = self.mapping.memory().name().cloned();
        Error::Os { operation, kind: Kind::SharedMemory, name, errno, hint: None }
    }
}
