//! [`PollNotification`]: notification by a descriptor that becomes readable.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use posix_ipc_sys::mq::OwnedMqd;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::socket::{Notices, Socket};
use super::{MessageQueue, NotifyError, Registration};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::kind::Kind;

impl MessageQueue {
    /// Asks for a descriptor that becomes readable when a message arrives in the empty queue.
    ///
    /// It differs from polling the queue itself, which wakes for each message and for
    /// everybody: this one wakes one process, once, and not if somebody already waits in a receive.
    /// No signal is involved.
    ///
    /// Of messages that are there already nothing is said: drain the queue after this call.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Busy`] if somebody is registered already; what the system says to
    /// another socket.
    ///
    /// # Platforms
    ///
    /// Linux, where the descriptor is a netlink socket. Closing any descriptor of the queue in this
    /// process, also that of another handle, ends a registration; this one notices, and
    /// counts it as a notice.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name}; use std::time::Duration;
    /// # let name = Name::unique("doc-mq-notify-fd");
    /// # let queue = MessageQueue::create(&name, 4, 64)?;
    /// let notification = queue.notify_fd()?;
    /// queue.send(b"news", 0)?;
    /// // Or wait for `notification.as_fd()` with others, and call `rearm`.
    /// assert!(notification.wait_timeout(Duration::from_secs(10))?);
    /// queue.drain(|message, _priority| assert_eq!(message, b"news"))?;
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    #[doc(alias = "mq_notify")]
    pub fn notify_fd(&self) -> Result<PollNotification<'_>, NotifyError> {
        let socket = Socket::new().map_err(|errno| self.error("be notified by", errno))?;
        let registration = Registration::new(&self.queue, self, socket.notification())?;
        Ok(PollNotification { queue: self, registration, socket })
    }
}

/// A registration with a descriptor to poll; taken back on drop. Made by
/// [`MessageQueue::notify_fd`].
#[derive(Debug)]
pub struct PollNotification<'a> {
    queue: &'a MessageQueue,
    registration: Registration<&'a OwnedMqd>,
    socket: Socket,
}

impl PollNotification<'_> {
    /// Takes the notice, if there is one, and registers for the next; returns whether there was
    /// one.
    ///
    /// Call it when the descriptor is readable, and then drain the queue.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Busy`] if somebody else has registered meanwhile.
    pub fn rearm(&self) -> Result<bool, NotifyError> {
        let notices = self.take()?;
        self.registration.rearm(self.socket.notification())?;
        Ok(notices.any())
    }

    /// Waits for a notice, and registers for the next before it returns.
    ///
    /// # Errors
    ///
    /// As [`rearm`](Self::rearm).
    pub fn wait(&self) -> Result<(), NotifyError> {
        self.wait_until(Deadline::Never).map(drop)
    }

    /// As [`wait`](Self::wait), at most for `timeout`; `false` if no notice came in time.
    ///
    /// # Errors
    ///
    /// As [`rearm`](Self::rearm).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<bool, NotifyError> {
        self.wait_until(Deadline::after(timeout))
    }

    fn wait_until(&self, deadline: Deadline) -> Result<bool, NotifyError> {
        loop {
            let notices = self.take()?;
            if notices.any() {
                self.registration.rearm(self.socket.notification())?;
            }
            // A message that came while nothing was registered was not announced.
            if notices.fired || (notices.removed && !self.queue.is_empty()?) {
                return Ok(true);
            }
            if deadline.has_passed() {
                return Ok(false);
            }
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut fds, deadline.remaining().as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(self.error(errno).into()),
            }
        }
    }

    fn take(&self) -> Result<Notices> {
        self.socket.take().map_err(|errno| self.error(errno))
    }

    fn error(&self, errno: Errno) -> Error {
        Error::os("be notified by", Kind::MessageQueue, self.queue.name(), errno)
    }
}

impl AsFd for PollNotification<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
