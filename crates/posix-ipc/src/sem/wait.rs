//! Taking units: at once, with a deadline, or until a signal comes.

use std::time::{Duration, Instant, SystemTime};

use posix_ipc_sys::sem::{self as sys, Clock};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::{Semaphore, VALUE_MAX};
use crate::deadline::Deadline;
use crate::error::{Error, Result};

/// How a wait that signals can end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Waited {
    /// A unit was taken.
    Taken,
    /// The deadline passed first.
    TimedOut,
    /// A signal was handled; nothing was taken.
    Interrupted,
}

/// For sys, which has no word for never but `None`.
pub(super) fn until(deadline: Deadline) -> Option<sys::Deadline> {
    match deadline {
        Deadline::Never => None,
        Deadline::Monotonic(time) => Some(sys::Deadline { clock: Clock::Monotonic, time }),
        Deadline::Realtime(time) => Some(sys::Deadline { clock: Clock::Realtime, time }),
    }
}

impl Semaphore {
    /// Takes one unit, blocking until there is one.
    ///
    /// With a unit at hand this is no system call. Otherwise the wait may spin for some
    /// microseconds before it sleeps, if that has been worth its while: see [`Spin`](super::Spin).
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system can't wait, which does not happen with a sound file.
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    #[doc(alias = "sem_wait")]
    #[inline]
    pub fn wait(&self) -> Result<()> {
        if self.try_wait() { Ok(()) } else { self.block(1, Deadline::Never).map(drop) }
    }

    /// Takes one unit if there is one.
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    #[doc(alias = "sem_trywait")]
    #[inline]
    pub fn try_wait(&self) -> bool {
        sys::trywait(&self.sem).is_ok()
    }

    /// Takes one unit, blocking for at most `timeout`.
    ///
    /// Returns `false` if no unit became free in time; a zero `timeout` only looks. A signal does
    /// not lengthen the wait: the deadline is fixed when the call starts. `Duration::MAX` waits for
    /// ever.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait). Running out of time is not an error.
    ///
    /// # Platforms
    ///
    /// The deadline is on the monotonic clock; where the system has none for this, the wait is in
    /// steps on the calendar's clock (NetBSD, illumos) or looks again and again (macOS).
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore}; use std::time::Duration;
    /// # let name = Name::unique("doc-wait-timeout");
    /// let sem = Semaphore::create(&name, 1)?;
    /// assert!(sem.wait_timeout(Duration::from_millis(5))?, "one unit was free");
    /// assert!(!sem.wait_timeout(Duration::from_millis(5))?, "and now none is");
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[doc(alias = "sem_timedwait")]
    #[doc(alias = "sem_clockwait")]
    #[inline]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<bool> {
        self.wait_many_timeout(1, timeout)
    }

    /// Takes one unit, blocking until `deadline` at most; `false` if none became free in time.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Platforms
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    #[inline]
    pub fn wait_deadline(&self, deadline: Instant) -> Result<bool> {
        if self.try_wait() { Ok(true) } else { self.block(1, Deadline::at(deadline)) }
    }

    /// As [`wait_deadline`](Self::wait_deadline), on the calendar's clock: when that is set, the
    /// wait ends as much earlier or later.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore}; use std::time::SystemTime;
    /// # let name = Name::unique("doc-wait-realtime");
    /// let sem = Semaphore::create(&name, 0)?;
    /// assert!(!sem.wait_deadline_realtime(SystemTime::now())?);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[doc(alias = "sem_timedwait")]
    #[inline]
    pub fn wait_deadline_realtime(&self, deadline: SystemTime) -> Result<bool> {
        if self.try_wait() { Ok(true) } else { self.block(1, Deadline::at_realtime(deadline)) }
    }

    /// Takes one unit, blocking until there is one, the deadline has passed, or a signal was
    /// handled.
    ///
    /// For programs that act on signals between two waits, such as interpreters, whose handlers
    /// only take a note. A signal that comes just before the call does not end it.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Platforms
    ///
    /// OpenBSD lets no signal end a wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::{Name, Semaphore, sem::Waited};
    /// use std::time::{Duration, Instant};
    ///
    /// # let name = Name::unique("doc-wait-interruptible");
    /// let sem = Semaphore::create(&name, 0)?;
    /// let deadline = Instant::now() + Duration::from_millis(5);
    /// while sem.wait_interruptible(Some(deadline))? == Waited::Interrupted {
    ///     // Here the program does what its handlers have noted, and may give up.
    /// }
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn wait_interruptible(&self, deadline: Option<Instant>) -> Result<Waited> {
        if self.try_wait() {
            return Ok(Waited::Taken);
        }
        // With a deadline, however far, also handlers with `SA_RESTART` end the wait.
        let far = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
        let deadline = match deadline.map(Deadline::at) {
            None | Some(Deadline::Never) => Deadline::Monotonic(far),
            Some(deadline) => deadline,
        };
        match self.spin.take_or(self, 1, deadline) {
            Ok(()) => Ok(Waited::Taken),
            Err(Errno::TIMEDOUT) => Ok(Waited::TimedOut),
            Err(Errno::INTR) => Ok(Waited::Interrupted),
            Err(errno) => Err(self.error("wait for", errno)),
        }
    }

    /// Takes `units` at once, blocking until there are so many.
    ///
    /// All or nothing: nothing is taken or reserved until all are there. Those who want fewer can
    /// therefore overtake, in principle for ever. A wake-up for a unit that is not enough here is
    /// passed on to the next who waits. `0` units are always there.
    ///
    /// # Errors
    ///
    /// - [`Error::OutOfRange`]: `units` is over [`VALUE_MAX`], so that there can never be so many.
    /// - Otherwise as [`wait`](Self::wait).
    ///
    /// # Platforms
    ///
    /// Where the C library's own semaphores are used, units are taken one by one and given back if
    /// they are too few, which others can see, and a wait looks every 5 ms.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore};
    /// # let name = Name::unique("doc-wait-many");
    /// let sem = Semaphore::create(&name, 5)?;
    /// sem.wait_many(3)?;
    /// assert!(!sem.try_wait_many(3));
    /// assert_eq!(sem.value()?, 2);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[inline]
    pub fn wait_many(&self, units: u32) -> Result<()> {
        if self.try_wait_many(units) {
            Ok(())
        } else {
            self.block(units, Deadline::Never).map(drop)
        }
    }

    /// Takes `units` if there are so many, and none otherwise.
    ///
    /// # Platforms
    ///
    /// As [`wait_many`](Self::wait_many).
    #[inline]
    pub fn try_wait_many(&self, units: u32) -> bool {
        sys::trywait_many(&self.sem, units).is_ok()
    }

    /// Takes `units` at once, blocking for at most `timeout`; `false` if there were never so many.
    ///
    /// # Errors
    ///
    /// As [`wait_many`](Self::wait_many).
    ///
    /// # Platforms
    ///
    /// As [`wait_many`](Self::wait_many) and [`wait_timeout`](Self::wait_timeout).
    #[inline]
    pub fn wait_many_timeout(&self, units: u32, timeout: Duration) -> Result<bool> {
        if self.try_wait_many(units) {
            Ok(true)
        } else if timeout.is_zero() && units <= VALUE_MAX {
            Ok(false)
        } else {
            self.block(units, Deadline::after(timeout))
        }
    }

    /// Takes `units` at once, blocking until `deadline` at most; `false` if there were never so many.
    ///
    /// # Errors
    ///
    /// As [`wait_many`](Self::wait_many).
    ///
    /// # Platforms
    ///
    /// As [`wait_many_timeout`](Self::wait_many_timeout).
    #[inline]
    pub fn wait_many_deadline(&self, units: u32, deadline: Instant) -> Result<bool> {
        if self.try_wait_many(units) { Ok(true) } else { self.block(units, Deadline::at(deadline)) }
    }

    /// Spins and sleeps, whatever signals come.
    #[cold]
    pub(super) fn block(&self, units: u32, deadline: Deadline) -> Result<bool> {
        if units > VALUE_MAX {
            let (value, max) = (u64::from(units), u64::from(VALUE_MAX));
            return Err(Error::OutOfRange { argument: "number of units", value, min: 0, max });
        }
        match rustix::io::retry_on_intr(|| self.spin.take_or(self, units, deadline)) {
            Ok(()) => Ok(true),
            Err(Errno::TIMEDOUT) => Ok(false),
            Err(errno) => Err(self.error("wait for", errno)),
        }
    }
}
