//! Mappings as the `bytes` crate's [`Buf`] and [`BufMut`].
//!
//! Both traits hand out slices, which shared memory must not be: reading goes through a window of
//! copied bytes, writing through a buffer that is copied in. Bulk copies go straight.

use std::fmt;
use std::mem::MaybeUninit;

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, TryGetError};

use crate::shm::copy;
use crate::shm::mapping::{Mapping, MappingRead};

/// How much is copied at a time.
const WINDOW: usize = 512;

/// Reads a part of a mapping as a [`Buf`].
///
/// What it gives was there when it was copied, in windows of 512 bytes or in bulk.
///
/// # Examples
///
/// ```
/// use bytes::{Buf, BufMut};
/// use posix_ipc::{Name, SharedMemory};
///
/// # let name = Name::unique("doc-buf");
/// let mapping = SharedMemory::create(&name, 4096)?.map()?;
/// let mut out = mapping.buf_mut(0, 16)?;
/// out.put_u32(7);
/// out.put_slice(b"seven");
///
/// let mut buf = mapping.buf(0, 16)?;
/// assert_eq!(buf.get_u32(), 7);
/// assert_eq!(buf.chunk()[0], b's');
/// # Ok::<(), posix_ipc::Error>(())
/// ```
pub struct MappingBuf<'m> {
    mapping: &'m MappingRead,
    position: usize,
    end: usize,
    window: [u8; WINDOW],
    /// Where the window was copied from; it covers `position` unless that is the end.
    start: usize,
}

/// Writes a part of a mapping as a [`BufMut`].
///
/// # Examples
///
/// See [`MappingBuf`].
pub struct MappingBufMut<'m> {
    mapping: &'m Mapping,
    position: usize,
    end: usize,
    buffer: [MaybeUninit<u8>; WINDOW],
}

impl MappingRead {
    /// `len` bytes from `offset` on, to read as a [`Buf`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if they do not lie within the mapping.
    pub fn buf(&self, offset: usize, len: usize) -> crate::Result<MappingBuf<'_>> {
        self.at(offset, len)?;
        let (window, end) = ([0; WINDOW], offset + len);
        let mut buf = MappingBuf { mapping: self, position: offset, end, window, start: offset };
        buf.refill();
        Ok(buf)
    }
}

impl Mapping {
    /// `len` bytes from `offset` on, to write as a [`BufMut`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if they do not lie within the mapping.
    pub fn buf_mut(&self, offset: usize, len: usize) -> crate::Result<MappingBufMut<'_>> {
        self.at_mut(offset, len)?;
        let buffer = [MaybeUninit::uninit(); WINDOW];
        Ok(MappingBufMut { mapping: self, position: offset, end: offset + len, buffer })
    }
}

impl MappingBuf<'_> {
    /// Copies the next window.
    fn refill(&mut self) {
        self.start = self.position;
        let len = self.remaining().min(WINDOW);
        if let Some(window) = self.window.get_mut(..len) {
            // Within the mapping: that was checked when `self` was made.
            let _ = self.mapping.read_at(self.position, window);
        }
    }

    fn skip(&mut self, count: usize) {
        self.position += count;
        if self.position >= self.start + WINDOW {
            self.refill();
        }
    }
}

impl Buf for MappingBuf<'_> {
    fn remaining(&self) -> usize {
        self.end - self.position
    }

    fn chunk(&self) -> &[u8] {
        let used = self.position - self.start;
        let len = (self.end - self.start).min(WINDOW);
        self.window.get(used..len).unwrap_or_default()
    }

    /// # Panics
    ///
    /// If there are fewer bytes, as the trait demands.
    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advance past the end of a MappingBuf");
        self.skip(count);
    }

    fn copy_to_slice(&mut self, target: &mut [u8]) {
        let missing = self.try_copy_to_slice(target).is_err();
        assert!(!missing, "copy past the end of a MappingBuf");
    }

    fn try_copy_to_slice(&mut self, target: &mut [u8]) -> Result<(), TryGetError> {
        let (requested, available) = (target.len(), self.remaining());
        if requested > available {
            return Err(TryGetError { requested, available });
        }
        match self.chunk().get(..requested) {
            Some(copied) => target.copy_from_slice(copied),
            // Within the mapping: that was checked when `self` was made.
            None => drop(self.mapping.read_at(self.position, target)),
        }
        self.skip(requested);
        Ok(())
    }
}

// SAFETY: `chunk_mut` gives memory of our own, of at most the length that is left, and the same
// again until `advance_mut`.
unsafe impl BufMut for MappingBufMut<'_> {
    fn remaining_mut(&self) -> usize {
        self.end - self.position
    }

    /// # Panics
    ///
    /// If there is less room, as the trait demands.
    unsafe fn advance_mut(&mut self, count: usize) {
        assert!(
            count <= self.remaining_mut().min(WINDOW),
            "advance past the end of a MappingBufMut"
        );
        if let Ok(target) = self.mapping.at_mut(self.position, count) {
            // SAFETY:
            // - The first `count` bytes of the buffer are initialised, by the duty of the caller.
            // - As many bytes are mapped for writing at `target`.
            unsafe { copy::store(self.buffer.as_ptr().cast(), target, count) };
        }
        self.position += count;
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let len = self.remaining_mut().min(WINDOW);
        UninitSlice::uninit(self.buffer.get_mut(..len).unwrap_or_default())
    }

    fn put_slice(&mut self, bytes: &[u8]) {
        let fits = bytes.len() <= self.remaining_mut();
        assert!(fits, "put past the end of a MappingBufMut");
        // Within the mapping: that was checked when `self` was made.
        let _ = self.mapping.write_at(self.position, bytes);
        self.position += bytes.len();
    }
}

impl fmt::Debug for MappingBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappingBuf")
            .field("position", &self.position)
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MappingBufMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappingBufMut")
            .field("position", &self.position)
            .field("remaining", &self.remaining_mut())
            .finish_non_exhaustive()
    }
}
