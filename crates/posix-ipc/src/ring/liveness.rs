//! Who lives: a lock on one byte of the segment per participant, which the kernel drops when the
//! participant's process ends, however it ends.
//!
//! The lock is an open-file-description lock, taken through a descriptor of its own that is never
//! mapped and is closed on `exec`: a mapping keeps the locks of its descriptor alive past
//! `close`, and so would a program started in between. A process forked without `exec` shares
//! the lock and keeps it until it ends too.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};

/// Where the lock bytes start in the segment; seat `n` is byte `BASE + n`.
const BASE: i64 = 2048;

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
        match self.set(seat, libc::F_WRLCK) {
            Ok(()) => Ok(true),
            Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Gives a seat back.
    pub(crate) fn leave(&self, seat: u32) {
        // Closing the descriptor does it too.
        let _ = self.set(seat, libc::F_UNLCK);
    }

    /// Whether a descriptor other than this one holds the seat.
    pub(crate) fn is_taken(&self, seat: u32) -> Result<bool> {
        let mut lock = request(seat, libc::F_WRLCK);
        // SAFETY: the descriptor is open, and `lock` is a valid `flock` that the call fills in.
        let result = unsafe { libc::fcntl(self.raw(), libc::F_OFD_GETLK, &raw mut lock) };
        answer(result)?;
        Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
    }

    fn set(&self, seat: u32, kind: libc::c_int) -> Result<()> {
        loop {
            let lock = request(seat, kind);
            // SAFETY: the descriptor is open, and `lock` is a valid `flock` that outlives the call.
            let result = unsafe { libc::fcntl(self.raw(), libc::F_OFD_SETLK, &raw const lock) };
            match answer(result) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    fn raw(&self) -> libc::c_int {
        self.descriptor.as_fd().as_raw_fd()
    }
}

fn request(seat: u32, kind: libc::c_int) -> libc::flock {
    // SAFETY: a `flock` is plain integers, for which zeros are valid; an OFD lock asks for a
    // process id of zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = (BASE + i64::from(seat)) as libc::off_t;
    lock.l_len = 1;
    lock
}

fn answer(result: libc::c_int) -> Result<()> {
    if result != -1 {
        return Ok(());
    }
    let code = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    Err(Errno::from_raw_os_error(code))
}
