//! [`Budget`]: what a queue costs, which limits stand in its way, and what to raise.

use std::fmt;

#[cfg(target_os = "linux")]
use posix_ipc_sys::mq;
use posix_ipc_sys::mq::MqAttr;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

#[cfg(target_os = "linux")]
use super::{notify, place};
use crate::error::Error;
#[cfg(target_os = "linux")]
use crate::identity::Identity;
use crate::limits::{Limits, limits};
#[cfg(target_os = "linux")]
use crate::name::Name;

/// The kernel's bookkeeping for one message, in bytes: `struct msg_msg`.
const MESSAGE: u64 = 6 * size_of::<usize>() as u64;
/// And for one priority in use, of which there are at most as many as messages:
/// `struct posix_msg_tree_node`.
const PRIORITY: u64 = 6 * size_of::<usize>() as u64;
/// How many priorities there are.
const PRIORITIES: u64 = 32_768;
/// What even a privileged user may not exceed (`HARD_MSGMAX`, `HARD_MSGSIZEMAX`).
const HARD_CAPACITY: u64 = 65_536;
const HARD_MESSAGE_SIZE: u64 = 16 << 20;

/// What a queue of some geometry costs, and what the running system has to say to it.
///
/// # Platforms
///
/// The limits are Linux's; elsewhere there is no shortage that could be foreseen.
///
/// # Examples
///
/// ```
/// use posix_ipc::mq::Budget;
///
/// let budget = Budget::of(10, 8192);
/// if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
///     assert_eq!(budget.bytes(), 82_880);
/// }
/// for shortage in Budget::of(1_000_000, 8192).shortages() {
///     println!("{shortage}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    capacity: u64,
    message_size: u64,
    bytes: u64,
    limits: Limits,
}

/// A limit that is in the way of a queue; its text names it, its value and where to change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shortage {
    /// `fs.mqueue.msg_max`: messages in a queue, for users without `CAP_SYS_RESOURCE`.
    Capacity {
        /// What is asked for.
        needed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// `fs.mqueue.msgsize_max`: bytes in a message, for users without `CAP_SYS_RESOURCE`.
    MessageSize {
        /// What is asked for.
        needed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// `RLIMIT_MSGQUEUE`: bytes of all queues of a user together.
    Bytes {
        /// What is asked for.
        needed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// `fs.mqueue.queues_max`: queues in an IPC namespace.
    Queues {
        /// What is allowed.
        limit: u64,
    },
    /// `RLIMIT_NOFILE`: open descriptors of the process.
    Descriptors,
    /// What is built into the kernel, and holds for everybody.
    Kernel {
        /// Which: "capacity", "message size".
        property: &'static str,
        /// What is asked for.
        needed: u64,
        /// What is possible.
        limit: u64,
    },
}

impl Budget {
    /// Works out what a queue of `capacity` messages of `message_size` bytes costs, and reads
    /// the limits of the running system.
    pub fn of(capacity: usize, message_size: usize) -> Self {
        Self::with_limits(capacity as u64, message_size as u64, limits())
    }

    fn with_limits(capacity: u64, message_size: u64, limits: Limits) -> Self {
        Self { capacity, message_size, bytes: cost(capacity, message_size), limits }
    }

    /// How many bytes of `RLIMIT_MSGQUEUE` the queue takes, from its creation until nobody has it open
    /// and its name is gone; by the kernel's own formula.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many bytes all queues of a user may take together; `None` without a limit.
    pub fn limit(&self) -> Option<u64> {
        self.limits.queue_bytes
    }

    /// How many queues of this geometry a user may have, if there are no others.
    ///
    /// See [`left`](Self::left) for what the others leave.
    pub fn fits(&self) -> Option<u64> {
        self.limits.queue_bytes.map(|limit| limit / self.bytes.max(1))
    }

    /// How many bytes of the limit are left to this user: at most so many, as told by the queues
    /// that can be seen; `None` without a limit, or where queues cannot be listed.
    ///
    /// The kernel does not tell. Unseen are queues whose names are gone while somebody
    /// has them open, those of other IPC namespaces, and those that may not be opened.
    ///
    /// # Platforms
    ///
    /// Linux, where `/dev/mqueue` is mounted. Each queue of the user is opened and closed for it.
    /// That ends a notification that this process has registered with the queue by other means
    /// than this crate's.
    pub fn left(&self) -> Option<u64> {
        let limit = self.limits.queue_bytes?;
        Some(limit.saturating_sub(used()?))
    }

    /// The limits that are in the way whatever else there is, the first to be hit first.
    ///
    /// Those of the queue's shape do not count for users with `CAP_SYS_RESOURCE`.
    pub fn shortages(&self) -> Vec<Shortage> {
        let mut shortages = Vec::new();
        let mut compare = |needed: u64, limit: Option<u64>, make: fn(u64, u64) -> Shortage| {
            if let Some(limit) = limit.filter(|limit| needed > *limit) {
                shortages.push(make(needed, limit));
            }
        };
        if cfg!(target_os = "linux") {
            compare(self.capacity, Some(HARD_CAPACITY), |needed, limit| Shortage::Kernel {
                property: "capacity",
                needed,
                limit,
            });
            compare(self.message_size, Some(HARD_MESSAGE_SIZE), |needed, limit| Shortage::Kernel {
                property: "message size",
                needed,
                limit,
            });
        }
        compare(self.capacity, self.limits.queue_capacity, |needed, limit| Shortage::Capacity {
            needed,
            limit,
        });
        compare(self.message_size, self.limits.queue_message_size, |needed, limit| {
            Shortage::MessageSize { needed, limit }
        });
        compare(self.bytes, self.limits.queue_bytes, |needed, limit| Shortage::Bytes {
            needed,
            limit,
        });
        shortages
    }
}

/// What the queues of this user that can be seen take together.
#[cfg(target_os = "linux")]
fn used() -> Option<u64> {
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::getuid().as_raw();
    let mut bytes = 0u64;
    for entry in std::fs::read_dir("/dev/mqueue").ok()?.flatten() {
        // Looked at without opening: a queue that is gone meanwhile takes nothing.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.uid() != user {
            continue;
        }
        let identity = Identity::new(metadata.dev(), metadata.ino());
        let geometry = notify::geometry_of_registered(identity).or_else(|| {
            let name = Name::new(entry.file_name()).ok()?;
            let attributes = mq::getattr(place::open_any(&name).ok()?).ok()?;
            Some((attributes.maxmsg, attributes.msgsize))
        });
        if let Some((capacity, message_size)) = geometry {
            bytes = bytes.saturating_add(cost(capacity as u64, message_size as u64));
        }
    }
    Some(bytes)
}

#[cfg(not(target_os = "linux"))]
fn used() -> Option<u64> {
    None
}

/// The kernel's formula, from `ipc/mqueue.c`.
fn cost(capacity: u64, message_size: u64) -> u64 {
    let overhead = capacity
        .saturating_mul(MESSAGE)
        .saturating_add(capacity.min(PRIORITIES).saturating_mul(PRIORITY));
    capacity.saturating_mul(message_size).saturating_add(overhead)
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity { needed, limit } => write!(
                f,
                "capacity {needed} is over fs.mqueue.msg_max = {limit}: \
                 raise /proc/sys/fs/mqueue/msg_max"
            ),
            Self::MessageSize { needed, limit } => write!(
                f,
                "message size {needed} is over fs.mqueue.msgsize_max = {limit}: \
                 raise /proc/sys/fs/mqueue/msgsize_max"
            ),
            Self::Bytes { needed, limit } if needed > limit => write!(
                f,
                "this queue needs {needed} bytes and RLIMIT_MSGQUEUE is {limit}: raise it with \
                 ulimit -q or in limits.conf"
            ),
            Self::Bytes { needed, limit } => write!(
                f,
                "RLIMIT_MSGQUEUE = {limit} is exhausted by this user's queues, and this one needs \
                 {needed} bytes: remove some, or raise it with ulimit -q or in limits.conf"
            ),
            Self::Queues { limit } => write!(
                f,
                "there are fs.mqueue.queues_max = {limit} queues already: remove some, or raise \
                 /proc/sys/fs/mqueue/queues_max"
            ),
            Self::Descriptors => {
                f.write_str("this process has all the descriptors that RLIMIT_NOFILE allows")
            }
            Self::Kernel { property, needed, limit } => {
                write!(f, "{property} {needed} is over {limit}, which the kernel allows nobody")
            }
        }
    }
}

/// What the system takes where the caller does not say.
pub(super) fn default_geometry() -> (usize, usize) {
    let limits = limits();
    let pick = |default: Option<u64>, max: Option<u64>, otherwise: u64| {
        let value = default.unwrap_or(otherwise).min(max.unwrap_or(u64::MAX));
        usize::try_from(value).unwrap_or(usize::MAX)
    };
    (
        pick(limits.queue_capacity_default, limits.queue_capacity, 10),
        pick(limits.queue_message_size_default, limits.queue_message_size, 8192),
    )
}

/// Says which limit made the system refuse to open or create a queue.
#[cold]
pub(super) fn explain(mut error: Error, wanted: Option<&MqAttr>) -> Error {
    let Error::Os { errno, hint, .. } = &mut error else { return error };
    let (capacity, message_size) =
        wanted.map_or_else(default_geometry, |attributes| (attributes.maxmsg, attributes.msgsize));
    let budget = Budget::of(capacity, message_size);
    let shortage = match *errno {
        Errno::INVAL | Errno::OVERFLOW => budget.shortages().first().copied(),
        Errno::MFILE if no_descriptor_is_left() => Some(Shortage::Descriptors),
        Errno::MFILE => {
            budget.limits.queue_bytes.map(|limit| Shortage::Bytes { needed: budget.bytes, limit })
        }
        Errno::NOSPC => budget.limits.queues.map(|limit| Shortage::Queues { limit }),
        _ => None,
    };
    if let Some(shortage) = shortage {
        *hint = Some(shortage.to_string().into());
    }
    error
}

/// `EMFILE` has two reasons; whether any file can be opened tells which it is.
fn no_descriptor_is_left() -> bool {
    let opened = rustix::fs::open("/", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    matches!(opened, Err(Errno::MFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn costs_are_the_kernels() {
        // Found by experiment on a kernel that refuses one byte less.
        for (capacity, message_size, bytes) in
            [(1, 1, 97), (1, 100, 196), (10, 100, 1_960), (10, 8_192, 82_880), (5, 1_000, 5_480)]
        {
            assert_eq!(cost(capacity, message_size), bytes);
        }
        assert_eq!(cost(40_000, 1), 40_000 * 49 + 32_768 * 48);
        assert_eq!(cost(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn shortages_name_limit_value_and_remedy() {
        let mut limits = limits();
        limits.queue_capacity = Some(10);
        limits.queue_message_size = Some(8192);
        limits.queue_bytes = Some(100);
        let text = |capacity, message_size| {
            let budget = Budget::with_limits(capacity, message_size, limits.clone());
            budget.shortages().iter().map(Shortage::to_string).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(text(1, 1), "");
        assert!(text(11, 1).contains("capacity 11 is over fs.mqueue.msg_max = 10"));
        assert!(text(1, 9000).contains("message size 9000 is over fs.mqueue.msgsize_max = 8192"));
        assert!(text(2, 100).contains("RLIMIT_MSGQUEUE is 100"));
    }
}
