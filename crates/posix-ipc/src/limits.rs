//! [`limits`]: what the running system allows.

use std::fs;
use std::io;

#[cfg(target_os = "linux")]
use rustix::process::{Resource, getrlimit};

use crate::kind::Kind;

/// What the running system allows; a number is `None` where it has no limit or does not tell.
///
/// # Examples
///
/// ```
/// let limits = posix_ipc::limits();
/// println!("a queue holds up to {:?} messages here", limits.queue_capacity);
/// # assert_eq!(limits.semaphore_value, 2_147_483_647);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest value of a semaphore.
    pub semaphore_value: u32,
    /// Bytes of a semaphore's name, without its slash.
    pub semaphore_name: usize,
    /// Bytes of another object's name, without its slash.
    pub name: usize,
    /// Size of the file system that shared memory and semaphores live on, in bytes.
    pub memory_total: Option<u64>,
    /// What is free of it for this user, in bytes.
    pub memory_free: Option<u64>,
    /// The most messages that a queue of an unprivileged user may hold (`fs.mqueue.msg_max`).
    pub queue_capacity: Option<u64>,
    /// The most bytes of a message in such a queue (`fs.mqueue.msgsize_max`).
    pub queue_message_size: Option<u64>,
    /// How many messages a queue holds that is created without saying (`fs.mqueue.msg_default`).
    pub queue_capacity_default: Option<u64>,
    /// How many bytes its messages have (`fs.mqueue.msgsize_default`).
    pub queue_message_size_default: Option<u64>,
    /// The most queues in this IPC namespace (`fs.mqueue.queues_max`).
    pub queues: Option<u64>,
    /// Bytes that all queues of this user may take together (`RLIMIT_MSGQUEUE`).
    pub queue_bytes: Option<u64>,
    /// The highest priority of a message.
    pub queue_priority: u32,
}

/// Asks the running system for its limits.
pub fn limits() -> Limits {
    let memory = rustix::fs::statvfs("/dev/shm").ok();
    let bytes = |blocks: fn(&rustix::fs::StatVfs) -> u64| {
        memory.as_ref().map(|fs| blocks(fs).saturating_mul(fs.f_frsize))
    };
    Limits {
        semaphore_value: i32::MAX.unsigned_abs(),
        semaphore_name: Kind::Semaphore.longest_name(),
        name: Kind::SharedMemory.longest_name(),
        memory_total: bytes(|fs| fs.f_blocks),
        memory_free: bytes(|fs| fs.f_bavail),
        queue_capacity: sysctl("msg_max"),
        queue_message_size: sysctl("msgsize_max"),
        queue_capacity_default: sysctl("msg_default"),
        queue_message_size_default: sysctl("msgsize_default"),
        queues: sysctl("queues_max"),
        queue_bytes: queue_bytes(),
        queue_priority: 32_767,
    }
}

#[cfg(target_os = "linux")]
fn queue_bytes() -> Option<u64> {
    getrlimit(Resource::Msgqueue).current
}

#[cfg(not(target_os = "linux"))]
fn queue_bytes() -> Option<u64> {
    None
}

fn sysctl(name: &str) -> Option<u64> {
    let text: io::Result<String> = fs::read_to_string(format!("/proc/sys/fs/mqueue/{name}"));
    text.ok()?.trim().parse().ok()
}
