//! Semaphores without a name: in memory of one's own, or in shared memory.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use rustix::io::{Errno, Result};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::raw::Backing;
use super::{BorrowedSem, OwnedSem, Raw, VALUE_MAX};

/// Memory for one unnamed semaphore: a `sem_t`, in size and alignment.
#[repr(transparent)]
pub struct Memory(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: it is memory only; whoever makes a semaphore of it promises what that needs.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Memory that is no semaphore yet.
    pub const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

/// Makes an unnamed semaphore in `memory`, for the threads of this process or, with `shared`, for
/// all processes that map the memory.
///
/// # Errors
///
/// - `EINVAL`: `value` is over [`VALUE_MAX`].
/// - `ENOSYS`: the system has no unnamed semaphores.
///
/// # Platforms
///
/// macOS has none.
///
/// # Safety
///
/// - `memory` is valid for reads and writes and aligned for `'a`, and nobody uses it while this
///   function runs.
/// - For `'a` it is accessed by semaphore functions only, in this and other processes.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Memory};
/// use std::ptr::NonNull;
///
/// # if cfg!(not(target_vendor = "apple")) {
/// let memory = Memory::new();
/// // SAFETY: the memory is ours, and outlives the semaphore.
/// let sem = unsafe { sem::init(NonNull::from(&memory), false, 2) }?;
/// sem::wait(sem)?;
/// assert_eq!(sem::getvalue(sem)?, 1);
/// // SAFETY: nobody waits on it, and it is not used again.
/// unsafe { sem::destroy(sem) };
/// # }
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[doc(alias = "sem_init")]
pub unsafe fn init<'a>(
    memory: NonNull<Memory>,
    shared: bool,
    value: u32,
) -> Result<BorrowedSem<'a>> {
    if value > VALUE_MAX {
        return Err(Errno::INVAL);
    }
    #[cfg(backend_linux)]
    {
        use crate::backend::linux::sem::{Layout, init};
        // SAFETY: by the caller's promise; a `sem_t` has the size and alignment of the layout.
        let raw = unsafe { init(memory.cast(), Layout::NATIVE, shared, value) };
        Ok(BorrowedSem::new(Raw::Linux(raw)))
    }
    #[cfg(not(backend_linux))]
    {
        // SAFETY: by the caller's promise.
        let raw = unsafe { crate::backend::libc::sem::init(memory.cast(), shared, value) }?;
        Ok(BorrowedSem::new(Raw::C(raw)))
    }
}

/// The semaphore that [`init`] or C's `sem_init` has made in `memory`, perhaps in another process.
///
/// # Safety
///
/// - `memory` is valid for reads and writes and aligned for `'a`, and a semaphore of this program's
///   C library was made in it.
/// - For `'a` it is accessed by semaphore functions only, in this and other processes.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Memory};
/// use std::ptr::NonNull;
///
/// # if cfg!(not(target_vendor = "apple")) {
/// let memory = NonNull::from(Box::leak(Box::new(Memory::new())));
/// // SAFETY: the memory is ours, and is never freed.
/// let sem = unsafe { sem::init(memory, false, 1) }?;
/// // SAFETY: as above, and it was made a semaphore just now.
/// let same = unsafe { sem::from_raw(memory) };
/// sem::wait(same)?;
/// assert_eq!(sem::getvalue(sem)?, 0);
/// # }
/// # Ok::<(), rustix::io::Errno>(())
/// ```
pub unsafe fn from_raw<'a>(memory: NonNull<Memory>) -> BorrowedSem<'a> {
    #[cfg(backend_linux)]
    {
        use crate::backend::linux::sem::{self, Layout};
        BorrowedSem::new(Raw::Linux(sem::Raw::borrowed(memory.cast(), Layout::NATIVE)))
    }
    #[cfg(not(backend_linux))]
    {
        BorrowedSem::new(Raw::C(crate::backend::libc::sem::Raw::borrowed(memory.cast())))
    }
}

/// Ends a semaphore of [`init`]; its memory can be used for something else.
///
/// # Safety
///
/// `sem` is of [`init`] or C's `sem_init`, nobody waits on it, and nobody uses it again.
///
/// # Examples
///
/// See [`init`].
#[doc(alias = "sem_destroy")]
pub unsafe fn destroy(sem: BorrowedSem<'_>) {
    match sem.raw() {
        // There is nothing but the memory.
        #[cfg(has_glibc_sem)]
        Raw::Linux(_) => {}
        #[cfg(not(backend_linux))]
        // SAFETY: by the caller's promise.
        Raw::C(raw) => unsafe { crate::backend::libc::sem::destroy(raw) },
    }
}

/// An unnamed semaphore in shared memory of its own: for threads, and for processes that are
/// forked from this one.
///
/// # Errors
///
/// - `EINVAL`: `value` is over [`VALUE_MAX`].
/// - `ENOMEM`: there is no memory left.
/// - `ENOSYS`: the system has no unnamed semaphores.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem;
///
/// # if cfg!(not(target_vendor = "apple")) {
/// let sem = sem::anonymous(1)?;
/// sem::wait(&sem)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| sem::post(&sem));
///     sem::wait(&sem)
/// })?;
/// # }
/// # Ok::<(), rustix::io::Errno>(())
/// ```
pub fn anonymous(value: u32) -> Result<OwnedSem> {
    let len = size_of::<Memory>();
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the hint is null and the mapping is not fixed, so that nothing is replaced.
    let base = unsafe { mmap_anonymous(ptr::null_mut(), len, protection, MapFlags::SHARED) }?;
    let base = NonNull::new(base.cast::<Memory>()).ok_or(Errno::NOMEM)?;
    // SAFETY: the mapping is new, so that nobody uses it; it is page-aligned, long enough, and
    // lives as long as the handle that it is given to.
    match unsafe { init(base, true, value) } {
        Ok(sem) => Ok(OwnedSem::new(sem.raw(), Backing::Mapping(base.cast(), len), None)),
        Err(errno) => {
            // SAFETY: the mapping is ours, and nobody has seen it.
            let _ = unsafe { rustix::mm::munmap(base.as_ptr().cast(), len) };
            Err(errno)
        }
    }
}
