//! [`Versioned`]: a value that one process replaces and many read, never half.
//!
//! In the mapping, from an offset that is a multiple of 8 on:
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | `published`: how many values have been stored; the newest is in slot `published % 2` |
//! | 8..16 | `begun`: the number of the value whose storing was begun last |
//! | 16..20 | `claimed`: whether there is a writer |
//! | 20..32 | zero |
//! | 32.. | slot 0, then slot 1, each padded to a multiple of 8 |
//!
//! Storing value `n` overwrites the slot of value `n - 2`. So a reader of value `n` is safe
//! until value `n + 2` is begun, and a writer that dies half-way leaves value `n` readable. All zero
//! bytes are version 0 of a value of zeros.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::error::{Error, Result};
use crate::shm::mapping::{Mapping, MappingRead};
use crate::shm::plain::Plain;
use crate::shm::seqlock::{self, Memory};
use crate::shm::slot;

pub(super) const BEGUN: usize = 8;
pub(super) const CLAIMED: usize = 16;
pub(super) const SLOTS: usize = 32;
/// How often a reader that is overtaken tries again.
const ATTEMPTS: u32 = 10_000;

/// A value in a mapping that one writer replaces and many readers read, never half.
///
/// As a field or in a box it is a [`VersionedCell`](crate::shm::VersionedCell).
///
/// Readers do not write, so that a [`MappingRead`] is enough, and they do not wait for the
/// writer, also not for one that died half-way. Memory that is all zero holds version 0.
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::Versioned;
/// use posix_ipc::{Name, SharedMemory};
///
/// # let name = Name::unique("doc-versioned");
/// let memory = SharedMemory::create(&name, Versioned::<[u64; 4]>::LEN as u64)?;
/// let (mapping, reader) = (memory.map()?, memory.map_read()?);
///
/// let mut writer = mapping.versioned_writer::<[u64; 4]>(0)?.expect("there is no other writer");
/// writer.store([1, 2, 3, 4]);
///
/// let value = reader.versioned::<[u64; 4]>(0)?;
/// assert_eq!(value.load(), Some([1, 2, 3, 4]));
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[doc(alias = "seqlock")]
pub struct Versioned<'m, T> {
    place: Place,
    mapping: PhantomData<(&'m MappingRead, T)>,
}

/// The one writer of a [`Versioned`] value.
///
/// Dropping it makes room for another.
pub struct VersionedWriter<'m, T> {
    place: Place,
    /// How many values have been stored.
    published: u64,
    mapping: PhantomData<(&'m Mapping, T)>,
}

/// Invariant: the structure's bytes are there while the owner's borrow of the mapping or the cell
/// lasts, writable for a writer, and the address is a multiple of 8.
#[derive(Clone, Copy)]
pub(super) struct Place(*const u8);

// SAFETY: a place is an address; what is behind it is accessed atomically or by copies.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl<T: Plain> Versioned<'_, T> {
    const STRIDE: usize = size_of::<T>().next_multiple_of(8);

    /// How many bytes of a mapping it takes.
    pub const LEN: usize = SLOTS + 2 * Self::STRIDE;

    /// Copies the newest value out.
    ///
    /// `None` if the writer stored two further values during each of 10,000 attempts, which none
    /// does that means well.
    pub fn load(&self) -> Option<T> {
        self.load_versioned().map(|(value, _)| value)
    }

    /// Copies the newest value out, and tells how many have been stored until then.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_versioned(&self) -> Option<(T, u64)> {
        let memory = Typed::<T>(self.place, PhantomData);
        for _ in 0..ATTEMPTS {
            if let Some(found) = seqlock::try_load(&memory) {
                return Some(found);
            }
            std::hint::spin_loop();
        }
        None
    }

    /// How many values have been stored; a difference tells that there is a new one.
    pub fn version(&self) -> u64 {
        self.place.published().load(Ordering::Acquire)
    }
}

impl<T: Plain> VersionedWriter<'_, T> {
    /// Replaces the value.
    pub fn store(&mut self, value: T) {
        let memory = Typed::<T>(self.place, PhantomData);
        self.published = seqlock::store(&memory, self.published, &value);
    }

    /// How many values have been stored.
    pub fn version(&self) -> u64 {
        self.published
    }
}

impl<T> Drop for VersionedWriter<'_, T> {
    fn drop(&mut self) {
        self.place.claimed().store(0, Ordering::Release);
    }
}

impl Place {
    /// # Safety
    ///
    /// The invariant holds.
    pub(super) unsafe fn new(start: *const u8) -> Self {
        Self(start)
    }

    fn published(&self) -> &AtomicU64 {
        // SAFETY: mapped and aligned by the invariant; readers load only.
        unsafe { &*self.0.cast::<AtomicU64>() }
    }

    fn begun(&self) -> &AtomicU64 {
        // SAFETY: within the structure by the invariant.
        let pointer = unsafe { self.0.add(BEGUN) };
        // SAFETY: mapped and aligned by the invariant; readers load only.
        unsafe { &*pointer.cast::<AtomicU64>() }
    }

    fn claimed(&self) -> &AtomicU32 {
        // SAFETY: within the structure by the invariant.
        let pointer = unsafe { self.0.add(CLAIMED) };
        // SAFETY: mapped and aligned by the invariant; only writers ask for it.
        unsafe { &*pointer.cast::<AtomicU32>() }
    }
}

/// The structure as the protocol sees it; only writers store.
struct Typed<T>(Place, PhantomData<T>);

impl<T: Plain> Typed<T> {
    fn slot(&self, index: usize) -> *const u8 {
        // SAFETY: both slots lie within the structure by the invariant of `Place`.
        unsafe { self.0.0.add(SLOTS + index * Versioned::<T>::STRIDE) }
    }
}

impl<T: Plain> Memory for Typed<T> {
    type Value = T;

    fn published(&self) -> u64 {
        self.0.published().load(Ordering::Acquire)
    }

    fn set_published(&self, count: u64) {
        self.0.published().store(count, Ordering::Release);
    }

    fn begun(&self) -> u64 {
        self.0.begun().load(Ordering::Relaxed)
    }

    fn set_begun(&self, count: u64) {
        self.0.begun().store(count, Ordering::Relaxed);
    }

    fn load_slot(&self, index: usize) -> T {
        // SAFETY: both slots lie within the structure, which is mapped.
        unsafe { slot::load(self.slot(index)) }
    }

    fn store_slot(&self, index: usize, value: &T) {
        // SAFETY: both slots lie within the structure, which writers have mapped for writing.
        unsafe { slot::store(self.slot(index).cast_mut(), value) }
    }

    fn acquire_fence(&self) {
        fence(Ordering::Acquire);
    }

    fn release_fence(&self) {
        fence(Ordering::Release);
    }
}

impl MappingRead {
    /// The [`Versioned`] value at `offset`, to read.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if it does not lie within the mapping, [`Error::Argument`] if the
    /// offset is not a multiple of 8.
    pub fn versioned<T: Plain>(&self, offset: usize) -> Result<Versioned<'_, T>> {
        Ok(Versioned::at(self.versioned_place::<T>(offset)?))
    }

    fn versioned_place<T: Plain>(&self, offset: usize) -> Result<Place> {
        let pointer = self.at(offset, Versioned::<T>::LEN)?;
        if !pointer.cast::<AtomicU64>().is_aligned() {
            return Err(Error::Argument {
                argument: "offset",
                reason: "it is not a multiple of 8",
            });
        }
        // SAFETY: `at` found all of it mapped, and it is aligned; writers ask only for what is mapped
        // for writing.
        Ok(unsafe { Place::new(pointer) })
    }
}

impl Mapping {
    /// The right to write the [`Versioned`] value at `offset`; `None` if somebody has it.
    ///
    /// A writer that was killed has it for ever: see
    /// [`versioned_take_over`](Self::versioned_take_over).
    ///
    /// # Errors
    ///
    /// As [`versioned`](MappingRead::versioned).
    pub fn versioned_writer<T: Plain>(
        &self,
        offset: usize,
    ) -> Result<Option<VersionedWriter<'_, T>>> {
        Ok(VersionedWriter::claim(self.versioned_place::<T>(offset)?))
    }

    /// The right to write the [`Versioned`] value at `offset`, whoever had it before.
    ///
    /// For when the former writer is known to have died: were it to write on, readers could get
    /// values that are part its and part ours.
    ///
    /// # Errors
    ///
    /// As [`versioned`](MappingRead::versioned).
    pub fn versioned_take_over<T: Plain>(&self, offset: usize) -> Result<VersionedWriter<'_, T>> {
        Ok(VersionedWriter::take_over(self.versioned_place::<T>(offset)?))
    }
}

impl<T> Versioned<'_, T> {
    pub(super) fn at(place: Place) -> Self {
        Self { place, mapping: PhantomData }
    }
}

impl<T> VersionedWriter<'_, T> {
    pub(super) fn claim(place: Place) -> Option<Self> {
        let (free, taken) = (Ordering::Acquire, Ordering::Relaxed);
        let claim = place.claimed().compare_exchange(0, 1, free, taken);
        claim.ok().map(|_| Self::at(place))
    }

    pub(super) fn take_over(place: Place) -> Self {
        place.claimed().store(1, Ordering::Relaxed);
        Self::at(place)
    }

    fn at(place: Place) -> Self {
        let published = place.published().load(Ordering::Acquire);
        Self { place, published, mapping: PhantomData }
    }
}

impl<T: Plain> fmt::Debug for Versioned<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for VersionedWriter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionedWriter").field("version", &self.published).finish_non_exhaustive()
    }
}
