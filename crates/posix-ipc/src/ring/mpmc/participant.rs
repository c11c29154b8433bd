//! What a handle holds: its seat at the ring, and the duty to look after the dead.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

use rustix::io::Errno;

use super::crowd::{Crowd, Next};
use super::shared::Shared;
use super::state::SEATS;
use crate::deadline::{Deadline, Limit};
use crate::error::Result;
use crate::liveness::Liveness;
use crate::ring::primitive::Ordering;
use crate::ring::segment::Segment;
use crate::ring::wait::{Bed, Spin, Waited, sleep_until};
use crate::shm::SharedMemory;

/// A seat, shared by the clones of a handle.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) shared: Shared,
    /// Which seat is ours: the owner's number in the states of slots.
    pub(crate) seat: u32,
    liveness: Liveness,
    /// Held while repairing: threads of one process share the locks of its descriptor.
    repairing: Mutex<()>,
    pub(super) interval: Duration,
    pub(crate) spins: bool,
    /// Whether a handle went while slots were still claimed through it.
    leaked: AtomicBool,
    /// Who made it: a forked child has no seat.
    process: u32,
    /// The object; it sees to the name.
    pub(crate) memory: SharedMemory,
}

impl Participant {
    /// Takes a free seat, and repairs what a dead predecessor left there.
    pub(super) fn arrive(
        shared: Shared,
        segment: Segment,
        interval: Duration,
        spins: bool,
    ) -> Result<Self> {
        let liveness = segment.liveness()?;
        for seat in 0..SEATS {
            match liveness.try_take(seat) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(errno) => return Err(segment.error("take a seat at", errno, None)),
            }
            let participant = Self {
                shared,
                seat,
                liveness,
                repairing: Mutex::new(()),
                interval,
                spins,
                leaked: AtomicBool::new(false),
                process: std::process::id(),
                memory: segment.memory,
            };
            participant.sit_down();
            return Ok(participant);
        }
        Err(segment.error("take a seat at", Errno::BUSY, Some("it has 1024 participants")))
    }

    fn sit_down(&self) {
        let header = self.shared.header();
        if let Some(seat) = header.seats.get(self.seat as usize) {
            if seat.load(Ordering::Acquire) != 0 {
                self.shared.repair(self.seat);
            }
            header.counters.0.seats_used.fetch_max(self.seat + 1, Ordering::AcqRel);
            seat.store(self.process, Ordering::Release);
        }
    }

    /// Sleeps on `event` until `look` finds something; `None` when the deadline has passed.
    #[cold]
    pub(crate) fn sleep<T, E>(
        &self,
        event: &impl Bed,
        spin: &Spin,
        deadline: Deadline,
        look: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let watch = |thorough| {
            if thorough {
                self.bury_the_dead();
            }
            Ok(())
        };
        let fences = self.shared.fences;
        match sleep_until(event, spin, fences, deadline, self.interval, look, watch)? {
            Waited::Found(found) => Ok(Some(found)),
            Waited::TimedOut => Ok(None),
        }
    }

    /// Looks by turns or in a spin, as it promises more, until `look` finds something; `served`
    /// is how many messages there were since the last wait.
    #[inline]
    pub(super) fn look<T>(
        &self,
        crowd: &Crowd,
        spin: &Spin,
        limit: &mut Limit,
        served: u32,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if !self.spins {
            return None;
        }
        match crowd.give_way(served, limit, &mut look) {
            Next::Have(found) => Some(found),
            Next::Spin => spin.look(limit, look),
            Next::Sleep => None,
        }
    }

    /// Finds participants that died, and repairs what they left.
    pub(crate) fn bury_the_dead(&self) {
        let _repairing = match self.repairing.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poison)) => poison.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let header = self.shared.header();
        let used = header.counters.0.seats_used.load(Ordering::Acquire).min(SEATS);
        for (number, seat) in (0..used).zip(&header.seats) {
            let is_marked = seat.load(Ordering::Acquire) != 0;
            // Who holds the lock of a dead one's seat repairs alone.
            if number != self.seat && is_marked && self.liveness.try_take(number) == Ok(true) {
                self.shared.repair(number);
                seat.store(0, Ordering::Release);
                self.liveness.leave(number);
            }
        }
    }

    /// Whether we are the process that took the seat, and not one that was forked from it.
    #[cold]
    pub(super) fn is_ours(&self) -> bool {
        std::process::id() == self.process
    }

    pub(crate) fn participants(&self) -> usize {
        let header = self.shared.header();
        header.seats.iter().filter(|seat| seat.load(Ordering::Relaxed) != 0).count()
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        if !self.is_ours() {
            return;
        }
        if *self.leaked.get_mut() {
            self.shared.repair(self.seat);
        }
        if let Some(seat) = self.shared.header().seats.get(self.seat as usize) {
            seat.store(0, Ordering::Release);
        }
        self.liveness.leave(self.seat);
    }
}

/// How many slots are claimed through a handle for longer than a call lasts.
///
/// Should the handle go first, their guards were leaked, and nobody else would give them up.
#[derive(Debug, Default)]
pub(super) struct Claims(AtomicU32);

impl Claims {
    #[inline]
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The handle goes.
    pub(super) fn close(&mut self, participant: &Participant) {
        if *self.0.get_mut() != 0 {
            participant.leaked.store(true, Ordering::Relaxed);
        }
    }
}
