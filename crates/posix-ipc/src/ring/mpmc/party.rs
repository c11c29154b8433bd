//! Senders and receivers as some of several things that are waited for at once.

use std::time::Duration;

use super::participant::Participant;
use super::shared::Event;
use super::{Receiver, Sender};
use crate::ring::error::Corrupt;
use crate::ring::party::Party;
use crate::ring::primitive::Fences;
use crate::ring::wait::Bed;

/// A receiver that waits for a message.
pub(crate) struct ForMessage<'a>(pub(crate) &'a Receiver);

/// A sender that waits for room in a lane.
pub(crate) struct ForRoom<'a>(pub(crate) &'a Sender, pub(crate) u32);

impl ForMessage<'_> {
    fn event(&self) -> &Event {
        &self.0.shared().header().not_empty
    }
}

impl ForRoom<'_> {
    fn event(&self) -> &Event {
        &self.0.shared().header().not_full
    }
}

impl Party for ForMessage<'_> {
    fn look(&mut self) -> Result<bool, Corrupt> {
        let shared = self.0.shared();
        Ok((0..shared.slots().lanes()).any(|lane| shared.is_full(lane)))
    }

    fn announce(&self) -> (*mut u32, u32) {
        announce(self.event())
    }

    fn withdraw(&self) {
        self.event().withdraw();
    }

    fn fences(&self) -> Fences {
        self.0.shared().fences
    }

    fn interval(&self) -> Duration {
        self.0.participant.interval
    }

    fn watch(&mut self, thorough: bool) -> bool {
        watch(&self.0.participant, thorough)
    }
}

impl Party for ForRoom<'_> {
    fn look(&mut self) -> Result<bool, Corrupt> {
        Ok(self.0.shared().has_room(self.1))
    }

    fn announce(&self) -> (*mut u32, u32) {
        announce(self.event())
    }

    fn withdraw(&self) {
        self.event().withdraw();
    }

    fn fences(&self) -> Fences {
        self.0.shared().fences
    }

    fn interval(&self) -> Duration {
        self.0.participant.interval
    }

    fn watch(&mut self, thorough: bool) -> bool {
        watch(&self.0.participant, thorough)
    }
}

fn announce(event: &Event) -> (*mut u32, u32) {
    let expected = event.announce();
    (event.word(), expected)
}

/// Repairs what the dead have left; others may come at any time.
fn watch(participant: &Participant, thorough: bool) -> bool {
    if thorough {
        participant.bury_the_dead();
    }
    true
}
