//! Notification of a message that arrives in an empty queue: the registration that all its
//! forms share, and the form by signal.
//!
//! A registration ends when it fires, is refused while another one stands, and says nothing of
//! messages that are there already. So each form registers again *before* it lets anybody drain
//! the queue: a message that arrives in between is either drained or announced.

#[cfg(target_os = "linux")]
mod listener;
#[cfg(target_os = "linux")]
mod poll;
#[cfg(target_os = "linux")]
mod socket;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use posix_ipc_sys::mq::{self, AsMqd, Notification};
use rustix::io::Errno;
use rustix::process::Signal;

use super::MessageQueue;
use super::error::NotifyError;
#[cfg(target_os = "linux")]
use super::place;
use crate::error::Error;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::name::Name;

#[cfg(target_os = "linux")]
pub use listener::Listener;
#[cfg(target_os = "linux")]
pub use poll::PollNotification;

/// How often a registration is tried that was refused, although nobody had the place any more
/// when one looked.
const ATTEMPTS: u32 = 16;

/// The queues that a registration of this process is for, so that no drop takes back the
/// registration of another handle: the kernel tells processes apart, but not handles.
static TAKEN: Mutex<Vec<Taken>> = Mutex::new(Vec::new());

/// A queue that a registration is for, and its geometry: it had better not be opened to ask.
#[derive(Debug)]
struct Taken {
    identity: Identity,
    #[cfg(target_os = "linux")]
    geometry: (usize, usize),
}

/// Capacity and message size of a queue that this process is registered with.
#[cfg(target_os = "linux")]
pub(super) fn geometry_of_registered(identity: Identity) -> Option<(usize, usize)> {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    taken.iter().find(|taken| taken.identity == identity).map(|taken| taken.geometry)
}

/// An entry of `TAKEN`.
#[derive(Debug)]
struct Place(Identity);

impl Place {
    /// `None` if this process has the place already.
    fn take(queue: &MessageQueue) -> Option<Self> {
        let identity = queue.identity();
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        // Elsewhere than on Linux all queues look alike.
        if cfg!(target_os = "linux") && taken.iter().any(|taken| taken.identity == identity) {
            return None;
        }
        taken.push(Taken {
            identity,
            #[cfg(target_os = "linux")]
            geometry: (queue.capacity(), queue.message_size()),
        });
        Some(Self(identity))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = taken.iter().position(|taken| taken.identity == self.0) {
            taken.swap_remove(position);
        }
    }
}

/// A registration with queue `Q`, taken back on drop.
struct Registration<Q: AsMqd> {
    queue: Q,
    name: Name,
    _place: Place,
}

impl<Q: AsMqd> Registration<Q> {
    /// Registers for the first time.
    fn new(
        queue: Q,
        of: &MessageQueue,
        notification: Notification<'_>,
    ) -> Result<Self, NotifyError> {
        let name = of.name().clone();
        let Some(place) = Place::take(of) else {
            return Err(NotifyError::Busy { name, holder: Some(std::process::id()) });
        };
        match register(&queue, &name, notification) {
            Ok(()) => Ok(Self { queue, name, _place: place }),
            Err(error) => Err(error),
        }
    }

    /// Registers again; that the registration still stands is as good.
    fn rearm(&self, notification: Notification<'_>) -> Result<(), NotifyError> {
        match register(&self.queue, &self.name, notification) {
            Err(NotifyError::Busy { holder: Some(pid), .. }) if pid == std::process::id() => Ok(()),
            other => other,
        }
    }
}

impl<Q: AsMqd> Drop for Registration<Q> {
    fn drop(&mut self) {
        // The kernel ignores it if the registration is not this process's.
        let _ = mq::notify(self.queue.as_mqd(), None);
    }
}

impl<Q: AsMqd> fmt::Debug for Registration<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("name", &self.name).finish_non_exhaustive()
    }
}

fn register<Q: AsMqd>(
    queue: &Q,
    name: &Name,
    notification: Notification<'_>,
) -> Result<(), NotifyError> {
    for _ in 0..ATTEMPTS {
        match mq::notify(queue.as_mqd(), Some(notification)) {
            Ok(()) => return Ok(()),
            Err(Errno::BUSY) => {}
            Err(errno) => {
                return Err(Error::os("be notified by", Kind::MessageQueue, name, errno).into());
            }
        }
        match holder(queue, name) {
            // It fired or was taken back just now.
            Some(0) => {}
            holder => return Err(NotifyError::Busy { name: name.clone(), holder }),
        }
    }
    Err(NotifyError::Busy { name: name.clone(), holder: None })
}

/// Which process is registered, by the kernel's account; zero if none is, or none that can be
/// seen from here.
#[cfg(target_os = "linux")]
fn holder<Q: AsMqd>(queue: &Q, name: &Name) -> Option<u32> {
    let mut text = [0; 128];
    let mqd = queue.as_mqd();
    let read = match rustix::io::pread(mqd, &mut text, 0) {
        // The handle is for sending alone.
        Err(Errno::BADF) => rustix::io::pread(place::open_any(name).ok()?, &mut text, 0),
        read => read,
    };
    let text = std::str::from_utf8(text.get(..read.ok()?)?).ok()?;
    let (_, pid) = text.split_once("NOTIFY_PID:")?;
    pid.trim().parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn holder<Q: AsMqd>(_: &Q, _: &Name) -> Option<u32> {
    None
}

/// # Notification
///
/// A queue can announce that a message has arrived while it was empty and nobody was waiting in
/// it: to one registrant at a time, by [signal](Self::notify_signal), by a
/// [descriptor](Self::notify_fd) that becomes readable, by an [eventfd](Self::notify_eventfd), or by
/// [callback](Self::on_message). Whoever comes second gets [`NotifyError::Busy`] with the
/// process that has the place.
impl MessageQueue {
    /// Has `signal` sent to this process, with `value` as its `si_value`, when a message arrives
    /// in the empty queue.
    ///
    /// It is sent once. [`rearm`](SignalNotification::rearm) asks for the next one; call it
    /// before draining the queue, so that no message is missed. Of messages that are there
    /// already nothing is said: drain the queue after this call. Whoever blocks in
    /// a receive gets the message without any notice.
    ///
    /// Install a handler before, or block the signal and wait for it: most signals end the process by
    /// default. [`real_time_signal`](super::real_time_signal) has some that are free to use.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Busy`] if somebody is registered already; `EINVAL` if there is no such
    /// signal.
    ///
    /// # Platforms
    ///
    /// On Linux closing *any* descriptor of the queue in this process, also that of another
    /// handle, ends the registration. On FreeBSD a queue that is not empty notifies at once.
    /// illumos: `ENOSYS`.
    #[doc(alias = "mq_notify")]
    pub fn notify_signal(
        &self,
        signal: Signal,
        value: usize,
    ) -> Result<SignalNotification<'_>, NotifyError> {
        let registration =
            Registration::new(&self.queue, self, Notification::Signal { signal, value })?;
        Ok(SignalNotification { registration, signal, value })
    }
}

/// A registration for a signal; taken back on drop. Made by [`MessageQueue::notify_signal`].
#[derive(Debug)]
pub struct SignalNotification<'a> {
    registration: Registration<&'a mq::OwnedMqd>,
    signal: Signal,
    value: usize,
}

impl SignalNotification<'_> {
    /// Asks for the next signal, after one has come. Call it before draining the queue.
    ///
    /// # Errors
    ///
    /// [`NotifyError::Busy`] if somebody else has registered meanwhile.
    pub fn rearm(&self) -> Result<(), NotifyError> {
        let notification = Notification::Signal { signal: self.signal, value: self.value };
        self.registration.rearm(notification)
    }
}
