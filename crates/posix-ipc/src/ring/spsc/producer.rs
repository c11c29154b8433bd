//! The sender's side of the algorithm: room, records, publication.

use std::sync::Arc;

use super::parts::IN_PARTS;
use super::record::Head;
use super::shared::{BEGINNING, End, LATEST, LONGEST, Publication, Shared, corrupt, offset};
use crate::ring::error::Corrupt;
use crate::ring::layout::RECORD_HEADER;
use crate::ring::primitive::{Ordering, take_line};

/// Lengths for which an empty ring is begun anew at its start, so that a dialogue stays on the
/// same hot lines: below, the look at the other side's line costs more than it brings. Above, who writes in
/// place and touches little of it needs few lines, and those are known wherever they are.
pub(super) const REWIND: std::ops::Range<u64> =
    if cfg!(posix_ipc_loom) { 32..33 } else { 512..6 * 1024 };
const REWIND_LARGE: std::ops::Range<u64> = 768 * 1024..u64::MAX;
/// Messages for which it is begun anew in the region's first line, at its end: their payload starts a line, and is
/// copied faster.
const LONG: std::ops::Range<usize> =
    if cfg!(posix_ipc_loom) { IN_PARTS } else { 4096..IN_PARTS.end };
const LINE: u64 = 64;
const LONG_START: u64 = LINE - RECORD_HEADER;
/// From this length on they go through the first lines of the region by turns, as many as this, so that they have
/// left the nearest cache of the receiver when they are written again: they come faster from the next one.
const SPREAD_MIN: usize = 8 * 1024;
pub(super) const LONG_WINDOW: u64 = 128 * 1024;
/// How far from its start an empty ring is begun anew for shorter ones that are copied.
const WINDOW: u64 = 4096;
/// The messages whose lines are fetched in a dialogue as they are written. Those of shorter ones are before that,
/// while the receiver's index comes, and longer ones leave the caches in any case.
const FETCHED: std::ops::Range<usize> = REWIND.end as usize..LONG.end;
/// How far ahead the lines of short messages are fetched, if there is room.
const FAR_AHEAD: u64 = 512;
/// How many records a stream writes between two looks whether the ring is empty.
const LOOK_EVERY: u32 = 32;

/// Where a record will stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Position of the record's head.
    pub(crate) position: u64,
    /// Bytes of its payload.
    pub(crate) len: usize,
    /// Whether the ring is begun anew with it.
    pub(super) restarts: bool,
}

/// At which of the receiver's indices to look for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// As `Cheap`, after a wait for the receiver if that is worth it.
    #[cfg_attr(posix_ipc_loom, allow(dead_code))]
    Patient,
    /// At the one that it tells in large steps, and rarely writes.
    Cheap,
    /// Also at the exact one, whose line is taken from the receiver by the look.
    Exact,
}

#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) shared: Arc<Shared>,
    /// Where the next record starts. Invariant: `0 <= tail - head <= capacity`, multiple of 8.
    tail: u64,
    /// What the receiver was told of it.
    published: u64,
    /// The receiver's index as last seen; only grows.
    head: u64,
    /// Records until the next look whether the ring is empty.
    looks: u32,
    /// Whether it was empty at the last look.
    is_dialogue: bool,
}

impl Producer {
    /// Takes the sender's place; the caller holds its seat.
    pub(crate) fn attach(shared: Arc<Shared>) -> Result<Self, Corrupt> {
        let tail = shared.header().tail.0.tail.load(Ordering::Acquire);
        if tail % 8 != 0 {
            return Err(corrupt("tail", offset::TAIL, tail));
        }
        // `head` lags behind, and with it what was seen of it by a predecessor.
        let taken = shared.header().taken.0.load(Ordering::Acquire);
        let (publication, capacity) = (&shared.header().tail.0, shared.region().size());
        let next = publication.next(taken, capacity);
        // A predecessor may have begun anew and died before it told of it.
        let is_told = tail.wrapping_sub(next) <= capacity;
        let head = if is_told { next } else { taken };
        if head % 8 != 0 || tail.wrapping_sub(head) > capacity {
            return Err(corrupt("taken", offset::TAKEN, taken));
        }
        if !is_told {
            publication.restart_at(taken);
        }
        publication.forget();
        shared.header().reached.0.store(0, Ordering::Release);
        Ok(Self { shared, tail, published: tail, head, looks: 0, is_dialogue: true })
    }

    /// Whether the ring was empty at the last look.
    #[inline(always)]
    pub(super) fn is_dialogue(&self) -> bool {
        self.is_dialogue
    }

    pub(super) fn capacity(&self) -> u64 {
        self.shared.region().size()
    }

    /// The longest record.
    pub(crate) fn max_len(&self) -> usize {
        (self.capacity() - RECORD_HEADER) as usize
    }

    /// As `room`, for a message that is copied as a whole, so that all lines of its record move: an empty ring
    /// is begun anew for those between the lengths as well.
    #[inline(always)]
    pub(crate) fn room_to_copy(&mut self, len: usize, look: Look) -> Result<Option<Room>, Corrupt> {
        let size = record_size(len);
        let from_start = self.tail & (self.capacity() - 1);
        let may_rewind = size >= REWIND.start || len > LATEST && from_start >= WINDOW;
        let start = self.start_to_copy(len);
        if self.is_dialogue && self.looks == 0 && REWIND.contains(&size) {
            // Where it will most likely stand: these lines come while the receiver's index does.
            self.shared.region().expect_writes(start, size);
        }
        self.find_room(len, look, may_rewind.then_some(start))
    }

    /// Where in the region an empty ring is begun anew for a message of `len` bytes that is copied.
    #[inline(always)]
    fn start_to_copy(&self, len: usize) -> u64 {
        if !LONG.contains(&len) {
            return 0;
        }
        let from_start = self.tail & (self.capacity() - 1);
        if len >= SPREAD_MIN && from_start < LONG_WINDOW {
            (from_start + RECORD_HEADER).next_multiple_of(LINE) - RECORD_HEADER
        } else {
            LONG_START
        }
    }

    /// Finds room for a record of `len` bytes, which is at most `max_len`.
    #[inline(always)]
    pub(crate) fn room(&mut self, len: usize, look: Look) -> Result<Option<Room>, Corrupt> {
        let size = record_size(len);
        let may_rewind = REWIND.contains(&size) || REWIND_LARGE.contains(&size);
        self.find_room(len, look, may_rewind.then_some(0))
    }

    /// As `room`; an empty ring is begun anew at `start` of the region if there is one.
    ///
    /// In line, as is what it calls: handed over through memory, the room would be read back with wider
    /// accesses than it was written with. Those wait until all stores before have left the processor, which
    /// are the message before and have to fetch their lines from the receiver.
    #[inline(always)]
    fn find_room(
        &mut self,
        len: usize,
        look: Look,
        start: Option<u64>,
    ) -> Result<Option<Room>, Corrupt> {
        let size = record_size(len);
        if let Some(start) = start {
            if let Some(position) = self.rewind(start)? {
                return Ok(Some(Room { position, len, restarts: true }));
            }
        }
        if self.free() < size {
            self.refresh()?;
            if self.free() < size && look == Look::Exact {
                self.refresh_exactly()?;
            }
            if self.free() < size {
                return Ok(None);
            }
        }
        Ok(Some(Room { position: self.tail, len, restarts: false }))
    }

    /// Room for a short record if it is known to be there, without a look at anything.
    #[inline(always)]
    pub(crate) fn room_for_short(&self, len: usize) -> Option<Room> {
        let fits = len <= LATEST && self.free() >= record_size(len);
        fits.then_some(Room { position: self.tail, len, restarts: false })
    }

    #[inline(always)]
    fn free(&self) -> u64 {
        self.capacity() - self.tail.wrapping_sub(self.head)
    }

    /// The next position that is `start` in the region, if the ring is empty and is not there already.
    #[inline(always)]
    fn rewind(&mut self, start: u64) -> Result<Option<u64>, Corrupt> {
        if self.looks > 0 {
            self.looks -= 1;
            return Ok(None);
        }
        self.is_dialogue = self.is_drained()?;
        if !self.is_dialogue {
            self.looks = LOOK_EVERY;
            return Ok(None);
        }
        let from_start = self.tail & (self.capacity() - 1);
        if from_start == start {
            return Ok(None);
        }
        let round = if from_start < start { 0 } else { self.capacity() };
        Ok(Some(self.tail.wrapping_sub(from_start).wrapping_add(round).wrapping_add(start)))
    }

    /// Looks at the index that the receiver tells in steps, and gives it.
    #[inline(always)]
    fn refresh(&mut self) -> Result<u64, Corrupt> {
        let head = self.shared.header().head.0.load(Ordering::Acquire);
        self.head = self.check(head).ok_or_else(|| corrupt("head", offset::HEAD, head))?;
        Ok(head)
    }

    /// Whether all was received, and the receiver has said so.
    ///
    /// Only then may the ring be begun anew: each time moves the positions on by up to a region, and the
    /// index that is told in steps must not stay behind.
    #[inline(always)]
    pub(super) fn is_drained(&mut self) -> Result<bool, Corrupt> {
        Ok(self.refresh()? == self.tail)
    }

    #[inline(always)]
    fn refresh_exactly(&mut self) -> Result<(), Corrupt> {
        let taken = self.shared.header().taken.0.load(Ordering::Acquire);
        let head = self.check(taken).ok_or_else(|| corrupt("taken", offset::TAKEN, taken))?;
        self.head = head;
        Ok(())
    }

    /// An index of the receiver, if it can be one: between what it was and what it was told.
    /// One that lags behind what was seen before is no news: `head` lags behind `taken`.
    #[inline(always)]
    fn check(&self, index: u64) -> Option<u64> {
        // `taken` is at most a region behind, or two with a restart, and `head` an eighth behind that.
        if index % 8 != 0 || self.published.wrapping_sub(index) > 4 * self.capacity() {
            return None;
        }
        let news = self.tail.wrapping_sub(index) < self.tail.wrapping_sub(self.head);
        Some(if news { index } else { self.head })
    }

    /// Ends the record that stands in `room`, shortened to `len`; not yet published.
    #[inline]
    pub(crate) fn commit(&mut self, room: Room, len: usize) {
        debug_assert!(len <= room.len);
        self.shared.restart_with(room);
        if room.restarts {
            self.head = room.position;
        }
        self.shared.region().store(room.position, Head::data(len).to_word());
        self.tail = room.position.wrapping_add(record_size(len));
    }

    /// Lets the receiver see all that was committed.
    #[inline]
    pub(crate) fn publish(&mut self) {
        self.keep_single();
        self.tell();
    }

    /// As `publish`, by the index alone.
    #[inline]
    pub(crate) fn tell(&mut self) {
        self.published = self.tail;
        self.shared.header().tail.0.tail.store(self.tail, Ordering::Release);
        self.shared.notify(End::Receiver);
    }

    /// Leaves a copy of what was committed, if that is a single short message.
    #[inline]
    fn keep_single(&self) {
        let (region, start) = (self.shared.region(), self.published);
        let size = self.unpublished();
        if size <= record_size(LATEST) {
            let len = Head::of_word(region.load(start)).len as usize;
            if record_size(len) == size {
                self.shared.header().tail.0.keep_written(start, len, region);
            }
        }
    }

    /// Where the next record starts.
    pub(crate) fn position(&self) -> u64 {
        self.tail
    }

    /// Writes a message and lets the receiver see it.
    ///
    /// Somebody may be waiting for it: what this needs is read once, and what can be done after the
    /// publication comes after it.
    #[inline(always)]
    pub(crate) fn send(&mut self, room: Room, message: &[u8]) {
        let shared = &*self.shared;
        let region = shared.region().at_hand();
        let (head, is_short) = (Head::data(message.len()), message.len() <= LATEST);
        let is_dialogue = self.is_dialogue;
        if is_dialogue && FETCHED.contains(&message.len()) {
            region.store(room.position, head.to_word());
            region.write_ahead(room.position.wrapping_add(RECORD_HEADER), message, 0);
        } else {
            region.write_headed(room.position, head.to_word(), message);
        }
        let tail = shared.publish(room, message.len(), |publication| {
            if is_short {
                publication.keep(room.position, message);
            } else if is_dialogue && message.len() <= LONGEST {
                publication.keep_long(room.position, message);
            }
        });
        self.pass(room, tail);
        if is_short {
            // So that later messages do not wait for these lines, which the receiver has read a round before. In a
            // dialogue nobody but the sender touches them; where there is little room, those far ahead are unread.
            let ahead = if self.free() > FAR_AHEAD { FAR_AHEAD } else { LINE };
            self.shared.region().expect_write(tail.wrapping_add(ahead));
        }
    }

    /// Lets the receiver see the record that was written in place in `room`, shortened to `len`: who
    /// peeks at it finds its beginning beside the index.
    #[inline(always)]
    pub(crate) fn send_in_place(&mut self, room: Room, len: usize) {
        debug_assert!(len <= room.len);
        let shared = &*self.shared;
        let (region, head) = (shared.region().at_hand(), Head::data(len));
        region.store(room.position, head.to_word());
        let tail = shared.publish(room, len, |publication| {
            if len <= LATEST {
                publication.keep_written(room.position, len, &region);
            } else {
                publication.keep_beginning(room.position, head, &region);
            }
        });
        // The next record's head and beginning, which may be in two lines, while nobody waits for them.
        region.expect_write(tail);
        region.expect_write(tail.wrapping_add(8 * BEGINNING as u64));
        self.pass(room, tail);
    }

    /// All before `tail` was published, with the record in `room` as the last.
    #[inline(always)]
    pub(super) fn pass(&mut self, room: Room, tail: u64) {
        if room.restarts {
            self.head = room.position;
            // It was looked at for that, and the receiver will write it next; nobody waits for this.
            take_line(&self.shared.header().head.0);
        }
        (self.tail, self.published) = (tail, tail);
    }

    /// Bytes that were committed and are not published.
    #[inline]
    pub(crate) fn unpublished(&self) -> u64 {
        self.tail.wrapping_sub(self.published)
    }

    /// Has the next record look whether the ring is empty, however short ago that was done.
    #[cfg_attr(posix_ipc_loom, allow(dead_code))]
    pub(super) fn look_next(&mut self) {
        self.looks = 0;
    }

    /// Bytes that the receiver has not taken, as far as is known.
    pub(crate) fn backlog(&mut self) -> Result<u64, Corrupt> {
        self.refresh()?;
        self.refresh_exactly()?;
        Ok(self.tail.wrapping_sub(self.head))
    }
}

impl Shared {
    /// Before the record in `room` is told of.
    #[inline(always)]
    pub(super) fn restart_with(&self, room: Room) {
        if room.restarts {
            // All before it has been received, so that nothing of it need be kept.
            self.header().tail.0.restart_at(room.position);
        }
    }

    /// Tells of the record of `len` bytes that stands in `room`, beside which `keep` may leave a copy of it;
    /// gives its end.
    #[inline(always)]
    pub(super) fn publish(&self, room: Room, len: usize, keep: impl FnOnce(&Publication)) -> u64 {
        let publication = &self.header().tail.0;
        self.restart_with(room);
        keep(publication);
        let tail = room.position.wrapping_add(record_size(len));
        publication.tail.store(tail, Ordering::Release);
        self.notify(End::Receiver);
        tail
    }
}

/// Bytes that a record takes: its head and its payload, up to a multiple of 8.
#[inline(always)]
pub(crate) fn record_size(len: usize) -> u64 {
    (len as u64 + RECORD_HEADER + 7) & !7
}

#[cfg(not(posix_ipc_loom))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::spsc::pair;

    /// Where in the region the records of a dialogue start.
    fn starts(len: usize, capacity: usize, count: usize) -> Vec<u64> {
        let (mut sender, mut receiver) = pair(capacity).unwrap();
        let mut buffer = vec![0; len];
        let mut start = || {
            sender.producer.look_next();
            sender.send(&vec![1; len]).unwrap();
            assert_eq!(receiver.receive(&mut buffer), Ok(len));
            assert_eq!(receiver.try_receive(&mut buffer), Ok(None), "all was received");
            let start = sender.producer.position() - record_size(len);
            start % sender.producer.capacity()
        };
        (0..count).map(|_| start()).collect()
    }

    #[test]
    fn a_dialogue_goes_through_a_few_lines_again_and_again() {
        const KIB: u64 = 1024;
        assert_eq!(starts(1000, 1 << 20, 4), [0; 4]);
        assert_eq!(starts(4096, 1 << 20, 4), [56; 4]);
        let step = 8 * KIB + 64;
        let by_turns: Vec<u64> = (0..16).map(|turn| 56 + turn * step).chain([56]).collect();
        assert_eq!(starts(8 << 10, 1 << 20, 17), by_turns, "of 128 KiB each takes a part");
        assert_eq!(starts(64 << 10, 1 << 20, 4), [56, 64 * KIB + 120, 56, 64 * KIB + 120]);
        assert_eq!(starts(256 << 10, 1 << 20, 4), [56; 4]);
    }

    #[test]
    fn a_stream_is_seen_to_be_one_wherever_its_records_start() {
        for len in [16_376, 20_000] {
            let (mut sender, _receiver) = pair(64 << 10).unwrap();
            for is_dialogue in [true, false] {
                sender.send(&vec![1; len]).unwrap();
                assert_eq!(sender.producer.is_dialogue(), is_dialogue, "{len} bytes");
            }
        }
    }

    #[test]
    fn in_a_ring_of_less_lines_they_go_round_it() {
        let capacity = 64 << 10;
        for (turn, start) in starts(20_000, capacity, 50).into_iter().enumerate() {
            assert_eq!(start, (56 + turn as u64 * 20_032) % capacity as u64, "turn {turn}");
        }
    }
}
