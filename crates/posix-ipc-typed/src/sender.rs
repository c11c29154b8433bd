//! [`Sender`]: sends values of one type.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::error::EncodeError;
use crate::frame::{Correlation, Fragment};
use crate::frame_options::FrameOptions;
use crate::large::Published;
use crate::message::Message;
use crate::schema::Schema;
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

/// The sending end of a transport, for messages of any type.
#[derive(Debug)]
pub(crate) struct Outbox<S> {
    pub(crate) transport: S,
    pub(crate) frame: FrameOptions,
    /// A number drawn at random, that tells this sender from others.
    pub(crate) id: u64,
    pub(crate) sequence: u32,
    /// Whether a message that does not fit a frame is sent in parts.
    pub(crate) in_parts: bool,
    /// From how many bytes on a payload goes by reference, and with which permissions.
    pub(crate) by_reference: Option<(usize, u32)>,
    buffer: Vec<u8>,
}

impl<S: SendFrames> Outbox<S> {
    pub(crate) fn new(transport: S) -> Self {
        Self {
            transport,
            frame: FrameOptions::new(),
            id: RandomState::new().build_hasher().finish(),
            sequence: 0,
            in_parts: true,
            by_reference: None,
            buffer: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn send<T: Message + ?Sized>(
        &mut self,
        value: &T,
        correlation: Option<Correlation>,
        priority: u32,
        wait: Wait,
    ) -> Result<(), SendError> {
        let encode = |error| SendError::Encode { type_name: T::SCHEMA.name, error };
        let mut options = self.frame.sequence(self.sequence);
        if let Some(correlation) = correlation {
            options = options.correlation(correlation);
        }
        let length = value.encoded_len();
        let whole = options.overhead(&T::SCHEMA).saturating_add(length);
        let by_reference = self.by_reference.is_some_and(|(from, _)| length >= from);
        let result = if by_reference || whole > self.transport.max_frame_len() {
            let payload = value.encoded().map_err(encode)?;
            self.send_large(&T::SCHEMA, options, &payload, priority, wait)
        } else {
            let frame = reserve(&mut self.buffer, whole);
            options
                .fill(&T::SCHEMA, frame, |slot| match value.encode_to_slice(slot)? {
                    written if written == length => Ok(()),
                    _ => Err(EncodeError::Invalid("encoded_len is longer than the encoding")),
                })
                .map_err(encode)?;
            Ok(self.transport.send_frame(frame, priority, wait)?)
        };
        if result.is_ok() || matches!(result, Err(SendError::Interrupted { .. })) {
            self.sequence = self.sequence.wrapping_add(1);
        }
        result
    }

    #[cold]
    fn send_large(
        &mut self,
        schema: &Schema,
        options: FrameOptions,
        payload: &[u8],
        priority: u32,
        wait: Wait,
    ) -> Result<(), SendError> {
        if let Some((_, permissions)) = self.by_reference.filter(|(from, _)| payload.len() >= *from)
        {
            let published = Published::new(payload, permissions).map_err(SendError::Large)?;
            self.send_parts(
                schema,
                options.reference(true),
                published.descriptor(),
                priority,
                wait,
            )?;
            published.sent();
            return Ok(());
        }
        self.send_parts(schema, options, payload, priority, wait)
    }

    fn send_parts(
        &mut self,
        schema: &Schema,
        options: FrameOptions,
        payload: &[u8],
        priority: u32,
        wait: Wait,
    ) -> Result<(), SendError> {
        let max = self.transport.max_frame_len();
        let encode = |error| SendError::Encode { type_name: schema.name, error };
        let whole = options.overhead(schema).saturating_add(payload.len());
        if whole <= max {
            self.buffer.clear();
            options.write_payload(schema, payload, &mut self.buffer).map_err(encode)?;
            return Ok(self.transport.send_frame(&self.buffer, priority, wait)?);
        }
        let length = payload.len();
        let total = u32::try_from(length)
            .map_err(|_| encode(EncodeError::TooLong { length, limit: u32::MAX as usize }))?;
        let mut fragment = Fragment { sender: self.id, total, offset: 0 };
        let room = max.saturating_sub(options.fragment(fragment).overhead(schema));
        if !self.in_parts || room == 0 {
            let (type_name, version) = (schema.name, schema.version);
            return Err(SendError::TooLong { type_name, version, length: whole, max });
        }
        for part in payload.chunks(room) {
            let options = options.fragment(fragment);
            self.buffer.clear();
            options.write_payload(schema, part, &mut self.buffer).map_err(encode)?;
            let sent = fragment.offset as usize;
            self.transport.send_frame(&self.buffer, priority, wait).map_err(
                |error| match sent {
                    0 => SendError::Transport(error),
                    _ => SendError::Interrupted { sent, length, error },
                },
            )?;
            fragment.offset += part.len() as u32;
        }
        Ok(())
    }
}

/// The first `length` bytes of the buffer, which only ever grows, so that it is seldom zeroed.
#[inline]
fn reserve(buffer: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    buffer.get_mut(..length).unwrap_or_default()
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

    /// Sets whether a CRC32C covers each frame; by default none does.
    #[must_use]
    pub fn checksum(mut self, checksum: bool) -> Self {
        self.outbox.frame = self.outbox.frame.checksum(checksum);
        self
    }

    /// Sets whether frames carry the type's name, so that others can tell what they got; by default
    /// they do.
    #[must_use]
    pub fn named(mut self, named: bool) -> Self {
        self.outbox.frame = self.outbox.frame.named(named);
        self
    }

    /// Sets the priority that messages have if a call does not say another; by default 0.
    #[must_use]
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// Sends payloads of `from` bytes or more by reference, in a shared memory object of their own
    /// with these permissions, which the receiver removes.
    #[must_use]
    pub fn by_reference(mut self, from: usize, permissions: u32) -> Self {
        self.outbox.by_reference = Some((from, permissions));
        self
    }

    /// Sends whole messages only, none in parts.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLong`] if the type has a longest message and the transport cannot carry it.
    pub fn whole(mut self) -> Result<Self, SendError> {
        self.outbox.in_parts = false;
        let max = self.outbox.transport.max_frame_len();
        match self.outbox.frame.max_len::<T>() {
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
