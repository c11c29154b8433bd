//! Raw bindings, in rustix's idiom, to what rustix lacks of POSIX inter-process
//! communication: named and unnamed [semaphores](sem), [message queues](mq), and named
//! [shared memory](shm) beside them; and the locks (`ofd`, on Linux) by which processes know of each other's end.
//!
//! There is one function per C call, under the C name without its prefix (`sem_post` is
//! [`sem::post`]). Descriptors and mappings are owned types that close on drop, names are
//! anything that implements [`Arg`], and every function returns
//! [`io::Result`]. `EINTR` is returned: [`io::retry_on_intr`] is the caller's choice. The safe,
//! policy-rich crate on top of this one is `posix-ipc`.
//!
//! # Back ends
//!
//! On Linux with glibc, semaphores and shared memory need no C library: semaphores are this crate's own
//! over futexes, in glibc's exact file naming and memory layout, so that C, Python and Rust
//! share them. Everything goes through the C library on other systems, and on Linux with
//! `RUSTFLAGS='--cfg posix_ipc_use_libc'`. Both back ends have the same functions.
//!
//! # Features
//!
//! - `std` (default): `std::error::Error` for errors, and threads that know what they left in a semaphore,
//!   which saves a seventh of an uncontended wait and post; without it the crate is `no_std`.
//! - `sem`, `shm`, `mq` (default): one per family; `ofd` comes with `shm`.
//! - `bytes`: receive into the spare capacity of a `bytes::BytesMut`.
#![no_std]
#![warn(missing_docs, missing_debug_implementations)]
#![warn(clippy::unwrap_used, clippy::indexing_slicing)]

#[cfg(not(unix))]
compile_error!(
    "posix-ipc-sys supports Unix systems only: Linux, FreeBSD, DragonFly, NetBSD, OpenBSD, \
     illumos and macOS. Windows has no POSIX IPC."
);

#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(any(feature = "sem", feature = "shm", feature = "mq"))]
mod backend;
#[cfg(all(feature = "mq", has_mqueue))]
mod buffer;
#[cfg(all(feature = "mq", has_mqueue))]
mod handle;
#[cfg(all(feature = "mq", has_mqueue))]
mod mq_attr;
#[cfg(any(
    all(target_os = "linux", any(feature = "sem", feature = "shm")),
    all(feature = "mq", has_mqueue)
))]
mod name;
#[cfg(all(feature = "sem", has_glibc_sem))]
mod primitive;
#[cfg(all(feature = "mq", target_os = "linux"))]
mod sigevent;

#[cfg(all(feature = "mq", has_mqueue))]
pub mod mq;
#[cfg(all(feature = "shm", target_os = "linux"))]
pub mod ofd;
#[cfg(feature = "sem")]
pub mod sem;
#[cfg(feature = "shm")]
pub mod shm;

pub use rustix::io;
#[cfg(any(feature = "sem", feature = "shm", all(feature = "mq", has_mqueue)))]
#[doc(no_inline)]
pub use rustix::path::Arg;
