//! The header of an mpmc ring, and the events on which its participants sleep.

use rustix::time::Timespec;

use super::slots::Slots;
use super::state::SEATS;
use crate::ring::layout::Preamble;
#[cfg(not(posix_ipc_loom))]
use crate::ring::memory::Header as AtomicHeader;
use crate::ring::memory::Memory;
use crate::ring::primitive::{AtomicU32, AtomicU64, Fences, FutexWord, Line, Ordering};
use crate::ring::wait::Bed;

const LANES: usize = if cfg!(posix_ipc_loom) { 1 } else { 32 };

/// The header.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) preamble: Line<Preamble>,
    /// Receivers sleep on it.
    pub(crate) not_empty: Event,
    /// Senders sleep on it.
    pub(crate) not_full: Event,
    pub(crate) counters: Line<Counters>,
    _reserved: Reserved,
    pub(crate) lanes: [Lane; LANES],
    /// One word per seat: not zero from arrival until an orderly departure or a repair.
    pub(crate) seats: [AtomicU32; SEATS as usize],
}

#[cfg(not(posix_ipc_loom))]
type Reserved = [Line<AtomicU64>; 26];
#[cfg(posix_ipc_loom)]
type Reserved = ();

#[cfg(not(posix_ipc_loom))]
// SAFETY: everything in it is made of atomics.
unsafe impl AtomicHeader for Header {}

#[cfg(not(posix_ipc_loom))]
const _: () = {
    assert!(std::mem::offset_of!(Header, not_empty) == 128);
    assert!(std::mem::offset_of!(Header, not_full) == 384);
    assert!(std::mem::offset_of!(Header, counters) == 640);
    assert!(std::mem::offset_of!(Header, lanes) == 4096);
    assert!(std::mem::offset_of!(Header, seats) == 12288);
    assert!(size_of::<Header>() == 16384);
};

/// What happened, for people.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Messages that a dead sender left half-written.
    pub(crate) skipped: AtomicU64,
    /// Messages that a dead receiver had taken, delivered once more.
    pub(crate) redelivered: AtomicU64,
    /// One more than the highest seat that was ever taken.
    pub(crate) seats_used: AtomicU32,
}

/// The indices of a lane. Both are hints, at or below the truth, which is in the slots; a head that
/// [can't be trusted](super::returns) may be past a message that came back.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Every slot before it is claimed by a sender.
    pub(crate) tail: Line<AtomicU64>,
    pub(crate) head: Line<Head>,
}

/// Where the receivers of a lane are; see [`returns`](super::returns).
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// The low bits of the position, and of what `returns` was.
    pub(crate) word: AtomicU64,
    /// Counts messages that came back, and what else made the head worthless.
    pub(crate) returns: AtomicU64,
}

/// An event count: sleepers announce themselves, a notifier takes all announcements back
/// at once, so that there is one system call per sleep and not one per message.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Event {
    /// Not zero if someone sleeps or is about to.
    announced: Line<AtomicU32>,
    /// Counts notifications; the futex word.
    epoch: Line<FutexWord>,
}

impl Event {
    /// After a publication: wakes all who sleep.
    #[inline(always)]
    pub(crate) fn notify(&self, fences: Fences) {
        fences.publisher();
        if self.is_announced() {
            self.wake();
        }
    }

    #[inline(always)]
    pub(crate) fn is_announced(&self) -> bool {
        self.announced.0.load(Ordering::Relaxed) != 0
    }

    /// The futex, for the kernel.
    #[cfg(not(posix_ipc_loom))]
    pub(super) fn word(&self) -> *mut u32 {
        self.epoch.0.as_ptr()
    }

    #[cfg(posix_ipc_loom)]
    pub(super) fn epoch(&self) -> &FutexWord {
        &self.epoch.0
    }

    #[cold]
    pub(crate) fn wake(&self) {
        if self.announced.0.swap(0, Ordering::AcqRel) != 0 {
            self.epoch.0.fetch_add(1, Ordering::Release);
            self.epoch.0.wake_all();
        }
    }
}

impl Bed for Event {
    fn announce(&self) -> u32 {
        // The epoch comes first: an announcement may be taken back by a notifier that has
        // nothing for us, and whoever read the epoch after that would sleep unannounced.
        let epoch = self.epoch.0.load(Ordering::Acquire);
        // A swap, which costs a sleeper nothing, and which loom orders with a notifier's swap.
        self.announced.0.swap(1, Ordering::AcqRel);
        epoch
    }

    /// Others may sleep too; the announcement costs one notification that finds nobody.
    fn withdraw(&self) {}

    fn sleep(&self, expected: u32, timeout: Option<Timespec>) {
        self.epoch.0.wait(expected, timeout);
    }

    fn shares_processor(&self) -> bool {
        false
    }
}

/// The memory of a ring and how to order accesses to it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) memory: Memory<Header, Slots>,
    pub(crate) fences: Fences,
}

impl Shared {
    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        self.memory.header()
    }

    #[inline(always)]
    pub(crate) fn slots(&self) -> &Slots {
        self.memory.region()
    }

    #[inline(always)]
    pub(crate) fn lane(&self, lane: u32) -> &Lane {
        let lanes = &self.header().lanes;
        match lanes.get(lane as usize) {
            Some(lane) => lane,
            // Callers keep it in range.
            None => {
                let [first, ..] = lanes;
                first
            }
        }
    }
}

#[cfg(posix_ipc_loom)]
impl Default for Header {
    fn default() -> Self {
        Self {
            preamble: Line::default(),
            not_empty: Event::default(),
            not_full: Event::default(),
            counters: Line::default(),
            _reserved: (),
            lanes: [Lane::default()],
            seats: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}
