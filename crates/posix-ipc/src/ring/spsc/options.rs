//! [`Options`]: how an end is opened, and its ring created.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::attachment::{Attachment, Patience};
use super::consumer::Consumer;
use super::producer::Producer;
use super::shared::{End, Header, Shared};
use super::{Receiver, Sender};
use crate::common::{Common, common_setters};
use crate::error::{Error, Result};
use crate::name::Name;
use crate::open_mode::OpenMode;
use crate::ring::error::Corrupt;
use crate::ring::layout::{Geometry, SPSC_MAX, Shape};
use crate::ring::memory::{Memory, Region};
use crate::ring::primitive::{Fences, negotiate};
use crate::ring::segment::{Expected, Segment, TOO_LARGE};

/// Options for opening an end of an spsc ring; from [`Sender::options`] and
/// [`Receiver::options`].
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::spsc;
/// use posix_ipc::{Cleanup, Name, OpenMode};
///
/// let name = Name::unique("doc-spsc-options");
/// let options = spsc::Sender::options()
///     .mode(OpenMode::OpenOrCreate)
///     .cleanup(Cleanup::LastUser)
///     .capacity(1 << 20);
/// let sender = options.open(&name)?;
/// assert_eq!(sender.capacity(), 1 << 20);
/// assert!(options.open(&name).is_err(), "there is one sender at a time");
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options<E> {
    common: Common,
    capacity: Option<usize>,
    fenced: bool,
    populate: bool,
    patience: Patience,
    end: PhantomData<fn() -> E>,
}

/// The capacity of a ring that is created without saying.
const DEFAULT_CAPACITY: usize = 1 << 20;

impl<E> Options<E> {
    pub(super) fn new() -> Self {
        Self {
            common: Common::default(),
            capacity: None,
            fenced: false,
            populate: true,
            patience: Patience::default(),
            end: PhantomData,
        }
    }

    common_setters!();

    /// Sets the capacity in bytes of a ring that is created, rounded up to a power of two and to
    /// whole pages; 1 MiB by default. A ring that exists has to have it too.
    ///
    /// For messages from 1 KiB on it is fastest well above the processor's second-level cache and within
    /// its last one. In larger rings a sender that is faster than its receiver would fill all of it, and
    /// every message would go through memory: from 8 MiB on, [`Sender::send`](super::Sender::send) now and
    /// then lets the receiver catch up.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Sets how often a sleeping end looks whether its peer still lives, and so how long it may
    /// take to learn of a death; 100 ms by default.
    ///
    /// An orderly departure is learnt of at once. `Duration::MAX` means never to look.
    #[must_use]
    pub fn liveness_interval(mut self, interval: Duration) -> Self {
        self.patience.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Says whether to spin before sleeping, for up to some 50 microseconds where that has helped
    /// before; on by default.
    ///
    /// With it, an answer of a peer on another processor takes a tenth of a microsecond, and ten
    /// without. It is off by itself while both ends share a processor. A receiver also lets short
    /// messages come together for a few microseconds where they come as a stream, and a sender lets it
    /// catch up in a large ring and between long messages.
    #[must_use]
    pub fn spin(mut self, spin: bool) -> Self {
        self.patience.spin = spin;
        self
    }

    /// Says whether to wait for the next peer when one has gone, instead of failing with
    /// `PeerGone`; off by default.
    #[must_use]
    pub fn outlive_peer(mut self, outlive: bool) -> Self {
        self.patience.outlive = outlive;
        self
    }

    /// Says whether all pages are made present at once, so that the first messages are as
    /// fast as later ones; on by default.
    #[must_use]
    pub fn populate(mut self, populate: bool) -> Self {
        self.populate = populate;
        self
    }

    /// Creates a ring whose ends order their accesses by fences on both sides, as they do where
    /// the system has no `membarrier`: for peers that can't call it, because a sandbox
    /// forbids it or because they are no Rust programs.
    #[must_use]
    pub fn fenced(mut self, fenced: bool) -> Self {
        self.fenced = fenced;
        self
    }

    /// Opens or creates the ring; its end is still to be taken.
    fn find(&self, name: Name) -> Result<(Segment, Fences)> {
        let fences = if self.fenced { Fences::Both } else { negotiate(None) };
        let wanted = self.geometry(fences)?;
        let expected =
            Expected { capacity: self.capacity.map(|_| wanted.capacity), ..Expected::default() };
        let new = (self.common.mode != OpenMode::OpenExisting).then_some(wanted);
        let segment = Segment::open(&self.common, &name, Shape::Spsc, new, expected)?;
        let fences = negotiate(Some(segment.geometry.asymmetric));
        Ok((segment, fences))
    }

    fn geometry(&self, fences: Fences) -> Result<Geometry> {
        let capacity = self.capacity.unwrap_or(DEFAULT_CAPACITY) as u64;
        let page = rustix::param::page_size() as u64;
        Geometry::spsc(capacity, page, fences == Fences::Sleeper).ok_or(Error::OutOfRange {
            argument: "capacity",
            value: capacity,
            min: 0,
            max: SPSC_MAX,
        })
    }

    /// Takes an end; `attach` makes its algorithm.
    fn take<A>(
        &self,
        end: End,
        (segment, fences): (Segment, Fences),
        attach: impl FnOnce(Arc<Shared>) -> Result<A, Corrupt>,
    ) -> Result<(A, Attachment)> {
        let liveness = segment.liveness()?;
        match liveness.try_take(end.seat()) {
            Ok(true) => {}
            Ok(false) => return Err(segment.error("take an end of", Errno::BUSY, Some(TAKEN))),
            Err(errno) => return Err(segment.error("take an end of", errno, None)),
        }
        let shared = Arc::new(map(&segment, fences, self.populate)?);
        let attached = attach(Arc::clone(&shared))
            .map_err(|_| segment.foreign("its indices are damaged: remove it"))?;
        let attachment =
            Attachment::new(shared, end, liveness, segment.memory, self.patience.clone());
        Ok((attached, attachment))
    }
}

impl Options<Sender> {
    /// Opens or creates the ring, and takes its end.
    ///
    /// # Errors
    ///
    /// - [`Error::Os`] with `EBUSY` if a living process has the end already; with `EEXIST` or
    ///   `ENOENT` as the [mode](Self::mode) says; with `ENOSPC` if there is no memory.
    /// - [`Error::Mismatch`] if the ring has another capacity than asked for.
    /// - [`Error::Foreign`] if what stands under the name is no spsc ring of this format.
    /// - [`Error::OutOfRange`] if the capacity is over 2 GiB.
    pub fn open(&self, name: impl TryInto<Name, Error: Into<Error>>) -> Result<Sender> {
        let found = self.find(name.try_into().map_err(Into::into)?)?;
        self.send(found)
    }

    fn send(&self, found: (Segment, Fences)) -> Result<Sender> {
        let (producer, attachment) = self.take(End::Sender, found, Producer::attach)?;
        Ok(Sender::new(producer, attachment))
    }
}

impl Options<Receiver> {
    /// Opens or creates the ring, and takes its end.
    ///
    /// # Errors
    ///
    /// - [`Error::Os`] with `EBUSY` if a living process has the end already; with `EEXIST` or
    ///   `ENOENT` as the [mode](Self::mode) says; with `ENOSPC` if there is no memory.
    /// - [`Error::Mismatch`] if the ring has another capacity than asked for.
    /// - [`Error::Foreign`] if what stands under the name is no spsc ring of this format.
    /// - [`Error::OutOfRange`] if the capacity is over 2 GiB.
    pub fn open(&self, name: impl TryInto<Name, Error: Into<Error>>) -> Result<Receiver> {
        let found = self.find(name.try_into().map_err(Into::into)?)?;
        self.receive(found)
    }

    fn receive(&self, found: (Segment, Fences)) -> Result<Receiver> {
        let attach = |shared| Ok(Consumer::attach(shared)?.with_rests(self.patience.spin));
        let (consumer, attachment) = self.take(End::Receiver, found, attach)?;
        Ok(Receiver::new(consumer, attachment))
    }
}

const TAKEN: &str = "a living process has this end: an spsc ring has one sender and one receiver";

/// Maps the data region twice in a row, so that every record is in one piece.
fn map(segment: &Segment, fences: Fences, populate: bool) -> Result<Shared> {
    let geometry = &segment.geometry;
    let len = usize::try_from(geometry.capacity).map_err(|_| segment.foreign(TOO_LARGE))?;
    let header = segment.memory.map_options().length(size_of::<Header>()).map()?;
    let data = segment
        .memory
        .map_options()
        .offset(geometry.data_offset)
        .length(len)
        .mirrored(true)
        .populate(populate)
        .map()?;
    let pointer = |start: *mut u8| NonNull::new(start).ok_or_else(|| segment.foreign(TOO_LARGE));
    let (header_start, data_start) = (pointer(header.as_mut_ptr())?, pointer(data.as_mut_ptr())?);
    // SAFETY:
    // - `data` maps `len` bytes twice in a row, from a page's start, and goes into the memory.
    // - `Geometry` made the capacity a power of two of at least a page.
    let region = unsafe { Region::new(data_start, geometry.capacity, 2 * geometry.capacity) };
    let owner = Box::new((header, data));
    // SAFETY: `header` maps the whole header from the segment's first byte, and both mappings live
    // as long as the memory, which owns them.
    let memory = unsafe { Memory::new(header_start, region, owner) };
    Ok(Shared { memory, fences })
}

/// Makes both ends of a ring without a name, for two threads, or for a process and what it
/// starts.
///
/// # Errors
///
/// [`Error::OutOfRange`] if the capacity is over 2 GiB; [`Error::Os`] if memory or descriptors
/// run out.
///
/// # Examples
///
/// ```
/// let (mut sender, mut receiver) = posix_ipc::ring::spsc::pair(4096)?;
/// let thread = std::thread::spawn(move || sender.send(b"over there"));
/// assert_eq!(receiver.receive_vec()?, b"over there");
/// thread.join().expect("the thread does not panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pair(capacity: usize) -> Result<(Sender, Receiver)> {
    let options = Options::<Sender>::new().capacity(capacity);
    let fences = negotiate(None);
    let segment = Segment::anonymous(options.geometry(fences)?)?;
    let other = segment.again()?;
    let receiver = Options::<Receiver>::new().receive((other, fences))?;
    Ok((options.send((segment, fences))?, receiver))
}
