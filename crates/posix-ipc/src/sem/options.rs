//! [`SemaphoreOptions`]: how a semaphore is opened or created.

use posix_ipc_sys::sem::{self as sys, Abi, Mode, OpenFlags, OwnedSem};
use rustix::io::Errno;

use super::place;
use super::spin::Spinner;
use super::{Semaphore, Spin, VALUE_MAX};
use crate::cleanup::NameOwner;
use crate::common::{Common, common_setters};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{Disposition, Opener, open_with};

/// How a semaphore is opened or created; made by [`Semaphore::options`].
///
/// # Examples
///
/// ```
/// use posix_ipc::{Cleanup, Name, OpenMode, Semaphore};
///
/// # let name = Name::unique("doc-sem-options");
/// let lock = Semaphore::options()
///     .mode(OpenMode::OpenOrCreate)
///     .initial_value(1)
///     .cleanup(Cleanup::LastUser)
///     .permissions(0o660)
///     .open(&name)?;
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SemaphoreOptions {
    common: Common,
    initial_value: u32,
    abi: Abi,
    spin: Spin,
}

impl SemaphoreOptions {
    pub(super) fn new() -> Self {
        Self {
            common: Common::default(),
            initial_value: 1,
            abi: Abi::Native,
            spin: Spin::default(),
        }
    }

    common_setters!();

    /// Sets how many units a semaphore that is created has at hand; 1 by default.
    ///
    /// One that is opened keeps its value, whatever it is.
    #[must_use]
    pub fn initial_value(mut self, value: u32) -> Self {
        self.initial_value = value;
        self
    }

    /// Says with which programs the semaphore is shared; by default those of this program's C
    /// library and word size.
    #[must_use]
    pub fn abi(mut self, abi: Abi) -> Self {
        self.abi = abi;
        self
    }

    /// Sets how waits spin before they sleep; [`Spin::Adaptive`] by default.
    #[must_use]
    pub fn spin(mut self, spin: Spin) -> Self {
        self.spin = spin;
        self
    }

    /// Opens or creates the semaphore, as the mode says.
    ///
    /// # Errors
    ///
    /// - [`Error::Name`]: `name` is none.
    /// - [`Error::OutOfRange`]: the initial value is over [`VALUE_MAX`].
    /// - [`Error::Os`]: the system refused: `EEXIST` or `ENOENT` as the mode says, `EACCES`, `ELOOP`
    ///   where a symbolic link stands under the name, `ENOSPC`, `EMFILE`.
    /// - [`Error::Foreign`]: what stands under the name is no semaphore, or one of other programs.
    /// - [`Error::Owner`]: it is another user's.
    /// - [`Error::Contended`]: others made and removed the name all the time.
    /// - [`Error::Unsupported`]: this system has no such [`Abi`], or cannot do what was asked for.
    pub fn open<N>(&self, name: N) -> Result<Semaphore>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        name.check_for(Kind::Semaphore)?;
        if self.initial_value > VALUE_MAX {
            let (value, max) = (u64::from(self.initial_value), u64::from(VALUE_MAX));
            return Err(Error::OutOfRange { argument: "initial value", value, min: 0, max });
        }
        open_with(self.common.mode, &mut SemaphoreOpener { options: self, name })
    }
}

struct SemaphoreOpener<'a> {
    options: &'a SemaphoreOptions,
    name: Name,
}

impl SemaphoreOpener<'_> {
    fn sys_open(&self, flags: OpenFlags, operation: &'static str) -> Result<OwnedSem> {
        let mode = Mode::from_raw_mode(self.options.common.permissions as _);
        let value = self.options.initial_value;
        sys::open_with(self.options.abi, &self.name, flags, mode, value).map_err(|errno| {
            match errno {
                Errno::NOSYS => Error::Unsupported { feature: "semaphores of this kind" },
                // The name and the value are good: it is the object that is not.
                Errno::INVAL => Error::Foreign {
                    kind: Kind::Semaphore,
                    name: Some(self.name.clone()),
                    reason: place::why_foreign(self.options.abi, &self.name),
                },
                errno => Error::os(operation, Kind::Semaphore, &self.name, errno),
            }
        })
    }

    fn check_owner(&self, sem: &OwnedSem) -> Result<()> {
        let Some(expected) = self.options.common.owner else { return Ok(()) };
        match sem.uid() {
            Some(found) if found == expected => Ok(()),
            Some(found) => {
                let name = Some(self.name.clone());
                Err(Error::Owner { kind: Kind::Semaphore, name, expected, found })
            }
            None => Err(Error::Unsupported { feature: "owner of a semaphore" }),
        }
    }
}

impl Opener for SemaphoreOpener<'_> {
    type Object = OwnedSem;
    type Handle = Semaphore;

    fn kind(&self) -> Kind {
        Kind::Semaphore
    }

    fn name(&self) -> &Name {
        &self.name
    }

    fn create(&mut self) -> Result<OwnedSem> {
        let mut flags = OpenFlags::CREATE | OpenFlags::EXCL;
        if self.options.common.exact {
            flags |= OpenFlags::EXACT_MODE;
        }
        self.sys_open(flags, "create")
    }

    fn open(&mut self) -> Result<OwnedSem> {
        let sem = self.sys_open(OpenFlags::empty(), "open")?;
        self.check_owner(&sem)?;
        Ok(sem)
    }

    fn unlink(&mut self) -> Result<()> {
        sys::unlink_with(self.options.abi, &self.name)
            .map_err(|errno| Error::os("unlink", Kind::Semaphore, &self.name, errno))
    }

    fn claim(&mut self, sem: OwnedSem, disposition: Disposition) -> Result<Option<Semaphore>> {
        let (device, inode) = sem.identity().unwrap_or_default();
        let identity = Identity::new(device, inode);
        let cleanup = self.options.common.cleanup;
        let place = place::of(self.options.abi);
        let owner = NameOwner::claim(place, &self.name, identity, disposition, cleanup)?;
        let spin = Spinner::new(self.options.spin);
        Ok(owner.map(|owner| Semaphore { owner, sem, spin }))
    }
}
