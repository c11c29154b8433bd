//! Memory without a name, and seals that say what nobody can do to it any more.

use std::fmt;
use std::sync::Arc;

use bitflags::bitflags;

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::shm::mapping::MappingRead;
use crate::shm::memory::SharedMemory;
use crate::shm::object::{self, Object};

bitflags! {
    /// What nobody, its maker included, can do to [anonymous memory](SharedMemory::anonymous)
    /// any more.
    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Seals: u32 {
        /// Add further seals.
        const SEAL = 1;
        /// Make it smaller: nobody can cause a `SIGBUS` by that.
        const SHRINK = 2;
        /// Make it larger.
        const GROW = 4;
        /// Write, through anything.
        const WRITE = 8;
        /// Write, except through mappings that exist already.
        const FUTURE_WRITE = 16;
    }
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

impl SharedMemory {
    /// Creates memory of `size` bytes, all zero, without a name.
    ///
    /// Others get at it through its descriptor, sent over a socket or inherited. It can be
    /// [sealed](Self::seal), it does not count against the size of `/dev/shm`, and it goes with its
    /// last descriptor and mapping.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a size of zero or over `i64::MAX`, [`Error::Os`] with `ENOSPC` or
    /// `ENOMEM` if there is not so much memory, or `EMFILE` if there are no descriptors.
    ///
    /// # Platforms
    ///
    /// `memfd_create` on Linux; elsewhere an object whose name is removed at once, which can't be
    /// sealed.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::SharedMemory;
    /// use posix_ipc::shm::Seals;
    ///
    /// let memory = SharedMemory::anonymous(4096)?;
    /// memory.map()?.write_at(0, b"configuration")?; // and the mapping has gone again
    /// # #[cfg(target_os = "linux")] {
    /// memory.seal(Seals::SHRINK | Seals::WRITE)?;
    ///
    /// let mapping = memory.map_read()?;
    /// assert_eq!(&mapping.sealed_slice()?[..13], b"configuration");
    /// # }
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[doc(alias = "memfd_create")]
    pub fn anonymous(size: u64) -> Result<Self> {
        object::check_size(size)?;
        anonymous(size)
    }

    /// Adds seals, for ever and for everybody.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `EPERM` if this memory cannot be sealed (named memory can't, and what has
    /// [`Seals::SEAL`] not any more), or `EBUSY` for [`Seals::WRITE`] while somebody has it mapped
    /// through a descriptor that may write, be it for reading; [`Error::Unsupported`] where there are no seals.
    ///
    /// # Platforms
    ///
    /// Linux.
    #[doc(alias = "F_ADD_SEALS")]
    pub fn seal(&self, seals: Seals) -> Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{SealFlags, fcntl_add_seals};

            let flags = SealFlags::from_bits_retain(seals.bits());
            fcntl_add_seals(self, flags).map_err(|errno| self.seal_error("seal", errno))
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = seals;
            Err(Error::Unsupported { feature: "seals" })
        }
    }

    /// The seals that are set.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `EINVAL` if this memory can never have seals.
    ///
    /// # Platforms
    ///
    /// Elsewhere than on Linux nothing is ever sealed.
    #[doc(alias = "F_GET_SEALS")]
    pub fn seals(&self) -> Result<Seals> {
        self.object().seals()
    }

    #[cfg(target_os = "linux")]
    fn seal_error(&self, operation: &'static str, errno: rustix::io::Errno) -> Error {
        use rustix::io::Errno;

        let object = self.object();
        let hint = match errno {
            Errno::BUSY => {
                Some("it is mapped through a descriptor that may write, here or elsewhere")
            }
            Errno::PERM => Some("only anonymous memory can be sealed, and not after Seals::SEAL"),
            _ => None,
        };
        let hint = hint.map(Box::from);
        Error::Os { operation, kind: object.kind, name: object.name.clone(), errno, hint }
    }
}

impl Object {
    fn seals(&self) -> Result<Seals> {
        #[cfg(target_os = "linux")]
        {
            let flags = rustix::fs::fcntl_get_seals(&self.fd)
                .map_err(|errno| self.error("ask the seals of", errno))?;
            Ok(Seals::from_bits_truncate(flags.bits()))
        }
        #[cfg(not(target_os = "linux"))]
        Ok(Seals::empty())
    }
}

impl MappingRead {
    /// The bytes as a slice, if they are sealed against writing and shrinking.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if they are not, [`Error::Mismatch`] if the object was made smaller
    /// before it was sealed.
    ///
    /// # Examples
    ///
    /// See [`SharedMemory::anonymous`].
    pub fn sealed_slice(&self) -> Result<&[u8]> {
        let sealed = self.object().seals()?.contains(Seals::SHRINK | Seals::WRITE);
        if !sealed {
            let reason = "it is not sealed against writing and shrinking";
            return Err(Error::Argument { argument: "shared memory", reason });
        }
        self.check_intact()?;
        // SAFETY: seals are never taken back. With `WRITE`, which the kernel grants only when
        // nobody has the pages mapped for writing, no byte changes any more, by any process; with
        // `SHRINK` and the check above, all of them stay.
        Ok(unsafe { self.as_slice() })
    }
}

#[cfg(target_os = "linux")]
fn anonymous(size: u64) -> Result<SharedMemory> {
    use rustix::fs::{MemfdFlags, memfd_create};
    use std::os::fd::AsFd;

    let error = |errno| Error::os("create", Kind::SharedMemory, None, errno);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = memfd_create(c"posix-ipc", flags).map_err(error)?;
    object::reserve(fd.as_fd(), 0, size).map_err(error)?;
    let mut object = Object::new(fd, true, Kind::SharedMemory, None);
    object.anonymous = true;
    Ok(SharedMemory::from_object(Arc::new(object)))
}

#[cfg(not(target_os = "linux"))]
fn anonymous(size: u64) -> Result<SharedMemory> {
    let memory = SharedMemory::create(crate::Name::unique("anonymous"), size)?;
    memory.unlink_name()?;
    let fd = memory.into_fd()?;
    let mut object = Object::new(fd, true, Kind::SharedMemory, None);
    object.anonymous = true;
    Ok(SharedMemory::from_object(Arc::new(object)))
}
