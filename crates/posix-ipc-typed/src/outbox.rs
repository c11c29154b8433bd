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

/// A head that serves for further messages: of a frame without checksum or part.
#[derive(Debug, Clone, Copy)]
struct Ready {
    fingerprint: u64,
    /// How long the payload is that it tells of.
    length: usize,
    /// The length of the head.
    start: usize,
    /// Whether it ends with a correlation: that of the last request or reply, counted up, which most
    /// often is the next one's.
    correlated: bool,
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
        if let Some(ready) = self.ready {
            let whole = ready.start.saturating_add(length);
            if ready.fingerprint == T::SCHEMA.fingerprint
                && ready.length == length
                && ready.correlated == correlation.is_some()
            {
                if let Some(correlation) = correlation {
                    self.correlate(ready.start, correlation);
                }
                let frame = self.buffer.get_mut(..whole).unwrap_or_default();
                let payload = frame.get_mut(ready.start..).unwrap_or_default();
                if value.encode_to_slice(payload) == Ok(length) {
                    self.transport.send_frame(frame, priority, wait)?;
                    self.count();
                    if let Some(correlation) = correlation {
                        self.correlate(ready.start, correlation.next());
                    }
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

    /// Ends the head of `start` bytes with this correlation, unless it does.
    #[inline(always)]
    fn correlate(&mut self, start: usize, correlation: Correlation) {
        let head = self.buffer.get_mut(..start);
        if let Some(slot) = head.and_then(<[u8]>::last_chunk_mut) {
            let bytes = correlation.to_bytes();
            if *slot != bytes {
                *slot = bytes;
            }
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
            if !options.has_checksum() {
                let (fingerprint, correlated) = (T::SCHEMA.fingerprint, correlation.is_some());
                self.ready = Some(Ready { fingerprint, length, start, correlated });
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::transport::{ReceiveFrames, memory};

    /// A message: of which length, to whom, and whether there is room for it at first.
    fn step() -> impl Strategy<Value = (usize, Option<(u64, u64)>, bool)> {
        // Few values, so that heads are kept and most correlations are the one after the last.
        (0..2usize, proptest::option::of((0..2u64, 0..3u64)), any::<bool>())
    }

    proptest! {
        #[test]
        fn a_head_that_was_kept_is_as_one_that_is_written_anew(steps in vec(step(), 1..40)) {
            let (transport, mut receiver) = memory(1, 256);
            let mut outbox = Outbox::new(transport);
            let mut buffer = Vec::new();
            for (sequence, (length, correlation, room)) in steps.into_iter().enumerate() {
                let correlation =
                    correlation.map(|(client, request)| Correlation { client, request });
                let value = vec![sequence as u8; length];
                if !room {
                    outbox.transport.send_frame(&[0], 0, Wait::Never).unwrap();
                    prop_assert!(outbox.send(&value, correlation, 0, Wait::Never).is_err());
                    receiver.receive_frame(&mut buffer, Wait::Never).unwrap().unwrap();
                }
                outbox.send(&value, correlation, 0, Wait::Never).unwrap();
                let arrival = receiver.receive_frame(&mut buffer, Wait::Never).unwrap().unwrap();
                let mut options = FrameOptions::new().sequence(sequence as u32);
                if let Some(correlation) = correlation {
                    options = options.correlation(correlation);
                }
                let mut expected = Vec::new();
                options.write(&value, &mut expected).unwrap();
                prop_assert_eq!(&buffer[..arrival.length], expected);
            }
        }
    }
}
