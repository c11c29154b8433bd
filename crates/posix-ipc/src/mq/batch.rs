//! Receiving several messages: iterators, and batches in one reused buffer.

use std::iter::FusedIterator;
use std::ops::Range;

use super::MessageQueue;
use crate::error::Result;
use crate::priority::Priority;

impl MessageQueue {
    /// Receives for ever, waiting for each message.
    ///
    /// An error is an item, and does not end the iteration: going on tries again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-messages"), 4, 64)?;
    /// # queue.send(b"job", 0)?;
    /// # queue.send(b"stop", 0)?;
    /// for message in queue.messages() {
    ///     let (message, _priority) = message?;
    ///     if message == b"stop" {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn messages(&self) -> Messages<'_> {
        Messages { queue: self, scratch: Vec::new() }
    }

    /// Receives until the queue is empty, without waiting.
    ///
    /// While others send, this may go on for ever; `take` bounds it. An error is the last item.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-try-messages"), 4, 64)?;
    /// queue.send(b"one", 0)?;
    /// queue.send(b"two", 0)?;
    /// let all: Vec<_> = queue.try_messages().collect::<Result<_, _>>()?;
    /// assert_eq!(all.len(), 2);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn try_messages(&self) -> TryMessages<'_> {
        TryMessages { queue: self, scratch: Vec::new(), done: false }
    }

    /// Receives until the queue is empty, without waiting, and calls `each` with every message and
    /// its priority; returns how many they were.
    ///
    /// One buffer serves for all of them. While others send, this may go on for ever.
    ///
    /// # Errors
    ///
    /// As [`try_receive`](Self::try_receive); `each` has got the messages before.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-drain"), 4, 64)?;
    /// queue.send(b"one", 0)?;
    /// queue.send(b"three", 0)?;
    /// let mut bytes = 0;
    /// assert_eq!(queue.drain(|message, _priority| bytes += message.len())?, 2);
    /// assert_eq!(bytes, 8);
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn drain(&self, mut each: impl FnMut(&[u8], Priority)) -> Result<usize> {
        let mut message = Vec::new();
        let mut count = 0;
        while let Some((_, priority)) = self.try_receive(&mut message)? {
            each(&message, priority);
            message.clear();
            count += 1;
        }
        Ok(count)
    }

    /// Waits for a message and receives it together with those that are there already, as many
    /// as `batch` takes; returns how many these are.
    ///
    /// What was in the batch before is gone. Nothing is allocated once the batch has been full.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), for the first message. A failure after it ends the batch,
    /// and is told by the next call if it lasts.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// use posix_ipc::mq::Batch;
    /// # let queue = MessageQueue::create(Name::unique("doc-mq-batch"), 4, 64)?;
    /// queue.send(b"one", 0)?;
    /// queue.send(b"two", 0)?;
    /// let mut batch = Batch::with_capacity(16);
    /// assert_eq!(queue.receive_batch(&mut batch)?, 2);
    /// assert!(batch.iter().map(|(message, _)| message).eq([b"one", b"two"]));
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn receive_batch(&self, batch: &mut Batch) -> Result<usize> {
        batch.clear();
        if batch.max == 0 {
            return Ok(0);
        }
        let (length, priority) = self.receive(&mut batch.bytes)?;
        batch.push(length, priority);
        Ok(self.fill(batch))
    }

    /// Receives the messages that are there, as many as `batch` takes, without waiting; returns
    /// how many these are.
    ///
    /// # Errors
    ///
    /// As [`receive_batch`](Self::receive_batch), but an empty queue is none.
    pub fn try_receive_batch(&self, batch: &mut Batch) -> Result<usize> {
        batch.clear();
        if batch.max == 0 {
            return Ok(0);
        }
        match self.try_receive(&mut batch.bytes)? {
            None => Ok(0),
            Some((length, priority)) => {
                batch.push(length, priority);
                Ok(self.fill(batch))
            }
        }
    }

    fn fill(&self, batch: &mut Batch) -> usize {
        while batch.len() < batch.max {
            match self.try_receive(&mut batch.bytes) {
                Ok(Some((length, priority))) => batch.push(length, priority),
                Ok(None) | Err(_) => break,
            }
        }
        batch.len()
    }
}

/// Messages that were received together, in one buffer that is used again and again.
#[derive(Debug, Clone)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Invariant: the ranges are within `bytes`.
    messages: Vec<(Range<usize>, Priority)>,
    max: usize,
}

impl Batch {
    /// A batch that takes up to `messages` at a time.
    pub fn with_capacity(messages: usize) -> Self {
        Self { bytes: Vec::new(), messages: Vec::new(), max: messages }
    }

    /// How many messages are in it.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none in it.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The messages in the order in which they were received.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Priority)> + '_ {
        self.messages
            .iter()
            .map(|(range, priority)| (self.bytes.get(range.clone()).unwrap_or_default(), *priority))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.messages.clear();
    }

    /// Counts in the message of `length` bytes that was appended last.
    fn push(&mut self, length: usize, priority: Priority) {
        let end = self.bytes.len();
        self.messages.push((end.saturating_sub(length)..end, priority));
    }
}

/// Receives for ever; made by [`MessageQueue::messages`].
#[derive(Debug)]
pub struct Messages<'a> {
    queue: &'a MessageQueue,
    scratch: Vec<u8>,
}

impl Iterator for Messages<'_> {
    type Item = Result<(Vec<u8>, Priority)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.scratch.clear();
        let received = self.queue.receive(&mut self.scratch);
        Some(received.map(|(_, priority)| (self.scratch.as_slice().to_vec(), priority)))
    }
}

/// Receives until the queue is empty; made by [`MessageQueue::try_messages`].
#[derive(Debug)]
pub struct TryMessages<'a> {
    queue: &'a MessageQueue,
    scratch: Vec<u8>,
    done: bool,
}

impl Iterator for TryMessages<'_> {
    type Item = Result<(Vec<u8>, Priority)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.scratch.clear();
        let received = self.queue.try_receive(&mut self.scratch).transpose();
        self.done = !matches!(received, Some(Ok(_)));
        received.map(|item| item.map(|(_, priority)| (self.scratch.as_slice().to_vec(), priority)))
    }
}

impl FusedIterator for TryMessages<'_> {}
