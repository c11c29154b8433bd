//! [`Grant`]: room for a message, to be written in place.

use std::io::{self, Write};

use super::producer::{Producer, Room};
use crate::ring::error::OutOfBounds;
use crate::ring::layout::RECORD_HEADER;

/// Room for a message in the ring, from [`Sender::reserve`](super::Sender::reserve).
///
/// The receiver sees nothing of it before [`commit`](Self::commit); dropped, it is as if it had
/// never been. What it holds before it is written is what an earlier message left.
///
/// It is written by copying ([`write_at`](Self::write_at), [`io::Write`]), since the other process
/// could write the same memory, and so no `&mut [u8]` of it is safe; whoever trusts the other
/// process takes [`as_mut_slice`](Self::as_mut_slice).
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::spsc;
///
/// let (mut sender, mut receiver) = spsc::pair(4096)?;
/// let mut grant = sender.reserve(8)?;
/// grant.write_at(0, &7u64.to_ne_bytes())?;
/// grant.commit();
/// assert_eq!(receiver.peek()?.to_vec(), 7u64.to_ne_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is sent before it is committed"]
pub struct Grant<'a> {
    producer: &'a mut Producer,
    room: Room,
    /// Bytes that will be sent; at most `room.len`.
    len: usize,
    /// Where `io::Write` goes on.
    cursor: usize,
    /// Whether committing publishes.
    publish: bool,
}

impl<'a> Grant<'a> {
    #[inline]
    pub(super) fn new(producer: &'a mut Producer, room: Room, publish: bool) -> Self {
        Self { producer, room, len: room.len, cursor: 0, publish }
    }

    /// Bytes that it has.
    #[expect(clippy::len_without_is_empty, reason = "whoever reserves knows how much")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if they do not fit; nothing is copied then.
    #[inline]
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), OutOfBounds> {
        match offset.checked_add(bytes.len()) {
            Some(end) if end <= self.len => {}
            _ => return Err(OutOfBounds { offset, len: bytes.len(), size: self.len }),
        }
        let position = self.room.position.wrapping_add(RECORD_HEADER + offset as u64);
        self.producer.shared.region().write(position, bytes);
        Ok(())
    }

    /// Where it starts in this process's memory.
    ///
    /// Valid for reads and writes of [`len`](Self::len) bytes while the grant lives. It is aligned
    /// to 8 bytes. The other process can write there too.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        let position = self.room.position.wrapping_add(RECORD_HEADER);
        let range = self.producer.shared.region().range(position, self.len);
        range.map_or(std::ptr::null_mut(), std::ptr::NonNull::as_ptr)
    }

    /// The whole as a slice.
    ///
    /// # Safety
    ///
    /// No other process accesses this part of the ring's memory while the slice lives. A receiver
    /// of this crate does not; a hostile or broken process with the ring open can.
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        let start = self.as_mut_ptr();
        if start.is_null() {
            return &mut [];
        }
        // SAFETY:
        // - `as_mut_ptr` points to `len` mapped bytes, which hold some value or other.
        // - The result borrows the grant, which nobody else in this process can write.
        // - The caller vouches for the other processes.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }

    /// Shortens it to `len` bytes; does nothing if it is not longer than that.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Sends it.
    #[inline]
    pub fn commit(self) {
        if self.publish {
            self.producer.send_in_place(self.room, self.len);
        } else {
            self.producer.commit(self.room, self.len);
        }
    }
}

/// Writes one behind the other, from the start; `Ok(0)` at the end.
impl Write for Grant<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.len.saturating_sub(self.cursor));
        let (now, _) = bytes.split_at(count);
        self.write_at(self.cursor, now)?;
        self.cursor += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ring::spsc::pair;
    use crate::ring::spsc::shared::LATEST;

    #[test]
    fn a_short_message_that_was_written_in_place_comes_with_the_index() {
        let (mut sender, mut receiver) = pair(4096).unwrap();
        let mut buffer = [0; 200];
        // Several times round the ring.
        for len in (0..=LATEST + 1).cycle().take(500) {
            let message: Vec<u8> = (0..len).map(|at| (at * 7 + len) as u8).collect();
            let mut grant = sender.reserve(len + 3).unwrap();
            grant.write_at(0, &message).unwrap();
            grant.truncate(len);
            grant.commit();
            assert_eq!(receiver.receive_noting(&mut buffer), (len, len <= LATEST));
            assert_eq!(buffer[..len], message);
        }
    }
}
