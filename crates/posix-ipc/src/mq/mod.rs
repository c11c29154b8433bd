//! Message queues: whole messages with priorities, kept by the kernel.
//!
//! A [`MessageQueue`] is named, bounded in messages and in bytes a message, and outlives the
//! processes that use it. It sends and receives; a [`Sender`] or [`Receiver`] is a half whose
//! type says the direction. The [`Priority`] decides which message is received first.
//!
//! - [Sending](MessageQueue#sending) and [receiving](MessageQueue#receiving), with a deadline or without, one
//!   message or [several](Batch).
//! - [Notification](MessageQueue#notification) of a message in an empty queue: by signal, by a
//!   descriptor, by callback.
//! - Asynchronously: with the features `tokio` (`AsyncMessageQueue`) and `mio` (a queue is an `event::Source`);
//!   any other runtime takes the descriptor of `AsFd`, see
//!   [below](#other-runtimes).
//! - What a queue costs and which limits there are: [`Budget`].
//!
//! # Other runtimes
//!
//! A queue's descriptor can be polled, by `poll`, `epoll`, `kqueue` or a runtime that wraps
//! descriptors (`async_io::Async`, glib, libuv). Wait until it is readable or writable, then call
//! [`try_receive`](MessageQueue::try_receive) or [`try_send`](MessageQueue::try_send); when it answers
//! `None` or [`SendError::Full`], wait again. With edge-triggered events go on until then: a
//! message may have been taken by another, so that "woke, but empty" is normal.
//!
//! # Platforms
//!
//! Linux, FreeBSD (module `mqueuefs`), NetBSD, DragonFly and illumos have queues; macOS and OpenBSD
//! have none, and this module is absent there.

mod batch;
mod budget;
#[cfg(all(feature = "tokio", not(any(target_os = "illumos", target_os = "solaris"))))]
mod eager;
mod error;
mod halves;
#[cfg(all(feature = "mio", not(any(target_os = "illumos", target_os = "solaris"))))]
mod mio;
mod notify;
mod options;
mod place;
mod receive;
mod send;
#[cfg(all(feature = "tokio", not(any(target_os = "illumos", target_os = "solaris"))))]
mod tokio;
mod wait;

#[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use posix_ipc_sys::mq::{self, MqAttr, OFlags, OwnedMqd};
use rustix::io::Errno;

use crate::cleanup::NameOwner;
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{Disposition, OpenMode};

#[cfg(all(feature = "tokio", not(any(target_os = "illumos", target_os = "solaris"))))]
pub use self::tokio::{AsyncMessageQueue, MessageSink, MessageStream};
pub use crate::priority::{Priority, PriorityError};
pub use batch::{Batch, Messages, TryMessages};
pub use budget::{Budget, Shortage};
pub use error::{NotifyError, SendError};
pub use halves::{Receiver, Sender};
pub use notify::SignalNotification;
#[cfg(target_os = "linux")]
pub use notify::{Listener, PollNotification};
pub use options::MessageQueueOptions;
/// `SIGRTMIN + n`, a signal for [`MessageQueue::notify_signal`].
#[cfg(target_os = "linux")]
#[doc(inline)]
pub use posix_ipc_sys::mq::real_time_signal;
pub use receive::ReceiveBuffer;
/// A signal, as rustix knows it.
#[doc(no_inline)]
pub use rustix::process::Signal;

/// A named queue of whole messages with priorities.
///
/// The handle sends and receives from any thread through `&self`. Messages of higher
/// [`Priority`] are received first, equal ones in the order they were sent. The geometry, how many messages
/// of how many bytes, is fixed when the queue is created.
///
/// # Sending
///
/// | | waits |
/// |---|---|
/// | [`send`](Self::send), [`send_vectored`](Self::send_vectored), [`send_buf`](Self::send_buf) | as long as the queue is full |
/// | [`try_send`](Self::try_send) | never |
/// | [`send_timeout`](Self::send_timeout), [`send_deadline`](Self::send_deadline) | at most so long, on the monotonic clock |
/// | [`send_deadline_realtime`](Self::send_deadline_realtime) | until then, on the calendar's clock |
///
/// # Receiving
///
/// | | waits |
/// |---|---|
/// | [`receive`](Self::receive), [`receive_vec`](Self::receive_vec), [`receive_batch`](Self::receive_batch), [`messages`](Self::messages) | as long as the queue is empty |
/// | [`try_receive`](Self::try_receive), [`drain`](Self::drain) | never |
/// | [`receive_timeout`](Self::receive_timeout), [`receive_deadline`](Self::receive_deadline) | at most so long, on the monotonic clock |
/// | [`receive_deadline_realtime`](Self::receive_deadline_realtime) | until then, on the calendar's clock |
///
/// # Deadlines
///
/// The kernel knows deadlines on the calendar's clock alone, which an administrator or a time
/// server may set: the wait then ends earlier or later. A wait on the monotonic clock is not
/// touched by that. It is a poll and another try, so that a message may go to one who waits without a
/// deadline, or on the calendar's clock, first; under steady competition it may lose every time.
///
/// # Signals
///
/// A signal handler that runs meanwhile neither ends nor lengthens a wait.
///
/// # Examples
///
/// ```
/// use posix_ipc::{MessageQueue, Name};
///
/// # let name = Name::unique("doc-mq");
/// let queue = MessageQueue::create(&name, 4, 64)?;
/// queue.send(b"later", 0)?;
/// queue.send(b"now", 9)?;
///
/// let (message, priority) = queue.receive_vec()?;
/// assert_eq!((&message[..], priority.get()), (&b"now"[..], 9));
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "mq_open")]
pub struct MessageQueue {
    // Before the queue: while that is open, no other queue can have its identity.
    owner: NameOwner,
    queue: OwnedMqd,
    capacity: usize,
    message_size: usize,
    access: Access,
}

/// What a handle of a queue is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Sending alone; the caller needs write permission.
    Send,
    /// Receiving alone; the caller needs read permission.
    Receive,
    /// Both.
    Both,
}

/// A queue's geometry, and how full it is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// How many messages it holds.
    pub capacity: usize,
    /// How many bytes a message may have.
    pub message_size: usize,
    /// How many messages are in it.
    pub messages: usize,
    /// Whether calls through this handle give up instead of waiting.
    pub nonblocking: bool,
}

impl MessageQueue {
    /// Options with which a queue is opened or created in every other way.
    pub fn options() -> MessageQueueOptions {
        MessageQueueOptions::new()
    }

    /// Creates the queue `name`, for `capacity` messages of at most `message_size` bytes.
    ///
    /// The handle removes the name when it is dropped: [`Cleanup::Creator`](crate::Cleanup::Creator).
    ///
    /// # Errors
    ///
    /// `EEXIST` if the name exists; otherwise as [`MessageQueueOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let name = Name::unique("doc-mq-create");
    /// let queue = MessageQueue::create(&name, 4, 64)?;
    /// assert!(MessageQueue::create(&name, 4, 64).is_err());
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn create<N>(name: N, capacity: usize, message_size: usize) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        options::of(OpenMode::CreateNew, capacity, message_size).open(name)
    }

    /// Opens the queue `name`, whatever its geometry.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none; otherwise as [`MessageQueueOptions::open`].
    pub fn open<N>(name: N) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        MessageQueueOptions::new().open(name)
    }

    /// Opens the queue `name`, or creates it; [`disposition`](Self::disposition) tells which.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if it exists with another geometry;
    /// otherwise as [`MessageQueueOptions::open`].
    pub fn open_or_create<N>(name: N, capacity: usize, message_size: usize) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        options::of(OpenMode::OpenOrCreate, capacity, message_size).open(name)
    }

    /// Removes the name `name`, whoever created it. Those who have the queue open keep it.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `EACCES` if it is not the caller's to remove.
    #[doc(alias = "mq_unlink")]
    pub fn unlink<N>(name: N) -> Result<()>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        mq::unlink(&name).map_err(|errno| Error::os("unlink", Kind::MessageQueue, &name, errno))
    }

    /// The name that the queue was opened by.
    pub fn name(&self) -> &Name {
        self.owner.name()
    }

    /// Whether this handle created the queue or found it.
    pub fn disposition(&self) -> Disposition {
        self.owner.disposition()
    }

    /// Which queue it is, apart from its name.
    ///
    /// # Platforms
    ///
    /// Only Linux tells; elsewhere all queues are alike.
    pub fn identity(&self) -> Identity {
        self.owner.identity()
    }

    /// What the handle is for.
    pub fn access(&self) -> Access {
        self.access
    }

    /// How many messages the queue holds.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes a message may have; a receive buffer needs as many.
    pub fn message_size(&self) -> usize {
        self.message_size
    }

    /// Asks how many messages are in the queue, and for the rest of its attributes.
    ///
    /// # Errors
    ///
    /// None that a queue which is open gives.
    #[doc(alias = "mq_getattr")]
    pub fn attributes(&self) -> Result<Attributes> {
        let attributes = mq::getattr(&self.queue).map_err(|errno| self.error("inspect", errno))?;
        Ok(Attributes {
            capacity: attributes.maxmsg,
            message_size: attributes.msgsize,
            messages: attributes.curmsgs,
            nonblocking: attributes.flags.contains(OFlags::NONBLOCK),
        })
    }

    /// Asks how many messages are in the queue; others may change that at any time.
    ///
    /// # Errors
    ///
    /// As [`attributes`](Self::attributes).
    pub fn len(&self) -> Result<usize> {
        self.attributes().map(|attributes| attributes.messages)
    }

    /// Asks whether the queue is empty; others may change that at any time.
    ///
    /// # Errors
    ///
    /// As [`attributes`](Self::attributes).
    pub fn is_empty(&self) -> Result<bool> {
        self.len().map(|messages| messages == 0)
    }

    /// Makes calls through this handle give up instead of waiting, or wait again; returns what was before.
    ///
    /// # Errors
    ///
    /// None that a queue which is open gives.
    ///
    /// # Platforms
    ///
    /// On Linux duplicates of the descriptor and children forked share the setting. On NetBSD
    /// it is the queue's, for all its users.
    #[doc(alias = "mq_setattr")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<bool> {
        let flags = if nonblocking { OFlags::NONBLOCK } else { OFlags::empty() };
        mq::setattr(&self.queue, &MqAttr::with_flags(flags))
            .map(|old| old.flags.contains(OFlags::NONBLOCK))
            .map_err(|errno| self.error("change", errno))
    }

    /// Leaves the name alone when the handle goes, whatever its [`Cleanup`](crate::Cleanup).
    pub fn keep(&self) {
        self.owner.keep();
    }

    /// Removes the name now, if it still refers to this queue.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the name is gone or refers to another queue, `EACCES` if it is not the
    /// caller's to remove.
    pub fn unlink_name(&self) -> Result<()> {
        self.owner.unlink()
    }

    /// Closes the handle as a drop does, and tells whether its [`Cleanup`](crate::Cleanup) worked.
    ///
    /// # Errors
    ///
    /// `EACCES` if the name should be removed, but is not the caller's to remove.
    #[doc(alias = "mq_close")]
    pub fn close(mut self) -> Result<()> {
        self.owner.release()
    }

    /// What the system answered to an operation on this queue, with the hint that fits.
    #[cold]
    fn error(&self, operation: &'static str, errno: Errno) -> Error {
        let hint = match (errno, self.access) {
            (Errno::BADF, Access::Send) => "the handle is for sending alone".to_string(),
            (Errno::BADF, Access::Receive) => "the handle is for receiving alone".to_string(),
            (Errno::MSGSIZE, _) => format!(
                "a message of this queue may have {} bytes, and the buffer has fewer",
                self.message_size
            ),
            (Errno::NOMEM, _) => "the kernel has no memory for the message".to_string(),
            _ => return Error::os(operation, Kind::MessageQueue, self.name(), errno),
        };
        Error::Os {
            operation,
            kind: Kind::MessageQueue,
            name: Some(self.name().clone()),
            errno,
            hint: Some(hint.into()),
        }
    }
}

/// The queue's descriptor, for polling.
///
/// Do not close it or receive through it behind the handle's back.
#[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
impl AsFd for MessageQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

#[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
impl AsRawFd for MessageQueue {
    fn as_raw_fd(&self) -> RawFd {
        self.queue.as_fd().as_raw_fd()
    }
}
