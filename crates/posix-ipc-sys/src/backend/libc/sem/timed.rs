//! Waiting with a deadline, where C libraries differ.

#[cfg(not(apple))]
use rustix::time::ClockId;

use super::*;
#[cfg(not(apple))]
use crate::sem::Clock;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// How long it is until then; negative seconds if it has passed.
pub(super) fn left(deadline: Deadline) -> Timespec {
    let now = clock_gettime(deadline.clock.id());
    let (mut seconds, mut nanos) =
        (deadline.time.tv_sec.saturating_sub(now.tv_sec), deadline.time.tv_nsec - now.tv_nsec);
    if nanos < 0 {
        seconds = seconds.saturating_sub(1);
        nanos += NANOS_PER_SECOND;
    }
    Timespec { tv_sec: seconds, tv_nsec: nanos }
}

#[cfg(apple)]
pub(super) fn wait(sem: Raw, deadline: Deadline) -> Result<()> {
    poll(Some(deadline), || sem.try_wait(1).then_some(()))
}

#[cfg(not(apple))]
pub(super) fn wait(sem: Raw, deadline: Deadline) -> Result<()> {
    if deadline.clock == Clock::Realtime {
        return timedwait(sem, deadline.time);
    }
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if let Some(clockwait) = clockwait::find() {
        return clockwait::call(clockwait, sem, libc::CLOCK_MONOTONIC, deadline.time);
    }
    emulated(sem, deadline)
}

/// Waits for the monotonic clock by the other one, which may be set meanwhile: in short steps.
#[cfg(not(apple))]
fn emulated(sem: Raw, deadline: Deadline) -> Result<()> {
    const STEP: i64 = 1;
    loop {
        let mut left = left(deadline);
        if left.tv_sec < 0 {
            return timedwait(sem, Timespec { tv_sec: 0, tv_nsec: 0 });
        }
        if left.tv_sec >= STEP {
            left = Timespec { tv_sec: STEP, tv_nsec: 0 };
        }
        let mut then = clock_gettime(ClockId::Realtime);
        then.tv_sec += left.tv_sec;
        then.tv_nsec += left.tv_nsec;
        if then.tv_nsec >= NANOS_PER_SECOND {
            then.tv_sec += 1;
            then.tv_nsec -= NANOS_PER_SECOND;
        }
        match timedwait(sem, then) {
            Err(Errno::TIMEDOUT) => {}
            other => return other,
        }
    }
}

#[cfg(not(apple))]
fn timedwait(sem: Raw, time: Timespec) -> Result<()> {
    let time = c_time(time);
    // SAFETY: the semaphore by the invariant of `Raw`, and a time that outlives the call.
    done(unsafe { libc::sem_timedwait(sem.0.as_ptr(), &raw const time) })
}

/// Times past what C counts to are as good as never; those before 1970 have passed.
#[cfg(not(apple))]
fn c_time(time: Timespec) -> libc::timespec {
    // SAFETY: all zeroes are a valid time, also with the padding that some targets have.
    let mut c: libc::timespec = unsafe { core::mem::zeroed() };
    #[allow(
        clippy::useless_conversion,
        deprecated,
        reason = "C's seconds have 32 bits on some targets; libc says that those of musl will change"
    )]
    let seconds = time.tv_sec.max(0).try_into().unwrap_or(libc::time_t::MAX);
    c.tv_sec = seconds;
    c.tv_nsec = time.tv_nsec as _;
    c
}

/// `sem_clockwait`, which glibc has since 2.30: looked up, so that the program still starts
/// where it is missing.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod clockwait {
    use core::ptr;
    use core::sync::atomic::{AtomicPtr, Ordering};

    use super::*;

    pub(super) type Function = unsafe extern "C" fn(
        *mut libc::sem_t,
        libc::clockid_t,
        *const libc::timespec,
    ) -> libc::c_int;

    pub(super) fn find() -> Option<Function> {
        const UNKNOWN: *mut libc::c_void = ptr::without_provenance_mut(1);
        static FOUND: AtomicPtr<libc::c_void> = AtomicPtr::new(UNKNOWN);
        let mut found = FOUND.load(Ordering::Relaxed);
        if found == UNKNOWN {
            // SAFETY: the name is a C string.
            found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"sem_clockwait".as_ptr()) };
            FOUND.store(found, Ordering::Relaxed);
        }
        // SAFETY: null is `None`; anything else is the function of that name, whose type this is.
        unsafe { core::mem::transmute::<*mut libc::c_void, Option<Function>>(found) }
    }

    pub(super) fn call(
        function: Function,
        sem: Raw,
        clock: libc::clockid_t,
        time: Timespec,
    ) -> Result<()> {
        let time = c_time(time);
        // SAFETY: the semaphore by the invariant of `Raw`, and a time that outlives the call.
        done(unsafe { function(sem.0.as_ptr(), clock, &raw const time) })
    }
}
