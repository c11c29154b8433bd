//! The `libc` back end of `sem`: the C library's own semaphores.

use core::ffi::CStr;
use core::ptr::NonNull;

use rustix::fs::Mode;
use rustix::io::{Errno, Result};
use rustix::thread::{NanosleepRelativeResult, nanosleep};
use rustix::time::{Timespec, clock_gettime};

use crate::backend::conv::{done, last_error};
use crate::sem::{Deadline, OpenFlags, VALUE_MAX};

#[cfg(target_os = "linux")]
mod named;
#[cfg(not(target_os = "linux"))]
mod named_elsewhere;
mod timed;

#[cfg(target_os = "linux")]
pub(crate) use named::{open, open_file, peek, stat, unlink};
#[cfg(not(target_os = "linux"))]
pub(crate) use named_elsewhere::{open, unlink};

/// The most that a wait which can only poll sleeps between two looks.
const LONGEST_PAUSE: i64 = 5_000_000;

pub(crate) type Until = Option<Deadline>;

/// A semaphore of the C library.
///
/// Invariant: the pointer is to an initialised semaphore, as long as the handle lives that this
/// value was made for; whoever makes a value has to see to it, and handles use it while they live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw(NonNull<libc::sem_t>);

/// What a named semaphore is opened to.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) raw: Raw,
    /// Device, inode and owner, where the system lets us know.
    pub(crate) file: Option<(u64, u64, u32)>,
}

/// What `sem_open` returns when it fails: -1 as a pointer on Apple's systems, 0 elsewhere.
fn opened(sem: *mut libc::sem_t) -> Result<Raw> {
    let failed = if cfg!(apple) { usize::MAX } else { 0 };
    match NonNull::new(sem) {
        Some(sem) if sem.addr().get() != failed => Ok(Raw(sem)),
        _ => Err(last_error()),
    }
}

fn sem_open(name: &CStr, flags: OpenFlags, mode: Mode, value: u32) -> Result<Raw> {
    let flags = flags.c_flags();
    // Both are promoted to at least an unsigned int in a variadic call.
    let mode = mode.bits() as libc::c_uint;
    // SAFETY: the name is a C string, and mode and value are passed whether asked for or not.
    let sem = unsafe { libc::sem_open(name.as_ptr(), flags, mode, value as libc::c_uint) };
    opened(sem)
}

impl Raw {
    pub(crate) fn borrowed(base: NonNull<libc::sem_t>) -> Self {
        Self(base)
    }

    #[inline]
    pub(crate) fn post(self, units: u32) -> Result<()> {
        if units == 1 {
            // SAFETY: by the invariant of `Raw`.
            return done(unsafe { libc::sem_post(self.0.as_ptr()) });
        }
        self.post_many(units)
    }

    /// One by one, since C has no other way: checked as a whole before, and taken back as far as
    /// possible if others reach the maximum meanwhile.
    fn post_many(self, units: u32) -> Result<()> {
        match self.value() {
            Ok(value) if value.checked_add(units).is_none_or(|sum| sum > VALUE_MAX) => {
                return Err(Errno::OVERFLOW);
            }
            _ => {}
        }
        for posted in 0..units {
            if let Err(errno) = self.post(1) {
                (0..posted).take_while(|_| self.try_wait(1)).for_each(drop);
                return Err(errno);
            }
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn try_wait(self, units: u32) -> bool {
        for taken in 0..units {
            // SAFETY: by the invariant of `Raw`.
            let result =
                rustix::io::retry_on_intr(|| done(unsafe { libc::sem_trywait(self.0.as_ptr()) }));
            if result.is_err() {
                self.give_back(taken);
                return false;
            }
        }
        true
    }

    fn give_back(self, units: u32) {
        for _ in 0..units {
            // It had room for them a moment ago; if others have filled it, there is no more to do.
            let _ = self.post(1);
        }
    }

    pub(crate) fn wait(self, units: u32, until: Until) -> Result<()> {
        if units == 1 {
            return match until {
                // SAFETY: by the invariant of `Raw`.
                None => done(unsafe { libc::sem_wait(self.0.as_ptr()) }),
                Some(deadline) => timed::wait(self, deadline),
            };
        }
        poll(until, || self.try_wait(units).then_some(()))
    }

    #[cfg(not(apple))]
    pub(crate) fn value(self) -> Result<u32> {
        let mut value = 0;
        // SAFETY: the semaphore by the invariant of `Raw`, and a place for the value.
        done(unsafe { libc::sem_getvalue(self.0.as_ptr(), &raw mut value) })?;
        // Some systems tell the number of waiters as a negative value.
        Ok(u32::try_from(value).unwrap_or(0))
    }

    #[cfg(apple)]
    pub(crate) fn value(self) -> Result<u32> {
        Err(Errno::NOSYS)
    }

    /// Closes a named semaphore; the last use of the value.
    pub(crate) fn close(self) {
        // SAFETY: by the invariant of `Raw` it is open; the caller owns it and uses it no more.
        let _ = unsafe { libc::sem_close(self.0.as_ptr()) };
    }
}

/// Makes a semaphore in memory that nobody uses yet.
///
/// # Safety
///
/// `base` is valid for writes of a `sem_t`, and not accessed by others during the call.
#[cfg(not(apple))]
pub(crate) unsafe fn init(base: NonNull<libc::sem_t>, shared: bool, value: u32) -> Result<Raw> {
    // SAFETY: by the caller's promise.
    done(unsafe {
        libc::sem_init(base.as_ptr(), libc::c_int::from(shared), value as libc::c_uint)
    })?;
    Ok(Raw(base))
}

#[cfg(apple)]
pub(crate) unsafe fn init(_: NonNull<libc::sem_t>, _: bool, _: u32) -> Result<Raw> {
    Err(Errno::NOSYS)
}

/// # Safety
///
/// The semaphore is one of `init` that nobody uses any more.
#[cfg(not(apple))]
pub(crate) unsafe fn destroy(raw: Raw) {
    // SAFETY: by the caller's promise.
    let _ = unsafe { libc::sem_destroy(raw.0.as_ptr()) };
}

#[cfg(apple)]
pub(crate) unsafe fn destroy(_: Raw) {}

/// Looks again and again, ever more rarely, until `look` finds something.
pub(crate) fn poll<T>(until: Until, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let mut pause = 20_000;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        let mut sleep = Timespec { tv_sec: 0, tv_nsec: pause };
        if let Some(deadline) = until {
            let left = timed::left(deadline);
            if (left.tv_sec, left.tv_nsec) <= (0, 0) {
                return Err(Errno::TIMEDOUT);
            }
            if left.tv_sec == 0 && left.tv_nsec < pause {
                sleep = left;
            }
        }
        match nanosleep(&sleep) {
            NanosleepRelativeResult::Interrupted(_) => return Err(Errno::INTR),
            _ => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}
