//! [`Receiver`]: the reading end.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::attachment::{Attachment, Broken, Peer};
use super::consumer::{Consumer, Found};
use super::options::Options;
use super::parts::Coming;
use super::place::Place;
use super::view::Record;
use crate::deadline::{Deadline, Limit};
use crate::error::{Error, Result};
use crate::name::Name;
use crate::open_mode::OpenMode;
use crate::ring::error::{Corrupt, ReceiveError};
use crate::ring::handle::object_methods;

/// The receiving end of an [spsc ring](super); there is one at a time.
///
/// # Examples
///
/// See [`Sender`](super::Sender).
#[derive(Debug)]
pub struct Receiver {
    pub(super) consumer: Consumer,
    pub(super) attachment: Attachment,
    /// For the bridge to descriptors: up to where everything is known.
    pub(super) seen: Arc<AtomicU64>,
}

impl Receiver {
    pub(super) fn new(consumer: Consumer, attachment: Attachment) -> Self {
        Self { consumer, attachment, seen: Arc::default() }
    }

    /// Whether the sender has gone for good, as far as this end is concerned.
    pub(in crate::ring) fn is_abandoned(&mut self) -> bool {
        self.attachment.is_abandoned()
    }

    /// Options for opening the receiving end.
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Creates a ring of at least `capacity` bytes and takes its receiving end.
    ///
    /// # Errors
    ///
    /// As [`Options::open`]; `EEXIST` if the name exists.
    pub fn create(name: impl TryInto<Name, Error: Into<Error>>, capacity: usize) -> Result<Self> {
        Self::options().mode(OpenMode::CreateNew).capacity(capacity).open(name)
    }

    /// Takes the receiving end of a ring that exists, whatever its capacity.
    ///
    /// # Errors
    ///
    /// As [`Options::open`]; `ENOENT` if there is no such ring.
    pub fn open(name: impl TryInto<Name, Error: Into<Error>>) -> Result<Self> {
        Self::options().open(name)
    }

    /// Takes the receiving end of a ring of at least `capacity` bytes, which is created if the
    /// name does not exist.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_or_create(
        name: impl TryInto<Name, Error: Into<Error>>,
        capacity: usize,
    ) -> Result<Self> {
        Self::options().mode(OpenMode::OpenOrCreate).capacity(capacity).open(name)
    }

    /// Receives the next message into `buffer`, waiting for one if there is none; gives its length.
    ///
    /// A long one is copied as it is being written. If it is not received then, since its sender dies or
    /// the time is over, the buffer has been written all the same.
    ///
    /// # Errors
    ///
    /// - [`ReceiveError::TooShort`] if the buffer is; the message stays.
    /// - [`ReceiveError::PeerGone`] if the ring is empty and the sender has died or left, within
    ///   the [liveness interval](Options::liveness_interval).
    /// - [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    #[inline]
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, ReceiveError> {
        // By itself, so that it is short: in a stream there is nothing else to do.
        if let Some(len) = self.consumer.take_known(buffer) {
            return Ok(len);
        }
        let limit = &mut Limit::Never;
        match self.receive_soon(buffer, limit)? {
            Some(len) => Ok(len),
            None => self.receive_until(buffer, limit)?.ok_or(ReceiveError::PeerGone),
        }
    }

    /// Receives the next message into `buffer` if there is one; gives its length.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::TooShort`] and [`ReceiveError::Corrupt`] as for [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ReceiveError> {
        if let Some(len) = self.consumer.take_latest(buffer) {
            return Ok(Some(len));
        }
        match self.consumer.peek()? {
            Some(found) => self.consumer.take(found, buffer).map(Some),
            None => Ok(None),
        }
    }

    /// Receives the next message into `buffer` as [`receive`](Self::receive) does, waiting for at most
    /// `timeout`; `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_timeout(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<usize>, ReceiveError> {
        let limit = &mut Limit::After(timeout);
        match self.receive_soon(buffer, limit)? {
            Some(len) => Ok(Some(len)),
            None => self.receive_until(buffer, limit),
        }
    }

    /// Receives the next message into `buffer` as [`receive`](Self::receive) does, waiting until
    /// `deadline` at most; `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_deadline(
        &mut self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> Result<Option<usize>, ReceiveError> {
        let limit = &mut Limit::At(deadline);
        match self.receive_soon(buffer, limit)? {
            Some(len) => Ok(Some(len)),
            None => self.receive_until(buffer, limit),
        }
    }

    /// Receives the next message into a new vector, waiting for one if there is none. A long one is copied
    /// as it is being written.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), but for the buffer.
    pub fn receive_vec(&mut self) -> Result<Vec<u8>, ReceiveError> {
        self.receive_vec_until(&mut Limit::Never)?.ok_or(ReceiveError::PeerGone)
    }

    /// Receives the next message into a new vector if there is one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    pub fn try_receive_vec(&mut self) -> Result<Option<Vec<u8>>, ReceiveError> {
        let Some(found) = self.consumer.peek()? else { return Ok(None) };
        self.take_vec(found).map(Some)
    }

    /// Receives the next message into a new vector, waiting for at most `timeout`; `None` if none
    /// came.
    ///
    /// # Errors
    ///
    /// As [`receive_vec`](Self::receive_vec).
    pub fn receive_vec_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, ReceiveError> {
        self.receive_vec_until(&mut Limit::After(timeout))
    }

    /// Receives the next message into a new vector, waiting until `deadline` at most; `None` if
    /// none came.
    ///
    /// # Errors
    ///
    /// As [`receive_vec`](Self::receive_vec).
    pub fn receive_vec_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<Option<Vec<u8>>, ReceiveError> {
        self.receive_vec_until(&mut Limit::At(deadline))
    }

    /// The next message in place, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::PeerGone`] and [`ReceiveError::Corrupt`] as for [`receive`](Self::receive).
    #[inline]
    pub fn peek(&mut self) -> Result<Record<'_>, ReceiveError> {
        self.consumer.rest();
        let found = match self.consumer.peek()? {
            Some(found) => found,
            None => self.wait(&mut Limit::Never)?.ok_or(ReceiveError::PeerGone)?,
        };
        Ok(Record::new(&mut self.consumer, found))
    }

    /// The next message in place, if there is one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    #[inline]
    pub fn try_peek(&mut self) -> Result<Option<Record<'_>>, ReceiveError> {
        let found = self.consumer.peek()?;
        Ok(found.map(|found| Record::new(&mut self.consumer, found)))
    }

    /// The next message in place, waiting for at most `timeout`; `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub fn peek_timeout(&mut self, timeout: Duration) -> Result<Option<Record<'_>>, ReceiveError> {
        let found = self.next(&mut Limit::After(timeout))?;
        Ok(found.map(|found| Record::new(&mut self.consumer, found)))
    }

    /// The next message in place, waiting until `deadline` at most; `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub fn peek_deadline(&mut self, deadline: Instant) -> Result<Option<Record<'_>>, ReceiveError> {
        let found = self.next(&mut Limit::At(deadline))?;
        Ok(found.map(|found| Record::new(&mut self.consumer, found)))
    }

    /// Receives all messages that are there now, in place; gives how many they were.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged; messages before are received.
    pub fn drain(&mut self, mut each: impl FnMut(&Record<'_>)) -> Result<usize, ReceiveError> {
        let mut count = 0;
        let mut left = self.consumer.backlog()?;
        while left > 0 {
            let Some(found) = self.consumer.peek()? else { break };
            let record = Record::new(&mut self.consumer, found);
            each(&record);
            record.release();
            left = left.saturating_sub(super::producer::record_size(found.len));
            count += 1;
        }
        Ok(count)
    }

    /// The next message, if one comes in time.
    fn next(&mut self, limit: &mut Limit) -> Result<Option<Found>, ReceiveError> {
        self.consumer.rest();
        match self.consumer.peek()? {
            Some(found) => Ok(Some(found)),
            None => self.wait(limit),
        }
    }

    /// Receives what is there, or comes while it is worth to spin for it.
    #[inline]
    fn receive_soon(
        &mut self,
        buffer: &mut [u8],
        limit: &mut Limit,
    ) -> Result<Option<usize>, ReceiveError> {
        self.consumer.rest();
        if let Some(len) = self.try_receive(buffer)? {
            return Ok(Some(len));
        }
        if self.consumer.expects_parts() {
            return self.follow(buffer, limit);
        }
        let Some(tail) = self.spin(limit) else { return Ok(None) };
        if let Some(len) = self.consumer.take_awaited(tail, buffer) {
            return Ok(Some(len));
        }
        match self.consumer.peek_awaited_long(tail)? {
            Some(found) => self.consumer.take(found, buffer).map(Some),
            None => self.try_receive(buffer),
        }
    }

    /// As the end of `receive_soon`, for a message that may come in parts.
    #[inline(never)]
    fn follow(
        &mut self,
        place: &mut (impl Place + ?Sized),
        limit: &mut Limit,
    ) -> Result<Option<usize>, ReceiveError> {
        let Self { consumer, attachment, .. } = self;
        let several = consumer.has_served_several();
        attachment.served(several);
        if !several {
            consumer.take_lines();
        }
        let comes = || (consumer.news().is_some() || consumer.has_part()).then_some(());
        if attachment.spin(limit, comes).is_none() {
            return Ok(None);
        }
        if let Some(len) = consumer.follow(place)? {
            return Ok(Some(len));
        }
        let found = consumer.peek()?;
        found.map(|found| consumer.take(found, place)).transpose()
    }

    /// The next message in a new vector, if one comes in time.
    fn receive_vec_until(&mut self, limit: &mut Limit) -> Result<Option<Vec<u8>>, ReceiveError> {
        self.consumer.rest();
        let mut found = self.consumer.peek()?;
        let mut message = Vec::new();
        if found.is_none() && self.consumer.expects_parts() {
            if self.follow(&mut message, limit)?.is_some() {
                return Ok(Some(message));
            }
        } else if found.is_none() {
            found = self.wait_soon(limit)?;
        }
        match found {
            Some(found) => self.take_vec(found).map(Some),
            None => Ok(self.receive_until(&mut message, limit)?.map(|_| message)),
        }
    }

    fn take_vec(&mut self, found: Found) -> Result<Vec<u8>, ReceiveError> {
        let mut message = Vec::new();
        self.consumer.take(found, &mut message)?;
        Ok(message)
    }

    #[cold]
    fn receive_until(
        &mut self,
        place: &mut (impl Place + ?Sized),
        limit: &mut Limit,
    ) -> Result<Option<usize>, ReceiveError> {
        let found = match self.sleep_for(limit, Consumer::look)? {
            Some(Coming::Part) => match self.consumer.follow(place)? {
                Some(len) => return Ok(Some(len)),
                // Not before there is the whole of it: its sender may have died.
                None => self.sleep(limit)?,
            },
            Some(Coming::Whole(found)) => Some(found),
            None => None,
        };
        found.map(|found| self.consumer.take(found, place)).transpose()
    }

    fn wait(&mut self, limit: &mut Limit) -> Result<Option<Found>, ReceiveError> {
        match self.wait_soon(limit)? {
            Some(found) => Ok(Some(found)),
            None => self.sleep(limit),
        }
    }

    /// The next message if it comes while it is worth to spin for it.
    #[inline(always)]
    fn wait_soon(&mut self, limit: &mut Limit) -> Result<Option<Found>, ReceiveError> {
        let Some(tail) = self.spin(limit) else { return Ok(None) };
        if let Some(found) = self.consumer.peek_awaited(tail) {
            return Ok(Some(found));
        }
        match self.consumer.peek_awaited_long(tail)? {
            Some(found) => Ok(Some(found)),
            None => Ok(self.consumer.peek()?),
        }
    }

    /// The sender's index if news came during a spin.
    #[inline]
    fn spin(&mut self, limit: &mut Limit) -> Option<u64> {
        let Self { consumer, attachment, .. } = self;
        let several = consumer.has_served_several();
        attachment.served(several);
        if !several {
            consumer.take_lines();
        }
        if consumer.needs_index_alone() {
            attachment.spin(limit, || consumer.news())
        } else {
            attachment.spin(limit, || consumer.news_and_more())
        }
    }

    fn sleep(&mut self, limit: &mut Limit) -> Result<Option<Found>, ReceiveError> {
        self.sleep_for(limit, Consumer::peek)
    }

    #[cold]
    fn sleep_for<T>(
        &mut self,
        limit: &mut Limit,
        look: impl Fn(&mut Consumer) -> Result<Option<T>, Corrupt>,
    ) -> Result<Option<T>, ReceiveError> {
        let Self { consumer, attachment, .. } = self;
        match attachment.sleep(limit.deadline(), || look(consumer)) {
            Ok(found) => Ok(found),
            Err(Broken::PeerGone) => Err(ReceiveError::PeerGone),
            Err(Broken::Corrupt(corrupt)) => Err(corrupt.into()),
        }
    }

    /// Bytes that the ring holds; see [`Sender::capacity`](super::Sender::capacity).
    pub fn capacity(&self) -> usize {
        // It is mapped, so it fits.
        self.consumer.shared.region().size() as usize
    }

    /// How many bytes a message may have; a receive buffer needs no more.
    pub fn message_size(&self) -> usize {
        self.capacity() - crate::ring::layout::RECORD_HEADER as usize
    }

    /// Bytes that were sent and are not received yet.
    ///
    /// # Errors
    ///
    /// [`Corrupt`] if the ring's memory was damaged.
    pub fn backlog(&mut self) -> Result<usize, Corrupt> {
        // No more than the capacity.
        self.consumer.backlog().map(|bytes| bytes as usize)
    }

    /// Whether the sender is there, asking the kernel.
    pub fn peer(&mut self) -> Peer {
        self.attachment.peer()
    }

    /// Waits until a sender is there; `false` if none came in time.
    pub fn wait_for_peer(&mut self, timeout: Duration) -> bool {
        self.attachment.wait_for_peer(Deadline::after(timeout))
    }

    object_methods!(attachment, "end");
}

#[cfg(test)]
impl Receiver {
    /// Receives what is there; gives its length and whether a copy of it stood beside the index.
    pub(super) fn receive_noting(&mut self, buffer: &mut [u8]) -> (usize, bool) {
        match self.consumer.take_latest(buffer) {
            Some(len) => (len, true),
            None => (self.try_receive(buffer).unwrap().expect("there is a message"), false),
        }
    }
}
