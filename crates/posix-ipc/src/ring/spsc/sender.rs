//! [`Sender`]: the writing end.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::attachment::{Attachment, Broken, Peer};
use super::batch::Batch;
use super::catch_up::CatchUp;
use super::grant::Grant;
use super::options::Options;
use super::parts::IN_PARTS;
use super::producer::{Look, Producer, Room, record_size};
use crate::deadline::{Deadline, Limit};
use crate::error::{Error, Result};
use crate::name::Name;
use crate::open_mode::OpenMode;
use crate::ring::error::{Corrupt, SendError};
use crate::ring::handle::object_methods;
use crate::ring::layout::RECORD_HEADER;

/// The sending end of an [spsc ring](super); there is one at a time.
///
/// # Examples
///
/// ```
/// use posix_ipc::Name;
/// use posix_ipc::ring::spsc;
///
/// let name = Name::unique("doc-spsc");
/// let mut sender = spsc::Sender::create(&name, 64 * 1024)?;
/// let mut receiver = spsc::Receiver::open(&name)?; // usually in another process
/// sender.send(b"hello")?;
/// assert_eq!(receiver.receive_vec()?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender {
    pub(super) producer: Producer,
    pub(super) attachment: Attachment,
    /// For the bridge to descriptors: the end of the record that there was no room for.
    pub(super) wanted: Arc<AtomicU64>,
    catch_up: CatchUp,
}

impl Sender {
    pub(super) fn new(producer: Producer, attachment: Attachment) -> Self {
        let catch_up = CatchUp::new(&producer, attachment.may_spin());
        Self { producer, attachment, wanted: Arc::default(), catch_up }
    }

    /// Options for opening the sending end.
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Creates a ring of at least `capacity` bytes and takes its sending end.
    ///
    /// # Errors
    ///
    /// As [`Options::open`]; `EEXIST` if the name exists.
    pub fn create(name: impl TryInto<Name, Error: Into<Error>>, capacity: usize) -> Result<Self> {
        Self::options().mode(OpenMode::CreateNew).capacity(capacity).open(name)
    }

    /// Takes the sending end of a ring that exists, whatever its capacity.
    ///
    /// # Errors
    ///
    /// As [`Options::open`]; `ENOENT` if there is no such ring.
    pub fn open(name: impl TryInto<Name, Error: Into<Error>>) -> Result<Self> {
        Self::options().open(name)
    }

    /// Takes the sending end of a ring of at least `capacity` bytes, which is created if the name
    /// does not exist.
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

    /// Sends a message, waiting for room if there is none.
    ///
    /// In a ring of 8 MiB or more it also waits every 2 MiB until all was received, if the receiver
    /// takes 2 GB a second at least: what is sent next comes into memory that the caches still have,
    /// which makes such streams up to three times as fast. It waits for at most 50 milliseconds, less and
    /// less often where that was in vain, and not before messages of more than 1.5 MiB. Before one of 768 KiB
    /// to 16 MiB it waits, in rings of any size, for a receiver that is about to have the last one: for 16
    /// microseconds a MiB, and less and less often as well. Who must never wait while there is room sends with
    /// a deadline or tries, or [does not spin](Options::spin).
    ///
    /// A message of 64 KiB to 16 MiB goes in parts, as one of 16 KiB does if all before it was received: a
    /// receiver that [waits for it](super::Receiver::receive) copies it while it is still being written.
    ///
    /// # Errors
    ///
    /// - [`SendError::TooLong`] if it is longer than [`message_size`](Self::message_size).
    /// - [`SendError::PeerGone`] if there is no room and the receiver has died or left, within
    ///   the [liveness interval](Options::liveness_interval).
    /// - [`SendError::Corrupt`] if the ring's memory was damaged.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.send_one(message, Look::Patient) {
            Err(SendError::Full) => self.send_until(message, Limit::Never),
            result => result,
        }
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    ///
    /// - [`SendError::Full`] if there is none.
    /// - [`SendError::TooLong`] and [`SendError::Corrupt`] as for [`send`](Self::send).
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_one(message, Look::Exact)
    }

    /// As `try_send`, for those who wait otherwise.
    #[inline(always)]
    fn send_at_once(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_one(message, Look::Cheap)
    }

    #[inline(always)]
    pub(super) fn send_one(&mut self, message: &[u8], look: Look) -> Result<(), SendError> {
        if let Some(room) = self.producer.room_for_short(message.len()) {
            self.producer.send(room, message);
            return Ok(());
        }
        self.send_anywhere(message, look)
    }

    // By itself, so that the way of short messages is short.
    #[inline(never)]
    fn send_anywhere(&mut self, message: &[u8], look: Look) -> Result<(), SendError> {
        let length = message.len();
        if length > self.producer.max_len() {
            return Err(SendError::TooLong { length, max: self.producer.max_len() });
        }
        if look == Look::Patient {
            self.let_catch_up(length);
        }
        let room = self.producer.room_to_copy(length, look)?.ok_or(SendError::Full)?;
        if room.restarts {
            self.catch_up.begun_anew(room.position);
        }
        self.send_in(room, message);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn let_catch_up(&mut self, length: usize) {
        let Self { catch_up, producer, .. } = self;
        if catch_up.is_due(producer.position()) {
            catch_up.wait(producer, record_size(length));
        }
        if IN_PARTS.contains(&length) {
            catch_up.wait_for_follower(producer, record_size(length));
        }
    }

    #[inline(always)]
    fn send_in(&mut self, room: Room, message: &[u8]) {
        if self.producer.sends_in_parts(message.len()) {
            self.producer.send_in_parts(room, message);
        } else {
            self.producer.send(room, message);
        }
    }

    /// Sends a message, waiting for room for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`SendError::TimedOut`].
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), SendError> {
        match self.send_at_once(message) {
            Err(SendError::Full) => self.send_until(message, Limit::After(timeout)),
            result => result,
        }
    }

    /// Sends a message, waiting for room until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`SendError::TimedOut`].
    pub fn send_deadline(&mut self, message: &[u8], deadline: Instant) -> Result<(), SendError> {
        match self.send_at_once(message) {
            Err(SendError::Full) => self.send_until(message, Limit::At(deadline)),
            result => result,
        }
    }

    /// Starts a batch: messages that are published together.
    pub fn batch(&mut self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Reserves room for a message of `len` bytes, waiting for it if there is none.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Result<Grant<'_>, SendError> {
        self.reserve_until(len, Limit::Never)
    }

    /// Reserves room for a message of `len` bytes if there is some.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    #[inline]
    pub fn try_reserve(&mut self, len: usize) -> Result<Grant<'_>, SendError> {
        let room = self.room(len, Look::Exact)?;
        Ok(Grant::new(&mut self.producer, room, true))
    }

    /// Reserves room for a message of `len` bytes, waiting for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn reserve_timeout(
        &mut self,
        len: usize,
        timeout: Duration,
    ) -> Result<Grant<'_>, SendError> {
        self.reserve_until(len, Limit::After(timeout))
    }

    /// Reserves room for a message of `len` bytes, waiting until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_deadline`](Self::send_deadline).
    pub fn reserve_deadline(
        &mut self,
        len: usize,
        deadline: Instant,
    ) -> Result<Grant<'_>, SendError> {
        self.reserve_until(len, Limit::At(deadline))
    }

    #[inline]
    fn reserve_until(&mut self, len: usize, limit: Limit) -> Result<Grant<'_>, SendError> {
        let room = match self.room(len, Look::Cheap) {
            Err(SendError::Full) => self.wait_for_room(len, limit)?,
            room => room?,
        };
        Ok(Grant::new(&mut self.producer, room, true))
    }

    /// Writes a message without publishing it.
    #[inline]
    pub(super) fn write(&mut self, message: &[u8], look: Look) -> Result<(), SendError> {
        let room = self.room(message.len(), look)?;
        if room.restarts {
            self.catch_up.begun_anew(room.position);
        }
        self.fill(room, message);
        Ok(())
    }

    #[inline(always)]
    fn fill(&mut self, room: Room, message: &[u8]) {
        let position = room.position.wrapping_add(RECORD_HEADER);
        self.producer.shared.region().write(position, message);
        self.producer.commit(room, message.len());
    }

    #[inline(always)]
    fn room(&mut self, len: usize, look: Look) -> Result<Room, SendError> {
        if len > self.producer.max_len() {
            return Err(SendError::TooLong { length: len, max: self.producer.max_len() });
        }
        self.producer.room(len, look)?.ok_or(SendError::Full)
    }

    #[cold]
    pub(super) fn send_until(&mut self, message: &[u8], limit: Limit) -> Result<(), SendError> {
        let room = self.wait_for_room(message.len(), limit)?;
        self.send_in(room, message);
        Ok(())
    }

    #[cold]
    fn wait_for_room(&mut self, len: usize, mut limit: Limit) -> Result<Room, SendError> {
        let Self { producer, attachment, .. } = self;
        let mut failed = None;
        let found = attachment.spin(&mut limit, || match producer.room(len, Look::Cheap) {
            Ok(room) => room,
            Err(corrupt) => {
                failed = Some(corrupt);
                None
            }
        });
        if let Some(corrupt) = failed {
            return Err(corrupt.into());
        }
        if let Some(room) = found {
            return Ok(room);
        }
        match attachment.sleep(limit.deadline(), || producer.room(len, Look::Exact)) {
            Ok(Some(room)) => Ok(room),
            Ok(None) => Err(SendError::TimedOut),
            Err(Broken::PeerGone) => Err(SendError::PeerGone),
            Err(Broken::Corrupt(corrupt)) => Err(corrupt.into()),
        }
    }

    /// How many bytes a message may have: the capacity less 8.
    pub fn message_size(&self) -> usize {
        self.producer.max_len()
    }

    /// Bytes that the ring holds, 8 of them per message for its length, and up to 7 so that
    /// the next message starts at a multiple of 8.
    pub fn capacity(&self) -> usize {
        // It is mapped, so it fits.
        self.producer.shared.region().size() as usize
    }

    /// Bytes that were sent and are not received yet, counted as for [`capacity`](Self::capacity).
    ///
    /// # Errors
    ///
    /// [`Corrupt`] if the ring's memory was damaged.
    pub fn backlog(&mut self) -> Result<usize, Corrupt> {
        // No more than the capacity.
        self.producer.backlog().map(|bytes| bytes as usize)
    }

    /// Whether the receiver is there, asking the kernel.
    pub fn peer(&mut self) -> Peer {
        self.attachment.peer()
    }

    /// Waits until a receiver is there; `false` if none came in time.
    pub fn wait_for_peer(&mut self, timeout: Duration) -> bool {
        self.attachment.wait_for_peer(Deadline::after(timeout))
    }

    object_methods!(attachment, "end");
}
