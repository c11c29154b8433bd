//! [`Batch`]: messages that are published together.

use super::Sender;
use super::producer::Look;
use crate::deadline::Limit;
use crate::ring::error::SendError;

/// How much is written before it is published without being asked.
const LIMIT: usize = 8 * 1024;

/// Sends messages with one publication for many, from [`Sender::batch`](super::Sender::batch).
///
/// The receiver sees them when the batch is [flushed](Self::flush) or dropped, when 8 KiB have
/// come together, and before the batch waits for room. A message of 8 KiB or more is sent by itself, after
/// those before it. Should the process die before, those that were not published yet are not sent.
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::spsc;
///
/// let (mut sender, mut receiver) = spsc::pair(4096)?;
/// let mut batch = sender.batch();
/// for word in ["one", "two"] {
///     batch.send(word.as_bytes())?;
/// }
/// drop(batch);
/// assert_eq!(receiver.receive_vec()?, b"one");
/// assert_eq!(receiver.receive_vec()?, b"two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch<'a> {
    sender: &'a mut Sender,
}

impl<'a> Batch<'a> {
    pub(super) fn new(sender: &'a mut Sender) -> Self {
        Self { sender }
    }

    /// Sends a message, waiting for room if there is none, and otherwise as [`Sender::send`](super::Sender::send)
    /// does.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`](super::Sender::send).
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.write(message, Look::Patient) {
            Err(SendError::Full) => {}
            result => return result,
        }
        self.flush();
        self.sender.send_until(message, Limit::Never)
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    ///
    /// As [`Sender::try_send`](super::Sender::try_send); what was written before is published if
    /// the ring is full.
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let result = self.write(message, Look::Exact);
        if result == Err(SendError::Full) {
            self.flush();
        }
        result
    }

    #[inline]
    fn write(&mut self, message: &[u8], look: Look) -> Result<(), SendError> {
        if message.len() >= LIMIT {
            // It would be published at once in any case.
            self.flush();
            return self.sender.send_one(message, look);
        }
        self.sender.write(message, look)?;
        if self.sender.producer.unpublished() >= LIMIT as u64 {
            self.flush();
            if look == Look::Patient {
                self.sender.let_catch_up(0);
            }
        }
        Ok(())
    }

    /// Lets the receiver see all that was sent so far.
    #[inline]
    pub fn flush(&mut self) {
        if self.sender.producer.unpublished() != 0 {
            self.sender.producer.publish();
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use crate::ring::spsc::pair;
    use crate::ring::spsc::shared::LATEST;

    #[test]
    fn a_single_short_message_comes_with_the_index_and_several_do_not() {
        let (mut sender, mut receiver) = pair(4096).unwrap();
        let mut buffer = [0; 200];
        for len in 0..=LATEST + 1 {
            let message = vec![len as u8; len];
            sender.batch().send(&message).unwrap();
            assert_eq!(receiver.receive_noting(&mut buffer), (len, len <= LATEST));
            assert_eq!(buffer[..len], message);
            let mut batch = sender.batch();
            batch.send(&message).unwrap();
            batch.send(b"second").unwrap();
            drop(batch);
            assert_eq!(receiver.consumer.take_latest(&mut buffer), None);
            assert_eq!(receiver.receive_vec().unwrap(), message);
            assert_eq!(receiver.receive_vec().unwrap(), b"second");
        }
    }
}
