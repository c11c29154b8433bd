//! Waiting until a queue has a message or room: one try after the other, until the deadline.

use posix_ipc_sys::mq::OwnedMqd;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::time::Timespec;

use crate::deadline::Deadline;

/// A deadline in the past makes a try of `mq_timedsend` and `mq_timedreceive`: whatever the
/// descriptor's flags are, they do not wait.
pub(super) const PAST: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// How a call that waited has ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The descriptor does not block, and the call would have.
    WouldBlock,
    /// The deadline passed.
    TimedOut,
    /// The system said something else.
    Failed(Errno),
}

/// Calls `call`, with the deadline that it is to give to the kernel, until it succeeds or fails.
///
/// The monotonic clock is not the kernel's here: those waits are a poll for `event` and
/// another try. A descriptor that does not block tells so by its answer, and is not waited for.
pub(super) fn wait<T>(
    queue: &OwnedMqd,
    event: PollFlags,
    deadline: Deadline,
    mut call: impl FnMut(Option<&Timespec>) -> Result<T, Errno>,
) -> Result<T, Outcome> {
    let deadline = on_a_clock_that_can_wait(deadline);
    loop {
        let answer = match &deadline {
            Deadline::Never => call(None),
            Deadline::Realtime(end) => call(Some(end)),
            Deadline::Monotonic(_) => call(Some(&PAST)),
        };
        match (answer, &deadline) {
            (Ok(value), _) => return Ok(value),
            (Err(Errno::INTR), _) => {}
            (Err(Errno::AGAIN), _) => return Err(Outcome::WouldBlock),
            (Err(Errno::TIMEDOUT), Deadline::Monotonic(_)) => {
                if deadline.has_passed() {
                    return Err(Outcome::TimedOut);
                }
                poll(queue, event, &deadline)?;
            }
            (Err(Errno::TIMEDOUT), _) => return Err(Outcome::TimedOut),
            (Err(errno), _) => return Err(Outcome::Failed(errno)),
        }
    }
}

/// Waits for the event or the deadline; both and a signal only mean another try.
#[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
fn poll(queue: &OwnedMqd, event: PollFlags, deadline: &Deadline) -> Result<(), Outcome> {
    let mut fds = [rustix::event::PollFd::new(queue, event)];
    match rustix::event::poll(&mut fds, deadline.remaining().as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(Outcome::Failed(errno)),
    }
}

#[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
fn on_a_clock_that_can_wait(deadline: Deadline) -> Deadline {
    deadline
}

/// A queue can't be polled there, so that the wait is on the calendar's clock.
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
fn on_a_clock_that_can_wait(deadline: Deadline) -> Deadline {
    match deadline {
        Deadline::Monotonic(_) => {
            let left = deadline.remaining().unwrap_or(PAST);
            let left = std::time::Duration::new(left.tv_sec as u64, left.tv_nsec as u32);
            std::time::SystemTime::now()
                .checked_add(left)
                .map_or(Deadline::Never, Deadline::at_realtime)
        }
        other => other,
    }
}

#[cfg(any(target_os = "illumos", target_os = "solaris"))]
fn poll(_: &OwnedMqd, _: PollFlags, _: &Deadline) -> Result<(), Outcome> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::MessageQueue;

    /// The calendar's clock may be set at any time, but a wait on the monotonic clock tells the
    /// kernel no time of the calendar.
    #[test]
    fn monotonic_wait_never_asks_the_clock_that_can_be_set() {
        let name = testutil::names::unique("clock-step");
        let queue = MessageQueue::create(&*name, 1, 8).unwrap();
        let (start, timeout) = (Instant::now(), Duration::from_millis(30));
        let mut told = Vec::new();
        let outcome = wait(&queue.queue, PollFlags::IN, Deadline::after(timeout), |deadline| {
            told.push(deadline.copied());
            Err::<(), _>(Errno::TIMEDOUT)
        });
        assert_eq!(outcome, Err(Outcome::TimedOut));
        assert!(start.elapsed() >= timeout);
        assert!(told.len() >= 2 && told.iter().all(|deadline| *deadline == Some(PAST)), "{told:?}");
    }

    #[test]
    fn realtime_wait_leaves_the_deadline_to_the_kernel() {
        let name = testutil::names::unique("clock-kernel");
        let queue = MessageQueue::create(&*name, 1, 8).unwrap();
        let deadline = std::time::SystemTime::now() + Duration::from_secs(3600);
        let expected = match Deadline::at_realtime(deadline) {
            Deadline::Realtime(end) => end,
            other => panic!("{other:?}"),
        };
        let mut answers = [Err(Errno::INTR), Err(Errno::INTR), Ok(7)].into_iter();
        let outcome = wait(&queue.queue, PollFlags::IN, Deadline::at_realtime(deadline), |told| {
            assert_eq!(told, Some(&expected), "the same deadline after each signal");
            answers.next().unwrap_or(Err(Errno::INVAL))
        });
        assert_eq!(outcome, Ok(7));
    }
}
