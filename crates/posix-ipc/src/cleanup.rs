//! [`Cleanup`]: who removes the name; and the one owner of a name that does it.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::identity::{Identity, Status};
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::Disposition;

/// Who removes an object's name when a handle is dropped or closed.
///
/// Whatever the choice, a handle removes only the object that it holds: if the name has been
/// given to another object since, that one stays. A process forked from the one that made the
/// handle never removes it.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Cleanup, Name, OpenMode, Semaphore};
///
/// let name = Name::unique("doc-cleanup");
/// let open = || {
///     Semaphore::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::LastUser).open(&name)
/// };
/// let (first, second) = (open()?, open()?);
/// drop(first);
/// assert!(Semaphore::open(&name).is_ok(), "the second user is still there");
/// drop(second);
/// assert!(Semaphore::open(&name).is_err());
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cleanup {
    /// The handle that created the object removes its name; any other only closes.
    ///
    /// With [`OpenMode::OpenOrCreate`](crate::OpenMode::OpenOrCreate) this is rarely what one
    /// wants: once the creator has gone, the next to come creates a second object, while others
    /// still use the first. Take [`LastUser`](Self::LastUser) there.
    #[default]
    Creator,
    /// Whoever leaves last removes the name, also if it did not create the object.
    ///
    /// Each such handle holds a lease, a shared lock that the kernel drops when its process ends,
    /// however it ends. Only handles with this choice count as users: programs that know
    /// nothing of leases (C, Python) are invisible to it.
    ///
    /// # Platforms
    ///
    /// Where objects can't be locked the constructor fails with
    /// [`Error::Unsupported`](crate::Error::Unsupported).
    LastUser,
    /// Nobody does; the name stays until it is unlinked.
    Keep,
}

/// How the names of one kind are looked up and removed.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// Which object the name refers to now.
    pub(crate) identity: fn(&Name) -> Result<Identity, Errno>,
    /// Removes the name.
    pub(crate) unlink: fn(&Name) -> Result<(), Errno>,
    /// Opens a descriptor of its own, which is never mapped and closed on `exec`, to lock.
    pub(crate) open_lease: fn(&Name) -> Result<OwnedFd, Errno>,
}

/// What a handle has of its object's name, and the duty to remove it.
#[derive(Debug)]
pub(crate) struct NameOwner {
    place: &'static Place,
    name: Name,
    identity: Identity,
    disposition: Disposition,
    process: u32,
    duty: AtomicU8,
    /// Locked shared while the handle lives. A forked child shares the lock, and never touches it.
    lease: Option<OwnedFd>,
}

/// The states of `NameOwner::duty`.
mod duty {
    /// The name is not this handle's to remove.
    pub(super) const NONE: u8 = 0;
    /// The handle removes the name when it goes.
    pub(super) const ALWAYS: u8 = 1;
    /// The handle removes the name when it goes, if nobody else holds a lease.
    pub(super) const IF_LAST: u8 = 2;
}

impl NameOwner {
    /// Takes charge of the name of an object that was just created or opened; `None` if the
    /// name does not refer to the object any more, and everything has to be done again.
    ///
    /// Only with `Cleanup::LastUser` can that be: the lease is taken first and the name looked up
    /// afterwards, so that whoever is about to remove it is either seen or sees us.
    pub(crate) fn claim(
        place: &'static Place,
        name: &Name,
        identity: Identity,
        disposition: Disposition,
        cleanup: Cleanup,
    ) -> Result<Option<Self>> {
        let duty = match (cleanup, disposition) {
            (Cleanup::Creator, Disposition::Created) => duty::ALWAYS,
            (Cleanup::LastUser, _) => duty::IF_LAST,
            (Cleanup::Creator, Disposition::Opened) | (Cleanup::Keep, _) => duty::NONE,
        };
        let mut owner = Self {
            place,
            name: name.clone(),
            identity,
            disposition,
            process: std::process::id(),
            duty: AtomicU8::new(duty),
            lease: None,
        };
        if cleanup != Cleanup::LastUser {
            return Ok(Some(owner));
        }
        match owner.lock_lease() {
            Ok(true) => Ok(Some(owner)),
            Ok(false) => {
                owner.duty = AtomicU8::new(duty::NONE);
                Ok(None)
            }
            Err(errno) => {
                // What was just created would stay for ever otherwise.
                let created = disposition == Disposition::Created;
                owner.duty = AtomicU8::new(if created { duty::ALWAYS } else { duty::NONE });
                Err(match errno {
                    Errno::NOSYS | Errno::OPNOTSUPP => Error::Unsupported {
                        feature: "locks on objects, which Cleanup::LastUser needs",
                    },
                    errno => Error::os("take a lease on", place.kind, name, errno),
                })
            }
        }
    }

    /// Holds the lease, and tells whether the name still refers to the object.
    fn lock_lease(&mut self) -> Result<bool, Errno> {
        let lease = match (self.place.open_lease)(&self.name) {
            Ok(lease) => lease,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(errno),
        };
        if Status::of(&lease)?.identity != self.identity {
            return Ok(false);
        }
        // Who holds it exclusively is about to remove the name. Waiting for that is left to the
        // bounded loop of the open modes: a stranger may hold it for ever.
        match flock(&lease, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        self.lease = Some(lease);
        self.is_current()
    }

    /// Whether the name refers to this handle's object.
    pub(crate) fn is_current(&self) -> Result<bool, Errno> {
        match (self.place.identity)(&self.name) {
            Ok(identity) => Ok(identity == self.identity),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    pub(crate) fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// Leaves the name alone when the handle goes, whatever was asked for before.
    pub(crate) fn keep(&self) {
        self.duty.store(duty::NONE, Ordering::Relaxed);
    }

    /// Removes the name now, if it still refers to this handle's object.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the name is gone or refers to another object; what the system answers
    /// otherwise.
    pub(crate) fn unlink(&self) -> Result<()> {
        self.unlink_own().map_err(|errno| self.error(errno))?;
        self.keep();
        Ok(())
    }

    /// Does what a drop does, and tells what went wrong.
    ///
    /// That the name is gone, or another object's, is no failure.
    pub(crate) fn release(&mut self) -> Result<()> {
        let duty = self.duty.swap(duty::NONE, Ordering::Relaxed);
        if self.process != std::process::id() {
            return Ok(());
        }
        let result = match duty {
            duty::ALWAYS => self.unlink_own(),
            duty::IF_LAST if self.is_last_user() => self.unlink_own(),
            _ => Ok(()),
        };
        if let Some(lease) = self.lease.take() {
            // Closing it would not do while a process that is just being started has it too.
            let _ = flock(&lease, FlockOperation::NonBlockingUnlock);
        }
        match result {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.error(errno)),
        }
    }

    /// Makes the lease exclusive, which works when nobody else has one.
    ///
    /// The kernel gives up the shared lock first, so that of several who leave at once the last
    /// one succeeds.
    fn is_last_user(&self) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| flock(lease, FlockOperation::NonBlockingLockExclusive).is_ok())
    }

    fn unlink_own(&self) -> Result<(), Errno> {
        if self.is_current()? { (self.place.unlink)(&self.name) } else { Err(Errno::NOENT) }
    }

    fn error(&self, errno: Errno) -> Error {
        Error::os("unlink", self.place.kind, &self.name, errno)
    }
}

impl Drop for NameOwner {
    fn drop(&mut self) {
        // Nobody is left to tell; `close` of the handle is for those who want to know.
        let _ = self.release();
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::{self, File};

    use rustix::fs::{Mode, OFlags};

    use super::*;

    fn path(name: &Name) -> String {
        format!("/dev/shm{name}")
    }

    static PLACE: Place = Place {
        kind: Kind::SharedMemory,
        identity: |name| Ok(Status::from(&rustix::fs::lstat(path(name))?).identity),
        unlink: |name| rustix::fs::unlink(path(name)),
        open_lease: |name| {
            rustix::fs::open(path(name), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        },
    };

    /// A file of a name of its own, removed at the end whatever happens.
    struct Object(Name);

    impl Object {
        fn new(label: &str) -> Self {
            let object = Self(Name::new(&*testutil::names::unique(label)).unwrap());
            object.make();
            object
        }

        fn make(&self) {
            File::create_new(path(&self.0)).unwrap();
        }

        fn exists(&self) -> bool {
            fs::exists(path(&self.0)).unwrap()
        }

        fn claim(&self, disposition: Disposition, cleanup: Cleanup) -> NameOwner {
            let identity = (PLACE.identity)(&self.0).unwrap();
            NameOwner::claim(&PLACE, &self.0, identity, disposition, cleanup).unwrap().unwrap()
        }
    }

    impl Drop for Object {
        fn drop(&mut self) {
            let _ = fs::remove_file(path(&self.0));
        }
    }

    use Disposition::{Created, Opened};

    #[test]
    fn the_creator_removes_the_name_and_any_other_only_closes() {
        let object = Object::new("creator");
        drop(object.claim(Opened, Cleanup::Creator));
        assert!(object.exists());
        drop(object.claim(Created, Cleanup::Keep));
        assert!(object.exists());
        drop(object.claim(Created, Cleanup::Creator));
        assert!(!object.exists());
    }

    #[test]
    fn a_stale_handle_never_removes_a_newer_object_of_the_name() {
        let object = Object::new("stale");
        let stale = object.claim(Created, Cleanup::Creator);
        // Kept, so that the new file cannot have the old one's inode.
        let _old = File::open(path(&object.0)).unwrap();
        fs::remove_file(path(&object.0)).unwrap();
        object.make();
        let error = stale.unlink().unwrap_err();
        assert!(error.is_missing(), "{error}");
        drop(stale);
        assert!(object.exists());
    }

    #[test]
    fn a_forked_child_never_removes_the_name() {
        let object = Object::new("forked");
        for cleanup in [Cleanup::Creator, Cleanup::LastUser] {
            let mut owner = object.claim(Created, cleanup);
            owner.process += 1; // as a child's copy sees it
            drop(owner);
            assert!(object.exists(), "{cleanup:?}");
        }
    }

    #[test]
    fn the_last_of_several_users_removes_the_name_whoever_created_it() {
        let object = Object::new("last");
        let creator = object.claim(Created, Cleanup::LastUser);
        let second = object.claim(Opened, Cleanup::LastUser);
        let third = object.claim(Opened, Cleanup::LastUser);
        drop(creator);
        drop(third);
        assert!(object.exists());
        drop(second);
        assert!(!object.exists());
    }

    #[test]
    fn a_lease_ends_although_a_process_that_is_being_started_shares_it() {
        let object = Object::new("shared-lease");
        let first = object.claim(Created, Cleanup::LastUser);
        let last = object.claim(Opened, Cleanup::LastUser);
        let _shared = first.lease.as_ref().unwrap().try_clone().unwrap();
        first.keep();
        drop(first);
        drop(last);
        assert!(!object.exists(), "the last one saw a lease of somebody who has gone");
    }

    #[test]
    fn keep_and_unlink_change_ones_mind() {
        let object = Object::new("mind");
        let owner = object.claim(Created, Cleanup::Creator);
        owner.keep();
        drop(owner);
        assert!(object.exists());
        let owner = object.claim(Opened, Cleanup::Creator);
        owner.unlink().unwrap();
        assert!(!object.exists());
        object.make();
        drop(owner);
        assert!(object.exists(), "what was unlinked once is not ours any more");
    }

    #[test]
    fn a_claim_sees_that_the_name_was_removed_or_given_away() {
        let object = Object::new("given");
        let identity = (PLACE.identity)(&object.0).unwrap();
        let _old = File::open(path(&object.0)).unwrap();
        let claim =
            || NameOwner::claim(&PLACE, &object.0, identity, Opened, Cleanup::LastUser).unwrap();
        fs::remove_file(path(&object.0)).unwrap();
        assert!(claim().is_none());
        object.make();
        assert!(claim().is_none());
        assert!(object.exists(), "a claim that failed removes nothing");
    }

    #[test]
    fn a_stranger_who_holds_the_lock_for_ever_does_not_hang_a_claim() {
        let object = Object::new("hog");
        let hog = File::open(path(&object.0)).unwrap();
        flock(&hog, FlockOperation::LockExclusive).unwrap();
        let identity = (PLACE.identity)(&object.0).unwrap();
        let claim = NameOwner::claim(&PLACE, &object.0, identity, Opened, Cleanup::LastUser);
        assert!(claim.unwrap().is_none());
    }
}
