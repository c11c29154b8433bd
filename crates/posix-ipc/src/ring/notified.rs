//! [`Notified`]: an end with a descriptor that becomes readable when there is a message, or room
//! for one, for `poll`, `epoll` and what stands on them.
//!
//! A ring has no descriptor of its own, and needs none while messages flow. The bridge is a thread
//! of the end's process, which sleeps on the ring's futex in the end's place and writes to an
//! `eventfd`; so it works with every peer, in every language, and costs the peer nothing. It is the
//! same in both directions: a sender's thread waits for room.
//!
//! A round trip in which every wait sleeps takes about 1.4 times as long on tokio as between
//! threads that block (`cargo bench --bench ring -- ring/bridge`); one that finds what it
//! looks for costs the same. A FIFO or a descriptor passed from process to process would have put
//! a system call into every publication of the peer, in whatever language.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::error::{ReceiveError, SendError};
use super::{mpmc, spsc};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::priority::Priority;

/// What the bridge's thread waits for; it has what it needs of the ring.
pub trait Source: Send + Sync + 'static {
    /// Sleeps until there may be a message, or room, or the peer has gone, or `until` says so.
    fn wait(&self, until: &dyn Fn() -> bool);
    /// Makes a sleeping `wait` look again.
    fn interrupt(&self);
}

/// An end that can be made to notify: a receiver or sender of an [spsc] or an [mpmc] ring.
pub trait Notifying {
    /// What the bridge waits for.
    fn source(&self) -> Arc<dyn Source>;
    /// Before the source waits: from where on messages are news.
    fn prepare(&mut self);
}

/// An end with a descriptor that becomes readable when there is something to receive, or room to
/// send.
///
/// Receive until there is nothing ([`try_receive_vec`](Self::try_receive_vec) gives `None`); then
/// wait until the descriptor is readable, beside whatever else there is to wait for, and go on
/// receiving. While messages keep coming, no system call is made; when the receiver
/// has to wait, the way over the bridge adds a switch of threads to the wake.
///
/// A sender likewise: send until the ring is full; then the descriptor becomes *readable* (not
/// writable) when there is room for the message that there was none for.
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::{Notified, spsc};
/// use rustix::event::{PollFd, PollFlags, poll};
///
/// let (mut sender, receiver) = spsc::pair(4096)?;
/// let mut receiver = Notified::new(receiver)?;
/// assert_eq!(receiver.try_receive_vec()?, None);
/// sender.send(b"hello")?;
/// poll(&mut [PollFd::new(&receiver, PollFlags::IN)], None)?;
/// assert_eq!(receiver.try_receive_vec()?, Some(b"hello".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Notified<E> {
    end: E,
    bridge: Bridge,
}

/// The thread and what it shares with the receiver.
struct Bridge {
    shared: Arc<BridgeShared>,
    source: Arc<dyn Source>,
    thread: Option<JoinHandle<()>>,
}

struct BridgeShared {
    event: OwnedFd,
    armed: Mutex<bool>,
    bell: Condvar,
    ended: AtomicBool,
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").field("event", &self.shared.event).finish_non_exhaustive()
    }
}

impl Bridge {
    fn start(source: Arc<dyn Source>) -> Result<Self> {
        let error = |errno| Error::Os {
            operation: "make a descriptor for",
            kind: Kind::Ring,
            name: None,
            errno,
            hint: None,
        };
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let event = eventfd(0, flags).map_err(error)?;
        let shared = Arc::new(BridgeShared {
            event,
            armed: Mutex::new(false),
            bell: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let (body, waited) = (Arc::clone(&shared), Arc::clone(&source));
        let thread = std::thread::Builder::new()
            .name("ring-notifier".into())
            .spawn(move || body.run(&*waited))
            .map_err(|failed| error(Errno::from_io_error(&failed).unwrap_or(Errno::AGAIN)))?;
        Ok(Self { shared, source, thread: Some(thread) })
    }

    /// Makes the descriptor unreadable until there is something.
    fn arm(&self) {
        let mut counter = [0; 8];
        // `EAGAIN` if it was not readable.
        let _ = rustix::io::read(&self.shared.event, &mut counter);
        *self.shared.armed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.bell.notify_one();
    }
}

impl BridgeShared {
    fn run(&self, source: &dyn Source) {
        while self.wait_until_armed() {
            source.wait(&|| self.has_ended());
            // It never blocks: the counter does not get near its end.
            let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// `false` when it is over.
    fn wait_until_armed(&self) -> bool {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |armed: &mut bool| !*armed && !self.has_ended();
        let waited = self.bell.wait_while(armed, idle);
        *waited.unwrap_or_else(PoisonError::into_inner) = false;
        !self.has_ended()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        {
            let _armed = self.shared.armed.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.ended.store(true, Ordering::Release);
        }
        self.shared.bell.notify_one();
        self.source.interrupt();
        if let Some(thread) = self.thread.take() {
            // It does not panic; should it, there is nobody to tell.
            let _ = thread.join();
        }
    }
}

impl<E: Notifying> Notified<E> {
    /// Starts the bridge, a thread.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if descriptors or threads run out.
    pub fn new(end: E) -> Result<Self> {
        let bridge = Bridge::start(end.source())?;
        Ok(Self { end, bridge })
    }

    fn arm(&mut self) {
        self.end.prepare();
        self.bridge.arm();
    }
}

impl<E> Notified<E> {
    /// The end itself, for all that does not wait.
    ///
    /// A message that is received here leaves the descriptor readable, which does no harm.
    pub fn get_mut(&mut self) -> &mut E {
        &mut self.end
    }

    /// Ends the bridge and gives the end back.
    pub fn into_inner(self) -> E {
        self.end
    }
}

impl Notified<spsc::Receiver> {
    /// Receives the next message, if there is one; else the descriptor becomes readable when
    /// there is.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::PeerGone`] and [`ReceiveError::Corrupt`] as for
    /// [`receive`](spsc::Receiver::receive).
    pub fn try_receive_vec(&mut self) -> std::result::Result<Option<Vec<u8>>, ReceiveError> {
        if let Some(message) = self.end.try_receive_vec()? {
            return Ok(Some(message));
        }
        let is_gone = self.end.is_abandoned();
        self.arm();
        // It may have come, or been the last, before the bridge was ready.
        match self.end.try_receive_vec()? {
            None if is_gone => Err(ReceiveError::PeerGone),
            message => Ok(message),
        }
    }
}

impl Notified<mpmc::Receiver> {
    /// Receives the next message and its priority, if there is one; else the descriptor becomes
    /// readable when there is. Another receiver may be faster.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    pub fn try_receive_vec(
        &mut self,
    ) -> std::result::Result<Option<(Vec<u8>, Priority)>, ReceiveError> {
        if let Some(message) = self.end.try_receive_vec()? {
            return Ok(Some(message));
        }
        self.arm();
        self.end.try_receive_vec()
    }
}

impl Notified<spsc::Sender> {
    /// Sends a message, if there is room; else the descriptor becomes readable when there is.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if there is no room; [`SendError::PeerGone`], [`SendError::TooLong`] and
    /// [`SendError::Corrupt`] as for [`send`](spsc::Sender::send).
    pub fn try_send(&mut self, message: &[u8]) -> std::result::Result<(), SendError> {
        match self.end.try_send(message) {
            Err(SendError::Full) => {}
            result => return result,
        }
        let is_gone = self.end.is_abandoned();
        self.end.want_room(message.len());
        self.arm();
        // There may have been room before the bridge was ready.
        match self.end.try_send(message) {
            Err(SendError::Full) if is_gone => Err(SendError::PeerGone),
            result => result,
        }
    }
}

impl Notified<mpmc::Sender> {
    /// Sends a message, if there is room in its lane; else the descriptor becomes readable when
    /// there is. Another sender may be faster.
    ///
    /// # Errors
    ///
    /// As [`mpmc::Sender::try_send`].
    pub fn try_send<P>(&mut self, message: &[u8], priority: P) -> std::result::Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        match self.end.try_send(message, priority) {
            Err(SendError::Full) => {}
            result => return result,
        }
        self.end.want_room(priority);
        self.arm();
        self.end.try_send(message, priority)
    }
}

impl<E> AsFd for Notified<E> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bridge.shared.event.as_fd()
    }
}
