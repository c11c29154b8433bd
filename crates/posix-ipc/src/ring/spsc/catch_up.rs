//! Letting the receiver catch up, so that a large ring stays in the caches.
//!
//! A sender that is a little faster fills any ring in time, and from then on each message goes through
//! all of its memory: in a ring beyond the last cache, both sides take two or three times as long. One
//! that waits now and then until all was received begins anew at the ring's start, whose memory is at
//! hand. The receiver has something to do meanwhile, so that the stream loses nothing by it.

use std::time::{Duration, Instant};

use super::producer::Producer;

/// How much of a large ring is used before a wait.
const WINDOW: u64 = 2 << 20;
/// Rings from this on are large.
const LARGE: u64 = 4 * WINDOW;
/// The longest record before which to wait: with longer ones, one side would copy while the other waits.
const RECORD_MAX: u64 = WINDOW * 3 / 4;
/// What the receiver may take for two bytes, in nanoseconds. A slower one is slow for other reasons than
/// its memory, such as that it was not optimised.
const NANOS_PER_TWO_BYTES: u64 = if cfg!(debug_assertions) { 16 } else { 1 };
/// What it may take besides, to notice that nothing is left.
const START: Duration = Duration::from_micros(25);
/// The longest wait, and the longest backlog before which there is one.
const LONGEST: Duration = Duration::from_millis(50);
/// After this part of a wait as large a part must have been received.
const PART: u32 = 8;
/// Waits from this on are slept through.
const NAP: Duration = Duration::from_micros(200);
/// Pauses between two looks.
const GAP: u32 = 16;
/// The most windows from one wait to the next, after waits in vain.
const WINDOWS_MAX: u64 = 32;

/// Records from this on are waited for if the receiver follows, in rings of any size: between two of them the
/// ring is begun anew, where otherwise they would go through all of its memory.
const LONG: u64 = 768 * 1024;
/// How long a receiver that follows may stay behind: a third of what the copy takes, about.
const BYTES_PER_NANO_OF_FOLLOWER: u64 = 64;
/// The most long records without a wait, after waits in vain.
const SKIP_MAX: u32 = 64;

/// When to wait next.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// Where the last wait was, or the ring was begun anew.
    from: u64,
    /// How far from there the next wait is; `u64::MAX` if there is none.
    distance: u64,
    may_spin: bool,
    /// Long records to come before which there is no wait.
    skip: u32,
    /// How many after the next wait in vain.
    penalty: u32,
}

impl CatchUp {
    pub(super) fn new(producer: &Producer, enabled: bool) -> Self {
        let is_worth_it = enabled && producer.capacity() >= LARGE;
        let distance = if is_worth_it { WINDOW } else { u64::MAX };
        Self { from: producer.position(), distance, may_spin: enabled, skip: 0, penalty: 1 }
    }

    /// Whether to wait before a record at `position`.
    #[inline(always)]
    pub(super) fn is_due(&self, position: u64) -> bool {
        position.wrapping_sub(self.from) >= self.distance
    }

    /// The ring is begun anew at `position`.
    #[inline(always)]
    pub(super) fn begun_anew(&mut self, position: u64) {
        self.from = position;
    }

    /// Before a record of `size` bytes that is sent in parts: waits for a receiver that follows, which is done with
    /// the last one a moment after the sender was.
    #[cold]
    pub(super) fn wait_for_follower(&mut self, producer: &mut Producer, size: u64) {
        if !self.may_spin || size < LONG {
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let start = Instant::now();
        let limit = Duration::from_nanos(size / BYTES_PER_NANO_OF_FOLLOWER);
        loop {
            match producer.is_drained() {
                Ok(false) => {}
                Ok(true) => {
                    self.penalty = 1;
                    return producer.look_next();
                }
                // For the send that follows to tell.
                Err(_) => return,
            }
            if start.elapsed() >= limit {
                break;
            }
            (0..GAP).for_each(|_| std::hint::spin_loop());
        }
        self.skip = self.penalty;
        self.penalty = (self.penalty * 2).min(SKIP_MAX);
    }

    /// Waits until all was received before a record of `size` bytes, if that comes soon.
    #[cold]
    pub(super) fn wait(&mut self, producer: &mut Producer, size: u64) {
        self.from = producer.position();
        if size > RECORD_MAX {
            return;
        }
        if wait_until_drained(producer) {
            self.distance = WINDOW;
            producer.look_next();
        } else {
            self.distance = (self.distance * 2).min(WINDOWS_MAX * WINDOW);
        }
    }
}

/// Whether all was received in time. Damage is for the send that follows to tell.
fn wait_until_drained(producer: &mut Producer) -> bool {
    let start = Instant::now();
    let Ok(backlog) = producer.backlog() else { return false };
    let limit = START + time_for(backlog);
    if limit > LONGEST {
        return false;
    }
    let mut left = backlog;
    let mut is_fast = false;
    loop {
        match producer.is_drained() {
            Ok(false) => {}
            result => return result.is_ok(),
        }
        let waited = start.elapsed();
        if waited >= limit {
            return false;
        }
        if !is_fast && waited >= limit / PART {
            left = producer.backlog().unwrap_or(backlog);
            is_fast = left <= backlog - backlog / u64::from(PART);
            if !is_fast {
                return false;
            }
        }
        let part = time_for(left) / PART;
        if part >= NAP {
            std::thread::sleep(part.min(limit - waited));
            left = producer.backlog().unwrap_or(left);
        } else {
            (0..GAP).for_each(|_| std::hint::spin_loop());
        }
    }
}

/// What a fast receiver takes for a backlog.
fn time_for(backlog: u64) -> Duration {
    Duration::from_nanos(backlog / 2 * NANOS_PER_TWO_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::spsc::producer::LONG_WINDOW;
    use crate::ring::spsc::{Receiver, Sender};

    /// Long enough that copies are as fast without optimisation.
    const MESSAGE: [u8; 16 * 1024 - 8] = [7; 16 * 1024 - 8];
    const SIZE: u64 = 16 * 1024;

    fn ring(capacity: usize) -> (Sender, Receiver) {
        crate::ring::spsc::pair(capacity).unwrap()
    }

    /// Sends without a wait until one is due.
    fn until_due(sender: &mut Sender, catch_up: &CatchUp) -> u64 {
        let start = sender.producer.position();
        while !catch_up.is_due(sender.producer.position()) {
            sender.try_send(&MESSAGE).unwrap();
        }
        sender.producer.position() - start
    }

    #[test]
    fn nobody_waits_in_a_ring_that_fits_the_caches_or_without_spinning() {
        let (sender, _receiver) = ring(4 << 20);
        assert!(!CatchUp::new(&sender.producer, true).is_due(u64::MAX / 2));
        let (sender, _receiver) = ring(16 << 20);
        assert!(!CatchUp::new(&sender.producer, false).is_due(u64::MAX / 2));
        assert!(CatchUp::new(&sender.producer, true).is_due(WINDOW));
    }

    #[test]
    fn a_receiver_that_does_nothing_is_waited_for_less_and_less() {
        let (mut sender, mut receiver) = ring(256 << 20);
        let mut catch_up = CatchUp::new(&sender.producer, true);
        for windows in [1, 2, 4, 8, 16, 32, 32] {
            let sent = until_due(&mut sender, &catch_up);
            assert!(sent >= windows * WINDOW && sent < windows * WINDOW + SIZE, "{sent}");
            catch_up.wait(&mut sender.producer, SIZE);
        }
        // And as often as before once it has caught up.
        until_due(&mut sender, &catch_up);
        while receiver.try_receive_vec().unwrap().is_some() {}
        catch_up.wait(&mut sender.producer, SIZE);
        assert_eq!(catch_up.distance, WINDOW);
    }

    #[test]
    fn before_a_record_of_nearly_a_window_nobody_waits() {
        let (mut sender, _receiver) = ring(16 << 20);
        let mut catch_up = CatchUp::new(&sender.producer, true);
        until_due(&mut sender, &catch_up);
        catch_up.wait(&mut sender.producer, RECORD_MAX + 1);
        assert_eq!(catch_up.distance, WINDOW, "neither tried nor in vain");
        assert!(!catch_up.is_due(sender.producer.position()));
    }

    #[test]
    fn a_receiver_that_does_not_follow_is_waited_for_less_and_less() {
        let (mut sender, mut receiver) = ring(4 << 20);
        let mut catch_up = CatchUp::new(&sender.producer, true);
        sender.try_send(&MESSAGE).unwrap();
        for penalty in [2, 4, 8, 16, 32, 64, 64] {
            catch_up.wait_for_follower(&mut sender.producer, LONG);
            assert_eq!(catch_up.penalty, penalty);
            for _ in 0..catch_up.skip {
                catch_up.wait_for_follower(&mut sender.producer, LONG);
                assert_eq!(catch_up.penalty, penalty, "there was no wait");
            }
        }
        // And each time once it has caught up.
        while receiver.try_receive_vec().unwrap().is_some() {}
        catch_up.wait_for_follower(&mut sender.producer, LONG);
        assert_eq!((catch_up.penalty, catch_up.skip), (1, 0));
    }

    #[test]
    fn a_receiver_is_not_waited_for_before_short_records_or_without_spinning() {
        let (mut sender, _receiver) = ring(4 << 20);
        sender.try_send(&MESSAGE).unwrap();
        for (spin, size) in [(true, LONG - 8), (false, LONG)] {
            let mut catch_up = CatchUp::new(&sender.producer, spin);
            catch_up.wait_for_follower(&mut sender.producer, size);
            assert_eq!((catch_up.penalty, catch_up.skip), (1, 0));
        }
    }

    #[test]
    fn a_receiver_that_is_fast_enough_is_waited_for_and_the_ring_begun_anew() {
        let _watchdog = testutil::watchdog::watchdog(120);
        let (mut sender, mut receiver) = ring(16 << 20);
        let capacity = sender.producer.capacity();
        let draining = std::thread::spawn(move || {
            let mut buffer = [0; MESSAGE.len()];
            while receiver.receive(&mut buffer).is_ok_and(|len| len == MESSAGE.len()) {}
        });
        // Whoever runs meanwhile, at some time it succeeds.
        let mut catch_up = CatchUp::new(&sender.producer, true);
        loop {
            while !catch_up.is_due(sender.producer.position()) {
                sender.send(&MESSAGE).unwrap();
            }
            catch_up.wait(&mut sender.producer, SIZE);
            if catch_up.distance == WINDOW {
                break;
            }
        }
        assert_eq!(sender.backlog(), Ok(0));
        sender.try_send(&MESSAGE).unwrap();
        let start = (sender.producer.position() - SIZE) % capacity;
        assert!(start <= LONG_WINDOW && start % 64 == 56, "at {start} of the region");
        sender.send(b"end").unwrap();
        draining.join().unwrap();
    }
}
