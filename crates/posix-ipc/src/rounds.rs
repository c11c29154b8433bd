//! The rounds of a wait for the first of several things: announcing, looking, sleeping.
//!
//! Apart from what is waited for, so that the model checker runs the loop that ships.

use std::time::{Duration, Instant};

use crate::deadline::Deadline;

/// All that is waited for together.
pub(crate) trait All {
    type Error;

    /// Says of each that somebody is about to sleep, with the fence that follows; gives how long to
    /// sleep at most.
    fn announce(&mut self) -> Duration;

    /// Looks at each: which has something, if any; and shortens the nap where nobody is sure
    /// to wake us.
    fn look(&mut self, nap: &mut Duration) -> Result<Option<usize>, Self::Error>;

    /// Finds out whether waiting still makes sense; which has something after all, if it does not.
    fn watch(&mut self, thorough: bool) -> Result<Option<usize>, Self::Error>;

    /// Sleeps until something happened to one since it was announced, or `deadline`, or for a nap.
    fn sleep(&mut self, deadline: Deadline, nap: Duration) -> Result<(), Self::Error>;
}

/// Sleeps, as often as necessary; watches thoroughly in every `interval`.
pub(crate) fn wait<A: All>(
    all: &mut A,
    deadline: Deadline,
    interval: Duration,
) -> Result<Option<usize>, A::Error> {
    let mut watched = Instant::now();
    let mut thorough = false;
    loop {
        // In this order: what comes after the announcement wakes us, what came before is seen.
        let next_watch = interval.saturating_sub(watched.elapsed());
        let mut nap = all.announce().min(next_watch);
        if let Some(index) = all.look(&mut nap)? {
            return Ok(Some(index));
        }
        if let Some(index) = all.watch(thorough)? {
            return Ok(Some(index));
        }
        if deadline.has_passed() {
            return Ok(None);
        }
        all.sleep(deadline, nap)?;
        thorough = watched.elapsed() >= interval;
        if thorough {
            watched = Instant::now();
        }
    }
}
