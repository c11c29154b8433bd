//! [`AsyncMessageQueue`]: sending and receiving on tokio.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Buf;
use futures_core::Stream;
use futures_sink::Sink;
use posix_ipc_sys::mq::Buffer;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::task::coop;

use super::MessageQueue;
use super::eager::{Eager, TRIES};
use super::error::SendError;
use super::receive::ReceiveBuffer;
use super::wait::Outcome;
use crate::error::{Error, Result};
use crate::priority::Priority;

/// A message queue on tokio.
///
/// Any number of tasks may send and receive through `&self` at once; each message goes to one of
/// them. Every method is safe to cancel: a future that is dropped before it is ready has neither
/// sent nor received anything.
///
/// The handle that it is made of becomes non-blocking, and stays so. The first call that has to wait
/// registers the queue with the runtime that [`new`](Self::new) was called in; it panics, as
/// everything in tokio, if that runtime has no IO enabled.
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
    // Before the queue: what is registered with the runtime goes first.
    readable: Registration<Borrowed>,
    writable: Registration<OwnedFd>,
    runtime: Handle,
    eager: Eager,
    queue: MessageQueue,
}

/// The interest in one direction, registered with the runtime when somebody has to wait.
///
/// A registration wakes its thread for whatever happens to the queue, also when a peer takes the
/// message that was just sent: a handle that is used in one direction must not have the other.
struct Registration<F: AsRawFd> {
    io: OnceLock<AsyncFd<F>>,
    making: Mutex<()>,
}

/// What a try that does not wait has brought.
enum Attempt<B: Buffer> {
    Received((B::Output, Priority)),
    /// Nothing; the buffer is given back.
    Empty(B),
}

/// The queue's descriptor, which stays open as long as the field after it.
struct Borrowed(RawFd);

impl AsRawFd for Borrowed {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl<F: AsRawFd> Registration<F> {
    const fn new() -> Self {
        Self { io: OnceLock::new(), making: Mutex::new(()) }
    }

    /// The registration, made by the first who comes.
    fn get(
        &self,
        runtime: &Handle,
        interest: Interest,
        descriptor: impl FnOnce() -> io::Result<F>,
    ) -> io::Result<&AsyncFd<F>> {
        if let Some(io) = self.io.get() {
            return Ok(io);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(io) = self.io.get() {
            return Ok(io);
        }
        let _entered = runtime.enter();
        #[allow(
            deprecated,
            reason = "the new name is unsafe, and asks that the descriptor stays the same and open: \
                      it is the queue's, or a duplicate that the registration owns"
        )]
        let io = AsyncFd::with_interest(descriptor()?, interest)?;
        Ok(self.io.get_or_init(|| io))
    }
}

impl AsyncMessageQueue {
    /// Makes the queue one of the runtime that it is called in.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] outside of a runtime.
    pub fn new(queue: MessageQueue) -> Result<Self> {
        let Ok(runtime) = Handle::try_current() else {
            return Err(Error::Argument {
                argument: "runtime",
                reason: "an AsyncMessageQueue is made within a runtime of tokio",
            });
        };
        // Not what keeps a call from waiting: that is the deadline of its own, since others may
        // change the flag. But a call that would wait is told so sooner.
        queue.set_nonblocking(true)?;
        Ok(Self {
            readable: Registration::new(),
            writable: Registration::new(),
            runtime,
            eager: Eager::default(),
            queue,
        })
    }

    fn readable(&self) -> Result<&AsyncFd<Borrowed>> {
        self.readable
            .get(&self.runtime, Interest::READABLE, || Ok(Borrowed(self.queue.as_raw_fd())))
            .map_err(|cause| self.failed(&cause))
    }

    /// On a descriptor of its own: `epoll` takes each but once.
    fn writable(&self) -> Result<&AsyncFd<OwnedFd>> {
        self.writable
            .get(&self.runtime, Interest::WRITABLE, || self.queue.as_fd().try_clone_to_owned())
            .map_err(|cause| self.failed(&cause))
    }

    /// The queue itself, for everything that does not wait.
    pub fn get_ref(&self) -> &MessageQueue {
        &self.queue
    }

    /// Takes the queue back from the runtime.
    pub fn into_inner(self) -> MessageQueue {
        let Self { readable, writable, queue, .. } = self;
        drop((readable, writable));
        queue
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
        coop::consume_budget().await;
        match self.queue.try_send(message, priority) {
            Err(SendError::Full) => {}
            other => return other,
        }
        let io = self.writable()?;
        loop {
            let mut ready = io.writable().await.map_err(|cause| self.failed(&cause))?;
            match self.queue.try_send(message, priority) {
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
        coop::consume_budget().await;
        match self.queue.try_send_buf(message, priority) {
            Err(SendError::Full) => {}
            other => return other,
        }
        let io = self.writable()?;
        loop {
            let mut ready = io.writable().await.map_err(|cause| self.failed(&cause))?;
            match self.queue.try_send_buf(message, priority) {
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
        coop::consume_budget().await;
        let io = self.readable()?;
        let mut buffer = match self.first_attempt(io, buffer.into_raw(self.queue.message_size()))? {
            Attempt::Received(received) => return Ok(received),
            Attempt::Empty(buffer) => buffer,
        };
        if self.eager.is_worth_it() {
            for _ in 0..TRIES {
                buffer = match self.attempt(buffer)? {
                    Attempt::Received(received) => {
                        self.eager.succeeded();
                        return Ok(received);
                    }
                    Attempt::Empty(buffer) => buffer,
                };
            }
            self.eager.failed();
        }
        loop {
            let mut ready = io.readable().await.map_err(|cause| self.failed(&cause))?;
            buffer = match self.attempt(buffer)? {
                Attempt::Received(received) => return Ok(received),
                Attempt::Empty(buffer) => buffer,
            };
            ready.clear_ready();
        }
    }

    /// One try, if the queue was readable when it was last heard of; if in vain, that is forgotten,
    /// so that the next wait does not begin with another.
    fn first_attempt<B: Buffer>(&self, io: &AsyncFd<Borrowed>, buffer: B) -> Result<Attempt<B>> {
        let mut buffer = Some(buffer);
        let mut outcome = None;
        let _ = io.try_io(Interest::READABLE, |_| {
            let attempt = buffer.take().map(|buffer| self.attempt(buffer));
            let empty = matches!(attempt, Some(Ok(Attempt::Empty(_))));
            outcome = attempt;
            if empty { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match (outcome, buffer) {
            (Some(outcome), _) => outcome,
            (None, Some(buffer)) => Ok(Attempt::Empty(buffer)),
            // The buffer was taken by the attempt, which has an outcome.
            (None, None) => Err(self.queue.error("receive from", Errno::INVAL)),
        }
    }

    /// One try that does not wait.
    fn attempt<B: Buffer>(&self, mut buffer: B) -> Result<Attempt<B>> {
        loop {
            buffer = match self.queue.attempt(buffer) {
                Ok(received) => return Ok(Attempt::Received(received)),
                Err((Outcome::Failed(Errno::INTR), buffer)) => buffer,
                Err((Outcome::Failed(errno), _)) => {
                    return Err(self.queue.error("receive from", errno));
                }
                Err((_, buffer)) => return Ok(Attempt::Empty(buffer)),
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
    fn failed(&self, cause: &io::Error) -> Error {
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
        let io = match queue.readable() {
            Ok(io) => io,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        loop {
            let mut ready = match ready!(io.poll_read_ready(context)) {
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
            let mut ready = match ready!(self.queue.writable()?.poll_write_ready(context)) {
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
