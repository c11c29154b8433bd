//! One object as seen from outside.

use std::time::{Duration, SystemTime};

use rustix::fs::Stat;

use super::ring::RingState;
use super::semaphore::SemaphoreAbi;
use crate::{Identity, Kind, Name};

/// One named object of the system.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Which object it is, however often the name is used again.
    pub identity: Identity,
    /// The permission bits, at most `0o7777`.
    pub mode: u32,
    /// The owning user.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// Bytes: of memory its length, of a semaphore its file's, of a queue 80 whatever it holds.
    pub size: u64,
    /// Bytes of memory that it takes up now; of a queue always 0.
    pub allocated: u64,
    /// When the content was last changed through a descriptor.
    pub modified: SystemTime,
    /// When owner, mode, size or name was last changed; of a queue also when its state was last
    /// read, so that [`modified`](Self::modified) says more about that.
    pub changed: SystemTime,
    /// When it was last read through a descriptor.
    pub accessed: SystemTime,
    /// What only this kind has.
    pub details: Details,
}

/// What only objects of one kind have; `None` where it can't be known.
///
/// What is long is boxed, since most objects of a listing are memory and semaphores.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Details {
    /// Of a semaphore; `None` if it may not be read, or no known C library made it.
    Semaphore(Option<SemaphoreState>),
    /// Plain memory has nothing else.
    SharedMemory,
    /// Of a message queue.
    MessageQueue(Box<QueueState>),
    /// Of a ring.
    Ring(Box<RingState>),
}

/// The state of a semaphore at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SemaphoreState {
    /// How many units are free.
    pub value: u32,
    /// How many wait. A killed waiter stays counted for ever, so this may be too high.
    pub waiters: u32,
    /// Which programs can use it.
    pub abi: SemaphoreAbi,
}

/// The state of a message queue at one moment; `None` for what this process may not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueueState {
    /// Bytes of all messages together.
    pub bytes: Option<u64>,
    /// How many messages it holds.
    pub messages: Option<u64>,
    /// How many it can hold.
    pub max_messages: Option<u64>,
    /// The longest message.
    pub max_message_size: Option<u64>,
    /// Who is told of the next message; the inner `None` says that nobody is.
    pub notification: Option<Option<Notification>>,
}

/// Who has asked to be told when a message arrives in an empty queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// The process, in the namespace of this one; 0 if it is in another.
    pub pid: u32,
    /// The signal; `None` if it is told in another way.
    pub signal: Option<u32>,
}

impl Object {
    pub(super) fn new(kind: Kind, name: Name, stat: &Stat, details: Details) -> Self {
        Self {
            kind,
            name,
            identity: identity(stat),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
            modified: time(stat.st_mtime, stat.st_mtime_nsec),
            changed: time(stat.st_ctime, stat.st_ctime_nsec),
            accessed: time(stat.st_atime, stat.st_atime_nsec),
            details,
        }
    }

    /// The state, if this is a semaphore and it can be known.
    pub fn semaphore(&self) -> Option<&SemaphoreState> {
        match &self.details {
            Details::Semaphore(state) => state.as_ref(),
            _ => None,
        }
    }

    /// The state, if this is a ring.
    pub fn ring(&self) -> Option<&RingState> {
        match &self.details {
            Details::Ring(state) => Some(state),
            _ => None,
        }
    }

    /// The state, if this is a message queue.
    pub fn queue(&self) -> Option<&QueueState> {
        match &self.details {
            Details::MessageQueue(state) => Some(state),
            _ => None,
        }
    }
}

fn time(seconds: impl TryInto<u64>, nanoseconds: impl TryInto<u64>) -> SystemTime {
    let since = Duration::from_secs(seconds.try_into().unwrap_or(0))
        + Duration::from_nanos(nanoseconds.try_into().unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the fields' types differ between systems"
)]
pub(super) fn identity(stat: &Stat) -> Identity {
    Identity::new(stat.st_dev as u64, stat.st_ino as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn an_object_is_small_whatever_its_kind_has() {
        assert!(size_of::<Object>() <= 136, "{}", size_of::<Object>());
    }
}
