//! From what C functions return to [`Result`]; for all that goes through the C library.

use rustix::io::{Errno, Result};

/// The answer of a C function that says -1 and sets `errno`.
#[inline]
pub(crate) fn answer(value: libc::c_int) -> Result<libc::c_int> {
    if value == -1 { Err(last_error()) } else { Ok(value) }
}

/// The same of a function that has no more to say.
#[cfg(any(
    feature = "sem",
    all(feature = "mq", has_mqueue),
    all(feature = "shm", target_os = "linux")
))]
#[inline]
pub(crate) fn done(value: libc::c_int) -> Result<()> {
    answer(value).map(drop)
}

/// What `errno` says.
#[cold]
pub(crate) fn last_error() -> Errno {
    let location = errno_location();
    // SAFETY: the C library's location of this thread's `errno` is always valid to read.
    Errno::from_raw_os_error(unsafe { *location })
}

#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
fn errno_location() -> *const libc::c_int {
    // SAFETY: the function has no preconditions.
    unsafe { libc::__errno_location() }
}

#[cfg(any(apple, target_os = "freebsd"))]
fn errno_location() -> *const libc::c_int {
    // SAFETY: the function has no preconditions.
    unsafe { libc::__error() }
}

#[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
fn errno_location() -> *const libc::c_int {
    // SAFETY: the function has no preconditions.
    unsafe { libc::__errno() }
}

#[cfg(any(target_os = "solaris", target_os = "illumos"))]
fn errno_location() -> *const libc::c_int {
    // SAFETY: the function has no preconditions.
    unsafe { libc::___errno() }
}
