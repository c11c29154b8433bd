//! [`SendFrames`] and [`ReceiveFrames`]: what carries frames from one program to another.

mod memory;
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
mod queue;
#[cfg(target_os = "linux")]
mod ring;
mod stream;

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

pub use memory::{MemoryReceiver, MemorySender, memory};
pub use stream::StreamTransport;

/// How long a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Never,
    /// Until this moment.
    Until(Instant),
    /// As long as it takes.
    Forever,
}

impl Wait {
    /// Until `timeout` from now; a timeout beyond what the clock can count is for ever.
    pub fn timeout(timeout: Duration) -> Self {
        Instant::now().checked_add(timeout).map_or(Self::Forever, Self::Until)
    }

    /// As long as this, but not beyond `moment`.
    pub(crate) fn no_later_than(self, moment: Instant) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Until(deadline) => Self::Until(deadline.min(moment)),
            Self::Forever => Self::Until(moment),
        }
    }

    /// How long there is left; `None` is for ever.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Self::Never => Some(Duration::ZERO),
            Self::Until(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            Self::Forever => None,
        }
    }
}

/// What every transport knows of itself.
pub trait Transport {
    /// The longest frame that it carries.
    fn max_frame_len(&self) -> usize;

    /// How many priorities there are; more than one if urgent frames overtake others.
    fn priorities(&self) -> u32 {
        1
    }
}

/// A transport's end that takes frames.
pub trait SendFrames: Transport {
    /// Sends one frame, all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`TransportError`]; the frame was not sent.
    fn send_frame(&mut self, frame: &[u8], priority: u32, wait: Wait)
    -> Result<(), TransportError>;
}

/// A frame that was received into a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// How many bytes of the buffer it fills.
    pub length: usize,
    /// Its priority.
    pub priority: u32,
}

/// A transport's end that gives frames.
pub trait ReceiveFrames: Transport {
    /// Receives one frame to the front of `buffer`, whose content it replaces; returns its length
    /// and priority, or `None` if there was none in time.
    ///
    /// What stands in the buffer after the frame is left over from earlier.
    ///
    /// # Errors
    ///
    /// [`TransportError`]; nothing was received.
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> Result<Option<Arrival>, TransportError>;
}

/// Why a frame was not sent or received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// There is no room, and the call does not wait.
    #[error("the transport is full")]
    Full,
    /// There was no room in time, or no message on a transport that does not wait for one.
    #[error("nothing could be sent or received in time")]
    TimedOut,
    /// The frame is longer than any that the transport carries.
    #[error("a frame of {length} bytes is too long: the transport takes up to {max}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that is possible.
        max: usize,
    },
    /// The other end has gone.
    #[error("the other end is gone")]
    Closed,
    /// Anything else, which is the source.
    #[error("the transport failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl TransportError {
    /// Wraps another failure.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// The failure in std's words.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Full => io::ErrorKind::WouldBlock,
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::TooLong { .. } => io::ErrorKind::InvalidInput,
            Self::Closed => io::ErrorKind::BrokenPipe,
            Self::Failed(source) => source
                .downcast_ref::<io::Error>()
                .map(io::Error::kind)
                .or_else(|| source.downcast_ref::<posix_ipc::Error>().map(posix_ipc::Error::kind))
                .unwrap_or(io::ErrorKind::Other),
        }
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn max_frame_len(&self) -> usize {
        T::max_frame_len(self)
    }

    fn priorities(&self) -> u32 {
        T::priorities(self)
    }
}

impl<T: SendFrames + ?Sized> SendFrames for Box<T> {
    fn send_frame(
        &mut self,
        frame: &[u8],
        priority: u32,
        wait: Wait,
    ) -> Result<(), TransportError> {
        T::send_frame(self, frame, priority, wait)
    }
}

impl<T: ReceiveFrames + ?Sized> ReceiveFrames for Box<T> {
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> Result<Option<Arrival>, TransportError> {
        T::receive_frame(self, buffer, wait)
    }
}
