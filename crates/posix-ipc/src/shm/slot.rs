//! [`Slot`]: a value at an offset, loaded and stored by bytes.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::error::Result;
use crate::shm::copy;
use crate::shm::mapping::{Mapping, MappingRead};
use crate::shm::plain::Plain;

/// A place for a `T` in a mapping.
///
/// A load while somebody stores may see some bytes of either value; every one is a `T`, but
/// which is anybody's guess. [`Versioned`](crate::shm::Versioned) does not tear.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, SharedMemory};
///
/// # let name = Name::unique("doc-slot");
/// let mapping = SharedMemory::create(&name, 4096)?.map()?;
/// let slot = mapping.slot::<[f64; 3]>(8)?;
/// slot.store([0.5, 1.5, 2.5]);
/// assert_eq!(slot.load()[1], 1.5);
/// # Ok::<(), posix_ipc::Error>(())
/// ```
pub struct Slot<'m, T> {
    /// Invariant: points to `size_of::<T>()` bytes of a mapping that is borrowed for `'m` and
    /// writable; not necessarily aligned.
    pointer: *mut u8,
    mapping: PhantomData<(&'m Mapping, T)>,
}

// SAFETY: a slot is an address in a mapping, which is `Sync`; values pass through it by copy.
unsafe impl<T: Plain> Send for Slot<'_, T> {}
// SAFETY: as above; concurrent loads and stores are what it is for.
unsafe impl<T: Plain> Sync for Slot<'_, T> {}

impl<T: Plain> Slot<'_, T> {
    /// Copies the value out.
    #[inline]
    pub fn load(&self) -> T {
        // SAFETY: the invariant of `pointer`.
        unsafe { load(self.pointer) }
    }

    /// Copies a value in.
    #[inline]
    pub fn store(&self, value: T) {
        // SAFETY: the invariant of `pointer`.
        unsafe { store(self.pointer, &value) }
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for Slot<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.load()).finish()
    }
}

impl Mapping {
    /// The place for a `T` at `offset`, which need not be aligned.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if it does not lie within the mapping.
    pub fn slot<T: Plain>(&self, offset: usize) -> Result<Slot<'_, T>> {
        let pointer = self.at_mut(offset, size_of::<T>())?;
        Ok(Slot { pointer, mapping: PhantomData })
    }
}

impl MappingRead {
    /// Copies the `T` at `offset` out; the offset need not be aligned.
    ///
    /// As with [`Slot::load`], a value that is being stored meanwhile may be of both.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if it does not lie within the mapping.
    pub fn value<T: Plain>(&self, offset: usize) -> Result<T> {
        let pointer = self.at(offset, size_of::<T>())?;
        // SAFETY: `at` checked that as many bytes are mapped there.
        Ok(unsafe { load(pointer) })
    }
}

/// # Safety
///
/// `size_of::<T>()` bytes are mapped for reading at `from`.
#[inline]
pub(super) unsafe fn load<T: Plain>(from: *const u8) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: mapped by the caller's duty; `value` is this function's own.
    unsafe { copy::load(from, value.as_mut_ptr().cast(), size_of::<T>()) };
    // SAFETY: all bytes are written, and any bytes are a `T` by the contract of `Plain`.
    unsafe { value.assume_init() }
}

/// # Safety
///
/// `size_of::<T>()` bytes are mapped for writing at `to`.
#[inline]
pub(super) unsafe fn store<T: Plain>(to: *mut u8, value: &T) {
    // SAFETY: mapped by the caller's duty; all bytes of the value are initialised by the contract
    // of `Plain`.
    unsafe { copy::store(std::ptr::from_ref(value).cast(), to, size_of::<T>()) }
}
