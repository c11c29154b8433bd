//! [`Options`]: how a handle is opened, and its ring created.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use super::participant::Participant;
use super::shared::{Header, Shared};
use super::slots::Slots;
use super::{Receiver, Sender};
use crate::common::{Common, common_setters};
use crate::error::{Error, Result};
use crate::name::Name;
use crate::open_mode::OpenMode;
use crate::ring::layout::{Geometry, LANES_MAX, MESSAGE_MAX, SLOTS_MAX, Shape};
use crate::ring::memory::Memory;
use crate::ring::primitive::{Fences, negotiate};
use crate::ring::segment::{Expected, Segment, TOO_LARGE};

/// Options for opening an mpmc ring; from [`Sender::options`] and [`Receiver::options`].
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::mpmc;
/// use posix_ipc::{Cleanup, Name, OpenMode};
///
/// let name = Name::unique("doc-mpmc-options");
/// let sender = mpmc::Sender::options()
///     .mode(OpenMode::OpenOrCreate)
///     .cleanup(Cleanup::LastUser)
///     .capacity(64)
///     .message_size(100)
///     .lanes(2)
///     .open(&name)?;
/// assert_eq!((sender.capacity(), sender.message_size(), sender.lanes()), (64, 100, 2));
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options<E> {
    common: Common,
    capacity: Option<usize>,
    message_size: Option<usize>,
    lanes: Option<u32>,
    fenced: bool,
    populate: bool,
    interval: Duration,
    spin: bool,
    end: PhantomData<fn() -> E>,
}

const DEFAULT_CAPACITY: usize = 1024;
const DEFAULT_MESSAGE_SIZE: usize = 240;

impl<E> Options<E> {
    pub(super) fn new() -> Self {
        Self {
            common: Common::default(),
            capacity: None,
            message_size: None,
            lanes: None,
            fenced: false,
            populate: true,
            interval: Duration::from_millis(100),
            spin: true,
            end: PhantomData,
        }
    }

    common_setters!();

    /// Sets how many messages each lane holds, rounded up to a power of two; 1024 by default. A
    /// ring that exists has to have as many.
    ///
    /// For questions and answers a small one is best: slots that are soon used again stay in
    /// the nearest caches.
    #[must_use]
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = Some(messages);
        self
    }

    /// Sets how many bytes a message may have; 240 by default. A ring that exists has to have
    /// the same.
    ///
    /// Every message takes that much memory, and 16 bytes, up to a multiple of 16.
    #[must_use]
    pub fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = Some(bytes);
        self
    }

    /// Sets the number of lanes, 1 to 32; 1 by default. A ring that exists has to have as many.
    ///
    /// A lane is a priority, from 0 on: receivers take from the highest that has a message.
    #[must_use]
    pub fn lanes(mut self, lanes: u32) -> Self {
        self.lanes = Some(lanes);
        self
    }

    /// Sets how often a sleeping participant looks after the others, and so how long it may
    /// take until what a dead one left is repaired; 100 ms by default.
    ///
    /// `Duration::MAX` means never to look: newcomers on the dead one's seat still do.
    #[must_use]
    pub fn liveness_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Says whether to spin before sleeping, for up to some 50 microseconds where that has helped
    /// before; on by default. A receiver also lets short messages come together for a few
    /// microseconds where they come as a stream.
    #[must_use]
    pub fn spin(mut self, spin: bool) -> Self {
        self.spin = spin;
        self
    }

    /// Says whether all pages are made present at once, so that the first messages are as
    /// fast as later ones; on by default.
    #[must_use]
    pub fn populate(mut self, populate: bool) -> Self {
        self.populate = populate;
        self
    }

    /// Creates a ring whose participants order their accesses by fences on both sides; see
    /// [`spsc::Options::fenced`](crate::ring::spsc::Options::fenced).
    #[must_use]
    pub fn fenced(mut self, fenced: bool) -> Self {
        self.fenced = fenced;
        self
    }

    /// Opens or creates the ring, and takes a seat at it.
    fn sit_at(&self, name: Name) -> Result<Arc<Participant>> {
        let fences = if self.fenced { Fences::Both } else { negotiate(None) };
        let wanted = self.geometry(fences)?;
        let expected = Expected {
            capacity: self.capacity.map(|_| wanted.capacity),
            max_len: self.message_size.map(|_| wanted.max_len),
            lanes: self.lanes,
        };
        let new = (self.common.mode != OpenMode::OpenExisting).then_some(wanted);
        let segment = Segment::open(&self.common, &name, Shape::Mpmc, new, expected)?;
        let fences = negotiate(Some(segment.geometry.asymmetric));
        self.sit(segment, fences)
    }

    fn geometry(&self, fences: Fences) -> Result<Geometry> {
        let slots = self.capacity.unwrap_or(DEFAULT_CAPACITY) as u64;
        let lanes = self.lanes.unwrap_or(1);
        let message_size = self.message_size.unwrap_or(DEFAULT_MESSAGE_SIZE) as u64;
        let check = |argument, value, min, max| match (min..=max).contains(&value) {
            true => Ok(()),
            false => Err(Error::OutOfRange { argument, value, min, max }),
        };
        check("capacity", slots, 0, SLOTS_MAX)?;
        check("message size", message_size, 0, u64::from(MESSAGE_MAX))?;
        check("number of lanes", u64::from(lanes), 1, u64::from(LANES_MAX))?;
        u32::try_from(message_size)
            .ok()
            .and_then(|len| Geometry::mpmc(slots, len, lanes, fences == Fences::Sleeper))
            .ok_or(Error::Argument { argument: "capacity", reason: "the ring would be too large" })
    }

    fn sit(&self, segment: Segment, fences: Fences) -> Result<Arc<Participant>> {
        let shared = map(&segment, fences, self.populate)?;
        Participant::arrive(shared, segment, self.interval, self.spin).map(Arc::new)
    }
}

impl Options<Sender> {
    /// Opens or creates the ring, and takes a seat at it.
    ///
    /// # Errors
    ///
    /// - [`Error::Os`] with `EEXIST` or `ENOENT` as the [mode](Self::mode) says; with `ENOSPC` if
    ///   there is no memory; with `EBUSY` if 1024 participants are there already.
    /// - [`Error::Mismatch`] if the ring has another capacity, message size or number of lanes
    ///   than asked for.
    /// - [`Error::Foreign`] if what stands under the name is no mpmc ring of this format.
    /// - [`Error::OutOfRange`] if a number is out of range.
    pub fn open(&self, name: impl TryInto<Name, Error: Into<Error>>) -> Result<Sender> {
        self.sit_at(name.try_into().map_err(Into::into)?).map(Sender::new)
    }
}

impl Options<Receiver> {
    /// Opens or creates the ring, and takes a seat at it.
    ///
    /// # Errors
    ///
    /// - [`Error::Os`] with `EEXIST` or `ENOENT` as the [mode](Self::mode) says; with `ENOSPC` if
    ///   there is no memory; with `EBUSY` if 1024 participants are there already.
    /// - [`Error::Mismatch`] if the ring has another capacity, message size or number of lanes
    ///   than asked for.
    /// - [`Error::Foreign`] if what stands under the name is no mpmc ring of this format.
    /// - [`Error::OutOfRange`] if a number is out of range.
    pub fn open(&self, name: impl TryInto<Name, Error: Into<Error>>) -> Result<Receiver> {
        self.sit_at(name.try_into().map_err(Into::into)?).map(Receiver::new)
    }
}

fn map(segment: &Segment, fences: Fences, populate: bool) -> Result<Shared> {
    let geometry = &segment.geometry;
    let all = usize::try_from(geometry.size).map_err(|_| segment.foreign(TOO_LARGE))?;
    let offset = usize::try_from(geometry.data_offset).map_err(|_| segment.foreign(TOO_LARGE))?;
    let mapping = segment.memory.map_options().length(all).populate(populate).map()?;
    let at = |offset, len| mapping.at_mut(offset, len).ok().and_then(NonNull::new);
    let too_large = || segment.foreign(TOO_LARGE);
    let header = at(0, size_of::<Header>()).ok_or_else(too_large)?;
    let data = at(offset, all - offset).ok_or_else(too_large)?;
    // SAFETY:
    // - `Geometry` made the size that of the header and of all slots, and `at` found them mapped.
    // - The header has a multiple of 64 bytes, and the mapping starts at a page.
    let slots = unsafe { Slots::new(data, geometry) };
    let owner = Box::new(mapping);
    // SAFETY: the mapping has the whole header at its start, and lives as long as the memory.
    let memory = unsafe { Memory::new(header, slots, owner) };
    Ok(Shared { memory, fences })
}

/// Makes a ring without a name, for threads, or for a process and what it starts.
///
/// # Errors
///
/// As [`Options::open`], but for the name.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = posix_ipc::ring::mpmc::pair(64, 100)?;
/// let clone = receiver.clone();
/// sender.send(b"to whoever comes first", 0)?;
/// assert_eq!(clone.receive_vec()?.0, b"to whoever comes first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pair(capacity: usize, message_size: usize) -> Result<(Sender, Receiver)> {
    let options = Options::<Sender>::new().capacity(capacity).message_size(message_size);
    let fences = negotiate(None);
    let segment = Segment::anonymous(options.geometry(fences)?)?;
    let other = segment.again()?;
    let receiver = Options::<Receiver>::new().sit(other, fences)?;
    let sender = options.sit(segment, fences)?;
    Ok((Sender::new(sender), Receiver::new(receiver)))
}
