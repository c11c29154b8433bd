//! [`Listener`]: notification by callback or eventfd, on a thread of ours.

use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use posix_ipc_sys::mq::{self, OwnedMqd};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::socket::Socket;
use super::{MessageQueue, NotifyError, Registration};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::mq::wait::PAST;
use crate::mq::{Access, Priority};
use crate::name::Name;

/// While another process has the place, the queue is looked at so often.
const STANDBY: Duration = Duration::from_millis(50);

impl MessageQueue {
    /// Receives every message on a thread of its own, and gives it to `callback`; also those
    /// that are there already.
    ///
    /// The thread sleeps until the queue announces a message. It registers again before
    /// it drains the queue, so that none is missed. The handle may be dropped meanwhile.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Busy`] if somebody is registered already; `EBADF` if the handle is for
    /// sending.
    ///
    /// # Platforms
    ///
    /// Linux.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::{MessageQueue, Name};
    /// # let name = Name::unique("doc-mq-on-message");
    /// # let queue = MessageQueue::create(&name, 4, 64)?;
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let listener = queue.on_message(move |message, priority| {
    ///     tell.send((message.to_vec(), priority.get())).ok();
    /// })?;
    /// queue.send(b"news", 5)?;
    /// assert_eq!(told.recv().unwrap(), (b"news".to_vec(), 5));
    /// listener.close()?;
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn on_message<F>(&self, mut callback: F) -> Result<Listener, NotifyError>
    where
        F: FnMut(&[u8], Priority) + Send + 'static,
    {
        if self.access == Access::Send {
            return Err(self.error("receive from", Errno::BADF).into());
        }
        let mut message = Vec::with_capacity(self.message_size);
        Listener::start(self, move |queue, ended| {
            // Others may send faster than this can ever drain.
            while !ended.load(Ordering::Relaxed) {
                message.clear();
                let buffer = mq::spare_capacity(&mut message);
                match mq::timedreceive(queue, buffer, &PAST) {
                    Ok((_, priority)) => callback(&message, Priority::received(priority)),
                    Err(Errno::AGAIN | Errno::TIMEDOUT) => return Ok(()),
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno),
                }
            }
            Ok(())
        })
    }

    /// Adds one to `eventfd` whenever a message arrives in the empty queue; once also for those
    /// that are there already.
    ///
    /// For code that waits for an eventfd and nothing else. The registration is renewed before
    /// the eventfd is written: whoever reads it and then drains the queue misses nothing.
    /// [`notify_fd`](Self::notify_fd) does without a thread.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Busy`] if somebody is registered already.
    ///
    /// # Platforms
    ///
    /// Linux.
    pub fn notify_eventfd(&self, eventfd: OwnedFd) -> Result<Listener, NotifyError> {
        Listener::start(self, move |queue, _| {
            if mq::getattr(queue)?.curmsgs == 0 {
                return Ok(());
            }
            match rustix::io::write(&eventfd, &1u64.to_ne_bytes()) {
                // It is at its highest count, and readable.
                Ok(_) | Err(Errno::AGAIN) => Ok(()),
                Err(errno) => Err(errno),
            }
        })
    }
}

/// A thread that is notified by a queue; ends, and takes the registration back, on drop.
///
/// Made by [`MessageQueue::on_message`] and [`MessageQueue::notify_eventfd`].
#[derive(Debug)]
#[must_use = "the thread ends when this is dropped"]
pub struct Listener {
    /// Written to end the thread when it sleeps, and set for when it does not.
    stop: OwnedFd,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Listener {
    /// Starts a thread that calls `look` first and then after each notice.
    fn start(
        queue: &MessageQueue,
        look: impl FnMut(&OwnedMqd, &AtomicBool) -> Result<(), Errno> + Send + 'static,
    ) -> Result<Self, NotifyError> {
        let failed = |errno| queue.error("be notified by", errno);
        let duplicate = fcntl_dupfd_cloexec(&queue.queue, 0).map_err(failed)?;
        let socket = Socket::new().map_err(failed)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed)?;
        let until = stop
            .try_clone()
            .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::MFILE)))?;
        let registration =
            Registration::new(OwnedMqd::from(duplicate), queue, socket.notification())?;
        let ended = Arc::new(AtomicBool::new(false));
        let worker = Worker { registration, socket, until, ended: Arc::clone(&ended), look };
        let thread = thread::Builder::new()
            .name(format!("mq{}", queue.name()))
            .spawn(move || worker.run())
            .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::AGAIN)))?;
        Ok(Self { stop, ended, thread: Some(thread) })
    }

    /// Whether the thread has ended by itself: because of an error, or of a panic of the callback.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the thread, waits for it, and tells what went wrong in it.
    ///
    /// The callback is not called again once it has returned; messages that are left stay in the
    /// queue.
    ///
    /// # Errors
    ///
    /// What ended the thread before.
    ///
    /// # Panics
    ///
    /// If the callback has panicked: the panic is passed on.
    pub fn close(mut self) -> Result<()> {
        match self.join() {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
        }
    }

    fn join(&mut self) -> Option<thread::Result<Result<()>>> {
        let thread = self.thread.take()?;
        self.ended.store(true, Ordering::Relaxed);
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        // Dropped by its own callback: the thread cannot wait for itself, and ends after it.
        (thread.thread().id() != thread::current().id()).then(|| thread.join())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // `close` is for those who want to know.
        let _ = self.join();
    }
}

/// What the thread has.
struct Worker<L> {
    registration: Registration<OwnedMqd>,
    socket: Socket,
    until: OwnedFd,
    ended: Arc<AtomicBool>,
    look: L,
}

impl<L: FnMut(&OwnedMqd, &AtomicBool) -> Result<(), Errno>> Worker<L> {
    fn run(mut self) -> Result<()> {
        let name = self.registration.name.clone();
        loop {
            // Registered first, looked at afterwards.
            let standby = match self.registration.rearm(self.socket.notification()) {
                Ok(()) => None,
                Err(NotifyError::Busy { .. }) => Some(STANDBY),
                Err(NotifyError::Failed(error)) => return Err(error),
            };
            (self.look)(&self.registration.queue, &self.ended)
                .map_err(|errno| error(&name, errno))?;
            if !self.sleep(standby).map_err(|errno| error(&name, errno))? {
                return Ok(());
            }
        }
    }

    /// Waits for a notice; `false` if the thread is to end.
    fn sleep(&self, standby: Option<Duration>) -> Result<bool, Errno> {
        let standby = standby.and_then(|time| Timespec::try_from(time).ok());
        let mut fds =
            [PollFd::new(&self.until, PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut fds, standby.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let stop = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        self.socket.take()?;
        Ok(!stop)
    }
}

fn error(name: &Name, errno: Errno) -> Error {
    Error::os("listen to", Kind::MessageQueue, name, errno)
}
