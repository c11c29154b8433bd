//! Named and unnamed semaphores: `sem_open` and friends, and what C lacks beside them.
//!
//! [`open`] gives an [`OwnedSem`], which unmaps the semaphore when it is dropped; every other
//! function takes anything that is [`AsSem`]. Beyond C there are [`post_many`], [`wait_many`],
//! [`wait_any`], [`waiters`], and [`peek`], which looks without opening.
//!
//! On Linux with glibc this is no binding: posting and waiting are compiled into the caller, over
//! glibc's exact memory layout, so that programs which use the C library (in C, or Python) share
//! the same semaphores. A post with nobody waiting and a wait with a unit at hand make no system
//! call.
//!
//! # Examples
//!
//! ```
//! use posix_ipc_sys::sem::{self, Mode, OpenFlags};
//!
//! # let name = format!("/doc-sys-sem-{}", std::process::id());
//! let sem = sem::open(&name, OpenFlags::CREATE | OpenFlags::EXCL, Mode::from(0o600), 1)?;
//! sem::wait(&sem)?;
//! assert_eq!(sem::trywait(&sem), Err(rustix::io::Errno::AGAIN));
//! sem::post(&sem)?;
//! assert_eq!(sem::getvalue(&sem)?, 1);
//! sem::unlink(&name)?;
//! # Ok::<(), rustix::io::Errno>(())
//! ```

#[cfg(target_os = "linux")]
use rustix::fd::OwnedFd;
pub use rustix::fs::{Mode, Stat};
use rustix::io::{Errno, Result};
use rustix::path::Arg;
pub use rustix::time::Timespec;

mod extra;
mod handle;
mod memory;
mod raw;
#[cfg(target_os = "linux")]
mod registration;
mod types;

pub use extra::{WAIT_ANY_MAX, post_many, trywait_many, wait_any, wait_many, waiters, waker_cpu};
pub use handle::{AsSem, BorrowedSem, OwnedSem};
pub use memory::{Memory, anonymous, destroy, from_raw, init};
use raw::Raw;
#[cfg(target_os = "linux")]
pub use registration::Registration;
pub use types::{Abi, Clock, Deadline, OpenFlags, Peek};

/// The largest value of a semaphore: `SEM_VALUE_MAX`.
#[doc(alias = "SEM_VALUE_MAX")]
pub const VALUE_MAX: u32 = if cfg!(apple) { i16::MAX as u32 } else { i32::MAX as u32 };

/// Opens or creates the semaphore `name`.
///
/// A new one starts at `value`, and has `mode` less what the umask takes; nobody ever sees it
/// half-made. What stands under the name and is no semaphore of this program's C library (a
/// file of another size or of another C library, a symbolic link, a fifo) is refused before it is
/// touched.
///
/// Whoever may write to a semaphore may also cut its file, and every program that has it
/// open then dies of `SIGBUS`.
///
/// # Errors
///
/// - `EEXIST`: it exists, with [`OpenFlags::CREATE`] and [`OpenFlags::EXCL`].
/// - `ENOENT`: it does not exist, without [`OpenFlags::CREATE`].
/// - `EACCES`: reading and writing it is not permitted.
/// - `EINVAL`: the name is empty or has an inner slash; `value` is over [`VALUE_MAX`]; or it is
///   no semaphore of this program's kind.
/// - `ELOOP`: the name is a symbolic link.
/// - `ENAMETOOLONG`: the name is over 251 bytes.
/// - `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSPC`: descriptors, address space or shared memory are used
///   up.
/// - `EAGAIN`: others created and removed the name all the time.
///
/// # Platforms
///
/// On Linux leading slashes are optional; elsewhere the system's own rules hold. musl takes 255
/// bytes. The checks of what stands under the name are made on Linux only.
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "sem_open")]
#[inline]
pub fn open<P: Arg>(name: P, flags: OpenFlags, mode: Mode, value: u32) -> Result<OwnedSem> {
    open_with(Abi::Native, name, flags, mode, value)
}

/// As [`open`], for semaphores of another C library than this program's.
///
/// # Errors
///
/// As [`open`]; and `ENOSYS` for an [`Abi`] that this system does not have.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Abi, Mode, OpenFlags};
///
/// # let name = format!("/doc-sys-abi-{}", std::process::id());
/// # if cfg!(target_os = "linux") {
/// // To be shared with programs of 32 bits.
/// let sem = sem::open_with(Abi::Glibc32, &name, OpenFlags::CREATE, Mode::from(0o600), 2)?;
/// sem::wait(&sem)?;
/// assert_eq!(sem::open(&name, OpenFlags::empty(), Mode::empty(), 0).map(drop).is_ok(),
///            cfg!(target_pointer_width = "32"));
/// sem::unlink_with(Abi::Glibc32, &name)?;
/// # }
/// # Ok::<(), rustix::io::Errno>(())
/// ```
pub fn open_with<P: Arg>(
    abi: Abi,
    name: P,
    flags: OpenFlags,
    mode: Mode,
    value: u32,
) -> Result<OwnedSem> {
    if value > VALUE_MAX {
        return Err(Errno::INVAL);
    }
    name.into_with_c_str(|name| raw::open(abi, name, flags, mode, value))
}

/// Removes the name; the semaphore stays for those who have it open.
///
/// # Errors
///
/// - `ENOENT`: there is none of that name.
/// - `EACCES`: it is another user's.
/// - `EINVAL`, `ENAMETOOLONG`: as for [`open`].
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "sem_unlink")]
#[inline]
pub fn unlink<P: Arg>(name: P) -> Result<()> {
    unlink_with(Abi::Native, name)
}

/// As [`unlink`], for semaphores of another C library than this program's.
///
/// # Errors
///
/// As [`unlink`]; and `ENOSYS` for an [`Abi`] that this system does not have.
///
/// # Examples
///
/// See [`open_with`].
pub fn unlink_with<P: Arg>(abi: Abi, name: P) -> Result<()> {
    name.into_with_c_str(|name| raw::unlink(abi, name))
}

/// Tells what stands under the name now, without following a symbolic link or opening it.
///
/// Device and inode in it tell whether the name still means a semaphore that is already open
/// ([`OwnedSem::identity`]).
///
/// # Errors
///
/// - `ENOENT`: there is none of that name.
/// - `EINVAL`, `ENAMETOOLONG`: as for [`open`].
/// - `ENOSYS`: as for [`open_with`].
///
/// # Platforms
///
/// Linux only.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Abi, Mode, OpenFlags};
///
/// # let name = format!("/doc-sys-sem-stat-{}", std::process::id());
/// let sem = sem::open(&name, OpenFlags::CREATE, Mode::from(0o600), 1)?;
/// let stat = sem::stat(Abi::Native, &name)?;
/// assert_eq!(sem.identity(), Some((stat.st_dev, stat.st_ino)));
/// # sem::unlink(&name)?;
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[cfg(target_os = "linux")]
pub fn stat<P: Arg>(abi: Abi, name: P) -> Result<Stat> {
    name.into_with_c_str(|name| raw::stat(abi, name))
}

/// Opens the file of a semaphore, to lock it or to ask about it; it is not mapped.
///
/// # Errors
///
/// As [`open_with`] for opening; what the file is, is not checked.
///
/// # Platforms
///
/// Linux only.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Abi, Mode, OpenFlags};
///
/// # let name = format!("/doc-sys-sem-file-{}", std::process::id());
/// let sem = sem::open(&name, OpenFlags::CREATE, Mode::from(0o600), 1)?;
/// let file = sem::open_file(Abi::Native, &name)?;
/// assert_eq!(rustix::fs::fstat(&file)?.st_size as usize, size_of::<sem::Memory>());
/// # sem::unlink(&name)?;
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[cfg(target_os = "linux")]
pub fn open_file<P: Arg>(abi: Abi, name: P) -> Result<OwnedFd> {
    name.into_with_c_str(|name| raw::open_file(abi, name))
}

/// Looks at a semaphore without opening it: reading its file has to be permitted, writing not.
///
/// `None` if what stands under the name is no semaphore. With [`Abi::Native`], a semaphore of
/// programs with the other word size is told as well.
///
/// # Errors
///
/// - `ENOENT`: there is nothing of that name.
/// - `EACCES`: reading it is not permitted.
/// - `ELOOP`, `EINVAL`, `ENAMETOOLONG`: as for [`open`].
/// - `ENOSYS`: as for [`open_with`].
///
/// # Platforms
///
/// Linux only.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Abi, Mode, OpenFlags};
///
/// # let name = format!("/doc-sys-sem-peek-{}", std::process::id());
/// let sem = sem::open(&name, OpenFlags::CREATE, Mode::from(0o600), 7)?;
/// assert_eq!(sem::peek(Abi::Native, &name)?.map(|peek| peek.value), Some(7));
/// # sem::unlink(&name)?;
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[cfg(target_os = "linux")]
pub fn peek<P: Arg>(abi: Abi, name: P) -> Result<Option<Peek>> {
    name.into_with_c_str(|name| raw::peek(abi, name))
}

/// Adds one unit, and wakes a waiter if there is one.
///
/// # Errors
///
/// - `EOVERFLOW`: the value is [`VALUE_MAX`]; it stays so.
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "sem_post")]
#[inline]
pub fn post<S: AsSem>(sem: S) -> Result<()> {
    sem.as_sem().raw().post(1)
}

/// Takes one unit, blocking until there is one.
///
/// # Errors
///
/// - `EINTR`: a signal was handled. After a handler with `SA_RESTART` the wait may go on instead: in the
///   C library, and where threads alone share the semaphore.
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "sem_wait")]
#[inline]
pub fn wait<S: AsSem>(sem: S) -> Result<()> {
    sem.as_sem().raw().wait(1, None)
}

/// Takes one unit if there is one.
///
/// # Errors
///
/// - `EAGAIN`: there is none.
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "sem_trywait")]
#[inline]
pub fn trywait<S: AsSem>(sem: S) -> Result<()> {
    if sem.as_sem().raw().try_wait(1) { Ok(()) } else { Err(Errno::AGAIN) }
}

/// Takes one unit, blocking until there is one or the time has come, by the realtime clock.
///
/// # Errors
///
/// - `ETIMEDOUT`: there was no unit in time.
/// - `EINTR`: a signal was handled.
/// - `EINVAL`: the nanoseconds are not between 0 and 999,999,999; also if there is a unit.
///
/// # Platforms
///
/// macOS has no such call: there the value is looked at again and again.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Timespec};
/// use rustix::io::Errno;
///
/// let sem = sem::anonymous(1)?;
/// let long_ago = Timespec { tv_sec: 1, tv_nsec: 0 };
/// sem::timedwait(&sem, &long_ago)?; // there was one: nothing to wait for
/// assert_eq!(sem::timedwait(&sem, &long_ago), Err(Errno::TIMEDOUT));
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[doc(alias = "sem_timedwait")]
#[inline]
pub fn timedwait<S: AsSem>(sem: S, time: &Timespec) -> Result<()> {
    clockwait(sem, Clock::Realtime, time)
}

/// As [`timedwait`], by the clock of your choice.
///
/// # Errors
///
/// As [`timedwait`].
///
/// # Platforms
///
/// Where the C library has no such call and its own semaphores are used, the wait is by the
/// realtime clock in steps of at most a second.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Clock, Timespec};
/// use rustix::io::Errno;
/// use rustix::time::{ClockId, clock_gettime};
///
/// let sem = sem::anonymous(0)?;
/// let now = clock_gettime(ClockId::Monotonic);
/// assert_eq!(sem::clockwait(&sem, Clock::Monotonic, &now), Err(Errno::TIMEDOUT));
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[doc(alias = "sem_clockwait")]
#[doc(alias = "sem_clockwait_np")]
#[inline]
pub fn clockwait<S: AsSem>(sem: S, clock: Clock, time: &Timespec) -> Result<()> {
    wait_many(sem, 1, Some(Deadline { clock, time: *time }))
}

/// The number of units at hand; another process may change it at any time.
///
/// # Errors
///
/// - `ENOSYS`: the system does not tell.
///
/// # Platforms
///
/// macOS has no such call.
///
/// # Examples
///
/// See the [module's](self).
#[doc(alias = "sem_getvalue")]
#[inline]
pub fn getvalue<S: AsSem>(sem: S) -> Result<u32> {
    sem.as_sem().raw().value()
}
