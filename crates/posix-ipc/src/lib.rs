//! Named semaphores, shared memory, message queues and rings between the processes of one
//! machine.
//!
//! An object has a [`Name`], and the same name is the same object in every process, in C
//! (`sem_open`, `shm_open`, `mq_open`) and in Python (`posix_ipc`, `nob.ipc`) too.
//! [`OpenMode`] says what happens if the name exists already, [`Cleanup`] who removes it.
#![warn(missing_docs, missing_debug_implementations)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![deny(unsafe_code)]

#[cfg(not(unix))]
compile_error!(
    "posix-ipc supports Unix systems only: Linux, FreeBSD, DragonFly, NetBSD, OpenBSD, illumos \
     and macOS. Windows has no POSIX IPC."
);

mod cleanup;
mod common;
mod deadline;
mod error;
mod identity;
mod kind;
mod limits;
#[cfg(target_os = "linux")]
mod liveness;
mod name;
mod open_mode;
mod pauses;
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
mod priority;
#[cfg(target_os = "linux")]
#[cfg_attr(posix_ipc_loom, allow(dead_code))]
mod rounds;
mod turns;
#[cfg(all(target_os = "linux", not(posix_ipc_loom)))]
mod wait_any;

#[cfg(target_os = "linux")]
pub mod inspect;
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
pub mod mq;
#[cfg(target_os = "linux")]
pub mod mutex;
#[cfg(target_os = "linux")]
pub mod ring;
pub mod sem;
pub mod shm;

pub use cleanup::Cleanup;
pub use error::{Error, Result};
pub use identity::Identity;
pub use kind::Kind;
pub use limits::{Limits, limits};
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
pub use mq::MessageQueue;
#[cfg(target_os = "linux")]
pub use mutex::RobustMutex;
pub use name::{Name, NameError, NameErrorReason};
pub use open_mode::{Disposition, OpenMode};
/// The number of a system's error, as rustix knows it.
#[doc(no_inline)]
pub use posix_ipc_sys::io::Errno;
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
pub use priority::{Priority, PriorityError};
pub use sem::Semaphore;
pub use shm::SharedMemory;
#[cfg(all(target_os = "linux", not(posix_ipc_loom)))]
pub use wait_any::{WaitAnyError, Waitable, try_wait_any, wait_any, wait_any_timeout};
