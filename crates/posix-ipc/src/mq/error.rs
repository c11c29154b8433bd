//! [`SendError`] and [`NotifyError`]: the outcomes that a caller plans for, apart from the rest.

use std::convert::Infallible;
use std::io;

use rustix::io::Errno;

use crate::error::Error;
use crate::kind::Kind;
use crate::name::Name;
use crate::priority::{Priority, PriorityError};

/// Why a message was not sent; the caller still has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The queue is full, and the call does not wait.
    #[error("the message queue is full")]
    Full,

    /// The queue was full until the deadline.
    #[error("the message queue was full until the deadline")]
    TimedOut,

    /// The message is longer than the queue takes; nothing was tried.
    #[error("the message has {length} bytes, and the queue takes {max}")]
    TooLong {
        /// The message's length in bytes.
        length: usize,
        /// The queue's message size in bytes.
        max: usize,
    },

    /// The priority is none; nothing was tried.
    #[error(transparent)]
    Priority(#[from] PriorityError),

    /// Everything else.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl SendError {
    /// The failure in std's words.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Full => io::ErrorKind::WouldBlock,
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::TooLong { .. } | Self::Priority(_) => io::ErrorKind::InvalidInput,
            Self::Failed(error) => error.kind(),
        }
    }

    /// The number of the system's error, or the one that C would have given.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Full => Some(Errno::AGAIN),
            Self::TimedOut => Some(Errno::TIMEDOUT),
            Self::TooLong { .. } => Some(Errno::MSGSIZE),
            Self::Priority(_) => Some(Errno::INVAL),
            Self::Failed(error) => error.errno(),
        }
    }
}

impl From<Infallible> for SendError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<PriorityError> for Error {
    fn from(error: PriorityError) -> Self {
        Self::OutOfRange {
            argument: "priority",
            value: u64::try_from(error.value()).unwrap_or(u64::MAX),
            min: 0,
            max: Priority::HIGHEST.get().into(),
        }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        let os = |errno| Self::Os {
            operation: "send to",
            kind: Kind::MessageQueue,
            name: None,
            errno,
            hint: None,
        };
        match error {
            SendError::Full => os(Errno::AGAIN),
            SendError::TimedOut => os(Errno::TIMEDOUT),
            SendError::TooLong { length, max } => Self::OutOfRange {
                argument: "length of the message",
                value: length as u64,
                min: 0,
                max: max as u64,
            },
            SendError::Priority(error) => error.into(),
            SendError::Failed(error) => error,
        }
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Why a notification was not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// A queue notifies one process at a time, and somebody has the place already.
    #[error("message queue {name} notifies another already{}", Holder(.holder))]
    Busy {
        /// The queue.
        name: Name,
        /// Which process has it, where the system tells; it may be this one.
        holder: Option<u32>,
    },

    /// Everything else.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl NotifyError {
    /// The failure in std's words.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Busy { .. } => io::ErrorKind::ResourceBusy,
            Self::Failed(error) => error.kind(),
        }
    }

    /// The number of the system's error, or the one that C would have given.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Busy { .. } => Some(Errno::BUSY),
            Self::Failed(error) => error.errno(),
        }
    }
}

impl From<NotifyError> for Error {
    fn from(error: NotifyError) -> Self {
        match error {
            NotifyError::Busy { name, holder } => Self::Os {
                operation: "be notified by",
                kind: Kind::MessageQueue,
                name: Some(name),
                errno: Errno::BUSY,
                hint: holder.map(|pid| format!("it notifies process {pid}").into()),
            },
            NotifyError::Failed(error) => error,
        }
    }
}

impl From<NotifyError> for io::Error {
    fn from(error: NotifyError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Shows who holds the place, if that is known.
struct Holder<'a>(&'a Option<u32>);

impl std::fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |pid| write!(f, ": process {pid}"))
    }
}
