//! [`AsyncSender`] and [`AsyncReceiver`]: the typed ends of a message queue on tokio.

use std::collections::VecDeque;
use std::marker::PhantomData;

use posix_ipc::mq::{AsyncMessageQueue, Priority};
use posix_ipc::{Error, MessageQueue, OpenMode};

use crate::frame::Fragment;
use crate::inbox::{Inbox, ReceiveError, reassembling};
use crate::large::Published;
use crate::message::{DecodeOwned, Message};
use crate::outbox::{Outbox, framing};
use crate::sender::SendError;
use crate::transport::{Arrival, ReceiveFrames, SendFrames, Transport, TransportError, Wait};

/// Frames on their way to or from the queue or ring.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) max_len: usize,
    pub(crate) waiting: VecDeque<(Vec<u8>, u32)>,
}

impl Transport for Frames {
    fn max_frame_len(&self) -> usize {
        self.max_len
    }
}

impl SendFrames for Frames {
    fn send_frame(
        &mut self,
        frame: &[u8],
        priority: u32,
        _wait: Wait,
    ) -> Result<(), TransportError> {
        self.waiting.push_back((frame.to_vec(), priority));
        Ok(())
    }
}

impl ReceiveFrames for Frames {
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        _wait: Wait,
    ) -> Result<Option<Arrival>, TransportError> {
        Ok(self.waiting.pop_front().map(|(frame, priority)| {
            *buffer = frame;
            Arrival { length: buffer.len(), priority }
        }))
    }
}

/// How much of a message has been sent.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Bytes of the message, as those that follow.
    sent: usize,
    length: usize,
    /// How much of each frame is none of the message.
    overhead: usize,
    /// The payload, if it goes by reference: removed when this is dropped before the end.
    published: Option<Published>,
}

impl Outbox<Frames> {
    /// Leaves to its user when a payload by reference has been sent.
    pub(crate) fn deferred(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Makes the frames of a value, which then wait to be sent.
    pub(crate) fn queue<T: Message>(
        &mut self,
        value: &T,
        priority: u32,
    ) -> Result<Progress, SendError> {
        // What an earlier call has left when it was given up is not ours.
        self.transport.waiting.clear();
        self.send(value, None, priority, Wait::Never)?;
        // Only of parts, of which there are more, it matters how much has been sent.
        let part = Fragment { sender: 0, total: 0, offset: 0 };
        let overhead = self.frame().fragment(part).overhead(&T::SCHEMA);
        let frames = self.transport.waiting.iter();
        let length = frames.map(|(frame, _)| frame.len().saturating_sub(overhead)).sum();
        Ok(Progress { sent: 0, length, overhead, published: self.published.take() })
    }
}

impl Progress {
    /// Notes what became of the next frame.
    pub(crate) fn note(
        &mut self,
        frame: &[u8],
        result: Result<(), TransportError>,
    ) -> Result<(), SendError> {
        let (sent, length) = (self.sent, self.length);
        result.map_err(|error| match sent {
            0 => SendError::Transport(error),
            _ => SendError::Interrupted { sent, length, error },
        })?;
        self.sent += frame.len().saturating_sub(self.overhead);
        Ok(())
    }

    /// Notes that all frames have been sent.
    pub(crate) fn finish(self) {
        if let Some(published) = self.published {
            published.sent();
        }
    }
}

/// Opens a queue for a runtime.
fn open<T: Message>(
    name: posix_ipc::Name,
    mode: OpenMode,
    capacity: usize,
) -> Result<AsyncMessageQueue, Error> {
    AsyncMessageQueue::new(crate::queue_options::<T>(capacity).mode(mode).open(name)?)
}

/// The constructors of both ends.
macro_rules! constructors {
    () => {
        /// Opens the queue, whatever its size.
        ///
        /// # Errors
        ///
        /// As [`MessageQueue::open`].
        pub fn open<N>(name: N) -> Result<Self, Error>
        where
            N: TryInto<posix_ipc::Name, Error: Into<Error>>,
        {
            let name = name.try_into().map_err(Into::into)?;
            open::<T>(name, OpenMode::OpenExisting, 1).map(Self::new)
        }

        /// Creates the queue, for `capacity` messages, of a message size that fits the type.
        ///
        /// # Errors
        ///
        /// As [`MessageQueue::create`].
        pub fn create<N>(name: N, capacity: usize) -> Result<Self, Error>
        where
            N: TryInto<posix_ipc::Name, Error: Into<Error>>,
        {
            let name = name.try_into().map_err(Into::into)?;
            open::<T>(name, OpenMode::CreateNew, capacity).map(Self::new)
        }

        /// The queue.
        pub fn queue(&self) -> &MessageQueue {
            self.queue.get_ref()
        }
    };
}

/// Sends values of type `T` over a message queue, on tokio.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{AsyncReceiver, AsyncSender};
///
/// # let name = posix_ipc::Name::unique("doc-typed-async");
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let mut receiver = AsyncReceiver::<String>::create(&name, 4)?;
/// let mut sender = AsyncSender::<String>::open(&name)?;
/// sender.send(&"hello".to_string()).await?;
/// assert_eq!(receiver.receive().await?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AsyncSender<T> {
    queue: AsyncMessageQueue,
    outbox: Outbox<Frames>,
    marker: PhantomData<fn(&T)>,
}

impl<T: Message> AsyncSender<T> {
    constructors!();

    /// Sends over a queue that a runtime waits for already.
    pub fn new(queue: AsyncMessageQueue) -> Self {
        let max_len = queue.get_ref().message_size();
        let outbox = Outbox::new(Frames { max_len, waiting: VecDeque::new() }).deferred();
        Self { queue, outbox, marker: PhantomData }
    }

    framing!(by_reference);

    /// Sends a value, waiting for room.
    ///
    /// Given up while it waits, it has sent nothing, unless the message goes in parts: its receiver
    /// then drops it.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent, unless it is [`SendError::Interrupted`].
    pub async fn send(&mut self, value: &T) -> Result<(), SendError> {
        self.send_priority(value, 0).await
    }

    /// Sends a value with this priority, waiting for room.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_priority(&mut self, value: &T, priority: u32) -> Result<(), SendError> {
        let mut progress = self.outbox.queue(value, priority)?;
        while let Some((frame, priority)) = self.outbox.transport.waiting.pop_front() {
            let sent = self.queue.send(&frame, priority).await;
            progress.note(&frame, sent.map_err(TransportError::from))?;
        }
        progress.finish();
        Ok(())
    }
}

/// Receives values of type `T` over a message queue, on tokio.
///
/// What [`Receiver`](crate::Receiver) says of other types and of messages in parts holds here too.
#[derive(Debug)]
pub struct AsyncReceiver<T> {
    queue: AsyncMessageQueue,
    inbox: Inbox<Frames>,
    marker: PhantomData<fn() -> T>,
}

impl<T: Message + DecodeOwned> AsyncReceiver<T> {
    constructors!();

    /// Receives over a queue that a runtime waits for already.
    pub fn new(queue: AsyncMessageQueue) -> Self {
        let max_len = queue.get_ref().message_size();
        let inbox = Inbox::new(Frames { max_len, waiting: VecDeque::new() });
        Self { queue, inbox, marker: PhantomData }
    }

    reassembling!(#[must_use]);

    /// Receives a value, waiting for one.
    ///
    /// Given up while it waits, it has lost nothing: parts that have come are kept.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub async fn receive(&mut self) -> Result<T, ReceiveError> {
        loop {
            let mut frame = Vec::new();
            let received = self.queue.receive(&mut frame).await;
            let (_, priority) = received.map_err(TransportError::failed)?;
            self.inbox.transport.waiting.push_back((frame, Priority::get(priority)));
            // No await from here on: what was received is either returned or kept.
            let value = self.inbox.receive_value(Wait::Never)?;
            if let Some(value) = value {
                return Ok(value);
            }
        }
    }
}
