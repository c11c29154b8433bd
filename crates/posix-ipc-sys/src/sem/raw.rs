//! Which back end a semaphore belongs to. Usually there is but one.

use core::ffi::CStr;
use core::ptr::NonNull;

#[cfg(target_os = "linux")]
use rustix::fd::OwnedFd;
use rustix::fs::Mode;
#[cfg(target_os = "linux")]
use rustix::fs::Stat;
#[cfg(any(backend_linux, not(has_glibc_sem), not(target_has_atomic = "64")))]
use rustix::io::Errno;
use rustix::io::Result;

#[cfg(target_os = "linux")]
use super::Peek;
use super::{Abi, Deadline, OpenFlags, OwnedSem};
#[cfg(not(backend_linux))]
use crate::backend::libc::sem as c;
#[cfg(has_glibc_sem)]
use crate::backend::linux::sem::{self as linux, Layout};

/// A semaphore of one back end; see the invariants of the back ends' own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw {
    #[cfg(has_glibc_sem)]
    Linux(linux::Raw),
    #[cfg(not(backend_linux))]
    C(c::Raw),
}

/// What has to be given back when an owned semaphore goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backing {
    /// A mapping that starts at the semaphore.
    Mapping(NonNull<u8>, usize),
    /// The C library's own.
    #[cfg(not(backend_linux))]
    Library,
}

impl Backing {
    pub(crate) fn release(self, raw: Raw) {
        match self {
            Self::Mapping(base, len) => {
                // SAFETY: the mapping was made for the handle, which is being dropped, and all that
                // borrows from it has gone before.
                let _ = unsafe { rustix::mm::munmap(base.as_ptr().cast(), len) };
                let _ = raw;
            }
            #[cfg(not(backend_linux))]
            Self::Library => match raw {
                Raw::C(raw) => raw.close(),
                #[cfg(has_glibc_sem)]
                Raw::Linux(_) => {}
            },
        }
    }
}

/// Calls the same method of either back end.
macro_rules! either {
    ($raw:expr, $sem:ident => $linux:expr, $c:expr) => {
        match $raw {
            #[cfg(has_glibc_sem)]
            Raw::Linux($sem) => $linux,
            #[cfg(not(backend_linux))]
            Raw::C($sem) => $c,
        }
    };
}

impl Raw {
    #[inline]
    pub(crate) fn post(self, units: u32) -> Result<()> {
        either!(self, sem => sem.post(units), sem.post(units))
    }

    #[inline]
    pub(crate) fn try_wait(self, units: u32) -> bool {
        either!(self, sem => sem.try_wait(units), sem.try_wait(units))
    }

    #[inline]
    pub(crate) fn wait(self, units: u32, until: Option<Deadline>) -> Result<()> {
        either!(self, sem => sem.wait(units, until), sem.wait(units, until))
    }

    #[inline]
    pub(crate) fn value(self) -> Result<u32> {
        either!(self, sem => Ok(sem.value()), sem.value())
    }

    pub(crate) fn waiters(self) -> Option<u32> {
        either!(self, sem => Some(sem.waiters()), { let _ = sem; None })
    }

    #[inline]
    pub(crate) fn waker_cpu(self) -> Option<u32> {
        either!(self, sem => sem.waker_cpu(), { let _ = sem; None })
    }
}

/// The layout of glibc that is meant; `None` for the C library's own semaphores.
#[cfg(has_glibc_sem)]
fn layout(abi: Abi) -> Result<Option<Layout>> {
    match abi {
        #[cfg(not(backend_linux))]
        Abi::Native => Ok(None),
        #[cfg(backend_linux)]
        Abi::Native => Ok(Some(Layout::NATIVE)),
        Abi::Glibc => Ok(Some(Layout::NATIVE)),
        #[cfg(target_has_atomic = "64")]
        Abi::Glibc64 => Ok(Some(Layout::Glibc64)),
        #[cfg(not(target_has_atomic = "64"))]
        Abi::Glibc64 => Err(Errno::NOSYS),
        Abi::Glibc32 => Ok(Some(Layout::Glibc32)),
    }
}

/// Without glibc's layouts there are the C library's own semaphores only.
#[cfg(not(has_glibc_sem))]
fn layout(abi: Abi) -> Result<Option<core::convert::Infallible>> {
    if abi == Abi::Native { Ok(None) } else { Err(Errno::NOSYS) }
}

pub(crate) fn open(
    abi: Abi,
    name: &CStr,
    flags: OpenFlags,
    mode: Mode,
    value: u32,
) -> Result<OwnedSem> {
    match layout(abi)? {
        #[cfg(has_glibc_sem)]
        Some(layout) => {
            let linux::Opened { raw, stat } = linux::open(layout, name, flags, mode, value)?;
            let backing = Backing::Mapping(raw.base(), layout.size());
            let file = Some((stat.st_dev, stat.st_ino, stat.st_uid));
            Ok(OwnedSem::new(Raw::Linux(raw), backing, file))
        }
        #[cfg(not(has_glibc_sem))]
        Some(never) => match never {},
        #[cfg(not(backend_linux))]
        None => {
            let c::Opened { raw, file } = c::open(name, flags, mode, value)?;
            Ok(OwnedSem::new(Raw::C(raw), Backing::Library, file))
        }
        #[cfg(backend_linux)]
        None => Err(Errno::NOSYS),
    }
}

/// Calls the function of the back end that keeps semaphores of `abi`.
macro_rules! dispatch {
    ($abi:expr, $function:ident($($argument:expr),*)) => {
        match layout($abi)? {
            #[cfg(has_glibc_sem)]
            Some(_) => linux::$function($($argument),*),
            #[cfg(not(has_glibc_sem))]
            Some(never) => match never {},
            #[cfg(not(backend_linux))]
            None => c::$function($($argument),*),
            #[cfg(backend_linux)]
            None => Err(Errno::NOSYS),
        }
    };
}

pub(crate) fn unlink(abi: Abi, name: &CStr) -> Result<()> {
    dispatch!(abi, unlink(name))
}

#[cfg(target_os = "linux")]
pub(crate) fn stat(abi: Abi, name: &CStr) -> Result<Stat> {
    dispatch!(abi, stat(name))
}

#[cfg(target_os = "linux")]
pub(crate) fn open_file(abi: Abi, name: &CStr) -> Result<OwnedFd> {
    dispatch!(abi, open_file(name))
}

#[cfg(target_os = "linux")]
pub(crate) fn peek(abi: Abi, name: &CStr) -> Result<Option<Peek>> {
    // glibc's files tell their layout, also those of the other word size.
    #[cfg(all(has_glibc_sem, target_env = "gnu"))]
    let abi = if abi == Abi::Native { Abi::Glibc } else { abi };
    dispatch!(abi, peek(name))
}
