//! Typed messages over POSIX message queues and rings, without serde.
//!
//! A type that is a [`Message`] has one encoding for each value: little endian, compact, the same
//! on every machine. It also has a fingerprint of its name, version, fields and their types,
//! which every frame carries, so that a receiver never takes one type for another.
//!
//! ```
//! use posix_ipc_typed::{Decode, Message};
//!
//! #[derive(Debug, PartialEq, Message)]
//! #[message(name = "job", version = 2)]
//! struct Job {
//!     id: u32,
//!     #[message(max_len = 64)]
//!     title: String,
//!     #[message(since = 2, default = 5)]
//!     priority: u8,
//! }
//!
//! assert_eq!(Job::MAX_LEN, Some(4 + 4 + 64 + 1));
//! let job = Job { id: 7, title: "sort".into(), priority: 9 };
//! assert_eq!(Job::from_bytes(&job.encoded()?)?, job);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading bytes never panics, whatever they are, never makes room for more than they could
//! hold, and succeeds only for bytes that encoding the value gives again.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![warn(missing_docs, missing_debug_implementations)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

extern crate alloc;
#[cfg(feature = "derive")]
extern crate self as posix_ipc_typed;

#[cfg(all(feature = "tokio", not(any(target_vendor = "apple", target_os = "openbsd"))))]
mod asynchronous;
#[cfg(all(feature = "tokio", target_os = "linux"))]
mod asynchronous_ring;
mod compat;
#[cfg(all(feature = "transport", not(any(target_vendor = "apple", target_os = "openbsd"))))]
mod ends;
mod error;
#[cfg(feature = "std")]
mod fragment;
mod frame;
mod frame_options;
mod impls;
#[cfg(feature = "transport")]
mod inbox;
#[cfg(feature = "transport")]
mod large;
mod message;
#[cfg(feature = "transport")]
mod outbox;
#[cfg(all(feature = "transport", not(any(target_vendor = "apple", target_os = "openbsd"))))]
mod queue;
mod reader;
#[cfg(feature = "transport")]
mod receiver;
#[cfg(feature = "transport")]
mod replies;
#[cfg(feature = "transport")]
mod request;
#[cfg(feature = "transport")]
mod router;
mod schema;
#[cfg(feature = "transport")]
mod sender;
#[cfg(feature = "transport")]
pub mod transport;
mod with;
mod writer;

#[cfg(all(feature = "tokio", not(any(target_vendor = "apple", target_os = "openbsd"))))]
pub use asynchronous::{AsyncReceiver, AsyncSender};
#[cfg(all(feature = "tokio", target_os = "linux"))]
pub use asynchronous_ring::{AsyncRingReceiver, AsyncRingSender, AwaitedRing, AwaitedRoom};
pub use compat::{MismatchReason, Received, TypeMismatch};
#[cfg(all(feature = "transport", not(any(target_vendor = "apple", target_os = "openbsd"))))]
pub use ends::QueueConnect;
#[cfg(all(feature = "transport", target_os = "linux"))]
pub use ends::RingConnect;
pub use error::{DecodeError, EncodeError};
#[cfg(feature = "std")]
pub use fragment::{DropReason, Dropped, Drops, Reassembly, ReassemblyLimits};
pub use frame::{Correlation, Fragment, Frame, FrameError, HEADER_LEN, LONGEST_NAME, PayloadError};
pub use frame_options::FrameOptions;
#[cfg(feature = "transport")]
pub use inbox::{Envelope, ReceiveError};
#[cfg(feature = "transport")]
pub use large::{LargeError, collect_payloads};
pub use message::{Decode, DecodeOwned, Message};
#[cfg(feature = "derive")]
pub use posix_ipc_typed_derive::Message;
#[cfg(all(feature = "transport", not(any(target_vendor = "apple", target_os = "openbsd"))))]
pub use queue::{message_size, queue_options};
pub use reader::{MAX_DEPTH, MAX_EMPTY_ELEMENTS, Reader};
#[cfg(feature = "transport")]
pub use receiver::{Iter, Receiver};
#[cfg(feature = "transport")]
pub use replies::collect_replies;
#[cfg(feature = "transport")]
pub use request::{CallError, Client, Connect, ReplyTo, ServeError, Server, client_id};
#[cfg(feature = "transport")]
pub use router::Router;
pub use schema::{Schema, SchemaHasher};
#[cfg(feature = "transport")]
pub use sender::{SendError, Sender};
pub use with::{Varint, With};
pub use writer::Writer;

/// What a [`Sender`] sends over if nothing else is said.
#[cfg(all(feature = "transport", not(any(target_vendor = "apple", target_os = "openbsd"))))]
pub type DefaultSender = posix_ipc::mq::Sender;
/// What a [`Sender`] sends over if nothing else is said; this system has no message queues.
#[cfg(all(feature = "transport", any(target_vendor = "apple", target_os = "openbsd")))]
pub type DefaultSender = Box<dyn transport::SendFrames>;
/// What a [`Receiver`] receives over if nothing else is said.
#[cfg(all(feature = "transport", not(any(target_vendor = "apple", target_os = "openbsd"))))]
pub type DefaultReceiver = posix_ipc::mq::Receiver;
/// What a [`Receiver`] receives over if nothing else is said; this system has no message queues.
#[cfg(all(feature = "transport", any(target_vendor = "apple", target_os = "openbsd")))]
pub type DefaultReceiver = Box<dyn transport::ReceiveFrames>;

/// How a [`Server`] finds its clients if nothing else is said.
#[cfg(all(feature = "transport", not(any(target_vendor = "apple", target_os = "openbsd"))))]
pub type DefaultConnect = QueueConnect;
/// How a [`Server`] finds its clients if nothing else is said; this system has no message queues.
#[cfg(all(feature = "transport", any(target_vendor = "apple", target_os = "openbsd")))]
pub type DefaultConnect = fn(u64) -> Result<DefaultSender, transport::TransportError>;

/// What the code that the derive writes needs beside the public items; no part of the promise.
#[doc(hidden)]
pub mod derived {
    pub use crate::impls::{Limited, add_max, max_of};
    pub use crate::schema::fold;
    pub use core::default::Default;
    pub use core::option::Option::{self, None, Some};
    pub use core::result::Result::{self, Err, Ok};

    /// How many bytes of a type are put together before they are written: all of a short one of
    /// a fixed length, none of another.
    pub const fn staged(fixed: bool, length: usize) -> usize {
        if fixed && length <= 256 { length } else { 0 }
    }
}
