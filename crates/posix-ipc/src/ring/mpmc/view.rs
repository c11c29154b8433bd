//! [`Record`]: a message that a receiver has taken and not finished with.

use super::Receiver;
use super::queue::Ticket;
use crate::priority::Priority;
use crate::ring::copy;
use crate::ring::error::OutOfBounds;

/// A message that this receiver has taken and not finished with, from
/// [`Receiver::peek`](super::Receiver::peek).
///
/// No other receiver gets it meanwhile. [Released](Self::release), it is gone; dropped, or if
/// the process dies, it is there again for the next receiver, before the younger ones. So a
/// message is not lost with a receiver that dies while it acts on it. In a process that was forked
/// meanwhile, dropping its copy does nothing, and it must not be released there.
#[derive(Debug)]
pub struct Record<'a> {
    receiver: &'a Receiver,
    ticket: Ticket,
    len: usize,
    released: bool,
}

impl<'a> Record<'a> {
    pub(super) fn new(receiver: &'a Receiver, ticket: Ticket, len: usize) -> Self {
        receiver.claims.begin();
        Self { receiver, ticket, len, released: false }
    }

    /// Bytes of the message.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the message has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The message's priority.
    pub fn priority(&self) -> Priority {
        Priority::received(self.ticket.lane)
    }

    /// Copies what stands at `offset` into all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if there are not so many bytes; nothing is copied then.
    pub fn read_at(&self, offset: usize, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        let len = bytes.len();
        match offset.checked_add(len) {
            Some(end) if end <= self.len => {}
            _ => return Err(OutOfBounds { offset, len, size: self.len }),
        }
        // SAFETY: `read_at` writes initialised bytes only.
        let bytes = unsafe { copy::as_uninit(bytes) };
        self.receiver.shared().slot(self.ticket).read_at(offset, bytes);
        Ok(())
    }

    /// Copies the message.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.len);
        let spare = message.spare_capacity_mut().get_mut(..self.len);
        let slot = self.receiver.shared().slot(self.ticket);
        if spare.is_some_and(|spare| slot.read_at(0, spare)) {
            // SAFETY: the vector has room for `len` bytes, and all of them were just filled.
            unsafe { message.set_len(self.len) };
        }
        message
    }

    /// Finishes with the message: it is gone, and its slot free.
    pub fn release(mut self) {
        self.released = true;
        self.receiver.done(self.ticket, self.len);
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        self.receiver.claims.end();
        if !self.released && self.receiver.participant.is_ours() {
            self.receiver.shared().put_back(self.ticket);
        }
    }
}
