//! What the bridge to descriptors waits for in a receiver's place.

use std::sync::Arc;

use super::Receiver;
use super::participant::Participant;
use crate::deadline::Deadline;
use crate::ring::notified::{Notifying, Source};
use crate::ring::wait::Spin;

struct ReceiverSource {
    participant: Arc<Participant>,
    spin: Spin,
}

impl Source for ReceiverSource {
    fn wait(&self, until: &dyn Fn() -> bool) {
        let shared = &self.participant.shared;
        let lanes = shared.slots().lanes();
        let look = || {
            let is_news = (0..lanes).any(|lane| shared.is_full(lane));
            Ok((is_news || until()).then_some(()))
        };
        let event = &shared.header().not_empty;
        // Without a deadline it ends when there is something.
        let _ = self.participant.sleep(event, &self.spin, Deadline::Never, look);
    }

    fn interrupt(&self) {
        self.participant.shared.header().not_empty.wake();
    }
}

impl Notifying for Receiver {
    fn source(&self) -> Arc<dyn Source> {
        let participant = Arc::clone(&self.participant);
        Arc::new(ReceiverSource { participant, spin: Spin::new(false) })
    }

    fn prepare(&mut self) {}
}
