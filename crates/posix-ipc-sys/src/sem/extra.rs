//! What C lacks: several units, several semaphores, who waits.

use rustix::io::{Errno, Result};

#[cfg(has_glibc_sem)]
use super::Raw;
use super::{AsSem, BorrowedSem, Deadline, VALUE_MAX};

/// How many semaphores [`wait_any`] takes.
pub const WAIT_ANY_MAX: usize = 128;

/// Adds `units` at once, and wakes as many waiters.
///
/// One atomic addition and at most one system call, however many units; all of them, or none.
///
/// # Errors
///
/// - `EOVERFLOW`: the value would pass [`VALUE_MAX`]; it stays as it is.
///
/// # Platforms
///
/// The `libc` back end posts one by one. It checks the maximum for all of them before, and takes
/// back what it can if others reach it in the middle.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, VALUE_MAX};
/// use rustix::io::Errno;
///
/// let sem = sem::anonymous(0)?;
/// sem::post_many(&sem, 100)?;
/// assert_eq!(sem::post_many(&sem, VALUE_MAX), Err(Errno::OVERFLOW));
/// assert_eq!(sem::getvalue(&sem)?, 100);
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[inline]
pub fn post_many<S: AsSem>(sem: S, units: u32) -> Result<()> {
    if units == 0 { Ok(()) } else { sem.as_sem().raw().post(units) }
}

/// Takes `units` if there are so many, and none otherwise.
///
/// # Errors
///
/// - `EAGAIN`: there are fewer.
///
/// # Platforms
///
/// The `libc` back end takes them one by one and gives them back if they are too few, which
/// others can see.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem;
/// use rustix::io::Errno;
///
/// let sem = sem::anonymous(3)?;
/// assert_eq!(sem::trywait_many(&sem, 4), Err(Errno::AGAIN));
/// sem::trywait_many(&sem, 3)?;
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[inline]
pub fn trywait_many<S: AsSem>(sem: S, units: u32) -> Result<()> {
    if sem.as_sem().raw().try_wait(units) { Ok(()) } else { Err(Errno::AGAIN) }
}

/// Takes `units` at once, blocking until there are so many or the deadline has passed.
///
/// Nothing is reserved meanwhile: others who want fewer can overtake for ever. A wake-up for a
/// unit that is not enough here is passed on to the next waiter.
///
/// # Errors
///
/// - `ETIMEDOUT`: there were never so many in time.
/// - `EINTR`: a signal was handled.
/// - `EINVAL`: `units` is over [`VALUE_MAX`], or the deadline's nanoseconds are out of range.
///
/// # Platforms
///
/// For more than one unit the `libc` back end looks again and again, at least every 5 ms, and takes
/// them as [`trywait_many`] does.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem;
///
/// let sem = sem::anonymous(1)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| sem::post_many(&sem, 2));
///     sem::wait_many(&sem, 3, None)
/// })?;
/// assert_eq!(sem::getvalue(&sem)?, 0);
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[inline]
pub fn wait_many<S: AsSem>(sem: S, units: u32, deadline: Option<Deadline>) -> Result<()> {
    if units > VALUE_MAX || deadline.as_ref().is_some_and(|deadline| !deadline.is_valid()) {
        return Err(Errno::INVAL);
    }
    sem.as_sem().raw().wait(units, deadline)
}

/// Takes one unit from one of several semaphores, blocking until one has a unit or the deadline
/// has passed; returns its index.
///
/// If several have one, it is taken from the first of them.
///
/// # Errors
///
/// - `ETIMEDOUT`: none had a unit in time.
/// - `EINTR`: a signal was handled.
/// - `EINVAL`: there are no semaphores, or over [`WAIT_ANY_MAX`]; or the deadline's nanoseconds are
///   out of range.
///
/// # Platforms
///
/// Sleeps in one system call (`futex_waitv`) on Linux 5.16 and newer. Elsewhere, and on the `libc`
/// back end, it looks again and again, at least every 7 ms.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, AsSem};
///
/// let (jobs, stop) = (sem::anonymous(0)?, sem::anonymous(0)?);
/// std::thread::scope(|scope| {
///     scope.spawn(|| sem::post(&stop));
///     let index = sem::wait_any(&[jobs.as_sem(), stop.as_sem()], None)?;
///     assert_eq!(index, 1);
///     Ok::<(), rustix::io::Errno>(())
/// })?;
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[doc(alias = "futex_waitv")]
pub fn wait_any(sems: &[BorrowedSem<'_>], deadline: Option<Deadline>) -> Result<usize> {
    let invalid = deadline.as_ref().is_some_and(|deadline| !deadline.is_valid());
    if sems.is_empty() || sems.len() > WAIT_ANY_MAX || invalid {
        return Err(Errno::INVAL);
    }
    any(sems, deadline)
}

#[cfg(backend_linux)]
fn any(sems: &[BorrowedSem<'_>], deadline: Option<Deadline>) -> Result<usize> {
    let Some(first) = sems.first() else { return Err(Errno::INVAL) };
    let get = |index| {
        let Raw::Linux(raw) = sems.get(index).unwrap_or(first).raw();
        raw
    };
    crate::backend::linux::sem::wait_any(sems.len(), get, deadline)
}

/// Semaphores of two back ends can only be looked at by turns.
#[cfg(not(backend_linux))]
fn any(sems: &[BorrowedSem<'_>], deadline: Option<Deadline>) -> Result<usize> {
    #[cfg(has_glibc_sem)]
    if let Some(&Raw::Linux(first)) = sems.first().map(|sem| sem.raw()).as_ref() {
        if sems.iter().all(|sem| matches!(sem.raw(), Raw::Linux(_))) {
            let get = |index: usize| match sems.get(index).map(|sem| sem.raw()) {
                Some(Raw::Linux(raw)) => raw,
                _ => first,
            };
            return crate::backend::linux::sem::wait_any(sems.len(), get, deadline);
        }
    }
    crate::backend::libc::sem::poll(deadline, || sems.iter().position(|sem| sem.raw().try_wait(1)))
}

/// How many waiters are registered, where it can be known.
///
/// A hint: a waiter that was killed stays counted for ever, and one that spins is not counted.
///
/// # Platforms
///
/// `None` on the `libc` back end.
///
/// # Examples
///
/// ```
/// let sem = posix_ipc_sys::sem::anonymous(0)?;
/// assert!(matches!(posix_ipc_sys::sem::waiters(&sem), Some(0) | None));
/// # Ok::<(), rustix::io::Errno>(())
/// ```
pub fn waiters<S: AsSem>(sem: S) -> Option<u32> {
    sem.as_sem().raw().waiters()
}

/// The number of the processor that last woke a sleeper of this semaphore, where it is known: a
/// hint whether spinning for the next unit has a chance.
///
/// Posters of this crate leave it in a word that the C library does not use; those of the C
/// library don't.
///
/// # Platforms
///
/// `None` on the `libc` back end.
///
/// # Examples
///
/// ```
/// let sem = posix_ipc_sys::sem::anonymous(0)?;
/// assert_eq!(posix_ipc_sys::sem::waker_cpu(&sem), None, "nobody was woken yet");
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[inline]
pub fn waker_cpu<S: AsSem>(sem: S) -> Option<u32> {
    sem.as_sem().raw().waker_cpu()
}
