//! [`Kind`]: what an object is.

use std::fmt;

/// The kinds of object that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A named semaphore, as of `sem_open`.
    Semaphore,
    /// A named shared memory object, as of `shm_open`.
    SharedMemory,
    /// A message queue, as of `mq_open`.
    MessageQueue,
    /// A ring of this crate: a shared memory object with a format of its own.
    Ring,
}

impl Kind {
    /// The most bytes that a name of this kind has on Linux, without its slash.
    ///
    /// Semaphores have four fewer: the C library keeps them in files whose names start with `sem.`.
    pub const fn longest_name(self) -> usize {
        match self {
            Self::Semaphore => 251,
            Self::SharedMemory | Self::MessageQueue | Self::Ring => 255,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Semaphore => "semaphore",
            Self::SharedMemory => "shared memory",
            Self::MessageQueue => "message queue",
            Self::Ring => "ring",
        })
    }
}
