//! Receiving: one message into memory of the caller's choice, with or without a deadline.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use posix_ipc_sys::mq::{self, Buffer, SpareCapacity, spare_capacity};
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::MessageQueue;
use super::wait::{Outcome, PAST, wait};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::priority::Priority;

/// Memory that a message is received into. Nothing is zeroed before.
///
/// | buffer | result |
/// |---|---|
/// | `&mut [u8]` | `usize`: how many bytes the message has |
/// | `&mut [MaybeUninit<u8>]` | `&mut [u8]`: the message |
/// | `&mut Vec<u8>`, `&mut BytesMut` | `usize`; the message is appended |
///
/// The first two need [`message_size`](MessageQueue::message_size) bytes, however short the
/// message is; the last two reserve them.
pub trait ReceiveBuffer: sealed::Sealed {}

impl<T: sealed::Sealed> ReceiveBuffer for T {}

pub(super) mod sealed {
    use super::Buffer;

    pub trait Sealed {
        /// What the caller gets of a message.
        type Output;
        type Raw: Buffer<Output = Self::Output>;

        /// The memory, with at least `size` bytes where it can grow.
        fn into_raw(self, size: usize) -> Self::Raw;
    }
}
use sealed::Sealed;

impl<'a> Sealed for &'a mut [u8] {
    type Output = usize;
    type Raw = &'a mut [u8];
    #[inline]
    fn into_raw(self, _: usize) -> Self::Raw {
        self
    }
}

impl<'a, const N: usize> Sealed for &'a mut [u8; N] {
    type Output = usize;
    type Raw = &'a mut [u8; N];
    #[inline]
    fn into_raw(self, _: usize) -> Self::Raw {
        self
    }
}

impl<'a> Sealed for &'a mut [MaybeUninit<u8>] {
    type Output = &'a mut [u8];
    type Raw = &'a mut [MaybeUninit<u8>];
    #[inline]
    fn into_raw(self, _: usize) -> Self::Raw {
        self
    }
}

impl<'a, const N: usize> Sealed for &'a mut [MaybeUninit<u8>; N] {
    type Output = &'a mut [u8];
    type Raw = &'a mut [MaybeUninit<u8>; N];
    #[inline]
    fn into_raw(self, _: usize) -> Self::Raw {
        self
    }
}

impl<'a> Sealed for &'a mut Vec<u8> {
    type Output = usize;
    type Raw = SpareCapacity<'a, Vec<u8>>;
    #[inline]
    fn into_raw(self, size: usize) -> Self::Raw {
        self.reserve(size);
        spare_capacity(self)
    }
}

impl<'a> Sealed for &'a mut BytesMut {
    type Output = usize;
    type Raw = SpareCapacity<'a, BytesMut>;
    #[inline]
    fn into_raw(self, size: usize) -> Self::Raw {
        self.reserve(size);
        spare_capacity(self)
    }
}

impl MessageQueue {
    /// Receives the first message of the highest priority into `buffer`, waiting as long as the
    /// queue is empty.
    ///
    /// An empty message is one like any other; there is no end of file.
    ///
    /// # Errors
    ///
    /// Nothing was received:
    /// - `EMSGSIZE`: the buffer is shorter than [`message_size`](Self::message_size).
    /// - `EBADF`: the handle is for sending.
    /// - `EAGAIN`: the queue is empty, and the handle does not block.
    ///
    /// # Examples
    ///
    /// Without allocating or zeroing anything per message:
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// use bytes::BytesMut;
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-receive"), 4, 64)?;
    /// # queue.send(b"text", 3)?;
    /// let mut buffer = BytesMut::with_capacity(queue.message_size());
    /// let (length, priority) = queue.receive(&mut buffer)?;
    /// assert_eq!((&buffer[..], length, priority.get()), (&b"text"[..], 4, 3));
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[doc(alias = "mq_receive")]
    #[inline]
    pub fn receive<B: ReceiveBuffer>(&self, buffer: B) -> Result<(B::Output, Priority)> {
        match mq::receive_or_return(&self.queue, buffer.into_raw(self.message_size), None) {
            Ok((output, priority)) => Ok((output, Priority::received(priority))),
            Err((errno, buffer)) => self.receive_again(errno, buffer),
        }
    }

    /// Receives into a new vector, waiting as long as the queue is empty.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-receive-vec"), 4, 64)?;
    /// # queue.send(b"text", 3)?;
    /// let (message, priority) = queue.receive_vec()?;
    /// # assert_eq!((&message[..], priority.get()), (&b"text"[..], 3));
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn receive_vec(&self) -> Result<(Vec<u8>, Priority)> {
        let mut message = Vec::new();
        let (_, priority) = self.receive(&mut message)?;
        Ok((message, priority))
    }

    /// Receives if there is a message; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), but for `EAGAIN`: that is `None`, whether the handle
    /// blocks or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-try-receive"), 4, 64)?;
    /// let mut message = Vec::new();
    /// assert!(queue.try_receive(&mut message)?.is_none());
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[inline]
    pub fn try_receive<B: ReceiveBuffer>(
        &self,
        buffer: B,
    ) -> Result<Option<(B::Output, Priority)>> {
        let mut buffer = buffer.into_raw(self.message_size);
        loop {
            return match mq::receive_or_return(&self.queue, buffer, Some(&PAST)) {
                Ok((output, priority)) => Ok(Some((output, Priority::received(priority)))),
                Err((Errno::INTR, unused)) => {
                    buffer = unused;
                    continue;
                }
                Err((Errno::AGAIN | Errno::TIMEDOUT, _)) => Ok(None),
                Err((errno, _)) => Err(self.error("receive from", errno)),
            };
        }
    }

    /// Receives, waiting at most `timeout` for a message; `None` if none came.
    ///
    /// Zero only tries, `Duration::MAX` waits for ever. The end is on the
    /// [monotonic clock](Self#deadlines).
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), but for `EAGAIN`: that is `None`.
    pub fn receive_timeout<B: ReceiveBuffer>(
        &self,
        buffer: B,
        timeout: Duration,
    ) -> Result<Option<(B::Output, Priority)>> {
        self.receive_until(buffer, Deadline::after(timeout))
    }

    /// Receives, waiting for a message until `deadline`, on the
    /// [monotonic clock](Self#deadlines); `None` if none came.
    ///
    /// A deadline that has passed only tries.
    ///
    /// # Errors
    ///
    /// As [`receive_timeout`](Self::receive_timeout).
    pub fn receive_deadline<B: ReceiveBuffer>(
        &self,
        buffer: B,
        deadline: Instant,
    ) -> Result<Option<(B::Output, Priority)>> {
        self.receive_until(buffer, Deadline::at(deadline))
    }

    /// Receives, waiting for a message until `deadline` on the
    /// [calendar's clock](Self#deadlines), by the kernel; `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`receive_timeout`](Self::receive_timeout).
    #[doc(alias = "mq_timedreceive")]
    pub fn receive_deadline_realtime<B: ReceiveBuffer>(
        &self,
        buffer: B,
        deadline: SystemTime,
    ) -> Result<Option<(B::Output, Priority)>> {
        self.receive_until(buffer, Deadline::at_realtime(deadline))
    }

    /// One try that does not wait; a failure gives the buffer back, and an empty queue is one.
    #[cfg(all(feature = "tokio", not(any(target_os = "illumos", target_os = "solaris"))))]
    #[inline]
    pub(super) fn attempt<B: Buffer>(
        &self,
        buffer: B,
    ) -> Result<(B::Output, Priority), (Outcome, B)> {
        match mq::receive_or_return(&self.queue, buffer, Some(&PAST)) {
            Ok((output, priority)) => Ok((output, Priority::received(priority))),
            Err((Errno::AGAIN | Errno::TIMEDOUT, buffer)) => Err((Outcome::WouldBlock, buffer)),
            Err((errno, buffer)) => Err((Outcome::Failed(errno), buffer)),
        }
    }

    /// What follows on a first try that did not work.
    #[cold]
    fn receive_again<B: Buffer>(&self, errno: Errno, buffer: B) -> Result<(B::Output, Priority)> {
        let outcome = match errno {
            Errno::INTR => match self.receive_raw(buffer, Deadline::Never) {
                Ok(received) => return Ok(received),
                Err(outcome) => outcome,
            },
            errno => Outcome::Failed(errno),
        };
        let errno = match outcome {
            Outcome::WouldBlock | Outcome::TimedOut => Errno::AGAIN,
            Outcome::Failed(errno) => errno,
        };
        Err(self.error("receive from", errno))
    }

    fn receive_until<B: ReceiveBuffer>(
        &self,
        buffer: B,
        deadline: Deadline,
    ) -> Result<Option<(B::Output, Priority)>> {
        match self.receive_raw(buffer.into_raw(self.message_size), deadline) {
            Ok(received) => Ok(Some(received)),
            Err(Outcome::WouldBlock | Outcome::TimedOut) => Ok(None),
            Err(Outcome::Failed(errno)) => Err(self.error("receive from", errno)),
        }
    }

    fn receive_raw<B: Buffer>(
        &self,
        buffer: B,
        deadline: Deadline,
    ) -> Result<(B::Output, Priority), Outcome> {
        let mut buffer = Some(buffer);
        wait(&self.queue, PollFlags::IN, deadline, |deadline| {
            // Every failure puts it back.
            let unused = buffer.take().ok_or(Errno::INVAL)?;
            match mq::receive_or_return(&self.queue, unused, deadline) {
                Ok((output, priority)) => Ok((output, Priority::received(priority))),
                Err((errno, unused)) => {
                    buffer = Some(unused);
                    Err(errno)
                }
            }
        })
    }
}
