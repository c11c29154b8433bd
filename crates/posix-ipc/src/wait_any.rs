//! [`wait_any`]: waiting for the first of several semaphores and rings.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use posix_ipc_sys::sem::Registration;
use rustix::io::Errno;
use rustix::thread::futex::{Wait, WaitFlags, WaitPtr, WaitvFlags, waitv};
use rustix::time::{ClockId, Timespec};

use crate::deadline::{Deadline, Limit};
use crate::error::Error;
use crate::kind::Kind;
use crate::priority::Priority;
use crate::ring::party::Party;
use crate::ring::{Corrupt, Fences, NAP, Spin, mpmc, spsc};
use crate::rounds::{self, All};
use crate::sem::Semaphore;

/// The most things that [`wait_any`] takes, as the kernel does.
const MAX: usize = 128;
/// How often a semaphore is looked at: a poster may have died before it woke us, or a waiter that
/// was woken in our place.
const SLICE: Duration = Duration::from_secs(1);
/// How often a semaphore is looked at on which the kernel cannot sleep for us.
const POLL: Duration = Duration::from_millis(5);

/// Something that [`wait_any`] waits for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Waitable<'a> {
    /// A unit, which is taken: exactly one, if this is the thing that ended the wait.
    Semaphore(&'a Semaphore),
    /// A message, which is not taken. Nobody else can take it: `try_receive` will find it.
    SpscReceiver(&'a mut spsc::Receiver),
    /// Room for a message of so many bytes, which is not reserved. Nobody else can take it:
    /// `try_send` will find it.
    SpscSender(&'a mut spsc::Sender, usize),
    /// A message, which is not taken. Another receiver may be faster: then `try_receive` gives
    /// `None`, and one waits again.
    MpmcReceiver(&'a mpmc::Receiver),
    /// Room in the lane of this priority, which is not reserved. Another sender may be faster: then
    /// `try_send` says that it is full, and one waits again.
    MpmcSender(&'a mpmc::Sender, Priority),
}

/// Why [`wait_any`] ended with nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitAnyError {
    /// None has what it waits for, and the other end of an spsc ring has died or left.
    #[error("the other end of ring {index} of those waited for is gone")]
    PeerGone {
        /// Which of the things waited for.
        index: usize,
    },
    /// The memory of a ring was damaged.
    #[error("ring {index} of those waited for cannot be used any more")]
    Corrupt {
        /// Which of the things waited for.
        index: usize,
        /// What is wrong with it.
        #[source]
        corrupt: Corrupt,
    },
    /// The arguments are wrong, or the system can't wait.
    #[error(transparent)]
    Other(#[from] Error),
}

type Result<T> = std::result::Result<T, WaitAnyError>;

/// Waits until one of several semaphores and rings has something, or `deadline` has passed; tells
/// the index of the one, or `None`.
///
/// If several have something, it is the first of them in the order given. From a semaphore exactly
/// one unit is taken; of a ring it is only told that it has a message, or room: see
/// [`Waitable`]. All others are left as they are.
///
/// # Errors
///
/// - [`WaitAnyError::PeerGone`] if nothing has anything, and the other end of an spsc ring has died
///   or left, within the [liveness interval](spsc::Options::liveness_interval) of the ring; not for
///   ends that [outlive their peers](spsc::Options::outlive_peer).
/// - [`WaitAnyError::Corrupt`] if the memory of a ring was damaged.
/// - [`WaitAnyError::Other`] with [`Error::Argument`] if there is nothing to wait for, or over 128
///   things; with [`Error::OutOfRange`] if a ring never has room for such a message; otherwise as
///   [`Semaphore::wait`].
///
/// # Platforms
///
/// One sleep for all on Linux 5.16 and newer (`futex_waitv`). On older kernels, or if a filter
/// forbids that, everything is looked at again and again, at least every 7 ms; so are the C
/// library's own semaphores.
///
/// # Examples
///
/// ```
/// use posix_ipc::ring::spsc;
/// use posix_ipc::{Name, Semaphore, Waitable, wait_any};
///
/// # let name = Name::unique("doc-wait-any");
/// let stop = Semaphore::create(&name, 0)?;
/// let (mut sender, mut receiver) = spsc::pair(4096)?;
/// sender.send(b"job")?;
/// loop {
///     let mut all = [Waitable::SpscReceiver(&mut receiver), Waitable::Semaphore(&stop)];
///     match wait_any(&mut all, None)? {
///         Some(0) => assert_eq!(receiver.try_receive_vec()?, Some(b"job".to_vec())),
///         _ => break,
///     }
///     stop.post()?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "futex_waitv")]
pub fn wait_any(things: &mut [Waitable<'_>], deadline: Option<Instant>) -> Result<Option<usize>> {
    block(things, deadline.map_or(Deadline::Never, Deadline::at))
}

/// As [`wait_any`], waiting for at most `timeout`.
///
/// # Errors
///
/// As [`wait_any`].
pub fn wait_any_timeout(things: &mut [Waitable<'_>], timeout: Duration) -> Result<Option<usize>> {
    block(things, Deadline::after(timeout))
}

/// As [`wait_any`], without waiting.
///
/// # Errors
///
/// As [`wait_any`], but for [`WaitAnyError::PeerGone`].
pub fn try_wait_any(things: &mut [Waitable<'_>]) -> Result<Option<usize>> {
    check(things)?;
    first(things)
}

impl<'a> Waitable<'a> {
    fn semaphore(&self) -> Option<&'a Semaphore> {
        match self {
            Self::Semaphore(semaphore) => Some(semaphore),
            _ => None,
        }
    }

    /// Calls `body` with the ring's part in waiting, if it is a ring's end.
    fn party<T>(&mut self, body: impl FnOnce(&mut dyn Party) -> T) -> Option<T> {
        match self {
            Self::Semaphore(_) => None,
            Self::SpscReceiver(end) => Some(body(&mut spsc::party::ForMessage(end))),
            Self::SpscSender(end, len) => Some(body(&mut spsc::party::ForRoom(end, *len))),
            Self::MpmcReceiver(end) => Some(body(&mut mpmc::party::ForMessage(end))),
            Self::MpmcSender(end, lane) => Some(body(&mut mpmc::party::ForRoom(end, lane.get()))),
        }
    }

    /// Whether it has something, the `index`th of all; a unit is taken.
    fn look(&mut self, index: usize) -> Result<bool> {
        match self {
            Self::Semaphore(semaphore) => Ok(semaphore.try_wait()),
            ring => match ring.party(|party| party.look()) {
                Some(Err(corrupt)) => Err(WaitAnyError::Corrupt { index, corrupt }),
                Some(Ok(found)) => Ok(found),
                None => Ok(false),
            },
        }
    }
}

fn check(things: &[Waitable<'_>]) -> Result<()> {
    if things.is_empty() {
        let reason = "there is nothing to wait for";
        return Err(Error::Argument { argument: "things", reason }.into());
    }
    if things.len() > MAX {
        let reason = "there are over 128, more than one can wait for at once";
        return Err(Error::Argument { argument: "things", reason }.into());
    }
    let limit = |argument, value, max| match value <= max {
        true => Ok(()),
        false => Err(Error::OutOfRange { argument, value, min: 0, max }),
    };
    for thing in things {
        match thing {
            Waitable::SpscSender(end, len) => {
                limit("length of a message", *len as u64, end.message_size() as u64)?;
            }
            Waitable::MpmcSender(end, lane) => {
                limit("priority", lane.get().into(), u64::from(end.lanes()) - 1)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn first(things: &mut [Waitable<'_>]) -> Result<Option<usize>> {
    for (index, thing) in things.iter_mut().enumerate() {
        if thing.look(index)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn block(things: &mut [Waitable<'_>], deadline: Deadline) -> Result<Option<usize>> {
    check(things)?;
    if let Some(index) = first(things)? {
        return Ok(Some(index));
    }
    if deadline.has_passed() {
        return Ok(None);
    }
    // All waits of the process learn together.
    static SPIN: OnceLock<Spin> = OnceLock::new();
    let spin = SPIN.get_or_init(|| Spin::new(true));
    if let Some(found) = spin.look(&mut Limit::Fixed(deadline), || first(things).transpose()) {
        return found.map(Some);
    }
    // On the stack, however many there are: nothing here allocates.
    let mut waiters = [const { None }; MAX];
    for (thing, waiter) in things.iter().zip(&mut waiters) {
        *waiter = thing.semaphore().and_then(Semaphore::register);
    }
    let interval = things.iter_mut().filter_map(|thing| thing.party(|party| party.interval()));
    let interval = interval.min().unwrap_or(Duration::MAX);
    let waiting = &mut waiters;
    let mut all =
        Things { things, waiters: waiting, entries: [Wait::new(); MAX], used: 0, rounds: 0 };
    let result = rounds::wait(&mut all, deadline, interval);
    for thing in all.things {
        thing.party(|party| party.withdraw());
    }
    if let Err(WaitAnyError::Other(Error::Os { errno: Errno::FAULT, .. })) = result {
        // The words of a semaphore are not in memory any more: touching them would be a `SIGBUS`.
        std::mem::forget(waiters);
    }
    result
}

/// All that is waited for, while it is.
struct Things<'a, 'things> {
    things: &'a mut [Waitable<'things>],
    /// Of each semaphore that the kernel can sleep on for us.
    waiters: &'a mut [Option<Registration<'things>>; MAX],
    /// What to sleep on.
    entries: [Wait; MAX],
    used: usize,
    /// Sleeps that the kernel could not do for us.
    rounds: u32,
}

impl Things<'_, '_> {
    fn push(&mut self, entry: Wait) {
        if let Some(slot) = self.entries.get_mut(self.used) {
            *slot = entry;
            self.used += 1;
        }
    }
}

impl All for Things<'_, '_> {
    type Error = WaitAnyError;

    fn announce(&mut self) -> Duration {
        self.used = 0;
        let mut nap = Duration::MAX;
        let mut fences = None;
        for index in 0..self.things.len() {
            let Some(thing) = self.things.get_mut(index) else { break };
            let announced = thing.party(|party| (party.announce(), party.fences()));
            let Some(((address, expected), needed)) = announced else { continue };
            let mut entry = Wait::new();
            entry.val = u64::from(expected);
            entry.uaddr = WaitPtr::new(address.cast());
            entry.flags = WaitFlags::SIZE_U32;
            self.push(entry);
            if needed == Fences::Denied {
                nap = NAP;
            }
            // The strongest one serves all.
            if fences != Some(Fences::Sleeper) {
                fences = Some(needed);
            }
        }
        if let Some(fences) = fences {
            fences.sleeper();
        }
        nap
    }

    fn look(&mut self, nap: &mut Duration) -> Result<Option<usize>> {
        for index in 0..self.things.len() {
            let Some(thing) = self.things.get_mut(index) else { break };
            match self.waiters.get_mut(index).and_then(Option::as_mut) {
                Some(waiter) => {
                    let Err(entry) = waiter.take() else { return Ok(Some(index)) };
                    *nap = SLICE.min(*nap);
                    self.push(entry);
                }
                None => {
                    if thing.look(index)? {
                        return Ok(Some(index));
                    }
                    *nap = if thing.semaphore().is_some() { POLL.min(*nap) } else { *nap };
                }
            }
        }
        Ok(None)
    }

    fn watch(&mut self, thorough: bool) -> Result<Option<usize>> {
        for (index, thing) in self.things.iter_mut().enumerate() {
            if thing.party(|party| party.watch(thorough)) == Some(false) {
                // It may have published something between the look and its end.
                let found = thing.look(index)?;
                return if found { Ok(Some(index)) } else { Err(WaitAnyError::PeerGone { index }) };
            }
        }
        Ok(None)
    }

    fn sleep(&mut self, deadline: Deadline, nap: Duration) -> Result<()> {
        let entries = self.entries.get(..self.used).unwrap_or_default();
        let end = earlier(deadline, Deadline::after(nap));
        let slept = match entries {
            [] => Err(Errno::NOSYS),
            entries => waitv(entries, WaitvFlags::empty(), end.as_ref(), ClockId::Monotonic),
        };
        match slept {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => Ok(()),
            // Before Linux 5.16, or forbidden by a filter: look again and again.
            Err(Errno::NOSYS | Errno::PERM) => {
                let pause = Duration::from_micros(100 << self.rounds.min(6)).min(nap);
                self.rounds += 1;
                let left = deadline.remaining().and_then(|left| Duration::try_from(left).ok());
                std::thread::sleep(left.map_or(pause, |left| left.min(pause)));
                Ok(())
            }
            Err(errno) => {
                let (operation, kind) = ("wait for", Kind::Semaphore);
                Err(Error::Os { operation, kind, name: None, errno, hint: None }.into())
            }
        }
    }
}

/// The earlier of two ends on the monotonic clock; `None` is never.
fn earlier(a: Deadline, b: Deadline) -> Option<Timespec> {
    let time = |end| match end {
        Deadline::Monotonic(time) => Some(time),
        _ => None,
    };
    let (a, b) = (time(a), time(b));
    match (a, b) {
        (Some(x), Some(y)) if (x.tv_sec, x.tv_nsec) <= (y.tv_sec, y.tv_nsec) => a,
        (_, Some(_)) => b,
        _ => a,
    }
}
