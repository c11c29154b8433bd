//! [`Record`]: a message in the ring, to be read in place.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::consumer::{Consumer, Found};
use crate::ring::error::OutOfBounds;
use crate::ring::memory::Region;

/// The next message, in place, from [`Receiver::peek`](super::Receiver::peek).
///
/// The message stays in the ring, and the next peek finds it again, until it is
/// [released](Self::release): a receiver that dies in between has not taken it.
///
/// Who waits for a message that was [written in place](super::Sender::reserve) gets its first 32
/// bytes with the news of it, and one of up to 96 bytes as a whole: what decides about the rest stands best
/// there.
///
/// It is read by copying ([`read_at`](Self::read_at), [`to_vec`](Self::to_vec),
/// [`reader`](Self::reader)), since the other process could write the same memory, and so no
/// `&[u8]` of it is safe; whoever trusts the other process takes [`as_slice`](Self::as_slice).
#[derive(Debug)]
pub struct Record<'a> {
    consumer: &'a mut Consumer,
    found: Found,
    /// Whether all of it was copied out of the ring at once: its lines have come here for that.
    was_copied: AtomicBool,
}

impl<'a> Record<'a> {
    #[inline]
    pub(super) fn new(consumer: &'a mut Consumer, found: Found) -> Self {
        Self { consumer, found, was_copied: AtomicBool::new(false) }
    }

    /// Bytes of the message.
    #[inline]
    pub fn len(&self) -> usize {
        self.found.len
    }

    /// Whether the message has no bytes.
    pub fn is_empty(&self) -> bool {
        self.found.len == 0
    }

    #[inline(always)]
    fn region(&self) -> &Region {
        self.consumer.shared.region()
    }

    /// Copies what stands at `offset` into all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if there are not so many bytes; nothing is copied then.
    #[inline]
    pub fn read_at(&self, offset: usize, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        match offset.checked_add(bytes.len()) {
            Some(end) if end <= self.found.len => {}
            _ => return Err(OutOfBounds { offset, len: bytes.len(), size: self.found.len }),
        }
        self.consumer.read_at(self.found, offset, bytes);
        if bytes.len() == self.found.len {
            self.was_copied.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Appends the message to `buffer`.
    pub fn append_to(&self, buffer: &mut Vec<u8>) {
        let (start, len) = (buffer.len(), self.found.len);
        let beginning = self.consumer.beginning(self.found);
        if beginning.len() == len {
            buffer.extend_from_slice(beginning);
            return;
        }
        buffer.reserve(len);
        let Some(spare) = buffer.spare_capacity_mut().get_mut(..len) else { return };
        if self.region().read_uninit(self.found.payload, spare) {
            self.was_copied.store(true, Ordering::Relaxed);
            // SAFETY: `reserve` made room for `len` more bytes, and all of them were just filled.
            unsafe { buffer.set_len(start + len) };
        }
    }

    /// Copies the message.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }

    /// Reads the message from its start.
    pub fn reader(&self) -> impl Read + '_ {
        Reader { record: self, cursor: 0 }
    }

    /// Where it starts in this process's memory.
    ///
    /// Valid for reads of [`len`](Self::len) bytes while the record lives, aligned to 8 bytes. The
    /// other process can write there meanwhile.
    pub fn as_ptr(&self) -> *const u8 {
        let range = self.region().range(self.found.payload, self.found.len);
        range.map_or(std::ptr::null(), |start| start.as_ptr().cast_const())
    }

    /// The message as a slice.
    ///
    /// # Safety
    ///
    /// No other process writes this part of the ring's memory while the slice lives. A sender of
    /// this crate does not; a hostile or broken process with the ring open can.
    pub unsafe fn as_slice(&self) -> &[u8] {
        let start = self.as_ptr();
        if start.is_null() {
            return &[];
        }
        // SAFETY:
        // - `as_ptr` points to `len` mapped bytes, which hold some value or other.
        // - The sender does not reuse them before the record, which the result borrows, is gone.
        // - The caller vouches for the other processes.
        unsafe { std::slice::from_raw_parts(start, self.found.len) }
    }

    /// Takes the message out of the ring.
    #[inline]
    pub fn release(self) {
        self.consumer.release_read(self.found, self.was_copied.into_inner());
    }
}

struct Reader<'a, 'b> {
    record: &'a Record<'b>,
    cursor: usize,
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.record.len().saturating_sub(self.cursor));
        let (now, _) = buffer.split_at_mut(count);
        self.record.read_at(self.cursor, now)?;
        self.cursor += count;
        Ok(count)
    }
}
