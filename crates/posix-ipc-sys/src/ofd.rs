//! Open-file-description locks on ranges of bytes: `fcntl` with `F_OFD_SETLK` and
//! `F_OFD_GETLK`, which rustix lacks.
//!
//! Such a lock belongs to what `open` made. Every duplicate of the descriptor, also a forked
//! process's, holds the same lock, and the kernel drops it when the last of them is closed, or
//! with the last process that has one, however that ends.
//!
//! # Platforms
//!
//! Linux.

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::{Errno, Result};

use crate::backend::done;

/// What [`setlk`] does with the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lock {
    /// Nobody else may lock it.
    Exclusive,
    /// Others may share it.
    Shared,
    /// It is given back.
    Unlocked,
}

impl Lock {
    fn raw(self) -> libc::c_short {
        let raw = match self {
            Self::Exclusive => libc::F_WRLCK,
            Self::Shared => libc::F_RDLCK,
            Self::Unlocked => libc::F_UNLCK,
        };
        raw as libc::c_short
    }
}

/// Locks `len` bytes from `start` on, or gives them back, without waiting.
///
/// What the descriptor holds already is replaced. The bytes need not exist.
///
/// # Errors
///
/// - `EAGAIN` or `EACCES`: another holds a lock in the way.
/// - `EBADF`: the descriptor is not open for writing (exclusive) or reading (shared).
/// - `EINVAL`: the range ends beyond what a file can have.
/// - `EINTR`: a signal came.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::ofd::{self, Lock};
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("file");
/// # std::fs::write(&path, b"").unwrap();
/// let open = || std::fs::File::options().read(true).write(true).open(&path);
/// let (one, other) = (open().unwrap(), open().unwrap());
/// ofd::setlk(&one, Lock::Exclusive, 7, 1)?;
/// assert!(ofd::getlk(&other, Lock::Shared, 7, 1)?);
/// ofd::setlk(&one, Lock::Unlocked, 7, 1)?;
/// assert!(!ofd::getlk(&other, Lock::Exclusive, 7, 1)?);
/// # Ok::<(), posix_ipc_sys::io::Errno>(())
/// ```
#[doc(alias = "F_OFD_SETLK")]
pub fn setlk(fd: impl AsFd, lock: Lock, start: u64, len: u64) -> Result<()> {
    let request = request(lock, start, len)?;
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call, and `request` is a valid `flock` that
    // outlives it.
    done(unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw const request) })
}

/// Whether another than this descriptor holds a lock in the way of this one.
///
/// # Errors
///
/// As [`setlk`], but for a lock in the way: that is `true`. For [`Lock::Unlocked`] it is `EINVAL`.
///
/// # Examples
///
/// See [`setlk`].
#[doc(alias = "F_OFD_GETLK")]
pub fn getlk(fd: impl AsFd, lock: Lock, start: u64, len: u64) -> Result<bool> {
    let mut request = request(lock, start, len)?;
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call, and `request` is a valid `flock` that the
    // call fills in.
    done(unsafe { libc::fcntl(fd, libc::F_OFD_GETLK, &raw mut request) })?;
    Ok(request.l_type != libc::F_UNLCK as libc::c_short)
}

fn request(lock: Lock, start: u64, len: u64) -> Result<libc::flock> {
    // SAFETY: a `flock` is plain integers, for which zeros are valid; these locks ask for a
    // process id of zero.
    let mut request: libc::flock = unsafe { core::mem::zeroed() };
    request.l_type = lock.raw();
    request.l_whence = libc::SEEK_SET as libc::c_short;
    request.l_start = libc::off_t::try_from(start).map_err(|_| Errno::INVAL)?;
    request.l_len = libc::off_t::try_from(len).map_err(|_| Errno::INVAL)?;
    Ok(request)
}
