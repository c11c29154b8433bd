//! The `linux` back end of `shm`: files in `/dev/shm`, through rustix alone.
//!
//! `rustix::shm` is not used: it follows symbolic links, counts the slash in its limit, and
//! changes with a feature that any crate of the graph can turn on.

use core::ffi::CStr;

use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, FallocateFlags, FileType, Mode, Stat};
use rustix::io::{Errno, Result};
use rustix::path::DecInt;
use rustix::shm::OFlags;

use crate::name::with_path;

const PROC: &[u8] = b"/proc/self/fd/";

pub(crate) fn open(name: &CStr, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    // Non-blocking, so that a fifo of that name is refused below and not waited for.
    let flags = fs::OFlags::from_bits_retain(flags.bits())
        | fs::OFlags::NOFOLLOW
        | fs::OFlags::CLOEXEC
        | fs::OFlags::NONBLOCK;
    let fd = with_path(b"", name, |path| match fs::open(path, flags, mode) {
        Err(Errno::ISDIR | Errno::NXIO) => Err(Errno::INVAL),
        other => other,
    })?;
    match FileType::from_raw_mode(fs::fstat(&fd)?.st_mode) {
        FileType::RegularFile => Ok(fd),
        _ => Err(Errno::INVAL),
    }
}

pub(crate) fn unlink(name: &CStr) -> Result<()> {
    with_path(b"", name, |path| match fs::unlink(path) {
        Err(Errno::PERM) => Err(Errno::ACCESS),
        other => other,
    })
}

pub(crate) fn stat(name: &CStr) -> Result<Stat> {
    with_path(b"", name, |path| fs::lstat(path))
}

pub(crate) fn size(fd: BorrowedFd<'_>) -> Result<u64> {
    u64::try_from(fs::fstat(fd)?.st_size).map_err(|_| Errno::OVERFLOW)
}

pub(crate) fn truncate(fd: BorrowedFd<'_>, size: u64) -> Result<()> {
    fs::ftruncate(fd, size)
}

pub(crate) fn allocate(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<()> {
    fs::fallocate(fd, FallocateFlags::empty(), offset, len)
}

pub(crate) fn open_unnamed(mode: Mode) -> Result<OwnedFd> {
    let flags = fs::OFlags::TMPFILE | fs::OFlags::RDWR | fs::OFlags::CLOEXEC;
    fs::open(c"/dev/shm", flags, mode)
}

pub(crate) fn link(fd: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let number = DecInt::new(fd.as_raw_fd());
    let mut old = [0u8; 32];
    for (slot, &byte) in old.iter_mut().zip(PROC.iter().chain(number.as_bytes())) {
        *slot = byte;
    }
    let old = CStr::from_bytes_until_nul(&old).map_err(|_| Errno::INVAL)?;
    with_path(b"", name, |new| match fs::linkat(CWD, old, CWD, new, AtFlags::SYMLINK_FOLLOW) {
        // Without /proc; this way needs a recent kernel or a capability.
        Err(Errno::NOENT) => fs::linkat(fd, c"", CWD, new, AtFlags::EMPTY_PATH),
        other => other,
    })
}
