//! What the bridge to descriptors waits for in the receiver's place.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::Receiver;
use super::attachment::{Peer, presence};
use super::shared::{End, SeatBed, Shared};
use crate::deadline::Deadline;
use crate::liveness::Liveness;
use crate::ring::notified::{Notifying, Source};
use crate::ring::primitive::Ordering;
use crate::ring::wait::{Spin, sleep_until};

/// The receiver's end, while the receiver itself does not sleep.
pub(super) struct ReceiverSource {
    bed: SeatBed,
    liveness: Arc<Liveness>,
    interval: Duration,
    outlive: bool,
    spin: Spin,
    /// What the receiver has seen: more is news.
    seen: Arc<AtomicU64>,
}

impl ReceiverSource {
    pub(super) fn new(
        shared: Arc<Shared>,
        liveness: Arc<Liveness>,
        interval: Duration,
        outlive: bool,
        seen: Arc<AtomicU64>,
    ) -> Self {
        let bed = SeatBed { shared, end: End::Receiver };
        Self { bed, liveness, interval, outlive, spin: Spin::new(false), seen }
    }
}

impl Source for ReceiverSource {
    fn wait(&self, until: &dyn Fn() -> bool) {
        let shared = &self.bed.shared;
        let mut dead = 0;
        let look = || {
            let tail = shared.header().tail.0.load(Ordering::Acquire);
            let is_news = tail != self.seen.load(Ordering::Acquire);
            Ok((is_news || until()).then_some(()))
        };
        let watch = |thorough| match presence(&self.bed, &self.liveness, &mut dead, thorough) {
            Peer::Gone if !self.outlive => Err(()),
            _ => Ok(()),
        };
        let (spin, fences) = (&self.spin, shared.fences);
        // Whichever way it ends, the receiver is to look.
        let _ = sleep_until(&self.bed, spin, fences, Deadline::Never, self.interval, look, watch);
    }

    fn interrupt(&self) {
        self.bed.shared.wake(End::Receiver);
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
