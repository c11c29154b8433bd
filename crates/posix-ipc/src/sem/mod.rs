//! Named semaphores: [`Semaphore`], [`Permit`], and waiting [for any of several](wait_any).
//!
//! A semaphore is a counter of units that processes share by name. [`Semaphore::post`] adds a
//! unit, [`Semaphore::wait`] takes one and sleeps while there is none. It has no owner: who takes a unit
//! and dies has taken it for good. A lock that survives its holder is [`mutex`](crate::mutex).
//!
//! On Linux the same semaphores serve C programs on glibc and everything built on it, such as
//! Python's `posix_ipc`, whichever side creates them. With [`SemaphoreOptions::abi`] they serve
//! programs of 32 bits as well, and glibc's programs beside one that is built on musl.

use posix_ipc_sys::sem::{self as sys, OwnedSem};
use rustix::io::Errno;

mod any;
mod options;
mod permit;
mod place;
mod spin;
mod wait;

pub use any::{try_wait_any, wait_any, wait_any_timeout};
pub use options::SemaphoreOptions;
pub use permit::{OwnedPermit, Permit};
pub use posix_ipc_sys::sem::Abi;
pub use spin::Spin;
pub use wait::Waited;

use crate::cleanup::NameOwner;
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{Disposition, OpenMode};
use spin::Spinner;

/// The largest value of a semaphore.
#[doc(alias = "SEM_VALUE_MAX")]
pub const VALUE_MAX: u32 = sys::VALUE_MAX;

/// A named semaphore.
///
/// One handle serves any number of threads through `&self`; as long as one of them waits, the
/// handle can't be dropped.
///
/// # Taking a unit
///
/// | one unit | a [`Permit`] for it | several | waits |
/// |---|---|---|---|
/// | [`wait`](Self::wait) | [`acquire`](Self::acquire) | [`wait_many`](Self::wait_many), [`acquire_many`](Self::acquire_many) | as long as there is none |
/// | [`try_wait`](Self::try_wait) | [`try_acquire`](Self::try_acquire) | [`try_wait_many`](Self::try_wait_many), [`try_acquire_many`](Self::try_acquire_many) | never |
/// | [`wait_timeout`](Self::wait_timeout) | [`acquire_timeout`](Self::acquire_timeout) | [`wait_many_timeout`](Self::wait_many_timeout), [`acquire_many_timeout`](Self::acquire_many_timeout) | at most so long |
/// | [`wait_deadline`](Self::wait_deadline) | [`acquire_deadline`](Self::acquire_deadline) | [`wait_many_deadline`](Self::wait_many_deadline), [`acquire_many_deadline`](Self::acquire_many_deadline) | until then, on the monotonic clock |
/// | [`wait_deadline_realtime`](Self::wait_deadline_realtime) | | | until then, on the calendar's clock |
/// | [`wait_interruptible`](Self::wait_interruptible) | | | until a signal comes |
///
/// # Fairness
///
/// Sleepers are woken in the order in which they went to sleep, but a unit is not handed over:
/// whoever comes first takes it, also one who has not waited at all.
///
/// # Signals
///
/// A signal handler that runs meanwhile neither ends nor lengthens a wait, except for
/// [`wait_interruptible`](Self::wait_interruptible).
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, Semaphore};
///
/// # let name = Name::unique("doc-sem");
/// let jobs = Semaphore::create(&name, 0)?;
/// let same = Semaphore::open(&name)?; // here, or in another process
/// jobs.post()?;
/// same.wait()?;
/// assert!(!jobs.try_wait());
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "sem_open")]
pub struct Semaphore {
    // Before the semaphore: while that is open, no other one can have its identity.
    owner: NameOwner,
    sem: OwnedSem,
    spin: Spinner,
}

impl Semaphore {
    /// Options with which a semaphore is opened or created in every other way.
    pub fn options() -> SemaphoreOptions {
        SemaphoreOptions::new()
    }

    /// Creates the semaphore `name`, with `value` units at hand.
    ///
    /// The handle removes the name when it is dropped: [`Cleanup::Creator`](crate::Cleanup::Creator).
    ///
    /// # Errors
    ///
    /// `EEXIST` if the name exists; otherwise as [`SemaphoreOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore};
    /// # let name = Name::unique("doc-sem-create");
    /// let sem = Semaphore::create(&name, 3)?;
    /// assert_eq!(sem.value()?, 3);
    /// assert!(Semaphore::create(&name, 3).is_err());
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn create<N>(name: N, value: u32) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().mode(OpenMode::CreateNew).initial_value(value).open(name)
    }

    /// Opens the semaphore `name`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none; otherwise as [`SemaphoreOptions::open`].
    pub fn open<N>(name: N) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().open(name)
    }

    /// Opens the semaphore `name` as it is, or creates it with `value` units at hand;
    /// [`disposition`](Self::disposition) tells which.
    ///
    /// # Errors
    ///
    /// As [`SemaphoreOptions::open`].
    pub fn open_or_create<N>(name: N, value: u32) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().mode(OpenMode::OpenOrCreate).initial_value(value).open(name)
    }

    /// Removes the name `name`, whoever created it. Those who have the semaphore open keep it.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `EACCES` if it is not the caller's to remove.
    #[doc(alias = "sem_unlink")]
    pub fn unlink<N>(name: N) -> Result<()>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        sys::unlink(&name).map_err(|errno| Error::os("unlink", Kind::Semaphore, &name, errno))
    }

    /// Adds one unit, and wakes a waiter if there is one.
    ///
    /// What was written before it is seen by who takes the unit. With nobody asleep this is no
    /// system call.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if the value is [`VALUE_MAX`] already; it stays so.
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    #[doc(alias = "sem_post")]
    #[inline]
    pub fn post(&self) -> Result<()> {
        match sys::post(&self.sem) {
            Ok(()) => Ok(()),
            Err(errno) => Err(self.error("post", errno)),
        }
    }

    /// Adds `units` at once, and wakes as many waiters.
    ///
    /// All of them, or none. One atomic addition and at most one system call, however many.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if the value would pass [`VALUE_MAX`]; it stays as it is.
    ///
    /// # Platforms
    ///
    /// Where the C library's own semaphores are used, units are posted one by one, and taken back
    /// as far as possible if others reach the maximum meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::{Name, Semaphore, sem::VALUE_MAX};
    ///
    /// # let name = Name::unique("doc-sem-post-many");
    /// let sem = Semaphore::create(&name, 2)?;
    /// sem.post_many(100)?;
    /// assert!(sem.post_many(VALUE_MAX).is_err());
    /// assert_eq!(sem.value()?, 102);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[inline]
    pub fn post_many(&self, units: u32) -> Result<()> {
        match sys::post_many(&self.sem, units) {
            Ok(()) => Ok(()),
            Err(errno) => Err(self.error("post", errno)),
        }
    }

    /// The number of units at hand; others may change it at any time.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the system does not tell.
    ///
    /// # Platforms
    ///
    /// macOS does not tell.
    #[doc(alias = "sem_getvalue")]
    #[inline]
    pub fn value(&self) -> Result<u32> {
        sys::getvalue(&self.sem).map_err(|errno| match errno {
            Errno::NOSYS => Error::Unsupported { feature: "value of a semaphore" },
            errno => self.error("ask for the value of", errno),
        })
    }

    /// How many waiters sleep, where that can be known.
    ///
    /// A hint: a waiter that was killed stays counted for ever, and one that spins is not counted.
    ///
    /// # Platforms
    ///
    /// `None` where the C library's own semaphores are used.
    pub fn waiters(&self) -> Option<u32> {
        sys::waiters(&self.sem)
    }

    /// Sets how waits of this handle spin before they sleep.
    pub fn set_spin(&mut self, spin: Spin) {
        self.spin = Spinner::new(spin);
    }

    /// The name that the semaphore was opened by.
    pub fn name(&self) -> &Name {
        self.owner.name()
    }

    /// Whether this handle created the semaphore.
    pub fn disposition(&self) -> Disposition {
        self.owner.disposition()
    }

    /// Which semaphore this is, apart from its name.
    ///
    /// # Platforms
    ///
    /// Elsewhere than on Linux all semaphores have the same.
    pub fn identity(&self) -> Identity {
        self.owner.identity()
    }

    /// Leaves the name alone when the handle goes, whatever its [`Cleanup`](crate::Cleanup).
    pub fn keep(&self) {
        self.owner.keep();
    }

    /// Removes the name now, if it still refers to this semaphore.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the name is gone or refers to another semaphore, `EACCES` if it is not the
    /// caller's to remove.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{Name, Semaphore};
    /// # let name = Name::unique("doc-sem-unlink-name");
    /// let old = Semaphore::create(&name, 0)?;
    /// Semaphore::unlink(&name)?;
    /// let new = Semaphore::create(&name, 0)?;
    /// assert!(old.unlink_name().is_err(), "that would be the new one");
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn unlink_name(&self) -> Result<()> {
        self.owner.unlink()
    }

    /// Closes the handle as a drop does, and tells whether its [`Cleanup`](crate::Cleanup) worked.
    ///
    /// # Errors
    ///
    /// `EACCES` if the name should be removed, but is not the caller's to remove.
    #[doc(alias = "sem_close")]
    pub fn close(mut self) -> Result<()> {
        self.owner.release()
    }

    /// For waiting together with something else: see [`crate::wait_any()`].
    #[cfg(all(target_os = "linux", not(posix_ipc_loom)))]
    pub(crate) fn register(&self) -> Option<sys::Registration<'_>> {
        sys::Registration::new(&self.sem)
    }

    /// What the system answered to an operation on this semaphore.
    #[cold]
    fn error(&self, operation: &'static str, errno: Errno) -> Error {
        let hint = match errno {
            Errno::OVERFLOW => "a semaphore has at most 2147483647 units, and this is full",
            Errno::FAULT => "its file was cut by somebody who may write to it",
            _ => return Error::os(operation, Kind::Semaphore, self.name(), errno),
        };
        Error::Os {
            operation,
            kind: Kind::Semaphore,
            name: Some(self.name().clone()),
            errno,
            hint: Some(hint.into()),
        }
    }
}
