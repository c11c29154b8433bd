//! Named shared memory: `shm_open` and `shm_unlink`, and what an object needs before others see it.
//!
//! An object is a file descriptor: map it with `rustix::mm::mmap`, ask it with
//! `rustix::fs::fstat`. On Linux an object can be made in full before it has a name, by
//! [`open_unnamed`] and [`link`]; nobody then ever opens a half-made one.
//!
//! # Examples
//!
//! ```
//! use posix_ipc_sys::shm::{self, Mode, OFlags};
//!
//! # let name = format!("/doc-sys-shm-{}", std::process::id());
//! let fd = shm::open(&name, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR, Mode::from(0o600))?;
//! shm::unlink(&name)?;
//! shm::allocate(&fd, 0, 4096)?;
//! assert_eq!(shm::size(&fd)?, 4096);
//! # Ok::<(), rustix::io::Errno>(())
//! ```

use rustix::fd::{AsFd, OwnedFd};
pub use rustix::fs::{Mode, Stat};
use rustix::io::Result;
use rustix::path::Arg;
pub use rustix::shm::OFlags;

use crate::backend;

/// Opens or creates the object `name`.
///
/// The descriptor is close-on-exec. A new object has size 0; `mode` is cut by the umask. What
/// stands in the way under that name and is no regular file (a symbolic link, a fifo, a
/// directory) is not opened.
///
/// # Errors
///
/// - `EEXIST`: the object exists, with [`OFlags::CREATE`] and [`OFlags::EXCL`].
/// - `ENOENT`: the object does not exist, without [`OFlags::CREATE`].
/// - `EACCES`: its permissions forbid it.
/// - `EINVAL`: the name is empty, `.`, `..` or has an inner slash, or names no regular file.
/// - `ELOOP`: the name is a symbolic link.
/// - `ENAMETOOLONG`: the name is over 255 bytes.
/// - `EMFILE`, `ENFILE`: no descriptor is left.
///
/// # Platforms
///
/// On Linux, leading slashes are optional and any number of them is dropped; elsewhere the
/// system's own rules hold (macOS takes 31 bytes with the slash).
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "shm_open")]
#[inline]
pub fn open<P: Arg>(name: P, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    name.into_with_c_str(|name| backend::shm::open(name, flags, mode))
}

/// Removes the name; the memory stays for those who have it open or mapped.
///
/// # Errors
///
/// - `ENOENT`: there is no such object.
/// - `EACCES`: the object is another user's.
/// - `EINVAL`, `ENAMETOOLONG`: as for [`open`].
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "shm_unlink")]
#[inline]
pub fn unlink<P: Arg>(name: P) -> Result<()> {
    name.into_with_c_str(backend::shm::unlink)
}

/// Tells what stands under the name now, without following a symbolic link.
///
/// Device and inode in it tell whether the name still means an object that is already open.
///
/// # Errors
///
/// - `ENOENT`: there is no such object.
/// - `EINVAL`, `ENAMETOOLONG`: as for [`open`].
///
/// # Platforms
///
/// Elsewhere than on Linux the object is opened for reading to be asked, so that it can also be
/// `EACCES`.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::shm::{self, Mode, OFlags};
///
/// # let name = format!("/doc-sys-stat-{}", std::process::id());
/// let fd = shm::open(&name, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR, Mode::from(0o600))?;
/// let (named, held) = (shm::stat(&name)?, rustix::fs::fstat(&fd)?);
/// assert_eq!((named.st_dev, named.st_ino), (held.st_dev, held.st_ino));
/// # shm::unlink(&name)?;
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[inline]
pub fn stat<P: Arg>(name: P) -> Result<Stat> {
    name.into_with_c_str(backend::shm::stat)
}

/// The size of an object in bytes.
///
/// # Errors
///
/// - `EOVERFLOW`: the size is out of range.
///
/// # Platforms
///
/// macOS rounds sizes up to whole pages.
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "fstat")]
#[inline]
pub fn size<Fd: AsFd>(fd: Fd) -> Result<u64> {
    backend::shm::size(fd.as_fd())
}

/// Sets the size, without reserving memory for it.
///
/// A process that touches mapped memory past a new, smaller end dies of `SIGBUS`, and so does
/// one that touches memory which the system cannot provide; [`allocate`] finds that out at once.
///
/// # Errors
///
/// - `EINVAL`: the descriptor is not open for writing, or the size is over `i64::MAX`.
/// - `EPERM`: the object is sealed against it.
/// - `EFBIG`: the size is over what the file system takes.
/// - `EINTR`: a signal came first.
///
/// # Platforms
///
/// macOS takes one successful call in the life of an object.
///
/// # Examples
///
/// ```
/// # use posix_ipc_sys::shm::{self, Mode, OFlags};
/// # let name = format!("/doc-sys-truncate-{}", std::process::id());
/// # let fd = shm::open(&name, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR, Mode::from(0o600))?;
/// # shm::unlink(&name)?;
/// shm::truncate(&fd, 1 << 40)?;
/// assert_eq!(shm::size(&fd)?, 1 << 40);
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[doc(alias = "ftruncate")]
#[inline]
pub fn truncate<Fd: AsFd>(fd: Fd, size: u64) -> Result<()> {
    backend::shm::truncate(fd.as_fd(), size)
}

/// Reserves memory for the range, growing the object to its end if it is smaller.
///
/// # Errors
///
/// - `ENOSPC`: there is not so much memory; the object is as it was.
/// - `EINVAL`: the length is 0, or the range ends past `i64::MAX`.
/// - `EBADF`: the descriptor is not open for writing.
/// - `EPERM`: the object is sealed against it.
/// - `EINTR`: a signal came first; the object is as it was, and a range of moderate length gets
///   done between two signals.
/// - `EOPNOTSUPP`: the system cannot reserve memory for such an object.
///
/// # Platforms
///
/// The BSDs and macOS lack it for shared memory and answer `EOPNOTSUPP`, or what their
/// `posix_fallocate` says.
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "posix_fallocate")]
#[doc(alias = "fallocate")]
#[inline]
pub fn allocate<Fd: AsFd>(fd: Fd, offset: u64, len: u64) -> Result<()> {
    backend::shm::allocate(fd.as_fd(), offset, len)
}

/// Makes an object that has no name yet, open for reading and writing.
///
/// It goes with its last descriptor and mapping, also if the process is killed. `mode` is cut
/// by the umask.
///
/// # Errors
///
/// - `EOPNOTSUPP`, `EISDIR`, `ENOENT`: the file system or the kernel cannot make unnamed files.
/// - `EMFILE`, `ENFILE`: no descriptor is left.
///
/// # Platforms
///
/// Linux only.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::shm::{self, Mode};
///
/// let fd = shm::open_unnamed(Mode::from(0o600))?;
/// shm::allocate(&fd, 0, 4096)?;
/// # let name = format!("/doc-sys-link-{}", std::process::id());
/// shm::link(&fd, &name)?; // whole from the first moment on
/// shm::unlink(&name)?;
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[cfg(target_os = "linux")]
#[doc(alias = "O_TMPFILE")]
#[inline]
pub fn open_unnamed(mode: Mode) -> Result<OwnedFd> {
    backend::shm::open_unnamed(mode)
}

/// Gives an object of [`open_unnamed`] its name, never in place of another object.
///
/// # Errors
///
/// - `EEXIST`: there is something of that name.
/// - `ENOENT`: neither `/proc` is mounted nor is the kernel willing without it.
/// - `EXDEV`: the object is not in the file system of shared memory (a memfd is not).
/// - `EINVAL`, `ENAMETOOLONG`: as for [`open`].
///
/// # Platforms
///
/// Linux only.
///
/// # Examples
///
/// See [`open_unnamed`].
#[cfg(target_os = "linux")]
#[doc(alias = "linkat")]
#[inline]
pub fn link<Fd: AsFd, P: Arg>(fd: Fd, name: P) -> Result<()> {
    name.into_with_c_str(|name| backend::shm::link(fd.as_fd(), name))
}
