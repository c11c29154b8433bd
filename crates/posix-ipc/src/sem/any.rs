//! Waiting for the first of several semaphores.

use std::time::{Duration, Instant};

use posix_ipc_sys::sem::{self as sys, AsSem, BorrowedSem, WAIT_ANY_MAX};
use rustix::io::Errno;

use super::Semaphore;
use super::wait::until;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::kind::Kind;

/// Takes one unit from one of several semaphores, blocking until one of them has a unit or
/// `deadline` has passed; tells the index of the one, or `None`.
///
/// If several have one, it is taken from the first of them in the order given. From the others
/// nothing is taken.
///
/// # Errors
///
/// - [`Error::Argument`]: there are no semaphores, or over 128.
/// - Otherwise as [`Semaphore::wait`].
///
/// # Platforms
///
/// One sleep for all on Linux 5.16 and newer (`futex_waitv`). On older kernels, elsewhere, and
/// where the C library's own semaphores are used, each is looked at again and again, at least every
/// 7 ms.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, Semaphore, sem};
///
/// # let (a, b) = (Name::unique("doc-any-a"), Name::unique("doc-any-b"));
/// let (jobs, stop) = (Semaphore::create(&a, 0)?, Semaphore::create(&b, 0)?);
/// std::thread::scope(|scope| {
///     scope.spawn(|| stop.post());
///     assert_eq!(sem::wait_any(&[&jobs, &stop], None)?, Some(1));
///     Ok::<(), posix_ipc::Error>(())
/// })?;
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[doc(alias = "futex_waitv")]
pub fn wait_any(semaphores: &[&Semaphore], deadline: Option<Instant>) -> Result<Option<usize>> {
    block(semaphores, deadline.map_or(Deadline::Never, Deadline::at))
}

/// As [`wait_any`], blocking for at most `timeout`.
///
/// # Errors
///
/// As [`wait_any`].
pub fn wait_any_timeout(semaphores: &[&Semaphore], timeout: Duration) -> Result<Option<usize>> {
    block(semaphores, Deadline::after(timeout))
}

/// Takes one unit from the first of several semaphores that has one.
pub fn try_wait_any(semaphores: &[&Semaphore]) -> Option<usize> {
    semaphores.iter().position(|semaphore| semaphore.try_wait())
}

fn block(semaphores: &[&Semaphore], deadline: Deadline) -> Result<Option<usize>> {
    let Some(first) = semaphores.first() else {
        return Err(Error::Argument { argument: "semaphores", reason: "there are none" });
    };
    let mut all: [BorrowedSem<'_>; WAIT_ANY_MAX] = [first.sem.as_sem(); WAIT_ANY_MAX];
    for (slot, semaphore) in all.iter_mut().zip(semaphores) {
        *slot = semaphore.sem.as_sem();
    }
    let Some(all) = all.get(..semaphores.len()) else {
        let reason = "there are over 128, more than one can wait for at once";
        return Err(Error::Argument { argument: "semaphores", reason });
    };
    match rustix::io::retry_on_intr(|| sys::wait_any(all, until(deadline))) {
        Ok(index) => Ok(Some(index)),
        Err(Errno::TIMEDOUT) => Ok(None),
        Err(errno) => Err(Error::os("wait for", Kind::Semaphore, first.name(), errno)),
    }
}
