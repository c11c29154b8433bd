//! [`Inbox`]: whole messages of any type out of a transport's frames; and [`Envelope`].

use std::mem;
use std::time::Instant;

use bytes::Bytes;

use crate::compat::Received;
use crate::error::DecodeError;
use crate::fragment::{Reassembly, ReassemblyLimits, Whole};
use crate::frame::{Correlation, Frame, FrameError, PayloadError, decode_payload};
use crate::large::{self, LargeError};
use crate::message::{Decode, DecodeOwned, Message};
use crate::transport::{Arrival, ReceiveFrames, TransportError, Wait};

/// From how many bytes on a frame's buffer is shared with the message and not used again.
///
/// Below, a copy costs less than a counted reference.
const SHARED_FROM: usize = 4096;

/// A message with its type not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// The type, as the frame tells.
    pub message: Received,
    /// Which message of its sender it is.
    pub sequence: u32,
    /// The priority it came with.
    pub priority: u32,
    /// Which request or reply it is, if one.
    pub correlation: Option<Correlation>,
    /// The encoded message.
    pub payload: Bytes,
}

impl Envelope {
    /// Whether it holds a `T`, of a version that can be read.
    pub fn is<T: Message>(&self) -> bool {
        T::SCHEMA.accept(&self.message).is_ok()
    }

    /// The message, if it is a `T`; borrowed fields point into the envelope, `Bytes` share it.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if it is of another type or damaged.
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, PayloadError> {
        let version = T::SCHEMA.accept(&self.message)?;
        decode_payload(&self.payload, Some(&self.payload), version)
    }
}

/// Why no message was received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The transport failed; [`TransportError::Closed`] if the other end is gone.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Something came that is no frame, or a damaged one.
    #[error("received something that cannot be read")]
    Frame {
        /// What is wrong with it.
        #[source]
        error: FrameError,
        /// What came.
        bytes: Vec<u8>,
    },
    /// A message came that is of another type, or damaged.
    #[error("received a message that cannot be read")]
    Payload {
        /// What is wrong with it.
        #[source]
        error: PayloadError,
        /// What came.
        envelope: Box<Envelope>,
    },
    /// A message came whose payload, in shared memory, could not be had.
    #[error("received a message whose payload cannot be had")]
    Large {
        /// What is wrong with it.
        #[source]
        error: LargeError,
        /// The type of the message.
        message: Box<Received>,
    },
    /// A message came for whose type there is no route.
    #[error("received {}, for which there is no route", .0.message)]
    Unrouted(Box<Envelope>),
}

impl ReceiveError {
    /// Whether the other end is gone, so that no message will come any more.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Transport(TransportError::Closed))
    }
}

/// What everybody who has an inbox lets their user set and ask of messages in parts and by reference.
macro_rules! reassembling {
    ($(#[$attribute:meta])*) => {
        /// Sets how much is kept of messages that come in parts.
        $(#[$attribute])*
        pub fn reassembly(mut self, limits: crate::ReassemblyLimits) -> Self {
            self.inbox.reassembly = crate::Reassembly::new(limits);
            self
        }

        /// Sets the longest payload that is taken by reference; by default 1 GiB.
        $(#[$attribute])*
        pub fn longest_reference(mut self, bytes: u64) -> Self {
            self.inbox.longest_reference = bytes;
            self
        }

        /// How many bytes are kept of messages that have come in part.
        pub fn held(&self) -> usize {
            self.inbox.reassembly.held()
        }

        /// How many messages were dropped because not all their parts came.
        pub fn drops(&mut self) -> crate::Drops {
            self.inbox.reassembly.expire(std::time::Instant::now());
            self.inbox.reassembly.drops()
        }

        /// The latest messages that were dropped, each reported once.
        pub fn take_dropped(&mut self) -> Vec<crate::Dropped> {
            self.inbox.reassembly.expire(std::time::Instant::now());
            self.inbox.reassembly.take_reports()
        }
    };
}
pub(crate) use reassembling;

/// The receiving end of a transport, for messages of any type.
#[derive(Debug)]
pub(crate) struct Inbox<R> {
    pub(crate) transport: R,
    buffer: Vec<u8>,
    pub(crate) reassembly: Reassembly,
    pub(crate) longest_reference: u64,
}

/// A message in the inbox's hands, before it is decoded.
pub(crate) struct Arrived<'b> {
    frame: Frame<'b>,
    priority: u32,
    origin: Option<&'b Bytes>,
}

impl Arrived<'_> {
    pub(crate) fn correlation(&self) -> Option<Correlation> {
        self.frame.correlation
    }

    pub(crate) fn decode<T: for<'a> Decode<'a>>(&self) -> Result<T, ReceiveError> {
        let decoded = match self.origin {
            Some(origin) => self.frame.decode_shared(origin),
            None => self.frame.decode(),
        };
        decoded
            .map_err(|error| ReceiveError::Payload { error, envelope: Box::new(self.envelope()) })
    }

    pub(crate) fn envelope(&self) -> Envelope {
        let payload = match self.origin {
            Some(origin) => origin.slice_ref(self.frame.payload),
            None => Bytes::copy_from_slice(self.frame.payload),
        };
        Envelope {
            message: self.frame.received(),
            sequence: self.frame.sequence,
            priority: self.priority,
            correlation: self.frame.correlation,
            payload,
        }
    }
}

impl<R: ReceiveFrames> Inbox<R> {
    pub(crate) fn new(transport: R) -> Self {
        Self {
            transport,
            buffer: Vec::new(),
            reassembly: Reassembly::new(ReassemblyLimits::new()),
            longest_reference: large::LONGEST,
        }
    }

    /// Receives one frame into the buffer; `None` if there was none in time.
    #[inline]
    fn next(&mut self, wait: Wait) -> Result<Option<Arrival>, TransportError> {
        match self.reassembly.incomplete() {
            0 => self.transport.receive_frame(&mut self.buffer, wait),
            _ => self.next_or_expire(wait),
        }
    }

    /// The same while messages are incomplete: they are given up in time, whether anything comes
    /// or not.
    #[cold]
    fn next_or_expire(&mut self, wait: Wait) -> Result<Option<Arrival>, TransportError> {
        while let Some(expiry) = self.reassembly.next_expiry() {
            let limited = wait.no_later_than(expiry);
            let arrival = self.transport.receive_frame(&mut self.buffer, limited)?;
            if arrival.is_some() {
                return Ok(arrival);
            }
            let now = Instant::now();
            self.reassembly.expire(now);
            // A transport that comes back before that does not wait, whatever it is told.
            if now < expiry || wait.left().is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
        }
        self.transport.receive_frame(&mut self.buffer, wait)
    }

    /// Receives one message and hands it to `use_it`; `None` if there was none in time.
    pub(crate) fn receive<T>(
        &mut self,
        wait: Wait,
        mut use_it: impl FnMut(&Arrived<'_>) -> Result<T, ReceiveError>,
    ) -> Result<Option<T>, ReceiveError> {
        loop {
            let Some(arrival) = self.next(wait)? else {
                return Ok(None);
            };
            if let Some(used) = self.open(arrival, &mut use_it)? {
                return Ok(Some(used));
            }
        }
    }

    /// Receives one message as a `T`; `None` if there was none in time.
    #[inline]
    pub(crate) fn receive_value<T: DecodeOwned>(
        &mut self,
        wait: Wait,
    ) -> Result<Option<T>, ReceiveError> {
        loop {
            let Some(arrival) = self.next(wait)? else {
                return Ok(None);
            };
            if arrival.length < SHARED_FROM {
                let bytes = self.buffer.get(..arrival.length).unwrap_or_default();
                let payload = Frame::usual(bytes, &T::SCHEMA);
                let value = payload.map(|payload| decode_payload(payload, None, T::SCHEMA.version));
                if let Some(Ok(value)) = value {
                    return Ok(Some(value));
                }
            }
            if let Some(value) = self.open(arrival, |arrived| arrived.decode())? {
                return Ok(Some(value));
            }
        }
    }

    /// Receives one request or reply: of the usual ones, and of those `only` this one, `make` makes
    /// something at once, and everything else is for `use_it`; `None` if there was none in time.
    pub(crate) fn receive_correlated<T: DecodeOwned, U>(
        &mut self,
        wait: Wait,
        only: Option<Correlation>,
        make: impl Fn(T, Correlation) -> U,
        mut use_it: impl FnMut(&Arrived<'_>) -> Result<U, ReceiveError>,
    ) -> Result<Option<U>, ReceiveError> {
        loop {
            let Some(arrival) = self.next(wait)? else {
                return Ok(None);
            };
            if arrival.length < SHARED_FROM {
                let bytes = self.buffer.get(..arrival.length).unwrap_or_default();
                let usual = Frame::usual_correlated(bytes, &T::SCHEMA)
                    .filter(|(correlation, _)| only.is_none_or(|only| only == *correlation));
                if let Some((correlation, payload)) = usual {
                    if let Ok(value) = decode_payload(payload, None, T::SCHEMA.version) {
                        return Ok(Some(make(value, correlation)));
                    }
                }
            }
            if let Some(used) = self.open(arrival, &mut use_it)? {
                return Ok(Some(used));
            }
        }
    }

    /// Hands the message in the buffer to `use_it`; `None` if it was a part of one that is not
    /// complete.
    #[inline(never)]
    fn open<T>(
        &mut self,
        arrival: Arrival,
        use_it: impl FnOnce(&Arrived<'_>) -> Result<T, ReceiveError>,
    ) -> Result<Option<T>, ReceiveError> {
        let priority = arrival.priority;
        let shared = (arrival.length >= SHARED_FROM).then(|| {
            self.buffer.truncate(arrival.length);
            Bytes::from(mem::take(&mut self.buffer))
        });
        let bytes = match &shared {
            Some(shared) => shared,
            None => self.buffer.get(..arrival.length).unwrap_or_default(),
        };
        let frame = Frame::parse(bytes)
            .map_err(|error| ReceiveError::Frame { error, bytes: bytes.to_vec() })?;
        if frame.fragment.is_none() && !frame.reference {
            return use_it(&Arrived { frame, priority, origin: shared.as_ref() }).map(Some);
        }
        let sequence = frame.sequence;
        let whole = if frame.fragment.is_some() {
            self.reassembly.take(&frame, Instant::now())
        } else {
            let (message, correlation) = (frame.received(), frame.correlation);
            let payload = frame.payload.to_vec();
            Some(Whole { message, correlation, reference: true, payload })
        };
        let Some(whole) = whole else {
            return Ok(None);
        };
        let payload = Bytes::from(if whole.reference {
            large::fetch(&whole.payload, self.longest_reference).map_err(|error| {
                let message = Box::new(whole.message.clone());
                ReceiveError::Large { error, message }
            })?
        } else {
            whole.payload
        });
        let frame = Frame::assembled(&whole.message, sequence, whole.correlation, &payload);
        use_it(&Arrived { frame, priority, origin: Some(&payload) }).map(Some)
    }
}

impl From<DecodeError> for LargeError {
    fn from(error: DecodeError) -> Self {
        Self::Descriptor(error)
    }
}
