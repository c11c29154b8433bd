//! [`AsyncRingSender`] and [`AsyncRingReceiver`]: the typed ends of a ring on tokio.

use std::collections::VecDeque;
use std::marker::PhantomData;

use posix_ipc::Result;
use posix_ipc::ring::{self, AsyncReceiver, AsyncSender, mpmc, spsc};

use crate::asynchronous::Frames;
use crate::inbox::{Inbox, ReceiveError, reassembling};
use crate::message::{DecodeOwned, Message};
use crate::outbox::{Outbox, framing};
use crate::sender::SendError;
use crate::transport::{Transport, TransportError, Wait};

/// Sends values of type `T` over a ring, on tokio.
///
/// `S` is [`spsc::Sender`] or [`mpmc::Sender`].
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::spsc;
/// use posix_ipc_typed::{AsyncRingReceiver, AsyncRingSender};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let (sender, receiver) = spsc::pair(4096)?;
/// let mut sender = AsyncRingSender::<String, _>::new(sender)?;
/// let mut receiver = AsyncRingReceiver::<String, _>::new(receiver)?;
/// sender.send(&"hello".to_string()).await?;
/// assert_eq!(receiver.receive().await?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AsyncRingSender<T, S = spsc::Sender> {
    ring: AsyncSender<S>,
    outbox: Outbox<Frames>,
    marker: PhantomData<fn(&T)>,
}

impl<T: Message, S: AwaitedRoom> AsyncRingSender<T, S> {
    /// Sends over a ring, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// As [`AsyncSender::new`].
    ///
    /// # Panics
    ///
    /// As [`AsyncSender::new`]: outside of a tokio runtime with I/O enabled.
    pub fn new(sender: S) -> Result<Self> {
        let max_len = sender.max_frame_len();
        let outbox = Outbox::new(Frames { max_len, waiting: VecDeque::new() }).deferred();
        Ok(Self { ring: sender.awaited()?, outbox, marker: PhantomData })
    }

    framing!(by_reference);

    /// The ring's end, to be used by itself again.
    pub fn into_ring(self) -> S {
        self.ring.into_inner()
    }

    /// Sends a value, waiting for room.
    ///
    /// Given up while it waits, it has sent nothing, unless the message goes in parts: its receiver
    /// then drops it.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent, unless it is [`SendError::Interrupted`].
    pub async fn send(&mut self, value: &T) -> std::result::Result<(), SendError> {
        self.send_priority(value, 0).await
    }

    /// Sends a value with this priority, a lane of a ring for many, waiting for room.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_priority(
        &mut self,
        value: &T,
        priority: u32,
    ) -> std::result::Result<(), SendError> {
        let mut progress = self.outbox.queue(value, priority)?;
        while let Some((frame, priority)) = self.outbox.transport.waiting.pop_front() {
            let sent = S::put(&mut self.ring, &frame, priority).await;
            progress.note(&frame, sent.map_err(TransportError::from))?;
        }
        progress.finish();
        Ok(())
    }
}

/// Receives values of type `T` over a ring, on tokio.
///
/// `R` is [`spsc::Receiver`] or [`mpmc::Receiver`]; the sender may be a [`Sender`](crate::Sender) as
/// ever, and notices nothing. What [`Receiver`](crate::Receiver) says of other types and of messages in
/// parts holds here too.
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::spsc;
/// use posix_ipc_typed::{AsyncRingReceiver, Sender};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let (sender, receiver) = spsc::pair(4096)?;
/// let mut sender = Sender::<String, _>::new(sender);
/// let mut receiver = AsyncRingReceiver::<String, _>::new(receiver)?;
/// std::thread::spawn(move || sender.send(&"from a thread".to_string()));
/// assert_eq!(receiver.receive().await?, "from a thread");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AsyncRingReceiver<T, R = spsc::Receiver> {
    ring: AsyncReceiver<R>,
    inbox: Inbox<Frames>,
    marker: PhantomData<fn() -> T>,
}

impl<T, R> AsyncRingReceiver<T, R> {
    reassembling!(#[must_use]);

    /// The ring's end, for all that does not wait.
    pub fn ring_mut(&mut self) -> &mut R {
        self.ring.get_mut()
    }

    /// The ring's end, to be used by itself again.
    pub fn into_ring(self) -> R {
        self.ring.into_inner()
    }
}

impl<T: DecodeOwned, R: AwaitedRing> AsyncRingReceiver<T, R> {
    /// Receives over a ring, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// As [`AsyncReceiver::new`].
    ///
    /// # Panics
    ///
    /// As [`AsyncReceiver::new`]: outside of a tokio runtime with I/O enabled.
    pub fn new(receiver: R) -> Result<Self> {
        let ring = receiver.awaited()?;
        // Frames of any length are handed over in vectors of their own.
        let frames = Frames { max_len: usize::MAX, waiting: VecDeque::new() };
        Ok(Self { ring, inbox: Inbox::new(frames), marker: PhantomData })
    }

    /// Receives a value, waiting for one.
    ///
    /// Given up while it waits, it has lost nothing: parts that have come are kept.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub async fn receive(&mut self) -> std::result::Result<T, ReceiveError> {
        loop {
            let frame = R::next(&mut self.ring).await.map_err(TransportError::from)?;
            self.inbox.transport.waiting.push_back(frame);
            // No await from here on: what was received is either returned or kept.
            if let Some(value) = self.inbox.receive_value(Wait::Never)? {
                return Ok(value);
            }
        }
    }
}

/// The receiving end of a ring that can be awaited: [`spsc::Receiver`] and [`mpmc::Receiver`].
pub trait AwaitedRing: sealed::Sealed + Sized {
    /// Starts the bridge.
    #[doc(hidden)]
    fn awaited(self) -> Result<AsyncReceiver<Self>>;

    /// The next frame and its priority.
    #[doc(hidden)]
    fn next(
        ring: &mut AsyncReceiver<Self>,
    ) -> impl Future<Output = std::result::Result<(Vec<u8>, u32), ring::ReceiveError>> + Send;
}

/// The sending end of a ring whose room can be awaited: [`spsc::Sender`] and [`mpmc::Sender`].
pub trait AwaitedRoom: sealed::Sealed + Transport + Sized {
    /// Starts the bridge.
    #[doc(hidden)]
    fn awaited(self) -> Result<AsyncSender<Self>>;

    /// Sends a frame.
    #[doc(hidden)]
    fn put(
        ring: &mut AsyncSender<Self>,
        frame: &[u8],
        priority: u32,
    ) -> impl Future<Output = std::result::Result<(), ring::SendError>> + Send;
}

impl AwaitedRoom for spsc::Sender {
    fn awaited(self) -> Result<AsyncSender<Self>> {
        AsyncSender::new(self)
    }

    async fn put(
        ring: &mut AsyncSender<Self>,
        frame: &[u8],
        _priority: u32,
    ) -> std::result::Result<(), ring::SendError> {
        ring.send(frame).await
    }
}

impl AwaitedRoom for mpmc::Sender {
    fn awaited(self) -> Result<AsyncSender<Self>> {
        AsyncSender::new(self)
    }

    async fn put(
        ring: &mut AsyncSender<Self>,
        frame: &[u8],
        priority: u32,
    ) -> std::result::Result<(), ring::SendError> {
        ring.send(frame, priority).await
    }
}

mod sealed {
    //! Keeps others from implementing what may grow.

    pub trait Sealed {}
    impl Sealed for posix_ipc::ring::spsc::Receiver {}
    impl Sealed for posix_ipc::ring::mpmc::Receiver {}
    impl Sealed for posix_ipc::ring::spsc::Sender {}
    impl Sealed for posix_ipc::ring::mpmc::Sender {}
}

impl AwaitedRing for spsc::Receiver {
    fn awaited(self) -> Result<AsyncReceiver<Self>> {
        AsyncReceiver::new(self)
    }

    async fn next(
        ring: &mut AsyncReceiver<Self>,
    ) -> std::result::Result<(Vec<u8>, u32), ring::ReceiveError> {
        Ok((ring.receive_vec().await?, 0))
    }
}

impl AwaitedRing for mpmc::Receiver {
    fn awaited(self) -> Result<AsyncReceiver<Self>> {
        AsyncReceiver::new(self)
    }

    async fn next(
        ring: &mut AsyncReceiver<Self>,
    ) -> std::result::Result<(Vec<u8>, u32), ring::ReceiveError> {
        let (frame, priority) = ring.receive_vec().await?;
        Ok((frame, priority.get()))
    }
}
