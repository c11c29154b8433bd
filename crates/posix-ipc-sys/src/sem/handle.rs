//! Semaphores owned and borrowed.

use core::fmt;
use core::marker::PhantomData;

use rustix::io::Result;

use super::raw::{Backing, Raw};

/// A semaphore that is open while this lives, and closed when it is dropped.
///
/// To be shared by threads through `&`; nothing that runs on it can outlive it.
pub struct OwnedSem {
    raw: Raw,
    backing: Backing,
    /// Device, inode and owner's user id.
    file: Option<(u64, u64, u32)>,
}

// SAFETY: what the pointer refers to is shared memory, accessed atomically or by the C library's
// functions, which any thread may call; unmapping is not bound to a thread either.
unsafe impl Send for OwnedSem {}
// SAFETY: as above; every function on it may be called by several threads at once.
unsafe impl Sync for OwnedSem {}

impl OwnedSem {
    pub(crate) fn new(raw: Raw, backing: Backing, file: Option<(u64, u64, u32)>) -> Self {
        Self { raw, backing, file }
    }

    /// Device and inode of the semaphore's file, which tell it from any other, also of the same
    /// name; `None` if it has no file, or the system does not let us know.
    ///
    /// # Examples
    ///
    /// See [`stat`](crate::sem::stat).
    pub fn identity(&self) -> Option<(u64, u64)> {
        self.file.map(|(device, inode, _)| (device, inode))
    }

    /// The user id of the file's owner when it was opened, where there is one.
    pub fn uid(&self) -> Option<u32> {
        self.file.map(|(_, _, uid)| uid)
    }
}

impl Drop for OwnedSem {
    fn drop(&mut self) {
        self.backing.release(self.raw);
    }
}

impl fmt::Debug for OwnedSem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(self, "OwnedSem", f)
    }
}

/// A semaphore that somebody else keeps open for `'a`.
#[derive(Clone, Copy)]
pub struct BorrowedSem<'a> {
    raw: Raw,
    lifetime: PhantomData<&'a ()>,
}

// SAFETY: as for `OwnedSem`; the lifetime sees to it that it stays open.
unsafe impl Send for BorrowedSem<'_> {}
// SAFETY: as above.
unsafe impl Sync for BorrowedSem<'_> {}

impl BorrowedSem<'_> {
    /// `raw` has to be valid for `'a`: see the invariant of the back ends' `Raw`.
    #[inline]
    pub(crate) fn new(raw: Raw) -> Self {
        Self { raw, lifetime: PhantomData }
    }

    #[inline]
    pub(crate) fn raw(self) -> Raw {
        self.raw
    }
}

impl fmt::Debug for BorrowedSem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(self, "BorrowedSem", f)
    }
}

fn debug(sem: impl AsSem, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value: Result<u32> = super::getvalue(sem);
    f.debug_struct(name).field("value", &value.ok()).finish_non_exhaustive()
}

/// What has an open semaphore: like `AsFd` for descriptors.
pub trait AsSem {
    /// Borrows it.
    fn as_sem(&self) -> BorrowedSem<'_>;
}

impl AsSem for OwnedSem {
    #[inline]
    fn as_sem(&self) -> BorrowedSem<'_> {
        BorrowedSem::new(self.raw)
    }
}

impl AsSem for BorrowedSem<'_> {
    #[inline]
    fn as_sem(&self) -> BorrowedSem<'_> {
        *self
    }
}

impl<T: AsSem> AsSem for &T {
    #[inline]
    fn as_sem(&self) -> BorrowedSem<'_> {
        T::as_sem(self)
    }
}
