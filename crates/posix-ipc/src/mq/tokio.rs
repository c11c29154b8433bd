//! [`AsyncMessageQueue`]: sending and receiving on tokio.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use futures_core::Stream;
use futures_sink::Sink;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::MessageQueue;
use super::error::SendError;
use super::priority::Priority;
use super::receive::ReceiveBuffer;
use super::wait::Outcome;
use crate::error::{Error, Result};

/// A message queue on tokio.
///
/// Any number of tasks may send and receive through `&self` at once; each message goes to one of
/// them. Every method is safe to cancel: a future that is dropped before it is ready has neither
/// sent nor received anything.
///
/// The handle that it is made of need not be non-blocking.
///
/// # Examples
///
/// ```
/// use posix_ipc::mq::AsyncMessageQueue;
/// use posix_ipc::{MessageQueue, Name};
///
/// # let name = Name::unique("doc-mq-tokio");
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
/// # runtime.block_on(async {
/// let queue = AsyncMessageQueue::new(MessageQueue::create(&name, 4, 64)?)?;
/// queue.send(b"news", 5).await?;
/// let (message, priority) = queue.receive_vec().await?;
/// assert_eq!((&message[..], priority.get()), (&b"news"[..], 5));
/// # Ok::<(), posix_ipc::Error>(())
/// # })?;
/// # Ok::<(), posix_ipc::Error>(())
/// ```
pub struct AsyncMessageQueue {
    io: AsyncFd<MessageQueue>,
}

impl AsyncMessageQueue {
    /// Registers the queue with the runtime that it is called in.
    ///
    /// # Errors
    ///
    /// What the system says to another descriptor in `epoll`.
    ///
    /// # Panics
    ///
    /// As everything in tokio: outside of a runtime, or if its IO is not enabled.
    pub fn new(queue: MessageQueue) -> Result<Self> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        #[allow(
            deprecated,
            reason = "the new name is unsafe, and asks that the descriptor stays the same and open: \
                      a handle keeps its one descriptor until it is dropped"
        )]
        match AsyncFd::try_with_interest(queue, interest) {
            Ok(io) => Ok(Self { io }),
            Err(error) => {
                let (queue, cause) = error.into_parts();
                let errno = Errno::from_io_error(&cause).unwrap_or(Errno::INVAL);
                Err(queue.error("register with tokio", errno))
            }
        }
    }

    /// The queue itself, for everything that does not wait.
    pub fn get_ref(&self) -> &MessageQueue {
        self.io.get_ref()
    }

    /// Takes the queue back from the runtime.
    pub fn into_inner(self) -> MessageQueue {
        self.io.into_inner()
    }

    /// Sends `message`, waiting as long as the queue is full.
    ///
    /// # Errors
    ///
    /// As [`MessageQueue::send`], but never [`SendError::Full`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was sent.
    pub async fn send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        loop {
            let mut ready = self.io.writable().await.map_err(|cause| self.failed(&cause))?;
            match self.get_ref().try_send(message, priority) {
                Err(SendError::Full) => ready.clear_ready(),
                other => return other,
            }
        }
    }

    /// Sends what `message` has left as one message, waiting as long as the queue is full,
    /// and consumes it.
    ///
    /// # Errors
    ///
    /// As [`MessageQueue::send_buf`], but never [`SendError::Full`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was sent and `message` is whole.
    pub async fn send_buf<B, P>(&self, message: &mut B, priority: P) -> Result<(), SendError>
    where
        B: Buf,
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        loop {
            let mut ready = self.io.writable().await.map_err(|cause| self.failed(&cause))?;
            match self.get_ref().try_send_buf(message, priority) {
                Err(SendError::Full) => ready.clear_ready(),
                other => return other,
            }
        }
    }

    /// Receives into `buffer`, waiting as long as the queue is empty.
    ///
    /// # Errors
    ///
    /// As [`MessageQueue::receive`], but never `EAGAIN`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was received.
    pub async fn receive<B: ReceiveBuffer>(&self, buffer: B) -> Result<(B::Output, Priority)> {
        let queue = self.get_ref();
        let mut buffer = buffer.into_raw(queue.message_size());
        loop {
            let mut ready = self.io.readable().await.map_err(|cause| self.failed(&cause))?;
            buffer = match queue.attempt(buffer) {
                Ok(received) => return Ok(received),
                Err((Outcome::Failed(Errno::INTR), buffer)) => buffer,
                Err((Outcome::Failed(errno), _)) => return Err(queue.error("receive from", errno)),
                Err((_, buffer)) => {
                    ready.clear_ready();
                    buffer
                }
            };
        }
    }

    /// Receives into a new vector, waiting as long as the queue is empty.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    ///
    /// # Cancel safety
    ///
    /// As [`receive`](Self::receive).
    pub async fn receive_vec(&self) -> Result<(Vec<u8>, Priority)> {
        let mut message = Vec::new();
        let (_, priority) = self.receive(&mut message).await?;
        Ok((message, priority))
    }

    /// Makes a stream of the messages.
    pub fn into_stream(self) -> MessageStream {
        MessageStream { queue: Arc::new(self), scratch: Vec::new() }
    }

    /// Makes a sink of the queue, for messages with priorities.
    pub fn into_sink<M: AsRef<[u8]>>(self) -> MessageSink<M> {
        MessageSink { queue: Arc::new(self), waiting: None }
    }

    /// Makes a stream and a sink of the queue.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::mq::{AsyncMessageQueue, Priority}; use posix_ipc::{MessageQueue, Name};
    /// # let name = Name::unique("doc-mq-stream");
    /// use futures_util::{SinkExt, StreamExt};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    /// # runtime.block_on(async {
    /// let queue = AsyncMessageQueue::new(MessageQueue::create(&name, 4, 64)?)?;
    /// let (mut stream, mut sink) = queue.into_stream_and_sink();
    /// sink.send(("news", Priority::LOWEST)).await?;
    /// let (message, _priority) = stream.next().await.unwrap()?;
    /// assert_eq!(message, b"news");
    /// # Ok::<(), posix_ipc::Error>(())
    /// # })?;
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn into_stream_and_sink<M: AsRef<[u8]>>(self) -> (MessageStream, MessageSink<M>) {
        let queue = Arc::new(self);
        let sink = MessageSink { queue: Arc::clone(&queue), waiting: None };
        (MessageStream { queue, scratch: Vec::new() }, sink)
    }

    #[cold]
    fn failed(&self, cause: &std::io::Error) -> Error {
        // Without a number it is the runtime that has shut down.
        let errno = Errno::from_io_error(cause).unwrap_or(Errno::CANCELED);
        self.get_ref().error("wait for", errno)
    }
}

impl fmt::Debug for AsyncMessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncMessageQueue").field(self.get_ref()).finish()
    }
}

impl AsFd for AsyncMessageQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

/// The messages of a queue, one after the other; it never ends.
///
/// An error is an item, and does not end it: going on tries again.
///
/// There is one stream a queue, since it keeps the one waker that polling has.
#[derive(Debug)]
pub struct MessageStream {
    queue: Arc<AsyncMessageQueue>,
    scratch: Vec<u8>,
}

impl Stream for MessageStream {
    type Item = Result<(Vec<u8>, Priority)>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { queue, scratch } = self.get_mut();
        loop {
            let mut ready = match ready!(queue.io.poll_read_ready(context)) {
                Ok(ready) => ready,
                Err(cause) => return Poll::Ready(Some(Err(queue.failed(&cause)))),
            };
            scratch.clear();
            match queue.get_ref().try_receive(&mut *scratch) {
                Ok(Some((_, priority))) => {
                    return Poll::Ready(Some(Ok((scratch.as_slice().to_vec(), priority))));
                }
                Ok(None) => ready.clear_ready(),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

/// Takes messages with priorities, and sends them when there is room.
///
/// It holds one message back at most. A message that can't be sent is an error of the next
/// call, and is gone then.
///
/// There is one sink a queue, since it keeps the one waker that polling has.
#[derive(Debug)]
pub struct MessageSink<M> {
    queue: Arc<AsyncMessageQueue>,
    waiting: Option<(M, Priority)>,
}

impl<M: AsRef<[u8]>> MessageSink<M> {
    /// The message that is held back, which a sink that is dropped does not send.
    pub fn waiting(&self) -> Option<&M> {
        self.waiting.as_ref().map(|(message, _)| message)
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        while let Some((message, priority)) = &self.waiting {
            let mut ready = match ready!(self.queue.io.poll_write_ready(context)) {
                Ok(ready) => ready,
                Err(cause) => return Poll::Ready(Err(self.queue.failed(&cause).into())),
            };
            match self.queue.get_ref().try_send(message.as_ref(), *priority) {
                Err(SendError::Full) => ready.clear_ready(),
                other => {
                    self.waiting = None;
                    other?;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<M: AsRef<[u8]> + Unpin> Sink<(M, Priority)> for MessageSink<M> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_send(context)
    }

    fn start_send(self: Pin<&mut Self>, message: (M, Priority)) -> Result<(), SendError> {
        self.get_mut().waiting = Some(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_send(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_send(context)
    }
}
