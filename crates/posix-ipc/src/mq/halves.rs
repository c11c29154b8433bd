//! [`Sender`] and [`Receiver`]: halves of a queue whose type says the direction.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Buf;

use super::batch::{Batch, Messages, TryMessages};
use super::error::SendError;
use super::receive::ReceiveBuffer;
use super::{Attributes, MessageQueue};
use crate::error::{Error, Result};
use crate::name::Name;
use crate::priority::Priority;

/// The sending half of a queue.
///
/// Clones share one handle. It comes from [`MessageQueue::split`], or from
/// [`open_sender`](super::MessageQueueOptions::open_sender), which needs write permission alone.
///
/// # Examples
///
/// ```
/// use posix_ipc::MessageQueue;
/// # use posix_ipc::Name;
/// # let name = Name::unique("doc-mq-halves");
///
/// let (sender, receiver) = MessageQueue::create(&name, 4, 64)?.split();
/// std::thread::spawn(move || sender.send(b"from a thread", 0)).join().unwrap()?;
/// assert_eq!(receiver.receive_vec()?.0, b"from a thread");
/// # Ok::<(), posix_ipc::Error>(())
/// ```
///
/// The type knows the direction:
///
/// ```compile_fail,E0599
/// # let (sender, receiver) = posix_ipc::MessageQueue::create("/doc-mq-no", 4, 64)?.split();
/// sender.receive_vec()?;
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sender {
    queue: Arc<MessageQueue>,
}

/// The receiving half of a queue.
///
/// Clones share one handle, and each message goes to one of them. It comes from
/// [`MessageQueue::split`], or from
/// [`open_receiver`](super::MessageQueueOptions::open_receiver), which needs read permission alone.
///
/// # Examples
///
/// See [`Sender`].
#[derive(Debug, Clone)]
pub struct Receiver {
    queue: Arc<MessageQueue>,
}

impl MessageQueue {
    /// Makes two halves of the handle, which closes with the last of them.
    pub fn split(self) -> (Sender, Receiver) {
        let queue = Arc::new(self);
        (Sender::new(Arc::clone(&queue)), Receiver::new(queue))
    }

    /// Opens the queue `name` for sending alone.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none; otherwise as
    /// [`MessageQueueOptions::open`](super::MessageQueueOptions::open).
    pub fn open_sender<N>(name: N) -> Result<Sender>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().open_sender(name)
    }

    /// Opens the queue `name` for receiving alone.
    ///
    /// # Errors
    ///
    /// As [`open_sender`](Self::open_sender).
    pub fn open_receiver<N>(name: N) -> Result<Receiver>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().open_receiver(name)
    }
}

/// What both halves have.
macro_rules! half {
    ($half:ident) => {
        impl $half {
            pub(super) fn new(queue: Arc<MessageQueue>) -> Self {
                Self { queue }
            }

            /// The name that the queue was opened by.
            pub fn name(&self) -> &Name {
                self.queue.name()
            }

            /// How many messages the queue holds.
            pub fn capacity(&self) -> usize {
                self.queue.capacity()
            }

            /// How many bytes a message may have.
            pub fn message_size(&self) -> usize {
                self.queue.message_size()
            }

            /// As [`MessageQueue::attributes`].
            ///
            /// # Errors
            ///
            /// As there.
            pub fn attributes(&self) -> Result<Attributes> {
                self.queue.attributes()
            }

            /// As [`MessageQueue::keep`].
            pub fn keep(&self) {
                self.queue.keep();
            }
        }

        /// The queue's descriptor, for polling.
        #[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
        impl std::os::fd::AsFd for $half {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.queue.as_fd()
            }
        }
    };
}
half!(Sender);
half!(Receiver);

impl Sender {
    /// As [`MessageQueue::send`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.send(message, priority)
    }

    /// As [`MessageQueue::try_send`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn try_send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.try_send(message, priority)
    }

    /// As [`MessageQueue::send_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_timeout<P>(
        &self,
        message: &[u8],
        priority: P,
        timeout: Duration,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.send_timeout(message, priority, timeout)
    }

    /// As [`MessageQueue::send_deadline`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_deadline<P>(
        &self,
        message: &[u8],
        priority: P,
        deadline: Instant,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.send_deadline(message, priority, deadline)
    }

    /// As [`MessageQueue::send_deadline_realtime`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_deadline_realtime<P>(
        &self,
        message: &[u8],
        priority: P,
        deadline: SystemTime,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.send_deadline_realtime(message, priority, deadline)
    }

    /// As [`MessageQueue::send_vectored`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_vectored<P>(&self, pieces: &[IoSlice<'_>], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.send_vectored(pieces, priority)
    }

    /// As [`MessageQueue::send_buf`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_buf<B, P>(&self, message: &mut B, priority: P) -> Result<(), SendError>
    where
        B: Buf,
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.send_buf(message, priority)
    }

    /// As [`MessageQueue::try_send_buf`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_send_buf<B, P>(&self, message: &mut B, priority: P) -> Result<(), SendError>
    where
        B: Buf,
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        self.queue.try_send_buf(message, priority)
    }
}

impl Receiver {
    /// As [`MessageQueue::receive`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn receive<B: ReceiveBuffer>(&self, buffer: B) -> Result<(B::Output, Priority)> {
        self.queue.receive(buffer)
    }

    /// As [`MessageQueue::receive_vec`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn receive_vec(&self) -> Result<(Vec<u8>, Priority)> {
        self.queue.receive_vec()
    }

    /// As [`MessageQueue::try_receive`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn try_receive<B: ReceiveBuffer>(
        &self,
        buffer: B,
    ) -> Result<Option<(B::Output, Priority)>> {
        self.queue.try_receive(buffer)
    }

    /// As [`MessageQueue::receive_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn receive_timeout<B: ReceiveBuffer>(
        &self,
        buffer: B,
        timeout: Duration,
    ) -> Result<Option<(B::Output, Priority)>> {
        self.queue.receive_timeout(buffer, timeout)
    }

    /// As [`MessageQueue::receive_deadline`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn receive_deadline<B: ReceiveBuffer>(
        &self,
        buffer: B,
        deadline: Instant,
    ) -> Result<Option<(B::Output, Priority)>> {
        self.queue.receive_deadline(buffer, deadline)
    }

    /// As [`MessageQueue::receive_deadline_realtime`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn receive_deadline_realtime<B: ReceiveBuffer>(
        &self,
        buffer: B,
        deadline: SystemTime,
    ) -> Result<Option<(B::Output, Priority)>> {
        self.queue.receive_deadline_realtime(buffer, deadline)
    }

    /// As [`MessageQueue::try_receive_batch`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_receive_batch(&self, batch: &mut Batch) -> Result<usize> {
        self.queue.try_receive_batch(batch)
    }

    /// As [`MessageQueue::receive_batch`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn receive_batch(&self, batch: &mut Batch) -> Result<usize> {
        self.queue.receive_batch(batch)
    }

    /// As [`MessageQueue::messages`].
    pub fn messages(&self) -> Messages<'_> {
        self.queue.messages()
    }

    /// As [`MessageQueue::try_messages`].
    pub fn try_messages(&self) -> TryMessages<'_> {
        self.queue.try_messages()
    }

    /// As [`MessageQueue::drain`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn drain(&self, each: impl FnMut(&[u8], Priority)) -> Result<usize> {
        self.queue.drain(each)
    }
}
