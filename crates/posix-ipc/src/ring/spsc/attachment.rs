//! What an end holds besides its indices: its seat, its name, and how it waits.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::shared::{End, SeatBed, Shared};
use super::source::EndSource;
use crate::deadline::{Deadline, Limit};
use crate::liveness::Liveness;
use crate::ring::error::Corrupt;
use crate::ring::primitive::{Fences, Ordering};
use crate::ring::wait::{Bed, Spin, Waited, sleep_until};
use crate::shm::SharedMemory;

/// Why a wait ended without what it waited for.
#[derive(Debug)]
pub(crate) enum Broken {
    PeerGone,
    Corrupt(Corrupt),
}

impl From<Corrupt> for Broken {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

/// How a handle waits.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    /// How often a sleeper looks whether its peer still lives.
    pub(crate) interval: Duration,
    pub(crate) spin: bool,
    /// Whether to wait for the next peer when one has gone.
    pub(crate) outlive: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { interval: Duration::from_millis(100), spin: true, outlive: false }
    }
}

/// A seat at a ring. Dropping it tells the peer, gives the seat back and sees to the name.
#[derive(Debug)]
pub(crate) struct Attachment {
    bed: SeatBed,
    spin: Spin,
    patience: Patience,
    /// Who made it: a forked child has no seat.
    process: u32,
    /// `arrivals` of the peer that was found dead, so that it need not be found out again.
    dead: u32,
    liveness: Arc<Liveness>,
    /// The object; it sees to the name.
    pub(crate) memory: SharedMemory,
}

/// Whether the other end of an spsc ring is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Nobody has come yet.
    Awaited,
    /// It is there.
    Here,
    /// It has left or died, and nobody has taken its place.
    Gone,
}

impl Attachment {
    /// The caller has locked the seat of `end` through `liveness`.
    pub(crate) fn new(
        shared: Arc<Shared>,
        end: End,
        liveness: Liveness,
        memory: SharedMemory,
        patience: Patience,
    ) -> Self {
        shared.arrive(end);
        let spin = Spin::new(patience.spin);
        Self {
            bed: SeatBed { shared, end },
            spin,
            patience,
            process: std::process::id(),
            dead: 0,
            liveness: Arc::new(liveness),
            memory,
        }
    }

    /// Learns whether several messages went by since the last wait.
    #[inline]
    pub(crate) fn served(&mut self, several: bool) {
        self.spin.served(several);
    }

    /// Whether this end is to spin at all.
    pub(crate) fn may_spin(&self) -> bool {
        self.patience.spin
    }

    /// Spins until `look` finds something, as long as that makes sense and `limit` allows it.
    #[inline]
    pub(crate) fn spin<T>(
        &mut self,
        limit: &mut Limit,
        look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        self.spin.look(limit, look)
    }

    /// Sleeps until `look` finds something; `None` when the deadline has passed.
    #[cold]
    pub(crate) fn sleep<T>(
        &mut self,
        deadline: Deadline,
        mut look: impl FnMut() -> Result<Option<T>, Corrupt>,
    ) -> Result<Option<T>, Broken> {
        let Self { bed, spin, patience, dead, liveness, .. } = self;
        let fences = bed.shared.fences;
        let waited = sleep_until(
            bed,
            spin,
            fences,
            deadline,
            patience.interval,
            || look().map_err(Broken::from),
            |thorough| match presence(bed, liveness, dead, thorough) {
                Peer::Gone if !patience.outlive => Err(Broken::PeerGone),
                _ => Ok(()),
            },
        );
        match waited {
            Ok(Waited::Found(found)) => Ok(Some(found)),
            Ok(Waited::TimedOut) => Ok(None),
            // It may have published something between the last look and its end.
            Err(Broken::PeerGone) => match look()? {
                Some(found) => Ok(Some(found)),
                None => Err(Broken::PeerGone),
            },
            Err(broken) => Err(broken),
        }
    }

    /// What waits in this end's place for the bridge to descriptors.
    pub(super) fn source(&self, mark: Arc<AtomicU64>) -> EndSource {
        let SeatBed { shared, end } = &self.bed;
        let bed = SeatBed { shared: Arc::clone(shared), end: *end };
        let Patience { interval, outlive, .. } = self.patience;
        EndSource { bed, liveness: Arc::clone(&self.liveness), interval, outlive, mark }
    }

    /// Says that this end is about to sleep; gives the futex and what to compare it with.
    pub(super) fn announce(&self) -> (*mut u32, u32) {
        let expected = self.bed.announce();
        (self.bed.word(), expected)
    }

    pub(super) fn withdraw(&self) {
        self.bed.withdraw();
    }

    pub(super) fn fences(&self) -> Fences {
        self.bed.shared.fences
    }

    pub(super) fn interval(&self) -> Duration {
        self.patience.interval
    }

    /// Whether waiting still makes sense, as in `sleep`.
    pub(super) fn watch(&mut self, thorough: bool) -> bool {
        let peer = presence(&self.bed, &self.liveness, &mut self.dead, thorough);
        self.patience.outlive || peer != Peer::Gone
    }

    /// Whether the peer has gone, in the eyes of one that does not outlive it.
    pub(super) fn is_abandoned(&mut self) -> bool {
        !self.patience.outlive && self.peer() == Peer::Gone
    }

    /// Whether the peer is there now, asking the kernel.
    pub(crate) fn peer(&mut self) -> Peer {
        presence(&self.bed, &self.liveness, &mut self.dead, true)
    }

    /// Sleeps until a peer is there.
    pub(crate) fn wait_for_peer(&mut self, deadline: Deadline) -> bool {
        let Self { bed, spin, patience, dead, liveness, .. } = self;
        let look = |thorough, dead: &mut u32| match presence(bed, liveness, dead, thorough) {
            Peer::Here => Some(()),
            _ => None,
        };
        let waited: Result<_, Broken> = sleep_until(
            bed,
            spin,
            bed.shared.fences,
            deadline,
            patience.interval,
            || Ok(look(true, dead)),
            |_| Ok(()),
        );
        matches!(waited, Ok(Waited::Found(())))
    }
}

/// Whether the peer is there; only a thorough look finds one out that died.
pub(super) fn presence(bed: &SeatBed, liveness: &Liveness, dead: &mut u32, thorough: bool) -> Peer {
    let peer = bed.end.peer();
    let arrivals = bed.shared.seat(peer).arrivals.load(Ordering::Acquire);
    if arrivals == 0 {
        return Peer::Awaited;
    }
    if bed.shared.has_departed(peer) || arrivals == *dead {
        return Peer::Gone;
    }
    // Should the kernel not tell, the peer is believed to live.
    if thorough && !liveness.is_taken(peer.seat()).unwrap_or(true) {
        *dead = arrivals;
        return Peer::Gone;
    }
    Peer::Here
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            return;
        }
        self.bed.shared.depart(self.bed.end);
        self.liveness.leave(self.bed.end.seat());
    }
}
