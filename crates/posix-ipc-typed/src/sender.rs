//! [`Sender`]: sends values of one type.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::error::EncodeError;
use crate::message::Message;
use crate::outbox::{Outbox, framing};
use crate::transport::{SendFrames, TransportError, Wait};

/// Why a message was not sent; the caller still has it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The value has no encoding.
    #[error("cannot encode {type_name}")]
    Encode {
        /// The type.
        type_name: &'static str,
        /// What is wrong with the value.
        #[source]
        error: EncodeError,
    },
    /// The message does not fit a frame, and the sender sends whole messages only.
    #[error(
        "{type_name} version {version} takes a frame of {length} bytes, and the transport \
         carries {max}"
    )]
    TooLong {
        /// The type.
        type_name: &'static str,
        /// Its version.
        version: u16,
        /// The length of the frame.
        length: usize,
        /// The longest frame of the transport.
        max: usize,
    },
    /// Some fragments were sent and one was not: the receiver will drop the message.
    #[error("only {sent} of {length} bytes were sent")]
    Interrupted {
        /// How many bytes of the message were sent.
        sent: usize,
        /// How many it has.
        length: usize,
        /// Why the next fragment was not.
        #[source]
        error: TransportError,
    },
    /// The payload could not be put into shared memory.
    #[error("cannot put the payload into shared memory")]
    Large(#[source] posix_ipc::Error),
    /// The transport refused the frame.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl SendError {
    /// Whether there was no room, and the call did not wait.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Transport(TransportError::Full))
    }

    /// Whether there was no room in time.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::Transport(TransportError::TimedOut))
    }

    /// Whether the other end is gone.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Transport(TransportError::Closed))
    }
}

/// Sends values of type `T` over a transport, by default a POSIX message queue.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Message, Receiver, Sender};
///
/// #[derive(Debug, PartialEq, Message)]
/// struct Job {
///     id: u32,
///     #[message(max_len = 64)]
///     title: String,
/// }
///
/// # let name = posix_ipc::Name::unique("doc-typed");
/// let mut receiver = Receiver::<Job>::create(&name, 8)?;
/// let mut sender = Sender::<Job>::open(&name)?;
/// sender.send(&Job { id: 7, title: "sort".into() })?;
/// assert_eq!(receiver.receive()?.id, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender<T: ?Sized, S = crate::DefaultSender> {
    outbox: Outbox<S>,
    priority: u32,
    marker: PhantomData<fn(&T)>,
}

impl<T: Message + ?Sized, S: SendFrames> Sender<T, S> {
    /// Sends over `transport`.
    pub fn new(transport: S) -> Self {
        Self { outbox: Outbox::new(transport), priority: 0, marker: PhantomData }
    }

    framing!(by_reference);

    /// Sets the priority that messages have if a call does not say another; by default 0.
    #[must_use]
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// Sends whole messages only, none in parts.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLong`] if the type has a longest message and the transport cannot carry it.
    pub fn whole(mut self) -> Result<Self, SendError> {
        self.outbox.set_whole();
        let max = self.outbox.transport.max_frame_len();
        match self.outbox.frame().max_len::<T>() {
            Some(length) if length > max => Err(SendError::TooLong {
                type_name: T::SCHEMA.name,
                version: T::SCHEMA.version,
                length,
                max,
            }),
            _ => Ok(self),
        }
    }

    /// The transport.
    pub fn transport(&self) -> &S {
        &self.outbox.transport
    }

    /// The transport, to be used by itself again.
    pub fn into_transport(self) -> S {
        self.outbox.transport
    }

    /// Sends a value, waiting for room.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing was sent, unless it is [`SendError::Interrupted`].
    #[inline]
    pub fn send(&mut self, value: &T) -> Result<(), SendError> {
        self.send_with(value, self.priority, Wait::Forever)
    }

    /// Sends a value if there is room.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); without room [`SendError::is_full`].
    #[inline]
    pub fn try_send(&mut self, value: &T) -> Result<(), SendError> {
        self.send_with(value, self.priority, Wait::Never)
    }

    /// Sends a value, waiting for room for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); without room in time [`SendError::is_timed_out`].
    pub fn send_timeout(&mut self, value: &T, timeout: Duration) -> Result<(), SendError> {
        self.send_with(value, self.priority, Wait::timeout(timeout))
    }

    /// Sends a value, waiting for room until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(&mut self, value: &T, deadline: Instant) -> Result<(), SendError> {
        self.send_with(value, self.priority, Wait::Until(deadline))
    }

    /// Sends a value with this priority, waiting as said.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); the transport refuses a priority that it does not have.
    #[inline]
    pub fn send_with(&mut self, value: &T, priority: u32, wait: Wait) -> Result<(), SendError> {
        self.outbox.send(value, None, priority, wait)
    }

    /// Sends all values, waiting for room; tells how many were sent.
    ///
    /// # Errors
    ///
    /// How many were sent, and why the next was not.
    pub fn send_all<'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v T>,
    ) -> Result<usize, (usize, SendError)>
    where
        T: 'v,
    {
        let mut count = 0;
        for value in values {
            self.send(value).map_err(|error| (count, error))?;
            count += 1;
        }
        Ok(count)
    }
}
