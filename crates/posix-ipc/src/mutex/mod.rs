//! [`RobustMutex`]: a lock between processes that survives its holder.
//!
//! A POSIX semaphore has no owner. Nobody is recorded, nothing is released at death, and no
//! scheme beside it can tell for sure whether a unit is still held: a program that is killed with the
//! unit of a semaphore in hand leaves all others waiting for ever. This lock knows its owner by a
//! lease, which the kernel drops when the owner's process ends, however it ends. The next one to
//! lock gets it, and is told that what it guards may be half-changed.
//!
//! The technique is a word in shared memory, taken and given back without a system call, beside one
//! open-file-description lock per handle on a byte of the object, held through a
//! descriptor that is never mapped and closed on `exec`. It is not the C library's robust mutex,
//! which keeps pointers in shared memory: any process that may write there could make others
//! write anywhere. Here the worst that such a process can do is to lock, or to unlock.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

mod guard;
mod lock;
mod options;
mod seat;

pub use guard::{Lock, RobustMutexGuard};
pub use options::RobustMutexOptions;

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::name::Name;
use crate::open_mode::{Disposition, OpenMode};
use crate::shm::Mapping;
use seat::Seat;

/// Where the word is in the object: on a cache line apart from the header.
const WORD: usize = 64;
/// The bits of the word that name the owner's seat; 0 if it is free.
const OWNER: u32 = (1 << 30) - 1;
/// An owner died, and nobody has said since that all is well again.
const DIRTY: u32 = 1 << 30;
/// Somebody may be asleep.
const WAITERS: u32 = 1 << 31;

/// A named lock in shared memory whose next owner learns that the last one died.
///
/// One handle serves any number of threads. It is not recursive: who locks twice waits for
/// itself. A process that is forked from one that has a handle has to open its own; the lease of the
/// parent's lives on in such a child until it ends or executes another program.
///
/// # Fairness
///
/// As a semaphore: sleepers are woken in order, and whoever comes first takes the lock.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, RobustMutex, mutex::Lock};
///
/// # let name = Name::unique("doc-robust");
/// let mutex = RobustMutex::open_or_create(&name)?;
/// match mutex.lock()? {
///     Lock::Acquired(_guard) => {} // what it guards is as the last owner left it
///     Lock::OwnerDied(guard) => {
///         // Put what it guards in order, and say so:
///         guard.make_consistent();
///     }
/// }
/// # mutex.unlink_name()?;
/// # Ok::<(), posix_ipc::Error>(())
/// ```
///
/// # Platforms
///
/// Linux only.
#[derive(Debug)]
#[doc(alias = "pthread_mutexattr_setrobust")]
pub struct RobustMutex {
    name: Name,
    mapping: Mapping,
    seat: Seat,
    /// Threads of a handle share its locks: only one may ask whether an owner lives.
    asking: Mutex<()>,
}

impl RobustMutex {
    /// Options with which a lock is opened or created in every other way.
    pub fn options() -> RobustMutexOptions {
        RobustMutexOptions::new()
    }

    /// Creates the lock `name`.
    ///
    /// # Errors
    ///
    /// `EEXIST` if the name exists; otherwise as [`RobustMutexOptions::open`].
    pub fn create<N>(name: N) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().mode(OpenMode::CreateNew).open(name)
    }

    /// Opens the lock `name`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none; otherwise as [`RobustMutexOptions::open`].
    pub fn open<N>(name: N) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().open(name)
    }

    /// Opens the lock `name`, or creates it.
    ///
    /// # Errors
    ///
    /// As [`RobustMutexOptions::open`].
    pub fn open_or_create<N>(name: N) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().mode(OpenMode::OpenOrCreate).open(name)
    }

    /// Locks, blocking until the lock is free or its owner is dead.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system can't wait or cannot tell who lives.
    ///
    /// # Examples
    ///
    /// See [`RobustMutex`].
    pub fn lock(&self) -> Result<Lock<'_>> {
        loop {
            if let Some(lock) = self.lock_until(Deadline::Never)? {
                return Ok(lock);
            }
        }
    }

    /// Locks if the lock is free, or its owner is dead.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<Option<Lock<'_>>> {
        if let Some(lock) = self.take(0) {
            return Ok(Some(lock));
        }
        self.inherit()
    }

    /// Locks, blocking for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<Option<Lock<'_>>> {
        self.lock_until(Deadline::after(timeout))
    }

    /// Locks, blocking until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub fn lock_deadline(&self, deadline: Instant) -> Result<Option<Lock<'_>>> {
        self.lock_until(Deadline::at(deadline))
    }

    /// Whether somebody holds it now; whether alive is not asked.
    pub fn is_locked(&self) -> bool {
        self.word().is_ok_and(|word| word.load(Ordering::Relaxed) & OWNER != 0)
    }

    /// The name that the lock was opened by.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Which object it is, apart from its name.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system does not tell.
    pub fn identity(&self) -> Result<Identity> {
        self.mapping.memory().identity()
    }

    /// Whether this handle created the lock.
    pub fn disposition(&self) -> Disposition {
        self.mapping.memory().disposition()
    }

    /// Leaves the name alone when the handle goes, whatever its [`Cleanup`](crate::Cleanup).
    pub fn keep(&self) {
        self.mapping.memory().keep();
    }

    /// Removes the name now, if it still refers to this lock.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the name is gone or refers to another object, `EACCES` if it is not the
    /// caller's to remove.
    pub fn unlink_name(&self) -> Result<()> {
        self.mapping.memory().unlink_name()
    }

    /// Closes the handle as a drop does, and tells whether its [`Cleanup`](crate::Cleanup) worked.
    ///
    /// # Errors
    ///
    /// `EACCES` if the name should be removed, but is not the caller's to remove.
    pub fn close(self) -> Result<()> {
        let memory = self.mapping.memory();
        drop(self);
        memory.close()
    }

    /// Removes the name `name`, whoever created it. Those who have the lock open keep it.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `EACCES` if it is not the caller's to remove.
    pub fn unlink<N>(name: N) -> Result<()>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        crate::shm::SharedMemory::unlink(name)
    }

    fn word(&self) -> Result<&AtomicU32> {
        self.mapping.atomic_u32(WORD)
    }
}
