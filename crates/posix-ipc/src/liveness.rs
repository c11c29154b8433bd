//! Who lives: a lock on one byte of the segment per participant, which the kernel drops when the
//! participant's process ends, however it ends.
//!
//! The lock is an open-file-description lock, taken through a descriptor of its own that is never
//! mapped and is closed on `exec`: a mapping keeps the locks of its descriptor alive past
//! `close`, and so would a program started in between. A process forked without `exec` shares
//! the lock and keeps it until it ends too, and so does one that is just being started, until its
//! `exec`: therefore who leaves gives the lock back, and does not merely close.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use posix_ipc_sys::ofd::{self, Lock};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result, retry_on_intr};

/// Where the lock bytes start in the segment; seat `n` is byte `BASE + n`.
const BASE: u64 = 2048;

/// A descriptor of the segment that holds locks.
#[derive(Debug)]
pub(crate) struct Liveness {
    descriptor: OwnedFd,
}

impl Liveness {
    /// Opens the same object once more.
    pub(crate) fn of(object: BorrowedFd<'_>) -> Result<Self> {
        let path = format!("/proc/self/fd/{}", object.as_raw_fd());
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { descriptor })
    }

    /// Takes a seat; `false` if another descriptor holds it.
    ///
    /// What this descriptor holds already it gets again: that a seat is not its own is for the
    /// caller to know.
    pub(crate) fn try_take(&self, seat: u32) -> Result<bool> {
        match self.set(seat, Lock::Exclusive) {
            Ok(()) => Ok(true),
            Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Gives a seat back, also in the name of a process that shares the descriptor.
    pub(crate) fn leave(&self, seat: u32) {
        // Closing the last descriptor does it too.
        let _ = self.set(seat, Lock::Unlocked);
    }

    /// Whether a descriptor other than this one holds the seat.
    #[cfg_attr(posix_ipc_loom, allow(dead_code))]
    pub(crate) fn is_taken(&self, seat: u32) -> Result<bool> {
        ofd::getlk(&self.descriptor, Lock::Exclusive, BASE + u64::from(seat), 1)
    }

    fn set(&self, seat: u32, lock: Lock) -> Result<()> {
        retry_on_intr(|| ofd::setlk(&self.descriptor, lock, BASE + u64::from(seat), 1))
    }

    /// What a forked process has of it.
    #[cfg(test)]
    pub(crate) fn share(&self) -> OwnedFd {
        self.descriptor.try_clone().expect("a descriptor")
    }
}
