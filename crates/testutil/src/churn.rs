//! Turns of a process that creates and removes a name for ever.

use std::thread;
use std::time::Duration;

/// Sleeps now and then while the name is there, and now and then while it is not, so that another
/// process meets both.
///
/// A yield instead would leave it to the scheduler: on one processor a process that yields in one
/// of the two states only is never seen in the other.
#[derive(Debug, Default)]
pub struct Churn {
    rounds: u32,
}

impl Churn {
    const EVERY: u32 = 64;
    const REST: Duration = Duration::from_micros(100);

    /// A churn before its first round.
    pub fn new() -> Churn {
        Churn::default()
    }

    /// To be called once a round, while the name is there.
    pub fn there(&mut self) {
        self.rounds = self.rounds.wrapping_add(1);
        if self.rounds % Self::EVERY == 0 {
            thread::sleep(Self::REST);
        }
    }

    /// To be called once a round, while the name is not there.
    pub fn away(&mut self) {
        if self.rounds % Self::EVERY == Self::EVERY / 2 {
            thread::sleep(Self::REST);
        }
    }
}
