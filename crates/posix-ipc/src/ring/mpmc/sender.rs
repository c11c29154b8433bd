//! [`Sender`]: a handle that sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::Incidents;
use super::crowd::Crowd;
use super::grant::Grant;
use super::options::Options;
use super::participant::{Claims, Participant};
use super::queue::Ticket;
use super::shared::Shared;
use crate::deadline::Limit;
use crate::error::{Error, Result};
use crate::name::Name;
use crate::open_mode::OpenMode;
use crate::priority::Priority;
use crate::ring::error::SendError;
use crate::ring::handle::object_methods;
use crate::ring::wait::Spin;

/// A handle that sends to an [mpmc ring](super); there can be many.
///
/// # Examples
///
/// ```
/// use posix_ipc::Name;
/// use posix_ipc::ring::mpmc;
///
/// let name = Name::unique("doc-mpmc");
/// let sender = mpmc::Sender::create(&name, 64, 100)?;
/// let receiver = mpmc::Receiver::open(&name)?; // usually in another process
/// sender.send(b"hello", 0)?;
/// let (message, priority) = receiver.receive_vec()?;
/// assert_eq!((&message[..], priority.get()), (&b"hello"[..], 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender {
    pub(super) participant: Arc<Participant>,
    spin: Spin,
    crowd: Crowd,
    /// Messages since the last wait.
    sent: AtomicU32,
    pub(super) claims: Claims,
    /// For the bridge to descriptors: the lane that there was no room in.
    pub(super) wanted: Arc<AtomicU32>,
}

/// How often a spinning sender looks for an eighth of a lane before it is content with one slot, most of a spin
/// at the most. A receiver that takes longer for so many is not disturbed by a sender close behind
/// it, but by one that says for each slot anew that it is about to sleep.
const PATIENT_LOOKS: u32 = 900;

impl Sender {
    pub(super) fn new(participant: Arc<Participant>) -> Self {
        let spin = Spin::new(participant.spins);
        let (crowd, claims) = (Crowd::default(), Claims::default());
        Self { participant, spin, crowd, sent: AtomicU32::new(0), claims, wanted: Arc::default() }
    }

    /// Options for opening a ring for sending.
    pub fn options() -> Options<Self> {
        Options::new()
    }

    /// Creates a ring that holds `capacity` messages of up to `message_size` bytes.
    ///
    /// # Errors
    ///
    /// As [`Options::open`]; `EEXIST` if the name exists.
    pub fn create(
        name: impl TryInto<Name, Error: Into<Error>>,
        capacity: usize,
        message_size: usize,
    ) -> Result<Self> {
        let options = Self::options().mode(OpenMode::CreateNew);
        options.capacity(capacity).message_size(message_size).open(name)
    }

    /// Opens a ring that exists, whatever its capacity.
    ///
    /// # Errors
    ///
    /// As [`Options::open`]; `ENOENT` if there is no such ring.
    pub fn open(name: impl TryInto<Name, Error: Into<Error>>) -> Result<Self> {
        Self::options().open(name)
    }

    /// Opens a ring that holds `capacity` messages of up to `message_size` bytes, which is created if
    /// the name does not exist.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_or_create(
        name: impl TryInto<Name, Error: Into<Error>>,
        capacity: usize,
        message_size: usize,
    ) -> Result<Self> {
        let options = Self::options().mode(OpenMode::OpenOrCreate);
        options.capacity(capacity).message_size(message_size).open(name)
    }

    /// Sends a message, waiting for room if its lane is full.
    ///
    /// # Errors
    ///
    /// - [`SendError::TooLong`] if it is longer than [`message_size`](Self::message_size).
    /// - [`SendError::Priority`] if the priority is none, [`SendError::NoSuchLane`] if it is not
    ///   below [`lanes`](Self::lanes).
    /// - [`SendError::Corrupt`] if the ring's memory was damaged.
    #[inline]
    pub fn send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        match self.try_send(message, priority) {
            Err(SendError::Full) => self.send_until(message, priority, Limit::Never),
            result => result,
        }
    }

    /// Sends a message if there is room in its lane.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`SendError::Full`] if there is none.
    #[inline]
    pub fn try_send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        let ticket = self.claim(message.len(), priority)?;
        self.fill(ticket, message);
        Ok(())
    }

    /// Claims a slot for a message of `length` bytes, if there is one.
    #[inline(always)]
    fn claim(&self, length: usize, priority: Priority) -> Result<Ticket, SendError> {
        let Participant { shared, seat, .. } = &*self.participant;
        let slots = shared.slots();
        if length > slots.max_len() {
            return Err(SendError::TooLong { length, max: slots.max_len() });
        }
        if priority.get() >= slots.lanes() {
            return Err(SendError::NoSuchLane { priority, lanes: slots.lanes() });
        }
        shared.claim_free_for(priority.get(), *seat, length)?.ok_or(SendError::Full)
    }

    /// Sends a message, waiting for room for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`SendError::TimedOut`].
    pub fn send_timeout<P>(
        &self,
        message: &[u8],
        priority: P,
        timeout: Duration,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        match self.try_send(message, priority) {
            Err(SendError::Full) => self.send_until(message, priority, Limit::After(timeout)),
            result => result,
        }
    }

    /// Sends a message, waiting for room until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`SendError::TimedOut`].
    pub fn send_deadline<P>(
        &self,
        message: &[u8],
        priority: P,
        deadline: Instant,
    ) -> Result<(), SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        match self.try_send(message, priority) {
            Err(SendError::Full) => self.send_until(message, priority, Limit::At(deadline)),
            result => result,
        }
    }

    /// Reserves room for a message of `len` bytes, to be written in place, waiting for it if the
    /// lane is full.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn reserve<P>(&self, len: usize, priority: P) -> Result<Grant<'_>, SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        self.reserve_until(len, priority, Limit::Never)
    }

    /// Reserves room for a message of `len` bytes if there is some in its lane.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_reserve<P>(&self, len: usize, priority: P) -> Result<Grant<'_>, SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        let ticket = self.claim(len, priority)?;
        Ok(Grant::new(self, ticket, len))
    }

    /// Reserves room for a message of `len` bytes, waiting for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn reserve_timeout<P>(
        &self,
        len: usize,
        priority: P,
        timeout: Duration,
    ) -> Result<Grant<'_>, SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        self.reserve_until(len, priority, Limit::After(timeout))
    }

    /// Reserves room for a message of `len` bytes, waiting until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`send_deadline`](Self::send_deadline).
    pub fn reserve_deadline<P>(
        &self,
        len: usize,
        priority: P,
        deadline: Instant,
    ) -> Result<Grant<'_>, SendError>
    where
        P: TryInto<Priority, Error: Into<SendError>>,
    {
        let priority = priority.try_into().map_err(Into::into)?;
        self.reserve_until(len, priority, Limit::At(deadline))
    }

    fn reserve_until(
        &self,
        len: usize,
        priority: Priority,
        limit: Limit,
    ) -> Result<Grant<'_>, SendError> {
        let ticket = match self.claim(len, priority) {
            Err(SendError::Full) => self.wait_for_slot(priority, limit)?,
            claimed => claimed?,
        };
        Ok(Grant::new(self, ticket, len))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.participant.shared
    }

    #[inline(always)]
    fn fill(&self, ticket: Ticket, message: &[u8]) {
        let shared = &self.participant.shared;
        shared.slot(ticket).write(message);
        shared.publish(ticket);
        shared.expect_behind(ticket, message.len());
        let sent = self.sent.load(Relaxed);
        self.sent.store(sent.saturating_add(1), Relaxed);
    }

    #[cold]
    fn send_until(
        &self,
        message: &[u8],
        priority: Priority,
        limit: Limit,
    ) -> Result<(), SendError> {
        let ticket = self.wait_for_slot(priority, limit)?;
        self.fill(ticket, message);
        Ok(())
    }

    #[cold]
    fn wait_for_slot(&self, priority: Priority, mut limit: Limit) -> Result<Ticket, SendError> {
        let Self { participant, spin, crowd, sent, .. } = self;
        let lane = priority.get();
        let claim = || participant.shared.claim_free(lane, participant.seat);
        // A look takes no line from the receivers, as a claim would.
        let shared = &participant.shared;
        let mut looks = 0;
        let seems = || {
            looks += 1;
            let seems = shared.seems_to_have_eighth_free(lane);
            (seems || looks > PATIENT_LOOKS && shared.has_room(lane)).then_some(())
        };
        if participant.look(crowd, spin, &mut limit, sent.swap(0, Relaxed), seems).is_some() {
            if let Some(ticket) = claim()? {
                return Ok(ticket);
            }
        }
        let event = &participant.shared.header().not_full;
        participant.sleep(event, spin, limit.deadline(), claim)?.ok_or(SendError::TimedOut)
    }

    /// Messages that each lane holds.
    pub fn capacity(&self) -> usize {
        1 << self.participant.shared.slots().shift()
    }

    /// How many bytes a message may have.
    pub fn message_size(&self) -> usize {
        self.participant.shared.slots().max_len()
    }

    /// Number of lanes.
    pub fn lanes(&self) -> u32 {
        self.participant.shared.slots().lanes()
    }

    /// What was lost and repeated so far because participants died.
    pub fn incidents(&self) -> Incidents {
        Incidents::of(&self.participant)
    }

    /// Looks for participants that have died and repairs what they left, which a sleeping
    /// participant does by itself at every liveness interval.
    pub fn repair(&self) {
        self.participant.bury_the_dead();
    }

    /// How many handles are at the ring, dead ones that were not noticed yet included; clones of
    /// a handle count once.
    pub fn participants(&self) -> usize {
        self.participant.participants()
    }

    object_methods!(
        participant,
        "handle",
        "While clones of it live, the seat and the duty to the name pass to them."
    );
}

/// The clone shares the seat, and may be used by another thread.
impl Clone for Sender {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.participant))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.claims.close(&self.participant);
    }
}
