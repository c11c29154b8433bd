//! What handles and mappings of one object share: its descriptor and the duty to its name.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use posix_ipc_sys::shm;
use rustix::io::{Errno, retry_on_intr};

use crate::cleanup::{NameOwner, Place};
use crate::error::{Error, Result};
use crate::identity::Status;
use crate::kind::Kind;
use crate::name::Name;

/// How names of shared memory are looked up and removed.
static SHARED_MEMORY: Place =
    Place { kind: Kind::SharedMemory, identity, unlink: |name| shm::unlink(name), open_lease };
/// The same for rings, which are shared memory by another word.
static RING: Place =
    Place { kind: Kind::Ring, identity, unlink: |name| shm::unlink(name), open_lease };

/// How names of that kind are looked up and removed.
pub(super) fn place(kind: Kind) -> &'static Place {
    if kind == Kind::Ring { &RING } else { &SHARED_MEMORY }
}

fn identity(name: &Name) -> Result<crate::Identity, Errno> {
    shm::stat(name).map(|stat| Status::from(&stat).identity)
}

fn open_lease(name: &Name) -> Result<OwnedFd, Errno> {
    shm::open(name, shm::OFlags::RDONLY, shm::Mode::empty())
}

/// An open object.
///
/// Handles and mappings share it, so that a name lives as long as the last of them.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) fd: OwnedFd,
    pub(super) writable: bool,
    pub(super) kind: Kind,
    /// Whether it was made without a name, here.
    pub(super) anonymous: bool,
    /// Also while the object is made, and does not have it yet; `None` for anonymous ones.
    pub(super) name: Option<Name>,
    /// Set once the object has its name; never for anonymous ones.
    pub(super) owner: OnceLock<NameOwner>,
}

/// How much memory is reserved by one call: little enough to get done between two signals.
const CHUNK: u64 = 16 << 20;

impl Object {
    pub(super) fn new(fd: OwnedFd, writable: bool, kind: Kind, name: Option<Name>) -> Self {
        Self { fd, writable, kind, anonymous: false, name, owner: OnceLock::new() }
    }

    pub(super) fn error(&self, operation: &'static str, errno: Errno) -> Error {
        Error::os(operation, self.kind, self.name.as_ref(), errno)
    }

    /// The size now; a peer may change it at any time.
    pub(super) fn size(&self) -> Result<u64> {
        shm::size(&self.fd).map_err(|errno| self.error("ask the size of", errno))
    }

    /// Refuses to write through a handle that is for reading.
    pub(super) fn check_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Error::Argument { argument: "access", reason: "the handle is open for reading only" })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Gives an object its size, with memory for all of it or an error.
///
/// Grows only; what was there before is untouched.
pub(super) fn reserve(fd: BorrowedFd<'_>, from: u64, to: u64) -> Result<(), Errno> {
    check_space(fd, to.saturating_sub(from))?;
    let mut at = from;
    while at < to {
        let len = CHUNK.min(to - at);
        match retry_on_intr(|| shm::allocate(fd, at, len)) {
            Ok(()) => at += len,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return truncate(fd, to),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Refuses what there cannot be memory for, before all that there is has been taken for it.
pub(super) fn check_space(fd: BorrowedFd<'_>, needed: u64) -> Result<(), Errno> {
    match rustix::fs::fstatvfs(fd) {
        Ok(fs) if fs.f_blocks > 0 => {
            let free = fs.f_bavail.saturating_mul(fs.f_frsize);
            if needed > free { Err(Errno::NOSPC) } else { Ok(()) }
        }
        // Without a limit of its own, as for anonymous memory, there is the machine's.
        _ if machine_memory().is_some_and(|memory| needed > memory) => Err(Errno::NOMEM),
        _ => Ok(()),
    }
}

/// Memory and swap together, in bytes.
#[cfg(target_os = "linux")]
fn machine_memory() -> Option<u64> {
    let info = rustix::system::sysinfo();
    #[allow(clippy::useless_conversion, reason = "the types differ between machines")]
    let units = u64::from(info.totalram).saturating_add(u64::from(info.totalswap));
    Some(units.saturating_mul(u64::from(info.mem_unit)))
}

#[cfg(not(target_os = "linux"))]
fn machine_memory() -> Option<u64> {
    None
}

/// Sets the size without reserving anything.
pub(super) fn truncate(fd: BorrowedFd<'_>, size: u64) -> Result<(), Errno> {
    retry_on_intr(|| shm::truncate(fd, size))
}

/// Refuses a size that no object can have.
pub(super) fn check_size(size: u64) -> Result<()> {
    const MAX: u64 = i64::MAX as u64;
    if (1..=MAX).contains(&size) {
        return Ok(());
    }
    Err(Error::OutOfRange { argument: "size", value: size, min: 1, max: MAX })
}
