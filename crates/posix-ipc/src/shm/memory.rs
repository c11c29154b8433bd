//! [`SharedMemory`]: an object, its size and its name.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, OFlags};

use crate::error::{Error, Result};
use crate::identity::{Identity, Status};
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{Disposition, OpenMode};
use crate::shm::map_options::MapOptions;
use crate::shm::mapping::{Mapping, MappingRead};
use crate::shm::object::{self, Object};
use crate::shm::options::SharedMemoryOptions;

/// A shared memory object.
///
/// The handle and all mappings made from it share one duty to the name: with
/// [`Cleanup::Creator`](crate::Cleanup::Creator) the name goes when the last of them does.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, SharedMemory};
///
/// # let name = Name::unique("doc-shared-memory");
/// let memory = SharedMemory::create(&name, 1 << 20)?;
/// assert_eq!(memory.len()?, 1 << 20);
///
/// let peer = SharedMemory::options().size(4096).open(&name);
/// assert!(peer.is_err(), "another size than expected is an error and changes nothing");
/// assert_eq!(memory.len()?, 1 << 20);
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug)]
pub struct SharedMemory {
    object: Arc<Object>,
}

impl SharedMemory {
    /// Options for whatever the short forms do not do.
    pub fn options() -> SharedMemoryOptions {
        SharedMemoryOptions::new()
    }

    /// Creates an object of `size` bytes, all zero; it must not exist.
    ///
    /// # Errors
    ///
    /// As [`SharedMemoryOptions::open`].
    #[doc(alias = "shm_open")]
    pub fn create<N>(name: N, size: u64) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().mode(OpenMode::CreateNew).size(size).open(name)
    }

    /// Opens an object of whatever size for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`SharedMemoryOptions::open`].
    #[doc(alias = "shm_open")]
    pub fn open<N>(name: N) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().open(name)
    }

    /// Opens an object of whatever size for reading alone.
    ///
    /// # Errors
    ///
    /// As [`SharedMemoryOptions::open`].
    pub fn open_read<N>(name: N) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().read_only(true).open(name)
    }

    /// Opens the object, which has to have this size, or creates it.
    ///
    /// # Errors
    ///
    /// As [`SharedMemoryOptions::open`].
    pub fn open_or_create<N>(name: N, size: u64) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().mode(OpenMode::OpenOrCreate).size(size).open(name)
    }

    /// Removes the name; the memory stays for those who have it open or mapped.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `ENOENT` if there is no such object, `EACCES` if it is another user's.
    #[doc(alias = "shm_unlink")]
    pub fn unlink<N>(name: N) -> Result<()>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        posix_ipc_sys::shm::unlink(&name)
            .map_err(|errno| Error::os("unlink", Kind::SharedMemory, &name, errno))
    }

    /// Takes over a descriptor of shared memory that came some other way.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if it refers to something else than memory or a regular file,
    /// [`Error::Os`] if the system does not tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::SharedMemory;
    ///
    /// let file = tempfile::tempfile().unwrap();
    /// file.set_len(100).unwrap();
    /// let memory = SharedMemory::from_fd(file.into())?;
    /// memory.map()?.write_at(0, b"also a file can be mapped")?;
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        let kind = Kind::SharedMemory;
        let refused = |errno| Error::os("take over", kind, None, errno);
        let stat = rustix::fs::fstat(&fd).map_err(refused)?;
        #[allow(clippy::useless_conversion, reason = "the type differs between systems")]
        let file_type = FileType::from_raw_mode(stat.st_mode.into());
        if cfg!(target_os = "linux") && file_type != FileType::RegularFile {
            return Err(Error::Foreign { kind, name: None, reason: "it is not a regular file" });
        }
        let flags = rustix::fs::fcntl_getfl(&fd).map_err(refused)?;
        if flags.contains(OFlags::WRONLY) {
            let reason = "it is open for writing only";
            return Err(Error::Foreign { kind, name: None, reason });
        }
        let writable = flags.contains(OFlags::RDWR);
        Ok(Self::from_object(Arc::new(Object::new(fd, writable, kind, None))))
    }

    pub(super) fn object(&self) -> &Object {
        &self.object
    }

    pub(super) fn from_object(object: Arc<Object>) -> Self {
        Self { object }
    }

    /// The size now, in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system does not tell.
    ///
    /// # Platforms
    ///
    /// macOS rounds it up to whole pages.
    pub fn len(&self) -> Result<u64> {
        self.object.size()
    }

    /// Whether the size now is zero, as that of an object which a C program has just created.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system does not tell.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes the object larger or smaller, for everybody.
    ///
    /// What is added is zero and has its memory, or the call fails. What is cut off is gone,
    /// and whoever has it mapped dies of `SIGBUS` when touching it, this process too; mappings
    /// keep the length that they had when they were made.
    ///
    /// # Errors
    ///
    /// - [`Error::OutOfRange`]: the size is zero or over `i64::MAX`.
    /// - [`Error::Argument`]: the handle is open for reading only.
    /// - [`Error::Os`]: `ENOSPC` if there is not so much memory, `EPERM` if the object is sealed
    ///   against it.
    ///
    /// # Platforms
    ///
    /// macOS allows no second size. Elsewhere than on Linux no memory is reserved.
    #[doc(alias = "ftruncate")]
    pub fn resize(&self, size: u64) -> Result<()> {
        object::check_size(size)?;
        self.object.check_writable()?;
        let before = self.object.size()?;
        let fd = self.object.as_fd();
        let result = if size > before {
            // A part that could be reserved is given back.
            object::reserve(fd, before, size).inspect_err(|_| {
                let _ = object::truncate(fd, before);
            })
        } else {
            object::truncate(fd, size)
        };
        result.map_err(|errno| self.object.error("resize", errno))
    }

    /// Maps the whole object for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::map`].
    #[doc(alias = "mmap")]
    pub fn map(&self) -> Result<Mapping> {
        self.map_options().map()
    }

    /// Maps the whole object for reading.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::map_read`].
    pub fn map_read(&self) -> Result<MappingRead> {
        self.map_options().map_read()
    }

    /// Maps `len` bytes from `offset` on for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`MapOptions::map`].
    pub fn map_range(&self, offset: u64, len: usize) -> Result<Mapping> {
        self.map_options().offset(offset).length(len).map()
    }

    /// Options for whatever else there is about mapping.
    pub fn map_options(&self) -> MapOptions<'_> {
        MapOptions::new(&self.object)
    }

    /// The name; `None` for anonymous memory.
    pub fn name(&self) -> Option<&Name> {
        self.object.name.as_ref()
    }

    /// Whether the object was there before this handle.
    pub fn disposition(&self) -> Disposition {
        match self.object.owner.get() {
            Some(owner) => owner.disposition(),
            None if self.object.anonymous => Disposition::Created,
            None => Disposition::Opened,
        }
    }

    /// Which object this is, whatever its name.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system does not tell.
    pub fn identity(&self) -> Result<Identity> {
        Status::of(self.object.as_fd())
            .map(|status| status.identity)
            .map_err(|errno| self.object.error("ask the identity of", errno))
    }

    /// Whether the handle may write.
    pub fn is_writable(&self) -> bool {
        self.object.writable
    }

    /// Leaves the name alone when the handle goes, whatever was asked for before.
    pub fn keep(&self) {
        if let Some(owner) = self.object.owner.get() {
            owner.keep();
        }
    }

    /// Removes the name now, if it still refers to this object.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `ENOENT` if the name is gone or refers to another object, or there is
    /// none; `EACCES` if the object is another user's.
    pub fn unlink_name(&self) -> Result<()> {
        match self.object.owner.get() {
            Some(owner) => owner.unlink(),
            None => Err(self.object.error("unlink", rustix::io::Errno::NOENT)),
        }
    }

    /// Another handle of the same object and of the duty to its name.
    #[cfg(target_os = "linux")]
    pub(crate) fn share(&self) -> Self {
        Self::from_object(Arc::clone(&self.object))
    }

    /// Drops the handle, and tells what goes wrong with it.
    ///
    /// While mappings of it live, the name and the duty to it pass to them.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the name was to be removed and could not be.
    pub fn close(self) -> Result<()> {
        match Arc::into_inner(self.object) {
            Some(Object { owner, .. }) => match owner.into_inner() {
                Some(mut owner) => owner.release(),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Gives the descriptor away; the name is treated as on drop.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if mappings share the descriptor and it can't be duplicated.
    pub fn into_fd(self) -> Result<OwnedFd> {
        match Arc::try_unwrap(self.object) {
            Ok(Object { fd, .. }) => Ok(fd),
            Err(object) => rustix::io::fcntl_dupfd_cloexec(&object.fd, 0)
                .map_err(|errno| object.error("duplicate the descriptor of", errno)),
        }
    }
}

impl AsFd for SharedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.object.as_fd()
    }
}
