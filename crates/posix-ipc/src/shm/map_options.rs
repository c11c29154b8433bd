//! [`MapOptions`]: which part of an object is mapped, and how.

use std::num::NonZeroUsize;
use std::sync::Arc;

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::shm::mapping::{Mapping, MappingRead};
use crate::shm::object::Object;
use crate::shm::region::{Plan, Region, page};

/// How memory is going to be used, for the kernel to prepare for.
///
/// None of them changes what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// Nothing special.
    Normal,
    /// In no order: reading ahead is of no use.
    Random,
    /// From the start to the end.
    Sequential,
    /// Soon.
    WillNeed,
    /// With huge pages, where the mount allows them; [`MappingRead::huge_bytes`] tells what
    /// came of it.
    HugePages,
    /// With ordinary pages only.
    NoHugePages,
    /// Not in a core dump of this process.
    DontDump,
    /// In a core dump of this process.
    DoDump,
}

/// Which part of an object to map, and how; from [`SharedMemory::map_options`].
///
/// [`SharedMemory::map_options`]: crate::SharedMemory::map_options
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, SharedMemory};
///
/// # let name = Name::unique("doc-map-options");
/// let memory = SharedMemory::create(&name, 10_000)?;
/// let tail = memory.map_options().offset(9_000).populate(true).map()?;
/// assert_eq!(tail.len(), 1_000);
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "options do nothing until `map` or `map_read`"]
pub struct MapOptions<'a> {
    object: &'a Arc<Object>,
    offset: u64,
    len: Option<usize>,
    populate: bool,
    lock: bool,
    guards: bool,
    mirrored: bool,
    address: Option<usize>,
    advice: Option<Advice>,
}

impl<'a> MapOptions<'a> {
    pub(super) fn new(object: &'a Arc<Object>) -> Self {
        Self {
            object,
            offset: 0,
            len: None,
            populate: false,
            lock: false,
            guards: false,
            mirrored: false,
            address: None,
            advice: None,
        }
    }

    /// Starts at this byte of the object, which need not be the start of a page; 0 by default.
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Maps this many bytes; by default all to the end of the object.
    pub fn length(mut self, len: usize) -> Self {
        self.len = Some(len);
        self
    }

    /// Makes every page present now, so that no access has to wait for one, and lack of memory
    /// is an error here.
    ///
    /// # Platforms
    ///
    /// Linux 5.14 and later; before, memory is reserved, and pages become present on first use.
    /// Elsewhere it does nothing.
    #[doc(alias = "MAP_POPULATE")]
    pub fn populate(mut self, populate: bool) -> Self {
        self.populate = populate;
        self
    }

    /// Asks for huge pages; the same as [`advise`](Self::advise) with [`Advice::HugePages`].
    #[doc(alias = "MADV_HUGEPAGE")]
    pub fn huge_pages(self, huge: bool) -> Self {
        if huge { self.advise(Advice::HugePages) } else { self }
    }

    /// Keeps the pages in memory: they are never swapped out.
    #[doc(alias = "mlock")]
    pub fn lock(mut self, lock: bool) -> Self {
        self.lock = lock;
        self
    }

    /// Tells how the memory is going to be used.
    ///
    /// Advice that this system does not take is dropped.
    #[doc(alias = "madvise")]
    pub fn advise(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }

    /// Puts an inaccessible page before and after, so that `unsafe` code that runs over an end
    /// faults instead of writing into what happens to lie there.
    pub fn guard_pages(mut self, guards: bool) -> Self {
        self.guards = guards;
        self
    }

    /// Puts the first byte at this address, where a structure with pointers in it expects it.
    ///
    /// Nothing that is mapped there already is replaced: that is `EEXIST`. The address has to lie in
    /// its page as the offset lies in its own.
    pub fn address(mut self, address: usize) -> Self {
        self.address = Some(address);
        self
    }

    /// Maps the same bytes twice in a row, so that a record which wraps around the end of a
    /// ring is contiguous.
    ///
    /// [`Mapping::len`](MappingRead::len) is still the length of one, and every access may reach
    /// into the second. Both offset and length have to be multiples of the page size.
    pub fn mirrored(mut self, mirrored: bool) -> Self {
        self.mirrored = mirrored;
        self
    }

    /// Maps for reading and writing.
    ///
    /// # Errors
    ///
    /// - [`Error::OutOfRange`]: the length is zero, or the range ends past the object's end.
    /// - [`Error::Argument`]: the handle is open for reading only, or a mirror or an address does
    ///   not fit page boundaries.
    /// - [`Error::Os`]: `ENOMEM` and `EAGAIN` when addresses or lockable memory run out, `ENOSPC`
    ///   when populating finds no memory, `EEXIST` when the address is taken, `EPERM` when the
    ///   object is sealed against writing.
    #[doc(alias = "mmap")]
    pub fn map(&self) -> Result<Mapping> {
        self.object.check_writable()?;
        self.map_with(true).map(Mapping::new)
    }

    /// Maps for reading.
    ///
    /// # Errors
    ///
    /// As [`map`](Self::map); a handle that is open for reading is enough.
    pub fn map_read(&self) -> Result<MappingRead> {
        self.map_with(false)
    }

    fn map_with(&self, writable: bool) -> Result<MappingRead> {
        let len = self.resolve()?;
        let mut plan = Plan {
            offset: self.offset,
            len,
            writable,
            private: false,
            guards: self.guards,
            mirrored: self.mirrored,
            address: self.checked_address()?,
        };
        let mut region = Region::map(self.object.as_fd(), &plan);
        if !writable && matches!(region, Err(Errno::PERM)) {
            // Linux before 6.7 shares no memory that is sealed against writing; as nobody can
            // change it, it need not be shared.
            plan.private = true;
            region = Region::map(self.object.as_fd(), &plan);
        }
        let region = region.map_err(|errno| self.object.error("map", errno))?;
        let mapping = MappingRead::new(region, self.offset, len, Arc::clone(self.object));
        if let Some(advice) = self.advice {
            match mapping.advise(advice) {
                Err(Error::Os { errno: Errno::INVAL | Errno::NOSYS, .. })
                | Err(Error::Unsupported { .. }) => {}
                other => other?,
            }
        }
        if self.populate {
            if writable { mapping.populate_write()? } else { mapping.populate_read()? }
        }
        if self.lock {
            mapping.lock()?;
        }
        Ok(mapping)
    }

    /// The length in bytes, within the object as it is now.
    fn resolve(&self) -> Result<usize> {
        let size = self.object.size()?;
        if self.offset >= size {
            let max = size.saturating_sub(1);
            return Err(Error::OutOfRange { argument: "offset", value: self.offset, min: 0, max });
        }
        let rest = size - self.offset;
        let max = rest.min(isize::MAX as u64);
        let len = self.len.map_or(rest, |len| len as u64);
        if len == 0 || len > max {
            return Err(Error::OutOfRange { argument: "length", value: len, min: 1, max });
        }
        let len = len as usize;
        let page_size = page() as u64;
        let aligned = self.offset % page_size == 0 && len as u64 % page_size == 0;
        if self.mirrored && !aligned {
            let reason = "offset and length are multiples of the page size";
            return Err(Error::Argument { argument: "mirrored", reason });
        }
        Ok(len)
    }

    fn checked_address(&self) -> Result<Option<NonZeroUsize>> {
        let Some(address) = self.address else {
            return Ok(None);
        };
        let page_size = page() as u64;
        match NonZeroUsize::new(address) {
            Some(found) if address as u64 % page_size == self.offset % page_size => Ok(Some(found)),
            _ => Err(Error::Argument {
                argument: "address",
                reason: "it does not lie in its page as the offset lies in its own",
            }),
        }
    }
}
