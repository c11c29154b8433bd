//! Long messages in parts: a receiver that waits for one copies it while its sender still does.
//!
//! The sender tells how far it has come in a word of its own, which is nothing to those who do not look at
//! it: what counts is the index, as for every record. Who follows has copied for nothing if the index does not
//! come, and nothing is lost by that.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::consumer::{Consumer, Found};
use super::place::Place;
use super::producer::{Producer, Room, record_size};
use super::record::{DATA, Head};
use super::shared::End;
use crate::pauses::Pauses;
use crate::ring::error::Corrupt;
use crate::ring::layout::RECORD_HEADER;
use crate::ring::primitive::{AtomicU64, Ordering};

/// The lengths of messages that may go in parts. Shorter ones are there before a part would be; longer ones leave
/// the caches in any case.
pub(super) const IN_PARTS: Range<usize> =
    if cfg!(posix_ipc_loom) { 16..1024 } else { 16 * 1024..16 << 20 };
/// From this length on they do in any case, in a dialogue all.
const ALWAYS: usize = 64 * 1024;
/// The shortest part that is worth to be told of. A multiple of 8, as positions are.
const PART: usize = if cfg!(posix_ipc_loom) { 8 } else { 8 * 1024 };
/// From this length on parts are four times as long, and between the two twice: few, and still in the nearest
/// caches when they are read.
const LONG: usize = 512 * 1024;
/// How long a receiver that follows waits for the next part: a sender that takes longer was interrupted. For all
/// together it takes no more than a nanosecond a byte besides, however small they are.
const PATIENCE: Duration = Duration::from_micros(20);

impl Producer {
    /// Whether a message of so many bytes goes in parts.
    #[inline(always)]
    pub(super) fn sends_in_parts(&self, len: usize) -> bool {
        IN_PARTS.contains(&len) && (len >= ALWAYS || self.is_dialogue())
    }

    /// As `send`, of a message whose length is one of `IN_PARTS`.
    pub(crate) fn send_in_parts(&mut self, room: Room, message: &[u8]) {
        let shared = &*self.shared;
        let region = shared.region().at_hand();
        let reached = &shared.header().reached.0;
        shared.restart_with(room);
        region.store(room.position, Head::data(message.len()).to_word());
        let mut end = room.position.wrapping_add(RECORD_HEADER);
        let (is_dialogue, mut left) = (self.is_dialogue(), message.len());
        let size = match message.len() {
            ..ALWAYS => PART,
            ALWAYS..LONG => 2 * PART,
            _ => 4 * PART,
        };
        for (index, part) in message.chunks(size).enumerate() {
            left -= part.len();
            if is_dialogue {
                region.write_ahead(end, part, left);
            } else {
                region.write(end, part);
            }
            end = end.wrapping_add(part.len().next_multiple_of(8) as u64);
            reached.store(end, Ordering::Release);
            if index == 0 {
                // Until it is awake, more is there.
                shared.notify(End::Receiver);
            }
        }
        let tail = shared.publish(room, message.len(), |_| {});
        self.pass(room, tail);
    }
}

/// What there is for a receiver.
#[derive(Debug)]
pub(super) enum Coming {
    Whole(Found),
    /// A part of a message of which the index does not tell yet.
    Part,
}

impl Consumer {
    /// The next message, or whether a part of it is there.
    pub(super) fn look(&mut self) -> Result<Option<Coming>, Corrupt> {
        Ok(match self.peek()? {
            Some(found) => Some(Coming::Whole(found)),
            None => self.has_part().then_some(Coming::Part),
        })
    }

    /// Whether the next message comes in parts if it is as long as the last one.
    #[inline(always)]
    #[cfg_attr(posix_ipc_loom, allow(dead_code))]
    pub(super) fn expects_parts(&self) -> bool {
        IN_PARTS.contains(&self.last_len())
    }

    /// Whether there is a part of a message of which the index may not tell yet.
    #[inline(always)]
    pub(super) fn has_part(&self) -> bool {
        let reached = self.reached().load(Ordering::Acquire);
        self.copied_until(self.start(), reached).is_some()
    }

    /// Copies the message of which a part is there, as further parts come, and takes it. `None` if it can't be
    /// had like this: then it is there as before, or will be.
    pub(super) fn follow(
        &mut self,
        place: &mut (impl Place + ?Sized),
    ) -> Result<Option<usize>, Corrupt> {
        self.follow_with(PATIENCE, place)
    }

    fn follow_with(
        &mut self,
        patience: Duration,
        place: &mut (impl Place + ?Sized),
    ) -> Result<Option<usize>, Corrupt> {
        let arrivals = self.sender_arrivals();
        let Some(copied) = self.copy_parts(place, patience) else { return Ok(None) };
        let mut pauses = Pauses::until(|| patience);
        while self.news().is_none() {
            if !pauses.pause(1) {
                return Ok(None);
            }
        }
        if self.peek()? != Some(copied) {
            return Ok(None);
        }
        // A part of a sender that died and the rest of its successor are no message.
        if self.sender_arrivals() != arrivals {
            return Ok(None);
        }
        self.mark_read(copied);
        self.release(copied);
        Ok(Some(copied.len))
    }

    /// Copies all parts; gives the record that they would be.
    fn copy_parts(&self, place: &mut (impl Place + ?Sized), patience: Duration) -> Option<Found> {
        let region = self.shared.region();
        let reached = self.reached().load(Ordering::Acquire);
        let start = self.start();
        self.copied_until(start, reached)?;
        let head = Head::of_word(region.load(start));
        let len = head.len as usize;
        let may_be = IN_PARTS.contains(&len) && record_size(len) <= region.size();
        if start % 8 != 0 || head.kind != DATA || !may_be {
            return None;
        }
        // SAFETY: `copy_each_part` copies bytes of the ring, which are initialised whatever a peer wrote there,
        // and gives `Some` only when it has written all of what it was given.
        let copied =
            unsafe { place.fill(len, |bytes| self.copy_each_part(start, bytes, patience)) };
        // A place that is too short is for those to tell who find the whole.
        copied.ok().flatten().map(|()| Found { payload: start.wrapping_add(RECORD_HEADER), len })
    }

    /// Copies the parts of the record at `start` until there is nothing left of `rest`.
    fn copy_each_part(
        &self,
        start: u64,
        mut rest: &mut [MaybeUninit<u8>],
        patience: Duration,
    ) -> Option<()> {
        let region = self.shared.region().at_hand();
        let payload = start.wrapping_add(RECORD_HEADER);
        let mut done = 0;
        let began = Instant::now();
        let limit = patience.saturating_add(Duration::from_nanos(rest.len() as u64));
        while !rest.is_empty() {
            let mut pauses = Pauses::until(|| patience);
            let there = loop {
                let reached = self.reached().load(Ordering::Acquire);
                let there = self.copied_until(start, reached)?.saturating_sub(done);
                if there > 0 {
                    break there;
                }
                if !pauses.pause(1) {
                    return None;
                }
            };
            // A model has no time.
            if !cfg!(posix_ipc_loom) && began.elapsed() > limit {
                return None;
            }
            let count = rest.len().min(usize::try_from(there).unwrap_or(usize::MAX));
            let (part, further) = rest.split_at_mut(count);
            if !region.read_uninit(payload.wrapping_add(done), part) {
                return None;
            }
            done += count as u64;
            rest = further;
        }
        Some(())
    }

    /// Where the next record starts, also if the ring is begun anew with it.
    #[inline(always)]
    fn start(&self) -> u64 {
        self.shared.header().tail.0.next(self.position(), self.shared.region().size())
    }

    /// How many bytes of the message of the record at `start` are there, if its sender has `reached` that far:
    /// no more to be trusted than the record itself.
    #[inline(always)]
    fn copied_until(&self, start: u64, reached: u64) -> Option<u64> {
        let copied = reached.wrapping_sub(start).wrapping_sub(RECORD_HEADER);
        (copied.wrapping_sub(1) < self.shared.region().size()).then_some(copied)
    }

    #[inline(always)]
    fn reached(&self) -> &AtomicU64 {
        &self.shared.header().reached.0
    }

    fn sender_arrivals(&self) -> u32 {
        self.shared.seat(End::Sender).arrivals.load(Ordering::Acquire)
    }
}

#[cfg(not(posix_ipc_loom))]
#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;
    use crate::ring::error::ReceiveError;
    use crate::ring::spsc::producer::Look;
    use crate::ring::spsc::{Receiver, Sender};

    const LEN: usize = 100_001;

    fn message(seed: usize) -> Vec<u8> {
        (0..LEN).map(|i| (i / 7 + seed) as u8).collect()
    }

    fn ring() -> (Sender, Receiver) {
        crate::ring::spsc::pair(1 << 20).unwrap()
    }

    /// Writes some parts as a sender that is interrupted then.
    fn begin(sender: &mut Sender, message: &[u8], parts: usize) -> Room {
        let producer = &mut sender.producer;
        let room = producer.room_to_copy(message.len(), Look::Exact).unwrap().unwrap();
        let (region, header) = (producer.shared.region(), producer.shared.header());
        producer.shared.restart_with(room);
        region.store(room.position, Head::data(message.len()).to_word());
        let payload = room.position.wrapping_add(RECORD_HEADER);
        region.write(payload, &message[..parts * PART]);
        header.reached.0.store(payload + (parts * PART) as u64, Ordering::Release);
        room
    }

    #[test]
    fn what_was_sent_in_parts_is_found_whole_and_leaves_no_part() {
        let (mut sender, mut receiver) = ring();
        let mut buffer = vec![0; LEN];
        for seed in 0..20 {
            sender.send(&message(seed)).unwrap();
            assert!(receiver.consumer.has_part(), "until it was taken");
            let followed =
                if seed % 2 == 0 { receiver.consumer.follow(&mut buffer[..]) } else { Ok(None) };
            if followed.unwrap().is_none() {
                assert_eq!(receiver.try_receive(&mut buffer), Ok(Some(LEN)));
            }
            assert_eq!(buffer, message(seed));
            assert!(!receiver.consumer.has_part());
            assert_eq!(receiver.consumer.follow(&mut buffer[..]), Ok(None));
        }
    }

    #[test]
    fn shorter_ones_go_in_parts_only_if_all_before_was_received() {
        let (mut sender, mut receiver) = ring();
        let mut buffer = vec![0; ALWAYS];
        for len in [IN_PARTS.start, ALWAYS - 1] {
            sender.producer.look_next();
            sender.send(&message(1)[..len]).unwrap();
            assert!(receiver.consumer.has_part(), "{len} bytes in a dialogue");
            sender.send(&message(2)[..len]).unwrap();
            assert_eq!(receiver.receive(&mut buffer), Ok(len));
            assert!(!receiver.consumer.has_part(), "{len} bytes in a stream");
            assert_eq!(receiver.receive(&mut buffer), Ok(len));
            assert_eq!(buffer[..len], message(2)[..len]);
            assert_eq!(receiver.try_receive(&mut buffer), Ok(None), "all was received");
        }
    }

    #[test]
    fn the_payload_of_a_message_that_begins_the_ring_anew_starts_a_line() {
        let (mut sender, mut receiver) = ring();
        let mut buffer = vec![0; LEN];
        for short in [0, 8, 40, 64, 1000] {
            sender.send(&message(0)[..short]).unwrap();
            assert_eq!(receiver.receive(&mut buffer), Ok(short));
            assert_eq!(
                receiver.try_receive(&mut buffer),
                Ok(None),
                "which says that all was taken"
            );
            sender.producer.look_next();
            sender.send(&message(short)).unwrap();
            let start = sender.producer.position().wrapping_sub(record_size(LEN));
            assert_eq!(start % 64, 56, "after {short} bytes");
            assert_eq!(receiver.receive(&mut buffer), Ok(LEN));
            assert_eq!(buffer, message(short));
        }
    }

    #[test]
    fn a_sender_that_stops_half_way_is_not_waited_for_and_the_message_is_not_lost() {
        let (mut sender, mut receiver) = ring();
        let mut buffer = vec![0; LEN];
        let room = begin(&mut sender, &message(1), 2);
        assert!(receiver.consumer.has_part());
        assert_eq!(receiver.consumer.follow(&mut buffer[..]), Ok(None));
        assert_eq!(buffer[..2 * PART], message(1)[..2 * PART], "as far as it was there");
        assert_eq!(receiver.try_receive(&mut buffer), Ok(None));
        sender.producer.send_in_parts(room, &message(1));
        assert_eq!(receiver.receive(&mut buffer), Ok(LEN));
        assert_eq!(buffer, message(1));
    }

    #[test]
    fn a_buffer_that_is_too_short_is_left_alone_and_the_message_stays() {
        let (mut sender, mut receiver) = ring();
        let mut buffer = vec![9; LEN - 1];
        begin(&mut sender, &message(1), 2);
        assert_eq!(receiver.consumer.follow(&mut buffer[..]), Ok(None));
        assert!(buffer.iter().all(|byte| *byte == 9));
    }

    #[test]
    fn a_vector_is_made_as_long_as_the_message_and_holds_nothing_without_one() {
        let (mut sender, mut receiver) = ring();
        let mut vector = vec![9; 3];
        sender.send(&message(1)).unwrap();
        assert_eq!(receiver.consumer.follow(&mut vector), Ok(Some(LEN)));
        assert_eq!(vector, message(1));
        begin(&mut sender, &message(2), 2);
        assert_eq!(receiver.consumer.follow(&mut vector), Ok(None));
        assert_eq!(vector, []);
    }

    #[test]
    fn vectors_are_whole_however_their_parts_were_met() {
        let _watchdog = testutil::watchdog::watchdog(120);
        let (mut sender, mut receiver) = ring();
        let sending = thread::spawn(move || {
            for seed in 0..200 {
                match seed % 2 {
                    0 => sender.send(&message(seed)).unwrap(),
                    _ => sender.batch().send(&message(seed)).unwrap(),
                }
            }
        });
        for seed in 0..200 {
            assert_eq!(receiver.receive_vec().unwrap(), message(seed));
        }
        sending.join().unwrap();
    }

    #[test]
    fn a_batch_sends_a_long_message_in_parts_and_in_its_order() {
        let (mut sender, mut receiver) = ring();
        let mut batch = sender.batch();
        batch.send(b"before").unwrap();
        batch.send(&message(3)).unwrap();
        batch.send(b"behind").unwrap();
        assert_eq!(receiver.receive_vec().unwrap(), b"before");
        assert!(receiver.consumer.has_part(), "the long one was sent in parts");
        assert_eq!(receiver.receive_vec().unwrap(), message(3));
        assert_eq!(receiver.try_receive_vec(), Ok(None), "the last one is not published yet");
        drop(batch);
        assert_eq!(receiver.receive_vec().unwrap(), b"behind");
    }

    /// A buffer of which it is told when it is to be filled.
    struct Told<'a> {
        bytes: &'a mut [u8],
        told: Arc<AtomicBool>,
    }

    impl Place for Told<'_> {
        unsafe fn fill<T>(
            &mut self,
            len: usize,
            write: impl FnOnce(&mut [MaybeUninit<u8>]) -> Option<T>,
        ) -> Result<Option<T>, ReceiveError> {
            self.told.store(true, Ordering::Release);
            // SAFETY: what the caller promises is what is asked for.
            unsafe { Place::fill(self.bytes, len, write) }
        }
    }

    #[test]
    fn parts_of_a_dead_sender_and_of_its_successor_are_never_one_message() {
        let _watchdog = testutil::watchdog::watchdog(120);
        let (mut sender, mut receiver) = ring();
        let room = begin(&mut sender, &message(1), 3);
        let shared = Arc::clone(&sender.producer.shared);
        let follows = Arc::new(AtomicBool::new(false));
        let following = Arc::clone(&follows);
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; LEN];
            let mut place = Told { bytes: &mut buffer, told: following };
            let followed = receiver.consumer.follow_with(Duration::MAX, &mut place).unwrap();
            assert_eq!(followed, None, "it began with what the dead one had left");
            assert_eq!(receiver.receive(&mut buffer), Ok(LEN));
            assert_eq!(buffer, message(2));
        });
        while !follows.load(Ordering::Acquire) {
            thread::yield_now();
        }
        // Most likely long enough for it to copy what is there.
        thread::sleep(Duration::from_millis(50));
        // As a successor arrives and sends, without its word that nothing is there, which would end it before.
        shared.arrive(End::Sender);
        sender.producer.send_in_parts(room, &message(2));
        thread.join().unwrap();
    }

    #[test]
    fn no_word_of_the_sender_leads_out_of_the_ring_or_keeps_the_receiver() {
        let _watchdog = testutil::watchdog::watchdog(120);
        let (mut sender, mut receiver) = ring();
        let mut buffer = vec![0; LEN];
        let room = begin(&mut sender, &message(1), 1);
        let header = sender.producer.shared.header();
        let words = [0, 1, 7, 8, 9, LEN as u64, 1 << 20, (1 << 20) + 8, u64::MAX - 8, u64::MAX];
        for restart in words {
            header.tail.0.restart_at(restart);
            for reached in words.iter().flat_map(|word| [*word, room.position.wrapping_add(*word)])
            {
                header.reached.0.store(reached, Ordering::Release);
                for head in [u64::MAX, 0, Head::data(1 << 21).to_word(), Head::data(LEN).to_word()]
                {
                    sender.producer.shared.region().store(room.position, head);
                    assert_eq!(receiver.consumer.follow(&mut buffer[..]), Ok(None));
                }
            }
        }
    }

    #[test]
    fn parts_that_come_byte_by_byte_are_followed_for_a_while_only() {
        const LONG_LEN: usize = 8 << 20;
        const PATIENCE: Duration = Duration::from_millis(200);
        let _watchdog = testutil::watchdog::watchdog(120);
        let (mut sender, mut receiver) = crate::ring::spsc::pair(16 << 20).unwrap();
        begin(&mut sender, &vec![1; LONG_LEN], 1);
        let shared = Arc::clone(&sender.producer.shared);
        let ends = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&ends);
        // It would take more than ten seconds to come to the end.
        let scribbler = thread::spawn(move || {
            while !ending.load(Ordering::Relaxed) {
                shared.header().reached.0.fetch_add(8, Ordering::Relaxed);
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(10) {}
            }
        });
        let mut buffer = vec![0; LONG_LEN];
        assert_eq!(receiver.consumer.follow_with(PATIENCE, &mut buffer[..]), Ok(None));
        let came = sender.producer.shared.header().reached.0.load(Ordering::Relaxed);
        assert!(came < LONG_LEN as u64, "it gave up before all was there");
        ends.store(true, Ordering::Relaxed);
        scribbler.join().unwrap();
    }

    #[test]
    fn a_word_that_goes_to_and_fro_ends_the_patience_of_who_follows() {
        let _watchdog = testutil::watchdog::watchdog(120);
        let (mut sender, mut receiver) = ring();
        begin(&mut sender, &message(1), 1);
        let shared = Arc::clone(&sender.producer.shared);
        let ends = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&ends);
        let scribbler = thread::spawn(move || {
            let payload = shared.header().reached.0.load(Ordering::Relaxed) - PART as u64;
            while !ending.load(Ordering::Relaxed) {
                for count in [8, 16] {
                    shared.header().reached.0.store(payload + count, Ordering::Relaxed);
                }
            }
        });
        for _ in 0..100 {
            assert_eq!(receiver.consumer.follow(&mut vec![0; LEN][..]), Ok(None));
        }
        ends.store(true, Ordering::Relaxed);
        scribbler.join().unwrap();
    }
}
