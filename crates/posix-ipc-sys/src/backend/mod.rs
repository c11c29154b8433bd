//! The back ends, picked once by the build script; what a family needs of a system.
//!
//! A back end supplies a module per family with the same functions. Back ends never call each
//! other.

#[cfg(any(
    not(backend_linux),
    all(feature = "mq", has_mqueue, not(raw_mqueue)),
    all(feature = "shm", target_os = "linux"),
))]
mod conv;
#[cfg(all(feature = "shm", target_os = "linux"))]
pub(crate) use conv::done;

#[cfg(any(backend_linux, all(has_glibc_sem, feature = "sem")))]
pub(crate) mod linux;
#[cfg(all(backend_linux, any(feature = "shm", feature = "mq")))]
pub(crate) use linux::*;

#[cfg(not(backend_linux))]
pub(crate) mod libc;
#[cfg(all(not(backend_linux), any(feature = "shm", feature = "mq")))]
pub(crate) use self::libc::*;
