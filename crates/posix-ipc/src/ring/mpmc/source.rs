//! What the bridge to descriptors waits for in a handle's place.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::participant::Participant;
use super::shared::Event;
use super::{Receiver, Sender};
use crate::deadline::Deadline;
use crate::priority::Priority;
use crate::ring::error::Corrupt;
use crate::ring::notified::{Notifying, Source};
use crate::ring::primitive::Ordering;
use crate::ring::wait::Spin;

/// What a handle waits for.
enum HandleSource {
    Message(Arc<Participant>),
    /// Room in the lane of this number.
    Room(Arc<Participant>, Arc<AtomicU32>),
}

impl HandleSource {
    fn participant(&self) -> &Participant {
        let (Self::Message(participant) | Self::Room(participant, _)) = self;
        participant
    }

    fn event(&self) -> &Event {
        let header = self.participant().shared.header();
        match self {
            Self::Message(_) => &header.not_empty,
            Self::Room(..) => &header.not_full,
        }
    }

    fn has_news(&self) -> bool {
        let shared = &self.participant().shared;
        match self {
            Self::Message(_) => (0..shared.slots().lanes()).any(|lane| shared.is_full(lane)),
            Self::Room(_, lane) => shared.has_room(lane.load(Ordering::Acquire)),
        }
    }
}

impl Source for HandleSource {
    fn wait(&self, until: &dyn Fn() -> bool) {
        let look = || Ok::<_, Corrupt>((self.has_news() || until()).then_some(()));
        // Without a deadline it ends when there is something.
        let _ = self.participant().sleep(self.event(), &Spin::new(false), Deadline::Never, look);
    }

    fn interrupt(&self) {
        self.event().wake();
    }
}

impl Notifying for Receiver {
    fn source(&self) -> Arc<dyn Source> {
        Arc::new(HandleSource::Message(Arc::clone(&self.participant)))
    }

    fn prepare(&mut self) {}
}

impl Notifying for Sender {
    fn source(&self) -> Arc<dyn Source> {
        let (participant, lane) = (Arc::clone(&self.participant), Arc::clone(&self.wanted));
        Arc::new(HandleSource::Room(participant, lane))
    }

    fn prepare(&mut self) {}
}

impl Sender {
    /// Before the source waits: in which lane for room.
    pub(in crate::ring) fn want_room(&mut self, priority: Priority) {
        self.wanted.store(priority.get(), Ordering::Release);
    }
}
