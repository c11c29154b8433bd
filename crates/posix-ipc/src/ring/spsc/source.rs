//! What the bridge to descriptors waits for in an end's place.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::attachment::{Peer, presence};
use super::producer::record_size;
use super::shared::{End, SeatBed};
use super::{Receiver, Sender};
use crate::deadline::Deadline;
use crate::liveness::Liveness;
use crate::ring::notified::{Notifying, Source};
use crate::ring::primitive::Ordering;
use crate::ring::wait::{Spin, sleep_until};

/// An end, while the end itself does not sleep.
pub(super) struct EndSource {
    pub(super) bed: SeatBed,
    pub(super) liveness: Arc<Liveness>,
    pub(super) interval: Duration,
    pub(super) outlive: bool,
    /// Of a receiver: what it has seen; more is news. Of a sender: the end of the record that it has
    /// no room for.
    pub(super) mark: Arc<AtomicU64>,
}

impl EndSource {
    fn has_news(&self) -> bool {
        let shared = &self.bed.shared;
        let mark = self.mark.load(Ordering::Acquire);
        match self.bed.end {
            End::Receiver => shared.header().tail.0.tail.load(Ordering::Acquire) != mark,
            End::Sender => {
                let taken = shared.header().taken.0.load(Ordering::Acquire);
                mark.wrapping_sub(taken) <= shared.region().size()
            }
        }
    }
}

impl Source for EndSource {
    fn wait(&self, until: &dyn Fn() -> bool) {
        let mut dead = 0;
        let look = || Ok((self.has_news() || until()).then_some(()));
        let watch = |thorough| match presence(&self.bed, &self.liveness, &mut dead, thorough) {
            Peer::Gone if !self.outlive => Err(()),
            _ => Ok(()),
        };
        let (spin, fences) = (Spin::new(false), self.bed.shared.fences);
        // Whichever way it ends, the end is to look.
        let _ = sleep_until(&self.bed, &spin, fences, Deadline::Never, self.interval, look, watch);
    }

    fn interrupt(&self) {
        self.bed.shared.wake(self.bed.end);
    }
}

impl Notifying for Receiver {
    fn source(&self) -> Arc<dyn Source> {
        Arc::new(self.attachment.source(Arc::clone(&self.seen)))
    }

    fn prepare(&mut self) {
        self.seen.store(self.consumer.position(), Ordering::Release);
    }
}

impl Notifying for Sender {
    fn source(&self) -> Arc<dyn Source> {
        Arc::new(self.attachment.source(Arc::clone(&self.wanted)))
    }

    fn prepare(&mut self) {}
}

impl Sender {
    /// Before the source waits: for how much room it does.
    pub(in crate::ring) fn want_room(&mut self, len: usize) {
        let end = self.producer.position().wrapping_add(record_size(len));
        self.wanted.store(end, Ordering::Release);
    }

    /// Whether the receiver has gone for good, as far as this end is concerned.
    pub(in crate::ring) fn is_abandoned(&mut self) -> bool {
        self.attachment.is_abandoned()
    }
}
