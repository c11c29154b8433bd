//! [`AsyncReceiver`] and [`AsyncSender`]: ends that are awaited on tokio.

use std::os::fd::{AsFd, OwnedFd};

use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

use super::error::{ReceiveError, SendError};
use super::notified::{Notified, Notifying};
use super::{mpmc, spsc};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::priority::Priority;

/// A receiver whose messages are awaited on tokio, by the bridge of [`Notified`].
///
/// Receiving is cancel-safe: a message is taken in the same step in which it is returned.
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::{AsyncReceiver, spsc};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let (mut sender, receiver) = spsc::pair(4096)?;
/// let mut receiver = AsyncReceiver::new(receiver)?;
/// std::thread::spawn(move || sender.send(b"from a thread"));
/// assert_eq!(receiver.receive_vec().await?, b"from a thread");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AsyncReceiver<R> {
    notified: Notified<R>,
    descriptor: AsyncFd<OwnedFd>,
}

impl<R: Notifying> AsyncReceiver<R> {
    /// Starts the bridge, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if descriptors or threads run out.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn new(receiver: R) -> Result<Self> {
        let notified = Notified::new(receiver)?;
        let descriptor = register(&notified)?;
        Ok(Self { notified, descriptor })
    }
}

impl<R> AsyncReceiver<R> {
    /// The receiver itself, for all that does not wait.
    pub fn get_mut(&mut self) -> &mut R {
        self.notified.get_mut()
    }

    /// Ends the bridge and gives the receiver back.
    pub fn into_inner(self) -> R {
        self.notified.into_inner()
    }
}

impl AsyncReceiver<spsc::Receiver> {
    /// Receives the next message, when there is one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::PeerGone`] and [`ReceiveError::Corrupt`] as for
    /// [`receive`](spsc::Receiver::receive).
    pub async fn receive_vec(&mut self) -> std::result::Result<Vec<u8>, ReceiveError> {
        loop {
            if let Some(message) = self.notified.try_receive_vec()? {
                return Ok(message);
            }
            readable(&self.descriptor).await;
        }
    }
}

impl AsyncReceiver<mpmc::Receiver> {
    /// Receives the next message and its priority, when there is one for us.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    pub async fn receive_vec(&mut self) -> std::result::Result<(Vec<u8>, Priority), ReceiveError> {
        loop {
            if let Some(message) = self.notified.try_receive_vec()? {
                return Ok(message);
            }
            readable(&self.descriptor).await;
        }
    }
}

/// A sender that awaits room on tokio, by the bridge of [`Notified`], which waits for room in this
/// direction.
///
/// Sending is cancel-safe: a message is sent as a whole in the same step in which the future is
/// ready, so that of a future that was dropped before nothing was sent.
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::{AsyncReceiver, AsyncSender, spsc};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let (sender, receiver) = spsc::pair(4096)?;
/// let (mut sender, mut receiver) = (AsyncSender::new(sender)?, AsyncReceiver::new(receiver)?);
/// let sending = tokio::spawn(async move {
///     for _ in 0..10 {
///         sender.send(&[7; 4000]).await?; // there is room for one at a time
///     }
///     Ok::<_, posix_ipc::ring::SendError>(())
/// });
/// for _ in 0..10 {
///     assert_eq!(receiver.receive_vec().await?, [7; 4000]);
/// }
/// sending.await??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AsyncSender<S> {
    notified: Notified<S>,
    descriptor: AsyncFd<OwnedFd>,
}

impl<S: Notifying> AsyncSender<S> {
    /// Starts the bridge, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if descriptors or threads run out.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn new(sender: S) -> Result<Self> {
        let notified = Notified::new(sender)?;
        let descriptor = register(&notified)?;
        Ok(Self { notified, descriptor })
    }
}

impl<S> AsyncSender<S> {
    /// The sender itself, for all that does not wait.
    pub fn get_mut(&mut self) -> &mut S {
        self.notified.get_mut()
    }

    /// Ends the bridge and gives the sender back.
    pub fn into_inner(self) -> S {
        self.notified.into_inner()
    }
}

impl AsyncSender<spsc::Sender> {
    /// Sends a message, when there is room.
    ///
    /// # Errors
    ///
    /// As [`send`](spsc::Sender::send): [`SendError::PeerGone`] within the [liveness
    /// interval](spsc::Options::liveness_interval).
    pub async fn send(&mut self, message: &[u8]) -> std::result::Result<(), SendError> {
        loop {
            match self.notified.try_send(message) {
                Err(SendError::Full) => readable(&self.descriptor).await,
                result => return result,
            }
        }
    }
}

impl AsyncSender<mpmc::Sender> {
    /// Sends a message, when there is room in its lane for us.
    ///
    /// # Errors
    ///
    /// As [`send`](mpmc::Sender::send).
    pub async fn send<P>(
        &mut self,
        message: &[u8],
        priority: P,
    ) -> std::result::Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        loop {
            match self.notified.try_send(message, priority) {
                Err(SendError::Full) => readable(&self.descriptor).await,
                result => return result,
            }
        }
    }
}

/// Lets the runtime watch the bridge's descriptor.
fn register(descriptor: &impl AsFd) -> Result<AsyncFd<OwnedFd>> {
    let error = |failed: std::io::Error| Error::Os {
        operation: "await",
        kind: Kind::Ring,
        name: None,
        errno: crate::Errno::from_io_error(&failed).unwrap_or(crate::Errno::IO),
        hint: Some("it needs a tokio runtime with I/O enabled".into()),
    };
    let own = descriptor.as_fd().try_clone_to_owned().map_err(error)?;
    #[allow(
        deprecated,
        reason = "the new name is unsafe, and asks that the descriptor stays the same and open: \
                  it is a duplicate that the registration owns"
    )]
    let registered = AsyncFd::try_with_interest(own, Interest::READABLE)
        .map_err(|failed| error(failed.into_parts().1))?;
    Ok(registered)
}

/// Waits until the bridge says that there may be something.
async fn readable(descriptor: &AsyncFd<OwnedFd>) {
    if let Ok(mut guard) = descriptor.readable().await {
        // The next look empties the descriptor, if it finds nothing.
        guard.clear_ready_matching(Ready::READABLE);
    }
}
