//! How an object becomes visible: complete, or not at all.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use posix_ipc_sys::shm;
use rustix::fs::Mode;
use rustix::io::Errno;

use crate::cleanup::NameOwner;
use crate::error::{Error, Result};
use crate::identity::Status;
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{Disposition, Opener};
use crate::shm::map_options::MapOptions;
use crate::shm::mapping::Mapping;
use crate::shm::memory::SharedMemory;
use crate::shm::object::{self, Object};
use crate::shm::options::{Expected, Memory, SharedMemoryOptions};

/// What gives a new object its content; once for each that is made in one run.
pub(super) type Init<'a> = Box<dyn FnMut(&Mapping) -> Result<()> + 'a>;

/// One run of the open modes for shared memory.
pub(super) struct Opening<'a> {
    options: &'a SharedMemoryOptions,
    name: &'a Name,
    init: Option<Init<'a>>,
    /// A new object that has no name yet: kept when the name turns out to be taken.
    draft: Option<Draft>,
}

/// An object that was opened, or published.
pub(super) struct Found {
    object: Arc<Object>,
    mapping: Option<Mapping>,
}

impl<'a> Opening<'a> {
    pub(super) fn new(
        options: &'a SharedMemoryOptions,
        name: &'a Name,
        init: Option<Init<'a>>,
    ) -> Self {
        Self { options, name, init, draft: None }
    }

    fn error(&self, operation: &'static str, errno: Errno) -> Error {
        Error::os(operation, self.options.kind, self.name, errno)
    }

    fn check_size(&self, found: u64) -> Result<()> {
        let (expected, fits) = match (self.options.expected, self.options.size) {
            (Expected::AtLeast(least), _) => (least, found >= least),
            (Expected::Size, Some(size)) => (size, found == size),
            (Expected::Size, None) => return Ok(()),
        };
        if fits {
            return Ok(());
        }
        let name = Some(self.name.clone());
        Err(Error::Mismatch { kind: self.options.kind, name, property: "size", expected, found })
    }

    /// Makes an object of the size, with its memory and its content.
    fn draft(&mut self) -> Result<Draft> {
        let size = self.options.size.unwrap_or(0);
        let (fd, unpublished) = Unpublished::begin(self.name, self.permissions())
            .map_err(|errno| self.error("create", errno))?;
        if self.options.common.exact {
            rustix::fs::fchmod(&fd, self.permissions())
                .map_err(|errno| self.error("set the permissions of", errno))?;
        }
        match self.options.memory {
            Memory::OnUse => object::truncate(fd.as_fd(), size),
            Memory::Populated => object::check_space(fd.as_fd(), size)
                .and_then(|()| object::truncate(fd.as_fd(), size)),
            Memory::Reserved => object::reserve(fd.as_fd(), 0, size),
        }
        .map_err(|errno| self.error("reserve memory for", errno))?;
        let name = Some(self.name.clone());
        let object = Arc::new(Object::new(fd, true, self.options.kind, name));
        let mapping = self.populate(&object)?;
        if let Some(init) = &mut self.init {
            match &mapping {
                Some(mapping) => init(mapping)?,
                None => init(&MapOptions::new(&object).map()?)?,
            }
        }
        Ok(Draft { unpublished, object, mapping })
    }

    /// The object through its name: a descriptor from before it had one, and what is mapped
    /// through it, would be `(deleted)` for ever in `/proc` and what reads it.
    ///
    /// What is mapped already, or cannot be opened again, stays as it is.
    fn by_name(&self, mut object: Arc<Object>) -> Arc<Object> {
        if let Some(object) = Arc::get_mut(&mut object) {
            let again = shm::open(self.name, shm::OFlags::RDWR, shm::Mode::empty());
            let same = |fd: &OwnedFd| {
                Ok::<_, Errno>(Status::of(fd)?.identity == Status::of(&object.fd)?.identity)
            };
            if let Ok(fd) = again {
                if same(&fd) == Ok(true) {
                    object.fd = fd;
                }
            }
        }
        object
    }

    fn permissions(&self) -> Mode {
        Mode::from_raw_mode(self.options.common.permissions as _)
    }

    fn populate(&self, object: &Arc<Object>) -> Result<Option<Mapping>> {
        if self.options.memory != Memory::Populated {
            return Ok(None);
        }
        let options = MapOptions::new(object).huge_pages(self.options.huge).populate(true);
        options.map().map(Some)
    }
}

impl Opener for Opening<'_> {
    type Object = Found;
    type Handle = (SharedMemory, Option<Mapping>);

    fn kind(&self) -> Kind {
        self.options.kind
    }

    fn name(&self) -> &Name {
        self.name
    }

    fn create(&mut self) -> Result<Found> {
        let mut draft = match self.draft.take() {
            Some(draft) => draft,
            None => self.draft()?,
        };
        match draft.unpublished.publish(draft.object.as_fd(), self.name) {
            Ok(()) => {
                let Draft { object, mapping, .. } = draft;
                Ok(Found { object: self.by_name(object), mapping })
            }
            Err(errno) => {
                self.draft = Some(draft);
                Err(self.error("create", errno))
            }
        }
    }

    fn open(&mut self) -> Result<Found> {
        let writable = !self.options.read_only;
        let flags = if writable { shm::OFlags::RDWR } else { shm::OFlags::RDONLY };
        let fd = shm::open(self.name, flags, shm::Mode::empty())
            .map_err(|errno| self.error("open", errno))?;
        let status = Status::of(&fd).map_err(|errno| self.error("open", errno))?;
        status.check_owner(self.options.kind, Some(self.name), self.options.common.owner)?;
        self.check_size(status.size)?;
        let name = Some(self.name.clone());
        let object = Arc::new(Object::new(fd, writable, self.options.kind, name));
        Ok(Found { object, mapping: None })
    }

    fn unlink(&mut self) -> Result<()> {
        shm::unlink(self.name).map_err(|errno| self.error("unlink", errno))
    }

    fn claim(
        &mut self,
        found: Found,
        disposition: Disposition,
    ) -> Result<Option<(SharedMemory, Option<Mapping>)>> {
        let Found { object, mapping } = found;
        let identity =
            Status::of(object.as_fd()).map_err(|errno| self.error("open", errno))?.identity;
        let place = object::place(self.options.kind);
        let cleanup = self.options.common.cleanup;
        let owner = NameOwner::claim(place, self.name, identity, disposition, cleanup)?;
        Ok(owner.map(|owner| {
            // Nobody else has set it: the object was made for this run.
            let _ = object.owner.set(owner);
            (SharedMemory::from_object(object), mapping)
        }))
    }
}

/// A complete object that waits for its name.
struct Draft {
    unpublished: Unpublished,
    object: Arc<Object>,
    mapping: Option<Mapping>,
}

/// What has to be undone, or done yet, about the name of an object that is being made.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Unpublished {
    /// The name that it has meanwhile, where the system makes no unnamed objects.
    temporary: Option<Name>,
}

#[cfg(target_os = "linux")]
impl Unpublished {
    fn begin(_: &Name, permissions: Mode) -> Result<(OwnedFd, Self), Errno> {
        match shm::open_unnamed(permissions) {
            Ok(fd) => Ok((fd, Self { temporary: None })),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let temporary = Name::unique("tmp.posix-ipc");
                let flags = shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR;
                let fd = shm::open(&temporary, flags, permissions)?;
                Ok((fd, Self { temporary: Some(temporary) }))
            }
            Err(errno) => Err(errno),
        }
    }

    /// Gives the object its name, if that is free.
    fn publish(&mut self, fd: BorrowedFd<'_>, name: &Name) -> Result<(), Errno> {
        shm::link(fd, name)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(name) = &self.temporary {
            let _ = shm::unlink(name);
        }
    }
}

/// Where an object cannot be made without its name, it has that from the start.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Unpublished {
    /// Removed again if the object does not get complete.
    name: Option<Name>,
}

#[cfg(not(target_os = "linux"))]
impl Unpublished {
    fn begin(name: &Name, permissions: Mode) -> Result<(OwnedFd, Self), Errno> {
        let flags = shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR;
        let fd = shm::open(name, flags, permissions)?;
        Ok((fd, Self { name: Some(name.clone()) }))
    }

    fn publish(&mut self, _: BorrowedFd<'_>, _: &Name) -> Result<(), Errno> {
        self.name = None;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = shm::unlink(name);
        }
    }
}
