//! How the names of semaphores are looked up, removed and leased.

use std::os::fd::OwnedFd;

use posix_ipc_sys::sem::{self as sys, Abi};
use rustix::io::Errno;

use crate::cleanup::Place;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::name::Name;

static NATIVE: Place = Place {
    kind: Kind::Semaphore,
    identity: |name| identity(Abi::Native, name),
    unlink: |name| sys::unlink(name),
    open_lease: |name| open_lease(Abi::Native, name),
};

/// glibc's semaphores have the same names, whatever their layout.
static GLIBC: Place = Place {
    kind: Kind::Semaphore,
    identity: |name| identity(Abi::Glibc, name),
    unlink: |name| sys::unlink_with(Abi::Glibc, name),
    open_lease: |name| open_lease(Abi::Glibc, name),
};

pub(super) fn of(abi: Abi) -> &'static Place {
    match abi {
        Abi::Native => &NATIVE,
        _ => &GLIBC,
    }
}

#[cfg(target_os = "linux")]
fn identity(abi: Abi, name: &Name) -> Result<Identity, Errno> {
    sys::stat(abi, name).map(|stat| crate::identity::Status::from(&stat).identity)
}

/// Elsewhere a semaphore has no identity that a name could be compared by.
#[cfg(not(target_os = "linux"))]
fn identity(_: Abi, name: &Name) -> Result<Identity, Errno> {
    sys::open(name, sys::OpenFlags::empty(), sys::Mode::empty(), 0).map(|_| Identity::new(0, 0))
}

#[cfg(target_os = "linux")]
fn open_lease(abi: Abi, name: &Name) -> Result<OwnedFd, Errno> {
    sys::open_file(abi, name)
}

#[cfg(not(target_os = "linux"))]
fn open_lease(_: Abi, _: &Name) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Why what stands under the name is not taken for a semaphore of `abi`.
#[cfg(target_os = "linux")]
pub(super) fn why_foreign(abi: Abi, name: &Name) -> &'static str {
    match sys::peek(abi, name) {
        Ok(Some(peek)) if peek.abi == Abi::Glibc32 => "it is one of programs with 32-bit words",
        Ok(Some(peek)) if peek.abi == Abi::Glibc64 => "it is one of programs with 64-bit words",
        Ok(Some(_)) => "it is one of another C library",
        Ok(None) => "its file is too short, too long, or of another C library",
        Err(_) => "its file is no regular file, or cannot be read",
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn why_foreign(_: Abi, _: &Name) -> &'static str {
    "the system does not take it for a semaphore, or does not take the name"
}
