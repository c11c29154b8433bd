//! Waiting and posting, the same for every layout, over anything that sleeps and wakes.

use rustix::io::{Errno, Result};

use super::protocol::Protocol;
use crate::sem::Deadline;

/// How a waiter sleeps: the kernel's futex, or the model checker's.
pub(crate) trait Sleep {
    /// What a sleep is limited by.
    type Until: Copy;

    /// Sleeps until woken, if the futex word of `sem` is `expected`, at most until `until`, and for no longer
    /// than a slice of that time where a process may die that owes us a wake-up.
    fn sleep<P: Protocol>(&self, sem: &P, expected: u32, until: Self::Until) -> Slept;

    /// Wakes at most `count` sleepers.
    fn wake<P: Protocol>(&self, sem: &P, count: u32);

    /// Gives up the processor for a while that grows with `round`; `false` at the deadline.
    fn back_off(&self, round: u32, until: Self::Until) -> bool;
}

/// How a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slept {
    /// Woken by a post (or for nothing).
    Woken,
    /// Not slept at all, or only for a slice: look again.
    LookAgain,
    /// The deadline has passed.
    TimedOut,
    /// The system refuses to sleep on; a signal came, as a rule.
    Failed(Errno),
}

/// What a waiter waits for at most.
pub(crate) type Until = Option<Deadline>;

/// Adds `units` and wakes as many waiters.
#[inline]
pub(crate) fn post<P: Protocol, S: Sleep>(sem: &P, units: u32, sleep: &S) -> Result<()> {
    if sem.add(units)? {
        sleep.wake(sem, units);
    }
    Ok(())
}

/// Takes `units` at once, blocking until there are so many.
#[inline]
pub(crate) fn wait<P: Protocol, S: Sleep>(
    sem: &P,
    units: u32,
    sleep: &S,
    until: S::Until,
) -> Result<()> {
    if sem.try_take(units) { Ok(()) } else { wait_registered(sem, units, sleep, until) }
}

/// Registers, sleeps and takes.
///
/// A unit is never handed over: a woken waiter competes for it. Hence every way out that does
/// not take a unit passes on a wake-up that may have been used up. Nobody can do so for a waiter
/// that was killed after it was woken, nor wake anybody for a poster that was killed when it had
/// posted; that is why a sleep lasts a slice only, unless they can only die together.
#[cold]
fn wait_registered<P: Protocol, S: Sleep>(
    sem: &P,
    units: u32,
    sleep: &S,
    until: S::Until,
) -> Result<()> {
    sem.register();
    let mut refused = Refused::default();
    let mut woken = false;
    let error = loop {
        let word = match sem.take_registered(units) {
            Ok(wakes) => {
                sleep.wake(sem, wakes);
                return Ok(());
            }
            Err(word) => word,
        };
        // The unit that we were woken for is not enough for us, but may be for another waiter.
        if woken && units > 1 && !refused.pass_on(sem, sleep, until) {
            break Errno::TIMEDOUT;
        }
        woken = false;
        match sleep.sleep(sem, word, until) {
            Slept::Woken => woken = true,
            Slept::LookAgain => {}
            Slept::TimedOut => match sem.take_registered(units) {
                Ok(wakes) => {
                    sleep.wake(sem, wakes);
                    return Ok(());
                }
                Err(_) => break Errno::TIMEDOUT,
            },
            // The words are not in memory any more: touching them would be a `SIGBUS`.
            Slept::Failed(Errno::FAULT) => return Err(Errno::FAULT),
            Slept::Failed(errno) => break errno,
        }
    };
    sleep.wake(sem, sem.deregister());
    Err(error)
}

/// How often a waiter for several units was woken for too few.
#[derive(Debug, Default)]
struct Refused {
    value: u32,
    rounds: u32,
}

impl Refused {
    /// Passes a wake-up on, if there is a unit that somebody else could take.
    ///
    /// Two such waiters would pass the same wake-up to and fro for ever. Who is refused twice at
    /// the same value therefore stays away from the sleepers for a while.
    fn pass_on<P: Protocol, S: Sleep>(&mut self, sem: &P, sleep: &S, until: S::Until) -> bool {
        let value = sem.value();
        if value == 0 || sem.waiters() < 2 {
            *self = Self::default();
            return true;
        }
        sleep.wake(sem, 1);
        self.rounds = if value == self.value { self.rounds.saturating_add(1) } else { 0 };
        self.value = value;
        self.rounds == 0 || sleep.back_off(self.rounds, until)
    }
}
