//! Permits: units that go back when they are dropped.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Semaphore;
use crate::error::Result;

/// Units of a semaphore, given back when this is dropped.
///
/// A process that is killed gives nothing back: its units are lost.
///
/// # Examples
///
/// ```
/// # use posix_ipc::{Name, Semaphore};
/// # let name = Name::unique("doc-permit");
/// let lock = Semaphore::create(&name, 1)?;
/// {
///     let _permit = lock.acquire()?;
///     assert!(lock.try_acquire().is_none());
/// }
/// assert!(lock.try_acquire().is_some());
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the units are given back at once if this is dropped"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    units: u32,
}

impl<'a> Permit<'a> {
    /// How many units it stands for.
    pub fn units(&self) -> u32 {
        self.units
    }

    /// The semaphore that they are of.
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// Gives the units back now, and tells whether that worked.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if others have filled the semaphore meanwhile.
    pub fn release(self) -> Result<()> {
        let (semaphore, units) = (self.semaphore, self.units);
        self.forget();
        semaphore.post_many(units)
    }

    /// Keeps the units for good, or until somebody posts them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore};
    /// # let name = Name::unique("doc-permit-forget");
    /// let jobs = Semaphore::create(&name, 2)?;
    /// jobs.acquire()?.forget(); // consumed, not lent
    /// assert_eq!(jobs.value()?, 1);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn forget(self) {
        mem::forget(self);
    }

    /// Keeps the units as [`forget`](Self::forget) does, and hands out the semaphore, to which
    /// the caller owes [`units`](Self::units).
    pub fn into_inner(self) -> &'a Semaphore {
        let semaphore = self.semaphore;
        self.forget();
        semaphore
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // It can only fail if others have posted what they never took.
        let _ = self.semaphore.post_many(self.units);
    }
}

/// As [`Permit`], for a semaphore in an [`Arc`]: it can go to other threads and into structures.
#[derive(Debug)]
#[must_use = "the units are given back at once if this is dropped"]
pub struct OwnedPermit {
    /// `None` only while it is taken apart.
    semaphore: Option<Arc<Semaphore>>,
    units: u32,
}

impl OwnedPermit {
    /// How many units it stands for.
    pub fn units(&self) -> u32 {
        self.units
    }

    /// Keeps the units for good, or until somebody posts them.
    pub fn forget(self) {
        drop(self.into_inner());
    }

    /// Keeps the units as [`forget`](Self::forget) does, and hands out the semaphore, to which
    /// the caller owes [`units`](Self::units).
    pub fn into_inner(mut self) -> Option<Arc<Semaphore>> {
        self.semaphore.take()
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if let Some(semaphore) = &self.semaphore {
            // It can only fail if others have posted what they never took.
            let _ = semaphore.post_many(self.units);
        }
    }
}

impl Semaphore {
    fn permit(&self, units: u32) -> Permit<'_> {
        Permit { semaphore: self, units }
    }

    /// Takes one unit as a permit, blocking until there is one.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// See [`Permit`].
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>> {
        self.wait()?;
        Ok(self.permit(1))
    }

    /// Takes one unit as a permit if there is one.
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_wait().then(|| self.permit(1))
    }

    /// Takes one unit as a permit, blocking for at most `timeout`; `None` if none became free.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Option<Permit<'_>>> {
        self.acquire_many_timeout(1, timeout)
    }

    /// Takes one unit as a permit, blocking until `deadline` at most; `None` if none became free.
    ///
    /// # Errors
    ///
    /// As [`wait_deadline`](Self::wait_deadline).
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<Option<Permit<'_>>> {
        Ok(self.wait_deadline(deadline)?.then(|| self.permit(1)))
    }

    /// Takes `units` as one permit, blocking until there are so many: all or nothing, as
    /// [`wait_many`](Self::wait_many), whose word on fairness holds here too.
    ///
    /// # Errors
    ///
    /// As [`wait_many`](Self::wait_many).
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore};
    /// # let name = Name::unique("doc-acquire-many");
    /// let readers = Semaphore::create(&name, 8)?;
    /// let all = readers.acquire_many(8)?; // a writer: nobody else is left
    /// assert!(readers.try_acquire().is_none());
    /// drop(all);
    /// assert_eq!(readers.value()?, 8);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn acquire_many(&self, units: u32) -> Result<Permit<'_>> {
        self.wait_many(units)?;
        Ok(self.permit(units))
    }

    /// Takes `units` as one permit if there are so many.
    pub fn try_acquire_many(&self, units: u32) -> Option<Permit<'_>> {
        self.try_wait_many(units).then(|| self.permit(units))
    }

    /// Takes `units` as one permit, blocking for at most `timeout`; `None` if there were never so
    /// many.
    ///
    /// # Errors
    ///
    /// As [`wait_many_timeout`](Self::wait_many_timeout).
    pub fn acquire_many_timeout(
        &self,
        units: u32,
        timeout: Duration,
    ) -> Result<Option<Permit<'_>>> {
        Ok(self.wait_many_timeout(units, timeout)?.then(|| self.permit(units)))
    }

    /// Takes `units` as one permit, blocking until `deadline` at most; `None` if there were never so
    /// many.
    ///
    /// # Errors
    ///
    /// As [`wait_many_deadline`](Self::wait_many_deadline).
    pub fn acquire_many_deadline(
        &self,
        units: u32,
        deadline: Instant,
    ) -> Result<Option<Permit<'_>>> {
        Ok(self.wait_many_deadline(units, deadline)?.then(|| self.permit(units)))
    }

    /// Takes one unit as a permit that shares the semaphore, blocking until there is one.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore}; use std::{sync::Arc, thread};
    /// # let name = Name::unique("doc-owned-permit");
    /// let slots = Arc::new(Semaphore::create(&name, 2)?);
    /// let permit = Arc::clone(&slots).acquire_owned()?;
    /// thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(slots.value()?, 2);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn acquire_owned(self: Arc<Self>) -> Result<OwnedPermit> {
        self.wait()?;
        Ok(OwnedPermit { semaphore: Some(self), units: 1 })
    }

    /// Takes one unit as a permit that shares the semaphore, if there is one.
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedPermit> {
        if self.try_wait() { Some(OwnedPermit { semaphore: Some(self), units: 1 }) } else { None }
    }
}
