//! [`Grant`]: a slot that a sender has claimed, to be written in place.

use std::io::{self, Write};

use super::Sender;
use super::queue::Ticket;
use crate::priority::Priority;
use crate::ring::error::OutOfBounds;

/// Room for a message in the ring, from [`Sender::reserve`].
///
/// The message has its place in its lane from the reservation on: what others send to the lane
/// later waits behind it, until it is [committed](Self::commit) or dropped. Dropped, it was
/// never there, and receivers pass over its slot; nobody counts that. If the process dies, it is
/// [skipped](super::Incidents::skipped) and counted. A grant that is leaked blocks its lane until
/// the handle is gone too. In a process that was forked meanwhile, dropping its copy does nothing,
/// and it must not be committed there.
///
/// It is written by copying ([`write_at`](Self::write_at), [`io::Write`]), since another process
/// could write the same memory, and so no `&mut [u8]` of it is safe; whoever trusts the others takes
/// [`as_mut_slice`](Self::as_mut_slice). What it holds before it is written is what an
/// earlier message left.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = posix_ipc::ring::mpmc::pair(64, 100)?;
/// let mut grant = sender.reserve(8, 0)?;
/// grant.write_at(0, &7u64.to_ne_bytes())?;
/// grant.commit();
/// drop(sender.reserve(100, 0)?); // changed our mind
/// assert_eq!(receiver.receive_vec()?.0, 7u64.to_ne_bytes());
/// assert!(receiver.try_peek()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is sent before it is committed"]
pub struct Grant<'a> {
    sender: &'a Sender,
    ticket: Ticket,
    /// Bytes that will be sent; at most those of a slot.
    len: usize,
    /// Where `io::Write` goes on.
    cursor: usize,
    committed: bool,
}

impl<'a> Grant<'a> {
    /// `len` is at most the length of a slot.
    pub(super) fn new(sender: &'a Sender, ticket: Ticket, len: usize) -> Self {
        sender.claims.begin();
        // It may be long until it is committed.
        sender.shared().pass_tail(ticket);
        Self { sender, ticket, len, cursor: 0, committed: false }
    }

    /// Bytes that it has.
    #[expect(clippy::len_without_is_empty, reason = "whoever reserves knows how much")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The priority that the message will have.
    pub fn priority(&self) -> Priority {
        Priority::received(self.ticket.lane)
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
        self.sender.shared().slot(self.ticket).write_at(offset, bytes);
        Ok(())
    }

    /// Where it starts in this process's memory.
    ///
    /// Valid for reads and writes of [`len`](Self::len) bytes while the grant lives. It is aligned
    /// to 16 bytes. Other processes can write there too.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.sender.shared().slot(self.ticket).as_ptr()
    }

    /// The whole as a slice.
    ///
    /// # Safety
    ///
    /// No other process accesses this part of the ring's memory while the slice lives. A participant
    /// of this crate does not, as long as this one lives; a hostile or broken process with the
    /// ring open can.
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        let start = self.as_mut_ptr();
        // SAFETY:
        // - `as_mut_ptr` points to the bytes of a slot, at least `len`, which are mapped as long as
        //   the sender lives and hold some value or other.
        // - The result borrows the grant, which nobody else in this process can write: the slot
        //   was claimed for it alone.
        // - The caller vouches for the other processes.
        unsafe { std::slice::from_raw_parts_mut(start, self.len) }
    }

    /// Shortens it to `len` bytes; does nothing if it is not longer than that.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Sends it.
    #[inline]
    pub fn commit(mut self) {
        self.committed = true;
        let shared = self.sender.shared();
        shared.slot(self.ticket).set_len(self.len);
        shared.publish(self.ticket);
        shared.expect_behind(self.ticket, self.len);
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        self.sender.claims.end();
        if !self.committed && self.sender.participant.is_ours() {
            self.sender.shared().abandon(self.ticket);
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
