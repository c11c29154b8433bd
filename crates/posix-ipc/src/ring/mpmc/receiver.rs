//! [`Receiver`]: a handle that receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::Incidents;
use super::crowd::Crowd;
use super::options::Options;
use super::participant::{Claims, Participant};
use super::queue::{AtHead, Ticket};
use super::shared::Shared;
use super::view::Record;
use crate::deadline::Limit;
use crate::error::{Error, Result};
use crate::name::Name;
use crate::open_mode::OpenMode;
use crate::priority::Priority;
use crate::ring::copy;
use crate::ring::error::{Corrupt, ReceiveError};
use crate::ring::handle::object_methods;
use crate::ring::pace::Pace;
use crate::ring::wait::Spin;

/// A handle that receives from an [mpmc ring](super); there can be many, and each message goes to
/// one of them.
///
/// # Examples
///
/// See [`Sender`](super::Sender).
#[derive(Debug)]
pub struct Receiver {
    pub(super) participant: Arc<Participant>,
    spin: Spin,
    crowd: Crowd,
    /// Messages since the last wait.
    served: AtomicU32,
    /// Bytes of the last one, and its lane.
    len: AtomicUsize,
    lane: AtomicU32,
    pace: Pace,
    pub(super) claims: Claims,
}

/// The longest message whose lines a receiver takes from its sender: those of longer ones have left the
/// nearest caches before they are written again.
const MARKED_MAX: usize = 4096;
/// The longest message that is copied before it is taken, which may be in vain.
const COPIED_MAX: usize = 256;

impl Receiver {
    pub(super) fn new(participant: Arc<Participant>) -> Self {
        let spin = Spin::new(participant.spins);
        let (crowd, claims, pace) =
            (Crowd::default(), Claims::default(), Pace::new(participant.spins));
        let (served, len, lane) = (AtomicU32::new(0), AtomicUsize::new(0), AtomicU32::new(0));
        Self { participant, spin, crowd, served, len, lane, pace, claims }
    }

    /// Options for opening a ring for receiving.
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

    /// Receives the oldest message of the highest priority into `buffer`, waiting for one if
    /// there is none; gives its length and its priority.
    ///
    /// # Errors
    ///
    /// - [`ReceiveError::TooShort`] if the buffer is; the message stays.
    /// - [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    #[inline]
    pub fn receive(&self, buffer: &mut [u8]) -> Result<(usize, Priority), ReceiveError> {
        if let Some(received) = self.try_receive(buffer)? {
            return Ok(received);
        }
        // Without a deadline, a wait ends with a message.
        self.receive_until(buffer, Limit::Never)?.ok_or(ReceiveError::PeerGone)
    }

    /// Receives a message as [`receive`](Self::receive) does, if there is one. Where there is none,
    /// the buffer may have been written all the same.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(
        &self,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, Priority)>, ReceiveError> {
        let Participant { shared, seat, .. } = &*self.participant;
        // In a dialogue nobody waits for these lines, but for the answer.
        let marker = (self.served.load(Relaxed) > 0).then_some(*seat);
        for lane in (0..shared.slots().lanes()).rev() {
            let copied = shared.copy_at_head(lane, marker, |slot| {
                let len = usize::try_from(slot.len()).ok().filter(|len| *len <= COPIED_MAX)?;
                let buffer = buffer.get_mut(..len)?;
                // SAFETY: `read_at` writes initialised bytes only.
                let buffer = unsafe { copy::as_uninit(buffer) };
                slot.read_at(0, buffer).then_some(len)
            });
            match copied {
                AtHead::Nothing => {}
                AtHead::Full((ticket, len)) => {
                    shared.freed(ticket);
                    self.count(ticket, len);
                    return Ok(Some((len, Priority::received(lane))));
                }
                AtHead::Unclear => return self.try_receive_claimed(buffer),
            }
        }
        Ok(None)
    }

    /// As `try_receive`, for any message wherever it is, and for damage.
    #[inline(never)]
    fn try_receive_claimed(
        &self,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, Priority)>, ReceiveError> {
        self.claim()?.map(|ticket| self.take(ticket, buffer)).transpose()
    }

    /// Receives a message as [`receive`](Self::receive) does, waiting for at most `timeout`; `None`
    /// if none came.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_timeout(
        &self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<(usize, Priority)>, ReceiveError> {
        match self.try_receive(buffer)? {
            None => self.receive_until(buffer, Limit::After(timeout)),
            received => Ok(received),
        }
    }

    /// Receives a message as [`receive`](Self::receive) does, waiting until `deadline` at most;
    /// `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_deadline(
        &self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> Result<Option<(usize, Priority)>, ReceiveError> {
        match self.try_receive(buffer)? {
            None => self.receive_until(buffer, Limit::At(deadline)),
            received => Ok(received),
        }
    }

    /// Receives a message and its priority into a new vector, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    pub fn receive_vec(&self) -> Result<(Vec<u8>, Priority), ReceiveError> {
        match self.next(Limit::Never)? {
            Some(ticket) => self.take_vec(ticket),
            None => Err(ReceiveError::PeerGone),
        }
    }

    /// Receives a message and its priority into a new vector, if there is one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    pub fn try_receive_vec(&self) -> Result<Option<(Vec<u8>, Priority)>, ReceiveError> {
        self.claim()?.map(|ticket| self.take_vec(ticket)).transpose()
    }

    /// Receives a message and its priority into a new vector, waiting for at most `timeout`; `None`
    /// if none came.
    ///
    /// # Errors
    ///
    /// As [`receive_vec`](Self::receive_vec).
    pub fn receive_vec_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Option<(Vec<u8>, Priority)>, ReceiveError> {
        let ticket = self.next(Limit::After(timeout))?;
        ticket.map(|ticket| self.take_vec(ticket)).transpose()
    }

    /// Receives a message and its priority into a new vector, waiting until `deadline` at most;
    /// `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`receive_vec`](Self::receive_vec).
    pub fn receive_vec_deadline(
        &self,
        deadline: Instant,
    ) -> Result<Option<(Vec<u8>, Priority)>, ReceiveError> {
        let ticket = self.next(Limit::At(deadline))?;
        ticket.map(|ticket| self.take_vec(ticket)).transpose()
    }

    /// Takes a message, to be finished with when it was acted on, waiting for one if there is
    /// none.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = posix_ipc::ring::mpmc::pair(64, 100)?;
    /// sender.send(b"job", 0)?;
    /// drop(receiver.peek()?); // not finished with: it is there again
    /// let job = receiver.peek()?;
    /// assert_eq!(job.to_vec(), b"job");
    /// job.release();
    /// assert!(receiver.try_peek()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peek(&self) -> Result<Record<'_>, ReceiveError> {
        match self.next(Limit::Never)? {
            Some(ticket) => self.record(ticket),
            None => Err(ReceiveError::PeerGone),
        }
    }

    /// As [`peek`](Self::peek), if there is a message.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub fn try_peek(&self) -> Result<Option<Record<'_>>, ReceiveError> {
        self.claim()?.map(|ticket| self.record(ticket)).transpose()
    }

    /// As [`peek`](Self::peek), waiting for at most `timeout`; `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub fn peek_timeout(&self, timeout: Duration) -> Result<Option<Record<'_>>, ReceiveError> {
        self.next(Limit::After(timeout))?.map(|ticket| self.record(ticket)).transpose()
    }

    /// As [`peek`](Self::peek), waiting until `deadline` at most; `None` if none came.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub fn peek_deadline(&self, deadline: Instant) -> Result<Option<Record<'_>>, ReceiveError> {
        self.next(Limit::At(deadline))?.map(|ticket| self.record(ticket)).transpose()
    }

    /// Receives the messages that are there, in place, without waiting; gives how many they were.
    ///
    /// Each is finished with when `each` returns; should that panic, it is there again. While
    /// others send, it ends after as many messages as the ring holds.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Corrupt`] if the ring's memory was damaged; messages before are received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = posix_ipc::ring::mpmc::pair(64, 100)?;
    /// sender.send(b"one", 0)?;
    /// sender.send(b"two", 0)?;
    /// let mut all = Vec::new();
    /// let count = receiver.drain(|message, priority| all.push((message.to_vec(), priority)))?;
    /// assert_eq!((count, all.len()), (2, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(
        &self,
        mut each: impl FnMut(&Record<'_>, Priority),
    ) -> Result<usize, ReceiveError> {
        let most = self.capacity().saturating_mul(self.lanes() as usize);
        for count in 0..most {
            let Some(record) = self.try_peek()? else { return Ok(count) };
            each(&record, record.priority());
            record.release();
        }
        Ok(most)
    }

    /// Claims the oldest message of the highest lane that has one.
    #[inline(always)]
    fn claim(&self) -> Result<Option<Ticket>, Corrupt> {
        let Participant { shared, seat, .. } = &*self.participant;
        for lane in (0..shared.slots().lanes()).rev() {
            if let Some(ticket) = shared.claim_full(lane, *seat)? {
                return Ok(Some(ticket));
            }
        }
        Ok(None)
    }

    fn next(&self, limit: Limit) -> Result<Option<Ticket>, ReceiveError> {
        match self.claim()? {
            Some(ticket) => Ok(Some(ticket)),
            None => self.wait(limit, || Ok(self.claim()?)),
        }
    }

    #[cold]
    fn receive_until(
        &self,
        buffer: &mut [u8],
        limit: Limit,
    ) -> Result<Option<(usize, Priority)>, ReceiveError> {
        self.wait(limit, || self.try_receive(buffer))
    }

    /// Waits until `take` has taken something; `None` when the deadline has passed.
    #[inline(always)]
    fn wait<T>(
        &self,
        mut limit: Limit,
        mut take: impl FnMut() -> Result<Option<T>, ReceiveError>,
    ) -> Result<Option<T>, ReceiveError> {
        let Self { participant, spin, crowd, served, pace, .. } = self;
        let shared = &participant.shared;
        let served = served.swap(0, Relaxed);
        spin.served(served > 1);
        if served == 1 {
            shared.take_lines(self.lane.load(Relaxed), self.len.load(Relaxed));
        }
        let lanes = shared.slots().lanes();
        let seems = || (0..lanes).any(|lane| shared.seems_full(lane)).then_some(());
        let len = self.len.load(Relaxed) as u64;
        pace.news(len.max(1), len.max(1) * u64::from(served));
        pace.rest();
        if seems().is_none() {
            pace.none();
        }
        // What seemed to be there another one may have taken: then the spin goes on sleeping.
        if participant.look(crowd, spin, &mut limit, served, seems).is_some() {
            if let Some(taken) = take()? {
                return Ok(Some(taken));
            }
        }
        participant.sleep(&shared.header().not_empty, spin, limit.deadline(), take)
    }

    /// The length of a message that was claimed, if it can be.
    #[inline(always)]
    fn len_of(&self, ticket: Ticket) -> Result<usize, ReceiveError> {
        let shared = &self.participant.shared;
        let found = shared.slot(ticket).len();
        match usize::try_from(found) {
            Ok(len) if len <= shared.slots().max_len() => Ok(len),
            _ => {
                shared.release(ticket);
                let what = "length in slot (offset is its number)";
                let offset = ticket.position & ((1 << shared.slots().shift()) - 1);
                Err(Corrupt { what, offset, found }.into())
            }
        }
    }

    #[inline(always)]
    fn take(&self, ticket: Ticket, buffer: &mut [u8]) -> Result<(usize, Priority), ReceiveError> {
        let shared = &self.participant.shared;
        let len = self.len_of(ticket)?;
        let available = buffer.len();
        let Some(buffer) = buffer.get_mut(..len) else {
            shared.put_back(ticket);
            return Err(ReceiveError::TooShort { length: len, buffer: available });
        };
        // SAFETY: `read` writes initialised bytes only.
        let buffer = unsafe { copy::as_uninit(buffer) };
        shared.slot(ticket).read_at(0, buffer);
        if len <= MARKED_MAX && self.served.load(Relaxed) > 0 {
            shared.slot(ticket).mark_inner_lines(len);
        }
        self.done(ticket, len);
        Ok((len, Priority::received(ticket.lane)))
    }

    fn record(&self, ticket: Ticket) -> Result<Record<'_>, ReceiveError> {
        let len = self.len_of(ticket)?;
        Ok(Record::new(self, ticket, len))
    }

    fn take_vec(&self, ticket: Ticket) -> Result<(Vec<u8>, Priority), ReceiveError> {
        let record = self.record(ticket)?;
        let message = record.to_vec();
        record.release();
        Ok((message, Priority::received(ticket.lane)))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.participant.shared
    }

    #[inline(always)]
    pub(super) fn done(&self, ticket: Ticket, len: usize) {
        self.participant.shared.release(ticket);
        self.count(ticket, len);
    }

    /// One more message since the last wait.
    #[inline(always)]
    fn count(&self, ticket: Ticket, len: usize) {
        self.len.store(len, Relaxed);
        self.lane.store(ticket.lane, Relaxed);
        let served = self.served.load(Relaxed);
        if served > 0 {
            self.participant.shared.expect_behind(ticket, len);
        }
        self.served.store(served.saturating_add(1), Relaxed);
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
impl Clone for Receiver {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.participant))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.claims.close(&self.participant);
    }
}
