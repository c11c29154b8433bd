//! [`Incidents`]: what the deaths of participants have cost.

use super::participant::Participant;
use crate::ring::primitive::Ordering;

/// What was lost and repeated so far because participants died; counted in the ring, for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Incidents {
    /// Messages whose senders died while they wrote them, so that nobody receives them.
    pub skipped: u64,
    /// Messages whose receivers died while they read them, delivered once more.
    pub redelivered: u64,
}

impl Incidents {
    pub(super) fn of(participant: &Participant) -> Self {
        let counters = &participant.shared.header().counters.0;
        Self {
            skipped: counters.skipped.load(Ordering::Relaxed),
            redelivered: counters.redelivered.load(Ordering::Relaxed),
        }
    }
}
