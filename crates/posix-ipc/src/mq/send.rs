//! Sending: one message from one or several pieces, with or without a deadline.

use std::cell::Cell;
use std::io::IoSlice;
use std::time::{Duration, Instant, SystemTime};

use bytes::Buf;
use posix_ipc_sys::mq;
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::MessageQueue;
use super::error::SendError;
use super::wait::{Outcome, PAST, wait};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::priority::Priority;

/// The pieces of a message that are looked at in one go.
const PIECES: usize = 32;

/// A scratch buffer that grew beyond this is not kept for the next message.
const KEEP: usize = 1 << 20;

thread_local! {
    /// Where a message of several pieces is put together; kept, so that nothing is allocated
    /// per message.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl MessageQueue {
    /// Sends `message`, waiting as long as the queue is full.
    ///
    /// The message may be empty, but not longer than [`message_size`](Self::message_size).
    ///
    /// # Errors
    ///
    /// The message was not sent, and is still the caller's:
    /// - [`SendError::TooLong`], [`SendError::Priority`]: it can't be; the system was not asked.
    /// - [`SendError::Full`]: the queue is, and the handle does not block.
    /// - [`SendError::Failed`]: `EBADF` if the handle is for receiving, `ENOMEM`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-send"), 4, 64)?;
    /// queue.send(b"text", 3)?;
    /// assert!(queue.send(&[0; 65], 3).is_err(), "too long");
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[doc(alias = "mq_send")]
    #[inline]
    pub fn send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = self.check(message.len(), priority)?;
        match mq::send(&self.queue, message, priority.get()) {
            Ok(()) => Ok(()),
            Err(errno) => self.send_again(errno, message, priority),
        }
    }

    /// Sends `message` if there is room.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if there is none, whether the handle blocks or not; otherwise as
    /// [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name, mq::SendError};
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-try-send"), 1, 64)?;
    /// queue.try_send(b"first", 0)?;
    /// assert_eq!(queue.try_send(b"second", 0), Err(SendError::Full));
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[inline]
    pub fn try_send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = self.check(message.len(), priority)?;
        loop {
            return match mq::timedsend(&self.queue, message, priority.get(), &PAST) {
                Ok(()) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN | Errno::TIMEDOUT) => Err(SendError::Full),
                Err(errno) => Err(self.send_error(Outcome::Failed(errno))),
            };
        }
    }

    /// Sends `message`, waiting at most `timeout` for room.
    ///
    /// Zero only tries, `Duration::MAX` waits for ever. The end is on the
    /// [monotonic clock](Self#deadlines).
    ///
    /// # Errors
    ///
    /// [`SendError::TimedOut`] if there was none in time; otherwise as [`send`](Self::send).
    pub fn send_timeout<P>(
        &self,
        message: &[u8],
        priority: P,
        timeout: Duration,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = self.check(message.len(), priority)?;
        self.send_until(message, priority, Deadline::after(timeout))
    }

    /// Sends `message`, waiting for room until `deadline`, on the
    /// [monotonic clock](Self#deadlines).
    ///
    /// A deadline that has passed only tries.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline<P>(
        &self,
        message: &[u8],
        priority: P,
        deadline: Instant,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = self.check(message.len(), priority)?;
        self.send_until(message, priority, Deadline::at(deadline))
    }

    /// Sends `message`, waiting for room until `deadline` on the
    /// [calendar's clock](Self#deadlines), by the kernel.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    #[doc(alias = "mq_timedsend")]
    pub fn send_deadline_realtime<P>(
        &self,
        message: &[u8],
        priority: P,
        deadline: SystemTime,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = self.check(message.len(), priority)?;
        self.send_until(message, priority, Deadline::at_realtime(deadline))
    }

    /// Sends one message that is in several pieces, waiting as long as the queue is full.
    ///
    /// They are put together in a buffer that the thread keeps: nothing is allocated per message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name}; use std::io::IoSlice;
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-vectored"), 4, 64)?;
    /// queue.send_vectored(&[IoSlice::new(b"head"), IoSlice::new(b"tail")], 0)?;
    /// assert_eq!(queue.receive_vec()?.0, b"headtail");
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn send_vectored<P>(&self, pieces: &[IoSlice<'_>], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let length = pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.len()));
        let priority = self.check(length, priority)?;
        join(pieces, |message| self.send(message, priority))
    }

    /// Sends what `message` has left as one message, waiting as long as the queue is full, and
    /// consumes it.
    ///
    /// Nothing is allocated per message, whether it is in one piece or in several.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Error::Argument`] if it has
    /// more than 32 pieces or does not show them all in `Buf::chunks_vectored`. Then nothing of
    /// `message` is consumed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// use bytes::Buf;
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-buf"), 4, 64)?;
    /// let mut message = (&b"head"[..]).chain(&b"tail"[..]);
    /// queue.send_buf(&mut message, 0)?;
    /// assert!(!message.has_remaining());
    /// assert_eq!(queue.receive_vec()?.0, b"headtail");
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn send_buf<B, P>(&self, message: &mut B, priority: P) -> Result<(), SendError>
    where
        B: Buf,
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = self.check(message.remaining(), priority)?;
        gather(message, |message| self.send(message, priority))
    }

    /// As [`send_buf`](Self::send_buf), if there is room.
    ///
    /// # Errors
    ///
    /// As [`send_buf`](Self::send_buf); [`SendError::Full`] if there is none, whether the
    /// handle blocks or not.
    pub fn try_send_buf<B, P>(&self, message: &mut B, priority: P) -> Result<(), SendError>
    where
        B: Buf,
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = self.check(message.remaining(), priority)?;
        gather(message, |message| self.try_send(message, priority))
    }

    /// Checks what can be told without the system.
    #[inline]
    fn check<P>(&self, length: usize, priority: P) -> Result<Priority, SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        if length > self.message_size {
            return Err(SendError::TooLong { length, max: self.message_size });
        }
        priority.try_into().map_err(Into::into)
    }

    /// What follows on a first try that did not work.
    #[cold]
    fn send_again(
        &self,
        errno: Errno,
        message: &[u8],
        priority: Priority,
    ) -> Result<(), SendError> {
        match errno {
            Errno::INTR => self.send_until(message, priority, Deadline::Never),
            Errno::AGAIN => Err(SendError::Full),
            errno => Err(self.send_error(Outcome::Failed(errno))),
        }
    }

    fn send_until(
        &self,
        message: &[u8],
        priority: Priority,
        deadline: Deadline,
    ) -> Result<(), SendError> {
        wait(&self.queue, PollFlags::OUT, deadline, |deadline| match deadline {
            None => mq::send(&self.queue, message, priority.get()),
            Some(deadline) => mq::timedsend(&self.queue, message, priority.get(), deadline),
        })
        .map_err(|outcome| self.send_error(outcome))
    }

    #[cold]
    fn send_error(&self, outcome: Outcome) -> SendError {
        match outcome {
            Outcome::WouldBlock => SendError::Full,
            Outcome::TimedOut => SendError::TimedOut,
            // The queue's message size was known; that it differs now can't be.
            Outcome::Failed(errno) => SendError::Failed(self.error("send to", errno)),
        }
    }
}

/// Calls `send` with what `message` has left, and consumes that if it works.
fn gather<B: Buf>(
    message: &mut B,
    send: impl FnOnce(&[u8]) -> Result<(), SendError>,
) -> Result<(), SendError> {
    let length = message.remaining();
    let chunk = message.chunk();
    if chunk.len() == length {
        send(chunk)?;
    } else {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let count = message.chunks_vectored(&mut pieces).min(PIECES);
        let pieces = pieces.get(..count).unwrap_or_default();
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() != length {
            return Err(SendError::Failed(Error::Argument {
                argument: "message",
                reason: "it shows only a part of itself in chunks_vectored",
            }));
        }
        join(pieces, send)?;
    }
    message.advance(length);
    Ok(())
}

/// Calls `send` with all pieces in one.
fn join(
    pieces: &[IoSlice<'_>],
    send: impl FnOnce(&[u8]) -> Result<(), SendError>,
) -> Result<(), SendError> {
    let mut filled = pieces.iter().filter(|piece| !piece.is_empty());
    if let (Some(only), None) = (filled.next(), filled.next()) {
        return send(only);
    }
    let mut message = SCRATCH.take();
    message.clear();
    for piece in pieces {
        message.extend_from_slice(piece);
    }
    let result = send(&message);
    if message.capacity() <= KEEP {
        SCRATCH.set(message);
    }
    result
}
