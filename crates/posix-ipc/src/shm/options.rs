//! [`SharedMemoryOptions`]: how an object is opened or created.

use crate::common::{Common, common_setters};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{OpenMode, open_with};
use crate::shm::mapping::Mapping;
use crate::shm::memory::SharedMemory;
use crate::shm::object;
use crate::shm::publish::{Init, Opening};

/// How an object is opened or created; from [`SharedMemory::options`].
///
/// # Examples
///
/// ```
/// use posix_ipc::{Cleanup, Name, OpenMode, SharedMemory};
///
/// # let name = Name::unique("doc-shm-options");
/// let memory = SharedMemory::options()
///     .mode(OpenMode::OpenOrCreate)
///     .cleanup(Cleanup::LastUser)
///     .size(4096)
///     .permissions(0o660)
///     .open(&name)?;
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SharedMemoryOptions {
    pub(super) common: Common,
    pub(super) kind: Kind,
    pub(super) size: Option<u64>,
    pub(super) expected: Expected,
    pub(super) read_only: bool,
    pub(super) memory: Memory,
    pub(super) huge: bool,
}

/// Which size an object that is opened may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// The one that a new object would get, if that is given.
    Size,
    /// This many bytes or more.
    AtLeast(u64),
}

/// When a new object gets its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// When it is touched, if there is any then.
    OnUse,
    /// At creation.
    Reserved,
    /// At creation, and mapped as well.
    Populated,
}

impl SharedMemoryOptions {
    pub(super) fn new() -> Self {
        Self {
            common: Common::default(),
            kind: Kind::SharedMemory,
            size: None,
            expected: Expected::Size,
            read_only: false,
            memory: Memory::Reserved,
            huge: false,
        }
    }

    common_setters!();

    /// Sets the size of an object that is created, in bytes, and expects it of one that is opened.
    ///
    /// Creating needs a size; opening without one takes any.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self.expected = Expected::Size;
        self
    }

    /// As [`size`](Self::size), but an object that is opened may be larger.
    #[must_use]
    pub fn size_at_least(mut self, size: u64) -> Self {
        self.size = Some(size);
        self.expected = Expected::AtLeast(size);
        self
    }

    /// Opens for reading alone, for which the permission to read is enough.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Gives a new object no memory until it is touched; by default it gets all at once.
    ///
    /// With `true` an object may be larger than what is free, and whoever touches a page that
    /// the system can't provide any more dies of `SIGBUS`.
    #[must_use]
    pub fn sparse(mut self, sparse: bool) -> Self {
        self.memory = if sparse { Memory::OnUse } else { Memory::Reserved };
        self
    }

    /// Gives a new object its memory through a mapping, the one that
    /// [`open_mapped`](Self::open_mapped) returns.
    ///
    /// That is the fastest way to memory that is all there, and the only one to huge pages.
    ///
    /// # Platforms
    ///
    /// Linux 5.14 and later; elsewhere memory is reserved as by default.
    #[doc(alias = "MADV_POPULATE_WRITE")]
    #[must_use]
    pub fn populate(mut self, populate: bool) -> Self {
        self.memory = if populate { Memory::Populated } else { Memory::Reserved };
        self
    }

    /// Asks for huge pages, for a new object and in [`open_mapped`](Self::open_mapped).
    ///
    /// Whether they are granted depends on the mount; see
    /// [`huge_bytes`](crate::shm::MappingRead::huge_bytes).
    #[doc(alias = "MADV_HUGEPAGE")]
    #[must_use]
    pub fn huge_pages(mut self, huge: bool) -> Self {
        self.huge = huge;
        if huge {
            self.memory = Memory::Populated;
        }
        self
    }

    /// Takes over what options of another kind have in common with these.
    #[allow(dead_code, reason = "rings and locks are built on it")]
    pub(crate) fn common(mut self, common: &Common) -> Self {
        self.common = common.clone();
        self
    }

    /// Names the object for errors by what is built on it.
    #[allow(dead_code, reason = "rings are built on it")]
    pub(crate) fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Opens or creates the object.
    ///
    /// A new object is complete before it has its name: nobody opens one without its size or
    /// its memory. An object that exists is not changed, whatever the outcome.
    ///
    /// # Errors
    ///
    /// - [`Error::Name`]: the name is none.
    /// - [`Error::Mismatch`]: the object has another size than expected.
    /// - [`Error::Owner`]: it belongs to another user than expected.
    /// - [`Error::Argument`]: creation without a size, or for reading alone.
    /// - [`Error::OutOfRange`]: the size is zero or over `i64::MAX`.
    /// - [`Error::Contended`]: others created and removed the name all the time.
    /// - [`Error::Os`]: `EEXIST` or `ENOENT` as the mode says, `EACCES`, `ENOSPC` when there is
    ///   not so much memory, `EINVAL` or `ELOOP` when something else than a regular file stands
    ///   under the name, `EMFILE` when there are no descriptors.
    ///
    /// # Platforms
    ///
    /// Elsewhere than on Linux an object is created under its name, sized at once, and removed if
    /// that fails; a peer can see it in between, with size 0.
    #[doc(alias = "shm_open")]
    pub fn open<N>(&self, name: N) -> Result<SharedMemory>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        self.run(name.try_into().map_err(Into::into)?, None).map(|(memory, _)| memory)
    }

    /// As [`open`](Self::open), and a new object has the content that `init` gives it before
    /// anybody else sees it.
    ///
    /// `init` gets the object mapped, all zero. If it fails, nothing is created. It may be called
    /// again: with [`Cleanup::LastUser`](crate::Cleanup::LastUser) another may open and remove the new
    /// object before this handle has taken its lease, and then another one is made.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and whatever `init` answers.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::{Name, OpenMode, SharedMemory};
    ///
    /// # let name = Name::unique("doc-open-with");
    /// let memory = SharedMemory::options()
    ///     .mode(OpenMode::OpenOrCreate)
    ///     .size(4096)
    ///     .open_with(&name, |mapping| mapping.write_at(0, b"header"))?;
    /// assert_eq!(memory.map()?.to_vec(0, 6)?, b"header");
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn open_with<N, F>(&self, name: N, init: F) -> Result<SharedMemory>
    where
        N: TryInto<Name, Error: Into<Error>>,
        F: FnMut(&Mapping) -> Result<()>,
    {
        let name = name.try_into().map_err(Into::into)?;
        self.run(name, Some(Box::new(init))).map(|(memory, _)| memory)
    }

    /// As [`open`](Self::open), and maps the whole object.
    ///
    /// With [`populate`](Self::populate) a new object's memory is made present once, through this
    /// mapping.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open) and [`MapOptions::map`](crate::shm::MapOptions::map).
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::{Name, OpenMode, SharedMemory};
    ///
    /// # let name = Name::unique("doc-open-mapped");
    /// let mapping = SharedMemory::options()
    ///     .mode(OpenMode::CreateNew)
    ///     .size(1 << 20)
    ///     .populate(true)
    ///     .open_mapped(&name)?;
    /// assert_eq!(mapping.memory().name(), Some(&name));
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn open_mapped<N>(&self, name: N) -> Result<Mapping>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let (populate, huge) = (self.memory == Memory::Populated, self.huge);
        let (memory, mapping) = self.run(name.try_into().map_err(Into::into)?, None)?;
        match mapping {
            Some(mapping) => Ok(mapping),
            None => memory.map_options().populate(populate).huge_pages(huge).map(),
        }
    }

    fn run(&self, name: Name, init: Option<Init<'_>>) -> Result<(SharedMemory, Option<Mapping>)> {
        name.check_for(self.kind)?;
        self.check()?;
        open_with(self.common.mode, &mut Opening::new(self, &name, init))
    }

    /// Refuses options that make no sense together.
    fn check(&self) -> Result<()> {
        if let Some(size) = self.size {
            object::check_size(size)?;
        }
        if self.common.mode == OpenMode::OpenExisting {
            return Ok(());
        }
        if self.size.is_none() {
            return Err(Error::Argument { argument: "size", reason: "creation needs a size" });
        }
        if self.read_only {
            let reason = "what is created is open for writing as well";
            return Err(Error::Argument { argument: "read_only", reason });
        }
        Ok(())
    }
}
