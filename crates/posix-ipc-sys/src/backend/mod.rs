//! The back ends, picked once by the build script; what a family needs of a system.
//!
//! A back end supplies a module per family with the same functions. Back ends never call each
//! other.

#[cfg(backend_linux)]
mod linux;
#[cfg(backend_linux)]
pub(crate) use linux::*;

#[cfg(not(backend_linux))]
mod libc;
#[cfg(not(backend_linux))]
pub(crate) use self::libc::*;
