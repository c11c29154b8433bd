//! How a ring is found or made: its segment, complete before it has a name, and its header.

use std::os::fd::AsFd;

use rustix::fs::MemfdFlags;
use rustix::io::Errno;

use super::layout::{Geometry, Preamble, Shape};
use crate::common::Common;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::liveness::Liveness;
use crate::name::Name;
use crate::open_mode::OpenMode;
use crate::shm::{Mapping, SharedMemory};

/// A segment with a valid header.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) memory: SharedMemory,
    pub(super) geometry: Geometry,
}

/// What the caller says about a ring that exists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expected {
    pub(super) capacity: Option<u64>,
    pub(super) max_len: Option<u32>,
    pub(super) lanes: Option<u32>,
}

impl Segment {
    /// Opens or creates; `new` is what to create.
    pub(super) fn open(
        common: &Common,
        name: &Name,
        shape: Shape,
        new: Option<Geometry>,
        expected: Expected,
    ) -> Result<Self> {
        let run = |mode: OpenMode| {
            let options = SharedMemory::options().kind(Kind::Ring).common(common).mode(mode);
            let Some(new) = new.filter(|_| mode != OpenMode::OpenExisting) else {
                return options.open(name);
            };
            options.size_at_least(new.size).open_with(name, |mapping| {
                new.write(preamble(mapping).ok_or_else(|| foreign(name, TOO_SMALL))?);
                Ok(())
            })
        };
        let memory = match run(common.mode) {
            // It exists and is smaller; what it is said to be is looked at below.
            Err(Error::Mismatch { .. }) if common.mode == OpenMode::OpenOrCreate => {
                run(OpenMode::OpenExisting)?
            }
            memory => memory?,
        };
        let segment = Self::of(memory, shape)?;
        segment.check(name, expected)?;
        Ok(segment)
    }

    /// A ring without a name.
    pub(super) fn anonymous(new: Geometry) -> Result<Self> {
        let error = |errno| Error::Os {
            operation: "create",
            kind: Kind::Ring,
            name: None,
            errno,
            hint: None,
        };
        let fd = rustix::fs::memfd_create("posix-ipc-ring", MemfdFlags::CLOEXEC).map_err(error)?;
        rustix::fs::ftruncate(&fd, new.size).map_err(error)?;
        let memory = SharedMemory::from_fd(fd)?;
        let mapping = memory.map_range(0, size_of::<Preamble>())?;
        new.write(
            preamble(&mapping)
                .ok_or(Error::Argument { argument: "capacity", reason: TOO_SMALL })?,
        );
        Self::of(memory, new.shape)
    }

    fn of(memory: SharedMemory, shape: Shape) -> Result<Self> {
        let refuse =
            |reason| Error::Foreign { kind: Kind::Ring, name: memory.name().cloned(), reason };
        let size = memory.len()?;
        if size < size_of::<Preamble>() as u64 {
            return Err(refuse(TOO_SMALL));
        }
        let start = memory.map_range(0, size_of::<Preamble>())?;
        let found = preamble(&start).ok_or_else(|| refuse(TOO_SMALL))?;
        let geometry = Geometry::read(found, shape, size).map_err(refuse)?;
        Ok(Self { memory, geometry })
    }

    fn check(&self, name: &Name, expected: Expected) -> Result<()> {
        let differs = |property, expected: Option<u64>, found: u64| match expected {
            Some(expected) if expected != found => Err(Error::Mismatch {
                kind: Kind::Ring,
                name: Some(name.clone()),
                property,
                expected,
                found,
            }),
            _ => Ok(()),
        };
        differs("capacity", expected.capacity, self.geometry.capacity)?;
        let message_size = expected.max_len.map(u64::from);
        differs("message size", message_size, u64::from(self.geometry.max_len))?;
        differs("number of lanes", expected.lanes.map(u64::from), u64::from(self.geometry.lanes))
    }

    /// A second descriptor, for the locks that tell who lives.
    pub(super) fn liveness(&self) -> Result<Liveness> {
        Liveness::of(self.memory.as_fd()).map_err(|errno| self.error("lock a seat of", errno, None))
    }

    pub(super) fn error(&self, operation: &'static str, errno: Errno, hint: Option<&str>) -> Error {
        let name = self.memory.name().cloned();
        Error::Os { operation, kind: Kind::Ring, name, errno, hint: hint.map(Box::from) }
    }

    pub(super) fn foreign(&self, reason: &'static str) -> Error {
        Error::Foreign { kind: Kind::Ring, name: self.memory.name().cloned(), reason }
    }
}

const TOO_SMALL: &str = "it is too small for a ring";
pub(super) const TOO_LARGE: &str = "it is larger than what this process can address";

fn foreign(name: &Name, reason: &'static str) -> Error {
    Error::Foreign { kind: Kind::Ring, name: Some(name.clone()), reason }
}

fn preamble(mapping: &Mapping) -> Option<&Preamble> {
    let start = mapping.at_mut(0, size_of::<Preamble>()).ok()?;
    // SAFETY:
    // - `at_mut` found as many mapped, writable bytes there; the mapping starts at a page, and
    //   the result borrows it.
    // - A preamble is made of atomics, so that other processes may write it.
    Some(unsafe { &*start.cast::<Preamble>() })
}

impl Segment {
    /// The same ring once more, for a second handle in this process.
    pub(super) fn again(&self) -> Result<Self> {
        let fd = self.memory.as_fd().try_clone_to_owned().map_err(|error| {
            self.error("open", Errno::from_io_error(&error).unwrap_or(Errno::IO), None)
        })?;
        Self::of(SharedMemory::from_fd(fd)?, self.geometry.shape)
    }
}
