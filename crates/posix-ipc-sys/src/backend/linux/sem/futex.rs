//! Sleeping and waking in the kernel.

use core::num::NonZeroU32;
use core::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::protocol::Protocol;
use super::wait::{Sleep, Slept, Until};
use crate::primitive::Ordering;
use crate::sem::{Clock, Deadline};

/// How long a waiter sleeps before it looks at the value by itself.
///
/// A poster that is killed before its wake, and a waiter that is killed between its wake-up and its
/// unit, leave a unit that nobody is woken for; this is how long others may miss it, by the deadline's clock
/// where there is one.
const SLICE_SECONDS: i64 = 1;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const ANY: NonZeroU32 = NonZeroU32::MAX;

/// Whom a futex is shared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Processes; the mapping is this handle's own.
    Processes,
    /// Processes, in memory that its user may take away once a unit was taken.
    #[cfg(backend_linux)]
    Borrowed,
    /// The threads of this process, in borrowed memory.
    #[cfg(backend_linux)]
    Threads,
}

impl Scope {
    pub(crate) fn flags(self) -> Flags {
        match self {
            Self::Processes => Flags::empty(),
            #[cfg(backend_linux)]
            Self::Borrowed => Flags::empty(),
            #[cfg(backend_linux)]
            Self::Threads => Flags::PRIVATE,
        }
    }

    /// When to look again at the latest, and whether that is the deadline itself.
    pub(crate) fn slice(self, until: Until) -> (Until, bool) {
        match self {
            // They are killed all at once; one that is cancelled in C is the program's own doing.
            #[cfg(backend_linux)]
            Self::Threads => (until, true),
            _ => slice(until),
        }
    }
}

/// The futex word of `sem`, to hand to the kernel and for nothing else: other code accesses the
/// same bytes with wider atomics.
pub(crate) fn word<P: Protocol>(sem: &P) -> &AtomicU32 {
    // SAFETY:
    // - The address is that of an aligned 32-bit half or whole of an atomic field of `sem`, and
    //   the result borrows from `sem`.
    // - It is never read or written through by this program, only by the kernel.
    unsafe { &*sem.futex_address().cast::<AtomicU32>() }
}

impl Sleep for Scope {
    type Until = Until;

    fn sleep<P: Protocol>(&self, sem: &P, expected: u32, until: Until) -> Slept {
        let (wake_up, last) = self.slice(until);
        let mut flags = self.flags();
        if wake_up.is_some_and(|wake_up| wake_up.clock == Clock::Realtime) {
            flags |= Flags::CLOCK_REALTIME;
        }
        let time = wake_up.map(|wake_up| since_1970(wake_up.time));
        match futex::wait_bitset(word(sem), flags, expected, time.as_ref(), ANY) {
            Ok(()) => Slept::Woken,
            Err(Errno::TIMEDOUT) if last => Slept::TimedOut,
            Err(Errno::TIMEDOUT | Errno::AGAIN) => Slept::LookAgain,
            Err(errno) => Slept::Failed(errno),
        }
    }

    #[inline]
    fn wake<P: Protocol>(&self, sem: &P, count: u32) {
        if count > 0 {
            wake_some(*self, sem, count);
        }
    }

    fn back_off(&self, round: u32, until: Until) -> bool {
        // 0.1 ms, doubled up to 6.4 ms.
        let nanos = 100_000 << round.min(6);
        let away = Timespec { tv_sec: 0, tv_nsec: nanos };
        let away = add(clock_gettime(ClockId::Monotonic), away);
        // Nobody ever wakes this word.
        let nobody = AtomicU32::new(0);
        let _ = futex::wait_bitset(&nobody, Flags::PRIVATE, 0, Some(&away), ANY);
        !until.is_some_and(|deadline| passed(&deadline))
    }
}

#[cold]
fn wake_some<P: Protocol>(scope: Scope, sem: &P, count: u32) {
    if scope == Scope::Processes {
        leave_cpu(sem.spare());
    }
    // The kernel takes a signed count. It cannot fail, but for memory that its user took away
    // once the unit was taken; then there is nobody to wake.
    let _ = futex::wake(word(sem), scope.flags(), count.min(i32::MAX as u32));
}

/// Tells the sleeper which processor it shared, or did not share, with its waker: one more than
/// its number in the lower half of the word, the wakes in the upper one.
///
/// To ask for the processor costs up to a tenth of a wake; so only every eighth does.
fn leave_cpu(spare: &crate::primitive::AtomicU32) {
    let last = spare.load(Ordering::Relaxed);
    let mut cpu = last & 0xffff;
    if (last >> 16) % 8 == 0 {
        let now = rustix::thread::sched_getcpu();
        cpu = u16::try_from(now).ok().and_then(|cpu| cpu.checked_add(1)).map_or(0, u32::from);
    }
    let wakes = (last & !0xffff).wrapping_add(1 << 16);
    spare.store(wakes | cpu, Ordering::Relaxed);
}

/// What [`leave_cpu`] left.
pub(crate) fn waker_cpu(spare: &crate::primitive::AtomicU32) -> Option<u32> {
    (spare.load(Ordering::Relaxed) & 0xffff).checked_sub(1)
}

/// The end of a slice from now, or the deadline, and whether it is that.
fn slice(until: Until) -> (Until, bool) {
    let clock = until.as_ref().map_or(Clock::Monotonic, |deadline| deadline.clock);
    let now = clock_gettime(clock.id());
    let next = Timespec { tv_sec: now.tv_sec.saturating_add(SLICE_SECONDS), ..now };
    match until {
        Some(Deadline { time, .. }) if before_or_at(&time, &next) => (until, true),
        _ => (Some(Deadline { clock, time: next }), false),
    }
}

/// The kernel takes no time before 1970; all of that has passed.
pub(crate) fn since_1970(time: Timespec) -> Timespec {
    if time.tv_sec < 0 { Timespec { tv_sec: 0, tv_nsec: 0 } } else { time }
}

fn before_or_at(a: &Timespec, b: &Timespec) -> bool {
    (a.tv_sec, a.tv_nsec) <= (b.tv_sec, b.tv_nsec)
}

pub(crate) fn passed(deadline: &Deadline) -> bool {
    before_or_at(&deadline.time, &clock_gettime(deadline.clock.id()))
}

fn add(a: Timespec, b: Timespec) -> Timespec {
    let nanos = a.tv_nsec + b.tv_nsec;
    let carry = i64::from(nanos >= NANOS_PER_SECOND);
    Timespec {
        tv_sec: a.tv_sec.saturating_add(b.tv_sec).saturating_add(carry),
        tv_nsec: nanos - carry * NANOS_PER_SECOND,
    }
}
