//! What the topics share.

use std::time::{Duration, Instant};

use posix_ipc::{Errno, MessageQueue, Result};
use testutil::names::UniqueName;

/// A new small queue: four messages of 64 bytes.
#[track_caller]
pub(crate) fn small(name: &UniqueName) -> MessageQueue {
    patiently(|| MessageQueue::create(&**name, 4, 64)).unwrap()
}

/// Tries again while the user's bytes for queues are used up: other tests of the same user
/// give theirs back.
pub(crate) fn patiently<T>(mut open: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match open() {
            Err(error) if error.errno() == Some(Errno::MFILE) && Instant::now() < deadline => {
                std::thread::yield_now();
            }
            other => return other,
        }
    }
}

/// Everything that is in the queue, with priorities.
#[track_caller]
pub(crate) fn contents(queue: &MessageQueue) -> Vec<(Vec<u8>, u32)> {
    let mut all = Vec::new();
    queue.drain(|text, priority| all.push((text.to_vec(), priority.get()))).unwrap();
    all
}
