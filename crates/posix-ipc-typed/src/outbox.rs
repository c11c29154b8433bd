//! [`Outbox`]: whole messages into a transport's frames, in parts or by reference where they are long.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::error::EncodeError;
use crate::frame::{Correlation, Fragment, HEADER_LEN};
use crate::frame_options::FrameOptions;
use crate::large::Published;
use crate::message::Message;
use crate::schema::Schema;
use crate::sender::SendError;
use crate::transport::{SendFrames, Wait};

/// What everybody who has an outbox lets their user set of frames, and, with `by_reference`, of
/// messages that do not go in them.
macro_rules! framing {
    () => {
        /// Sets whether a CRC32C covers each frame; by default none does.
        #[must_use]
        pub fn checksum(mut self, checksum: bool) -> Self {
            self.outbox.set_frame(self.outbox.frame().checksum(checksum));
            self
        }

        /// Sets whether frames carry the type's name, so that others can tell what they got; by default
        /// they do.
        #[must_use]
        pub fn named(mut self, named: bool) -> Self {
            self.outbox.set_frame(self.outbox.frame().named(named));
            self
        }
    };
    (by_reference) => {
        $crate::outbox::framing!();

        /// Sends payloads of `from` bytes or more by reference, in a shared memory object of their own
        /// with these permissions, which the receiver removes; if the message is not sent, it is
        /// removed here.
        #[must_use]
        pub fn by_reference(mut self, from: usize, permissions: u32) -> Self {
            self.outbox.set_by_reference(from, permissions);
            self
        }
    };
}
pub(crate) use framing;

/// The sending end of a transport, for messages of any type.
#[derive(Debug)]
pub(crate) struct Outbox<S> {
    pub(crate) transport: S,
    frame: FrameOptions,
    /// A number drawn at random, that tells this sender from others.
    id: u64,
    sequence: u32,
    /// Whether a message that does not fit a frame is sent in parts.
    in_parts: bool,
    /// From how many bytes on a payload goes by reference, and with which permissions.
    by_reference: Option<(usize, u32)>,
    /// Whether frames only wait to be sent, so that a payload by reference is ours until they were.
    pub(crate) deferred: bool,
    pub(crate) published: Option<Published>,
    /// Only ever grows, so that it is seldom zeroed.
    buffer: Vec<u8>,
    /// Whose head stands at the front of the buffer. Invariant: that head has the sequence of the
    /// next message, so that nothing of it is written between a message and its sending, and the
    /// transport never reads what was only just written in smaller pieces.
    ready: Option<Ready>,
}

/// A head that serves for further messages: of a frame without checksum, part or correlation.
#[derive(Debug, Clone, Copy)]
struct Ready {
    fingerprint: u64,
    /// How long the payload is that it tells of.
    length: usize,
    /// The length of the head.
    start: usize,
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
            deferred: false,
            published: None,
            buffer: Vec::new(),
            ready: None,
        }
    }

    /// What every frame carries.
    pub(crate) fn frame(&self) -> FrameOptions {
        self.frame
    }

    pub(crate) fn set_frame(&mut self, frame: FrameOptions) {
        self.frame = frame;
        self.ready = None;
    }

    pub(crate) fn set_by_reference(&mut self, from: usize, permissions: u32) {
        // There is no object without bytes.
        self.by_reference = Some((from.max(1), permissions));
        self.ready = None;
    }

    pub(crate) fn set_whole(&mut self) {
        self.in_parts = false;
    }

    #[inline]
    pub(crate) fn send<T: Message + ?Sized>(
        &mut self,
        value: &T,
        correlation: Option<Correlation>,
        priority: u32,
        wait: Wait,
    ) -> Result<(), SendError> {
        let length = value.encoded_len();
        if let (Some(ready), None) = (self.ready, correlation) {
            let whole = ready.start.saturating_add(length);
            if ready.fingerprint == T::SCHEMA.fingerprint && ready.length == length {
                let frame = self.buffer.get_mut(..whole).unwrap_or_default();
                let payload = frame.get_mut(ready.start..).unwrap_or_default();
                if value.encode_to_slice(payload) == Ok(length) {
                    self.transport.send_frame(frame, priority, wait)?;
                    self.count();
                    return Ok(());
                }
            }
        }
        self.send_anew(value, length, correlation, priority, wait)
    }

    /// Counts a message that was sent.
    #[inline(always)]
    fn count(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        if let Some(slot) = self.buffer.get_mut(HEADER_LEN - 8..HEADER_LEN - 4) {
            slot.copy_from_slice(&self.sequence.to_le_bytes());
        }
    }

    /// Sends a message with a head of its own.
    #[inline(never)]
    fn send_anew<T: Message + ?Sized>(
        &mut self,
        value: &T,
        length: usize,
        correlation: Option<Correlation>,
        priority: u32,
        wait: Wait,
    ) -> Result<(), SendError> {
        let encode = |error| SendError::Encode { type_name: T::SCHEMA.name, error };
        self.ready = None;
        let mut options = self.frame.sequence(self.sequence);
        if let Some(correlation) = correlation {
            options = options.correlation(correlation);
        }
        let start = options.overhead(&T::SCHEMA);
        let whole = start.saturating_add(length);
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
            if correlation.is_none() && !options.has_checksum() {
                let fingerprint = T::SCHEMA.fingerprint;
                self.ready = Some(Ready { fingerprint, length, start });
            }
            self.transport.send_frame(frame, priority, wait).map_err(Into::into)
        };
        if result.is_ok() || matches!(result, Err(SendError::Interrupted { .. })) {
            self.count();
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
            // One that was never sent is removed.
            drop(self.published.take());
            let published = Published::new(payload, permissions).map_err(SendError::Large)?;
            self.send_parts(
                schema,
                options.reference(true),
                published.descriptor(),
                priority,
                wait,
            )?;
            match self.deferred {
                true => self.published = Some(published),
                false => published.sent(),
            }
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
