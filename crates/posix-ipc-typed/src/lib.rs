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
//! assert_eq!(Job::from_bytes(&job.to_vec()?)?, job);
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

mod compat;
mod error;
mod frame;
mod impls;
mod message;
mod reader;
mod schema;
mod with;
mod writer;

pub use compat::{MismatchReason, Received, TypeMismatch};
pub use error::{DecodeError, EncodeError};
pub use frame::{
    Correlation, Fragment, Frame, FrameError, FrameOptions, HEADER_LEN, LONGEST_NAME, PayloadError,
};
pub use message::{Decode, DecodeOwned, Message};
#[cfg(feature = "derive")]
pub use posix_ipc_typed_derive::Message;
pub use reader::{MAX_DEPTH, MAX_EMPTY_ELEMENTS, Reader};
pub use schema::{Schema, SchemaHasher};
pub use with::{Varint, With};
pub use writer::Writer;

/// What the code that the derive writes needs beside the public items; no part of the promise.
#[doc(hidden)]
pub mod derived {
    pub use crate::impls::{Limited, add_max, max_of};
    pub use crate::schema::fold;
    pub use core::default::Default;
    pub use core::option::Option::{self, None, Some};
    pub use core::result::Result::{self, Err, Ok};
}
