//! The atomics that the semaphore algorithms run on: the machine's, or those of the model
//! checker loom, so that what is checked is what is shipped.

#[cfg(all(not(posix_ipc_loom), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicU64;
#[cfg(not(posix_ipc_loom))]
pub(crate) use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(posix_ipc_loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
