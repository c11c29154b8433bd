//! Rings: channels in named shared memory.
//!
//! For those who outgrow the kernel's queue: no limit of ten messages, no system call unless
//! somebody sleeps, a tenth of a microsecond from one process to the other while both are
//! at it. There are two shapes:
//!
//! - [`spsc`]: one sender, one receiver, messages of any length, written and read in place.
//! - [`mpmc`]: many senders, many receivers, messages up to a fixed length, priorities.
//!
//! Names, open modes, cleanup and waiting are those of all objects of this crate. A ring is one
//! segment of shared memory; its layout is in `docs/ring-format.md`, byte by byte.
//!
//! Both can be waited for together with semaphores ([`wait_any`](crate::wait_any())), polled with
//! other descriptors ([`Notified`]), and with the feature `tokio` awaited (`AsyncSender`,
//! `AsyncReceiver`): a thread of this process then sleeps in the end's place.
//!
//! # What is promised
//!
//! - **A participant may be killed at any instruction.** The others go on: its seat is
//!   free for a newcomer, a message that it had half written is skipped, and one that it had taken
//!   and not finished with is delivered again.
//! - **A participant may lie.** Every index and length that is read from the segment is checked
//!   against what this process knows by itself. The worst that scribbling over the segment can do
//!   is an error ([`Corrupt`]), wrong bytes in a message, a message lost, or a wait that lasts. To
//!   make the object smaller is another matter: who may write it may do that, and touching the
//!   missing pages then kills with `SIGBUS`, as with all shared memory.
//! - **An idle ring is idle**: after a short spin its participants sleep, but for a look
//!   every [liveness interval](spsc::Options::liveness_interval) whether the peer lives. At the
//!   default of 100 ms that is ten looks a second, less than a thousandth of a processor. With
//!   `Duration::MAX` it is none: then an orderly departure is still learnt of at once, and a
//!   death by those who ask.
//!
//! # Platforms
//!
//! Linux (futex, open-file-description locks, `membarrier` where it is allowed).
#![expect(
    unsafe_code,
    reason = "a ring lives in memory that others write; every block argues why it is sound"
)]
#![cfg_attr(posix_ipc_loom, allow(dead_code, unused_imports))]

mod error;
pub(crate) mod layout;
mod memory;
mod pace;
mod primitive;
mod wait;

#[cfg_attr(posix_ipc_loom, allow(dead_code))]
mod copy;
#[cfg(not(posix_ipc_loom))]
mod handle;
#[cfg(not(posix_ipc_loom))]
mod notified;
#[cfg(not(posix_ipc_loom))]
pub(crate) mod party;
#[cfg(not(posix_ipc_loom))]
mod segment;
#[cfg(all(feature = "tokio", not(posix_ipc_loom)))]
mod tokio;

#[cfg(not(posix_ipc_loom))]
pub(crate) use primitive::Fences;
#[cfg(not(posix_ipc_loom))]
pub(crate) use wait::{NAP, Spin};

pub mod mpmc;
pub mod spsc;

pub use error::{Corrupt, OutOfBounds, ReceiveError, SendError};
#[cfg(not(posix_ipc_loom))]
pub use notified::Notified;
#[cfg(all(feature = "tokio", not(posix_ipc_loom)))]
pub use tokio::{AsyncReceiver, AsyncSender};
