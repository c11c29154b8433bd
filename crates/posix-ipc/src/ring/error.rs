//! What sending and receiving can fail with: [`SendError`], [`ReceiveError`], [`Corrupt`].

use std::convert::Infallible;
use std::io;

use crate::priority::{Priority, PriorityError};

/// A word in the ring's memory that cannot be: a peer is broken or hostile, or the memory was
/// written by something else.
///
/// Nothing was done, and nothing more can be done with this ring; remove it and make a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ring is corrupt: {what} at offset {offset} is {found:#x}")]
#[non_exhaustive]
pub struct Corrupt {
    /// Which word of the format; see `docs/ring-format.md`.
    pub what: &'static str,
    /// Where it stands, in bytes from the start of the segment.
    pub offset: u64,
    /// What was found there.
    pub found: u64,
}

/// Why a message was not sent; the caller still has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no room, and the call does not wait.
    #[error("the ring is full")]
    Full,
    /// There was no room in time.
    #[error("the ring stayed full until the deadline")]
    TimedOut,
    /// The message is longer than any that this ring takes.
    #[error("a message of {length} bytes is too long: this ring takes up to {max}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that is possible.
        max: usize,
    },
    /// The priority is none; nothing was tried.
    #[error(transparent)]
    Priority(#[from] PriorityError),
    /// The ring has no lane of this priority.
    #[error("priority {priority} is out of range: this ring has {lanes} lanes")]
    NoSuchLane {
        /// The priority given.
        priority: Priority,
        /// How many lanes there are; priorities start at 0.
        lanes: u32,
    },
    /// The ring is full, and the receiver has died or left.
    #[error("the ring is full and its receiver is gone")]
    PeerGone,
    /// The ring cannot be used any more.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// Why nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The ring is empty, and the sender has died or left.
    #[error("the ring is empty and its sender is gone")]
    PeerGone,
    /// The message does not fit into the buffer; it stays in the ring.
    #[error("the next message has {length} bytes and the buffer {buffer}")]
    TooShort {
        /// The message's length in bytes.
        length: usize,
        /// The buffer's.
        buffer: usize,
    },
    /// The ring cannot be used any more.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

impl From<Infallible> for SendError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::Full => io::ErrorKind::WouldBlock,
            SendError::TimedOut => io::ErrorKind::TimedOut,
            SendError::TooLong { .. } | SendError::Priority(_) | SendError::NoSuchLane { .. } => {
                io::ErrorKind::InvalidInput
            }
            SendError::PeerGone => io::ErrorKind::BrokenPipe,
            SendError::Corrupt(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> Self {
        let kind = match error {
            ReceiveError::PeerGone => io::ErrorKind::UnexpectedEof,
            ReceiveError::TooShort { .. } => io::ErrorKind::InvalidInput,
            ReceiveError::Corrupt(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// A range that does not lie within a [`Grant`](crate::ring::spsc::Grant) or a
/// [`Record`](crate::ring::spsc::Record); nothing was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes at {offset} do not lie within {size}")]
#[non_exhaustive]
pub struct OutOfBounds {
    /// Where the range starts.
    pub offset: usize,
    /// How long it is.
    pub len: usize,
    /// How many bytes there are.
    pub size: usize,
}

impl From<OutOfBounds> for io::Error {
    fn from(error: OutOfBounds) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
