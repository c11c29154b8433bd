//! What the functions on semaphores take and give.

use rustix::time::{ClockId, Timespec};

bitflags::bitflags! {
    /// What [`open`](crate::sem::open) does if the name exists, or doesn't.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// `O_CREAT`: creates it if it does not exist.
        const CREATE = 1;
        /// `O_EXCL`: with `CREATE`, fails if it exists.
        const EXCL = 2;
        /// With `CREATE`: the mode is meant in spite of the umask.
        ///
        /// # Platforms
        ///
        /// The `libc` back end sets it just after creation on Linux, and has no way elsewhere,
        /// where it is ignored.
        const EXACT_MODE = 4;
    }
}

impl OpenFlags {
    #[cfg(not(backend_linux))]
    pub(crate) fn c_flags(self) -> libc::c_int {
        let mut flags = 0;
        if self.contains(Self::CREATE) {
            flags |= libc::O_CREAT;
            if self.contains(Self::EXCL) {
                flags |= libc::O_EXCL;
            }
        }
        flags
    }
}

/// Whose semaphores: C libraries differ in where they keep them and how they lay them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Abi {
    /// Those of the C library that this program is built for.
    #[default]
    Native,
    /// Those of glibc, for programs with words of this program's size. On musl targets this is
    /// how a statically linked program shares semaphores with the glibc programs beside it.
    Glibc,
    /// Those of glibc, for programs with 64-bit words.
    Glibc64,
    /// Those of glibc, for programs with 32-bit words.
    Glibc32,
}

/// Which clock a deadline is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clock {
    /// `CLOCK_REALTIME`: the time of day, which may be set.
    Realtime,
    /// `CLOCK_MONOTONIC`: only ever goes forward.
    Monotonic,
}

impl Clock {
    /// The same clock for `rustix::time::clock_gettime`.
    pub const fn id(self) -> ClockId {
        match self {
            Self::Realtime => ClockId::Realtime,
            Self::Monotonic => ClockId::Monotonic,
        }
    }
}

/// Until when a wait lasts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// The clock that `time` is on.
    pub clock: Clock,
    /// The time; one before 1970 has passed.
    pub time: Timespec,
}

impl Deadline {
    pub(crate) fn is_valid(&self) -> bool {
        (0..1_000_000_000).contains(&self.time.tv_nsec)
    }
}

/// What can be seen of a semaphore from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peek {
    /// Whose it is.
    pub abi: Abi,
    /// The number of units.
    pub value: u32,
    /// The number of registered waiters, where it can be known. A waiter that was killed stays
    /// counted for ever.
    pub waiters: Option<u32>,
}
