//! The `libc` back end of `shm`: `shm_open` and `shm_unlink` of the C library.

use core::ffi::CStr;

use rustix::fd::{BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::{self, FileType, Mode, Stat};
use rustix::io::{Errno, Result};
use rustix::shm::OFlags;

use crate::backend::conv::answer;

/// Takes ownership of a descriptor that a call has just returned.
fn owned(fd: libc::c_int) -> OwnedFd {
    // SAFETY: the caller has it from a call that opened it; nobody else owns or closes it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

pub(crate) fn open(name: &CStr, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    // glibc passes flags on to open(2); this one makes a fifo of that name answer at once.
    #[cfg(target_os = "linux")]
    let extra = libc::O_NONBLOCK;
    #[cfg(not(target_os = "linux"))]
    let extra = 0;
    check(name)?;
    let flags = flags.bits() as libc::c_int | extra;
    // Variadic on Apple's systems, where a mode is passed as an unsigned int.
    #[cfg(target_vendor = "apple")]
    let mode = libc::c_uint::from(mode.bits());
    #[cfg(not(target_vendor = "apple"))]
    let mode = mode.bits() as libc::mode_t;
    // SAFETY: `name` is a C string that outlives the call.
    let fd = unsafe { libc::shm_open(name.as_ptr(), flags, mode) };
    let fd = match answer(fd) {
        Err(Errno::ISDIR | Errno::NXIO) => return Err(Errno::INVAL),
        other => owned(other?),
    };
    match FileType::from_raw_mode(fs::fstat(&fd)?.st_mode as _) {
        // Some systems give shared memory no file type.
        FileType::RegularFile => Ok(fd),
        _ if cfg!(target_os = "linux") => Err(Errno::INVAL),
        _ => Ok(fd),
    }
}

pub(crate) fn unlink(name: &CStr) -> Result<()> {
    check(name)?;
    // SAFETY: `name` is a C string that outlives the call.
    let result = unsafe { libc::shm_unlink(name.as_ptr()) };
    match answer(result) {
        Err(Errno::PERM) => Err(Errno::ACCESS),
        other => other.map(drop),
    }
}

pub(crate) fn size(fd: BorrowedFd<'_>) -> Result<u64> {
    u64::try_from(fs::fstat(fd)?.st_size).map_err(|_| Errno::OVERFLOW)
}

pub(crate) fn truncate(fd: BorrowedFd<'_>, size: u64) -> Result<()> {
    fs::ftruncate(fd, size)
}

#[cfg(not(any(target_os = "netbsd", target_os = "openbsd", target_os = "dragonfly")))]
pub(crate) fn allocate(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<()> {
    fs::fallocate(fd, fs::FallocateFlags::empty(), offset, len)
}

#[cfg(any(target_os = "netbsd", target_os = "openbsd", target_os = "dragonfly"))]
pub(crate) fn allocate(_: BorrowedFd<'_>, _: u64, _: u64) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

#[cfg(target_os = "linux")]
pub(crate) use self::linux::{check, link, open_unnamed, stat};

#[cfg(not(target_os = "linux"))]
pub(crate) use self::other::{check, stat};

/// What Linux offers beyond POSIX, and where its C libraries differ from each other.
#[cfg(target_os = "linux")]
mod linux {
    use rustix::fd::AsRawFd;
    use rustix::path::DecInt;

    use super::*;
    use crate::name::with_path;

    const PROC: &[u8] = b"/proc/self/fd/";

    /// The C libraries differ in which bad names they refuse, and with which error.
    pub(crate) fn check(name: &CStr) -> Result<()> {
        with_path(b"", name, |_| Ok(()))
    }

    pub(crate) fn stat(name: &CStr) -> Result<Stat> {
        with_path(b"", name, |path| fs::lstat(path))
    }

    pub(crate) fn open_unnamed(mode: Mode) -> Result<OwnedFd> {
        let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC;
        let directory = c"/dev/shm".as_ptr();
        // SAFETY: the path is a C string, and the mode is passed since `O_TMPFILE` asks for it.
        let fd = unsafe { libc::open(directory, flags, mode.bits() as libc::mode_t) };
        answer(fd).map(owned)
    }

    pub(crate) fn link(fd: BorrowedFd<'_>, name: &CStr) -> Result<()> {
        let number = DecInt::new(fd.as_raw_fd());
        let mut old = [0u8; 32];
        for (slot, &byte) in old.iter_mut().zip(PROC.iter().chain(number.as_bytes())) {
            *slot = byte;
        }
        let old = CStr::from_bytes_until_nul(&old).map_err(|_| Errno::INVAL)?;
        with_path(b"", name, |new| {
            match linkat(libc::AT_FDCWD, old, new, libc::AT_SYMLINK_FOLLOW) {
                // Without /proc; this way needs a recent kernel or a capability.
                Err(Errno::NOENT) => linkat(fd.as_raw_fd(), c"", new, libc::AT_EMPTY_PATH),
                other => other,
            }
        })
    }

    fn linkat(fd: libc::c_int, old: &CStr, new: &CStr, flags: libc::c_int) -> Result<()> {
        // SAFETY: both paths are C strings that outlive the call.
        let result = unsafe { libc::linkat(fd, old.as_ptr(), libc::AT_FDCWD, new.as_ptr(), flags) };
        answer(result).map(drop)
    }
}

/// Systems where shared memory has a name space of its own.
#[cfg(not(target_os = "linux"))]
mod other {
    use super::*;

    pub(crate) fn check(_: &CStr) -> Result<()> {
        Ok(())
    }

    pub(crate) fn stat(name: &CStr) -> Result<Stat> {
        fs::fstat(open(name, OFlags::RDONLY, Mode::empty())?)
    }
}
