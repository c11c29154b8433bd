//! [`Mapping`] and [`MappingRead`]: where the bytes of an object are read and written.

use std::cmp::Ordering;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::shm::copy;
use crate::shm::memory::SharedMemory;
use crate::shm::object::Object;
use crate::shm::region::Region;

/// A range of an object, mapped for reading.
///
/// Other processes may write to it at any time, so that bytes are copied out, whole words are
/// loaded atomically, and no reference to what is stored is ever given out. A copy is of bytes, one
/// by one: of a value that somebody writes meanwhile it may have an old part and a new one. Use
/// atomics, a lock or [`Versioned`](crate::shm::Versioned) where that matters.
///
/// The mapping keeps the object open, and its name as long as the handle would.
///
/// # A peer that shrinks the object
///
/// Whoever may write the object may make it smaller. An access past its end then is not an error
/// that can be returned: the kernel ends the process with `SIGBUS`. No check closes the gap
/// between itself and the access; [`is_intact`](Self::is_intact) tells what is true now. Memory that
/// no peer can shrink is [sealed anonymous memory](SharedMemory::anonymous).
pub struct MappingRead {
    region: Region,
    /// Where it starts in the object.
    offset: u64,
    /// Without the mirror.
    len: usize,
    object: Arc<Object>,
}

/// A range of an object, mapped for reading and writing.
///
/// Reads as a [`MappingRead`] does; what is said there holds here.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, SharedMemory};
/// use std::sync::atomic::Ordering;
///
/// # let name = Name::unique("doc-mapping");
/// let mapping = SharedMemory::create(&name, 4096)?.map()?;
/// mapping.write_at(100, b"payload")?;
/// mapping.atomic_u32(0)?.store(1, Ordering::Release); // and now the peer may look
///
/// assert_eq!(mapping.to_vec(100, 7)?, b"payload");
/// assert!(mapping.write_at(4090, b"payload").is_err(), "it would end past the end");
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug)]
pub struct Mapping(MappingRead);

impl MappingRead {
    pub(super) fn new(region: Region, offset: u64, len: usize, object: Arc<Object>) -> Self {
        Self { region, offset, len, object }
    }

    /// How many bytes of the object are mapped.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is mapped: never, since an empty range is refused.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the range starts in the object.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes accesses may reach: the length, or twice that if
    /// [mirrored](crate::shm::MapOptions::mirrored).
    #[inline]
    pub fn span(&self) -> usize {
        self.region.span()
    }

    /// Another handle of the mapped object.
    pub fn memory(&self) -> SharedMemory {
        SharedMemory::from_object(Arc::clone(&self.object))
    }

    /// The address of the first byte, for code that does its own synchronisation.
    ///
    /// Reading through it is as sound as the conditions of [`as_slice`](Self::as_slice) are met, or
    /// if it is done by atomics; the address is valid while the mapping lives.
    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.region.base().as_ptr()
    }

    /// Copies bytes out, starting at `offset`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the bytes do not lie within the mapping; nothing is copied.
    #[inline]
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        let source = self.at(offset, buffer.len())?;
        // SAFETY:
        // - `at` checked that as many bytes follow `source` within the region, which is mapped
        //   while `self` lives; `copy::load` tolerates that others write them.
        // - The buffer is borrowed mutably, so that it is nobody else's. It overlaps no mapping:
        //   no safe reference to a mapping's bytes exists but under the conditions of `as_slice`.
        unsafe { copy::load(source, buffer.as_mut_ptr(), buffer.len()) };
        Ok(())
    }

    /// Copies bytes out into memory that need not be initialised, and returns them.
    ///
    /// # Errors
    ///
    /// As [`read_at`](Self::read_at).
    #[inline]
    pub fn read_uninit_at<'b>(
        &self,
        offset: usize,
        buffer: &'b mut [MaybeUninit<u8>],
    ) -> Result<&'b mut [u8]> {
        let source = self.at(offset, buffer.len())?;
        // SAFETY: as in `read_at`; `load` only writes to the buffer.
        unsafe { copy::load(source, buffer.as_mut_ptr().cast(), buffer.len()) };
        // SAFETY: every byte was written by the copy.
        Ok(unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    /// Copies `len` bytes out into a new vector.
    ///
    /// # Errors
    ///
    /// As [`read_at`](Self::read_at).
    pub fn to_vec(&self, offset: usize, len: usize) -> Result<Vec<u8>> {
        self.at(offset, len)?;
        let mut bytes = Vec::with_capacity(len);
        if let Some(spare) = bytes.spare_capacity_mut().get_mut(..len) {
            self.read_uninit_at(offset, spare)?;
            // SAFETY: the capacity is at least `len`, and as many bytes were just written.
            unsafe { bytes.set_len(len) };
        }
        Ok(bytes)
    }

    /// Compares bytes here, starting at `offset`, with `other`, as `memcmp` does.
    ///
    /// # Errors
    ///
    /// As [`read_at`](Self::read_at).
    pub fn compare(&self, offset: usize, other: &[u8]) -> Result<Ordering> {
        self.at(offset, other.len())?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        for (i, theirs) in other.chunks(buffer.len()).enumerate() {
            let at = offset + i * buffer.len();
            let Some(window) = buffer.get_mut(..theirs.len()) else { break };
            let ours: &[u8] = self.read_uninit_at(at, window)?;
            match ours.cmp(theirs) {
                Ordering::Equal => {}
                unequal => return Ok(unequal),
            }
        }
        Ok(Ordering::Equal)
    }

    /// Whether the object still has all the bytes that are mapped.
    ///
    /// `false` tells that a peer has shrunk it: accesses past its end end the process. `true`
    /// tells that no access before this call met that.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system does not tell.
    pub fn is_intact(&self) -> Result<bool> {
        let end = self.offset.saturating_add(self.len as u64);
        self.object.size().map(|size| size >= end)
    }

    /// [`is_intact`](Self::is_intact) as a condition: an error that shows both sizes, if not.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if the object is too small by now.
    pub fn check_intact(&self) -> Result<()> {
        let expected = self.offset.saturating_add(self.len as u64);
        let found = self.object.size()?;
        if found >= expected {
            return Ok(());
        }
        Err(Error::Mismatch {
            kind: self.object.kind,
            name: self.object.name.clone(),
            property: "size",
            expected,
            found,
        })
    }

    /// The bytes as a slice.
    ///
    /// # Safety
    ///
    /// While the slice lives:
    /// - No process and no thread writes any byte of the range, also not through this crate. A
    ///   peer that is able to and not trusted to refrain rules this function out.
    /// - No process makes the object smaller than the mapping.
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: `span` bytes are mapped for reading from `base` on while `self` lives, at most
        // `isize::MAX`, and every bit pattern is a `u8`; that nobody writes is the caller's duty.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.region.span()) }
    }

    /// Where `len` bytes from `offset` on are, if they lie within the mapping.
    #[inline]
    pub(crate) fn at(&self, offset: usize, len: usize) -> Result<*const u8> {
        let span = self.region.span();
        let Some(max) = span.checked_sub(len) else {
            return Err(out_of_range("length", len, span));
        };
        if offset > max {
            return Err(out_of_range("offset", offset, max));
        }
        // SAFETY: `offset` is at most `span`, the length of what is mapped from `base` on.
        Ok(unsafe { self.region.base().add(offset) }.as_ptr())
    }

    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    pub(super) fn object(&self) -> &Object {
        &self.object
    }
}

#[cold]
fn out_of_range(argument: &'static str, value: usize, max: usize) -> Error {
    Error::OutOfRange { argument, value: value as u64, min: 0, max: max as u64 }
}

impl fmt::Debug for MappingRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappingRead")
            .field("name", &self.object.name)
            .field("offset", &self.offset)
            .field("len", &self.len)
            .field("address", &self.as_ptr())
            .finish_non_exhaustive()
    }
}

impl Mapping {
    /// Takes a region that is mapped for writing.
    pub(super) fn new(mapping: MappingRead) -> Self {
        Self(mapping)
    }

    /// The address of the first byte, for code that does its own synchronisation.
    ///
    /// As [`MappingRead::as_ptr`], and writing is as sound as under the conditions of
    /// [`as_mut_slice`](Self::as_mut_slice).
    #[inline]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.0.region.base().as_ptr()
    }

    /// Copies bytes in, starting at `offset`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the bytes do not fit in the mapping there; nothing is copied.
    #[inline]
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        let target = self.at_mut(offset, bytes.len())?;
        // SAFETY:
        // - `at_mut` checked that as many bytes follow `target` within the region, which is mapped
        //   for writing while `self` lives; `copy::store` tolerates that others access them.
        // - The bytes are borrowed, so that nobody writes them. They overlap no mapping: no safe
        //   reference to a mapping's bytes exists but under the conditions of `as_slice`.
        unsafe { copy::store(bytes.as_ptr(), target, bytes.len()) };
        Ok(())
    }

    /// Sets `len` bytes, starting at `offset`.
    ///
    /// # Errors
    ///
    /// As [`write_at`](Self::write_at).
    #[doc(alias = "memset")]
    pub fn fill(&self, offset: usize, len: usize, byte: u8) -> Result<()> {
        let target = self.at_mut(offset, len)?;
        // SAFETY: as in `write_at`.
        unsafe { copy::fill(target, byte, len) };
        Ok(())
    }

    /// Copies `len` bytes from one place of the mapping to another; they may overlap.
    ///
    /// # Errors
    ///
    /// As [`write_at`](Self::write_at), for either place.
    #[doc(alias = "memmove")]
    pub fn copy_within(&self, from: usize, to: usize, len: usize) -> Result<()> {
        let source = self.at(from, len)?;
        let target = self.at_mut(to, len)?;
        // SAFETY: as in `read_at` and `write_at`; `copy::within` takes ranges that overlap.
        unsafe { copy::within(source, target, len) };
        Ok(())
    }

    /// The bytes as a slice that may be written.
    ///
    /// # Safety
    ///
    /// While the slice lives:
    /// - No other process and no other thread reads or writes any byte of the range, also not
    ///   through this crate, and not through a second mapping or the second half of a mirrored one
    ///   (which this slice of a mirrored mapping would be itself: it is ruled out).
    /// - No process makes the object smaller than the mapping.
    #[expect(clippy::mut_from_ref, reason = "that the reference is unique is the caller's duty")]
    pub unsafe fn as_mut_slice(&self) -> &mut [u8] {
        // SAFETY: `span` bytes are mapped for writing from `base` on while `self` lives, at most
        // `isize::MAX`, and every bit pattern is a `u8`; that they are ours is the caller's duty.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), self.0.region.span()) }
    }

    /// Where `len` bytes from `offset` on are, if they lie within the mapping.
    #[inline]
    pub(crate) fn at_mut(&self, offset: usize, len: usize) -> Result<*mut u8> {
        self.at(offset, len).map(<*const u8>::cast_mut)
    }

    /// Gives up the right to write through this value.
    pub fn into_read(self) -> MappingRead {
        self.0
    }
}

impl Deref for Mapping {
    type Target = MappingRead;

    #[inline]
    fn deref(&self) -> &MappingRead {
        &self.0
    }
}
