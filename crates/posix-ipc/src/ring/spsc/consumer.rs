//! The receiver's side of the algorithm: records, validation, giving room back.

use std::mem::MaybeUninit;
use std::sync::Arc;

use super::place::Place;
use super::producer::{REWIND, record_size};
use super::record::{DATA, Head};
use super::shared::{BEGINNING, End, LONGEST, Shared, corrupt, offset};
use crate::ring::error::{Corrupt, ReceiveError};
use crate::ring::layout::RECORD_HEADER;
use crate::ring::pace::Pace;
use crate::ring::primitive::{Ordering, receivers_mark_lines};

/// The longest message whose lines the receiver takes from the sender as it reads them: in a stream, and if
/// it is the only one that is there. Those of longer ones have left the nearest caches before they are
/// written again.
const MARKED_MAX: usize = 4096;
const MARKED_MAX_ALONE: usize = 256 * 1024;
/// With more than so many bytes to be received, lines will have left the caches as well: they are not taken but
/// by who receives known messages into a buffer, one after the other, and is likely as fast as its sender.
const CLOSE: u64 = 256 * 1024;

/// How much of a message is fetched as soon as it is known to be there.
const FETCHED_MAX: u64 = 2048;

/// A published record, found and validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Position of its payload.
    pub(crate) payload: u64,
    /// Bytes of its payload. Invariant: payload and record lie between head and tail.
    pub(crate) len: usize,
}

#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) shared: Arc<Shared>,
    /// Where the next record starts. Invariant: `0 <= tail - head <= capacity`, multiple of 8.
    head: u64,
    /// The sender's index as last seen; only grows.
    tail: u64,
    /// What the sender was told of `head`.
    published: u64,
    /// Where the first record after the last wait started.
    waited: u64,
    /// Bytes of the last record's payload.
    len: usize,
    pace: Pace,
    /// Whether lines are given back to the sender as they are read.
    marks: bool,
    /// Whether the last look brought a single message, of which `pace` has not been told.
    is_single: bool,
    /// Whether the sender was at most `CLOSE` bytes ahead at the last look.
    is_close: bool,
    /// Whether the last message was read as a whole at once.
    reads_whole: bool,
    /// What came with the index of the message at position `begins`: the first `begun` bytes.
    beginning: [u8; LONGEST],
    begun: usize,
    begins: Option<u64>,
}

impl Consumer {
    /// Takes the receiver's place; the caller holds its seat.
    pub(crate) fn attach(shared: Arc<Shared>) -> Result<Self, Corrupt> {
        let header = shared.header();
        let tail = header.tail.0.tail.load(Ordering::Acquire);
        if tail % 8 != 0 {
            return Err(corrupt("tail", offset::TAIL, tail));
        }
        let taken = header.taken.0.load(Ordering::Acquire);
        let capacity = shared.region().size();
        let head = if tail == taken { taken } else { header.tail.0.next(taken, capacity) };
        if head % 8 != 0 || tail.wrapping_sub(head) > capacity {
            return Err(corrupt("taken", offset::TAKEN, taken));
        }
        // A predecessor may have died between the two.
        header.head.0.store(taken, Ordering::Release);
        Ok(Self {
            shared,
            head,
            tail,
            published: head,
            waited: head,
            len: 0,
            pace: Pace::new(true),
            marks: receivers_mark_lines(),
            is_single: false,
            is_close: true,
            reads_whole: true,
            beginning: [0; LONGEST],
            begun: 0,
            begins: None,
        })
    }

    /// Says whether it lets messages come together.
    #[cfg_attr(posix_ipc_loom, allow(dead_code))]
    pub(crate) fn with_rests(self, enabled: bool) -> Self {
        Self { pace: Pace::new(enabled), ..self }
    }

    /// Whether records are known to be there, without a look at the sender's line.
    #[inline(always)]
    fn has_known(&self) -> bool {
        self.head != self.tail
    }

    /// Before a look of somebody who has time.
    #[inline(always)]
    pub(crate) fn rest(&mut self) {
        if !self.has_known() {
            if std::mem::take(&mut self.is_single) {
                self.pace.single();
            }
            self.pace.rest();
        }
    }

    /// The next record, which stays there until it is released.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Option<Found>, Corrupt> {
        let is_news = !self.has_known();
        if is_news {
            if let Some(found) = self.peek_latest() {
                return Ok(Some(found));
            }
            let before = self.head;
            if !self.refresh()? {
                self.pace.none();
                return Ok(None);
            }
            if self.head != before {
                // The ring was begun anew with it.
                if let Some(found) = self.peek_latest() {
                    return Ok(Some(found));
                }
            }
            self.begins = None;
        }
        let found = self.known().map_err(|head| self.bad_record(head))?;
        if is_news {
            self.pace.news(record_size(found.len), self.tail.wrapping_sub(self.head));
        }
        Ok(Some(found))
    }

    /// The next of the records that are known to be there, or its head if that can't be one.
    #[inline(always)]
    fn known(&self) -> Result<Found, Head> {
        let head = Head::of_word(self.shared.region().load(self.head));
        // Both are below 2^33, so that the sum is exact.
        let len = head.len as usize;
        if head.kind != DATA || record_size(len) > self.tail.wrapping_sub(self.head) {
            return Err(head);
        }
        Ok(Found { payload: self.head.wrapping_add(RECORD_HEADER), len })
    }

    /// The next record if it is the only one that is there and its sender left a copy of it or of
    /// its beginning beside its index. `None` says nothing; `peek` goes on.
    #[inline(always)]
    fn peek_latest(&mut self) -> Option<Found> {
        let tail = self.shared.header().tail.0.tail.load(Ordering::Acquire);
        self.peek_awaited(tail)
    }

    /// As `peek_latest`, after a wait at an empty ring that ended with the sender's index at `tail`.
    #[inline(always)]
    pub(crate) fn peek_awaited(&mut self, tail: u64) -> Option<Found> {
        let shared = &*self.shared;
        let publication = &shared.header().tail.0;
        let (len, begun) = match publication.read_beginning(self.head, &mut self.beginning) {
            Some(head) => {
                let (len, size) = (head.len as usize, tail.wrapping_sub(self.head));
                let fits = record_size(len) == size && size <= shared.region().size();
                (head.kind == DATA && fits).then_some((len, len.min(8 * BEGINNING)))?
            }
            None => {
                let buffer = &mut self.beginning;
                let len = publication.read(self.head, tail, buffer)?;
                (len, len)
            }
        };
        let payload = self.head.wrapping_add(RECORD_HEADER);
        self.tail = tail;
        self.is_close = true;
        (self.begins, self.begun) = (Some(payload), begun);
        self.is_single = true;
        Some(Found { payload, len })
    }

    /// As `peek_awaited`, if it is too long for a copy of it to stand beside the index and will be read as a
    /// whole, as the last one was: there is nothing to be looked for then.
    #[inline(always)]
    pub(crate) fn peek_awaited_long(&mut self, tail: u64) -> Result<Option<Found>, Corrupt> {
        if !self.reads_whole || tail.wrapping_sub(self.head) <= record_size(LONGEST) {
            return Ok(None);
        }
        self.go_on(tail)?;
        // All at once: its length, by which it is copied, comes with the first of these lines.
        let there = self.tail.wrapping_sub(self.head);
        self.shared.region().at_hand().expect_reads(self.head, there.min(FETCHED_MAX));
        self.begins = None;
        let found = self.known().map_err(|head| self.bad_record(head))?;
        self.pace.news(record_size(found.len), self.tail.wrapping_sub(self.head));
        Ok(Some(found))
    }

    /// The first bytes of a message that are here already: all, some or none.
    #[inline(always)]
    pub(crate) fn beginning(&self, found: Found) -> &[u8] {
        if self.begins != Some(found.payload) {
            return &[];
        }
        self.beginning.get(..self.begun).unwrap_or_default()
    }

    /// Copies a message out and gives up its record.
    #[inline(always)]
    pub(crate) fn take(
        &mut self,
        found: Found,
        place: &mut (impl Place + ?Sized),
    ) -> Result<usize, ReceiveError> {
        // SAFETY: `read_all` copies bytes of the ring or of what came with its index, which are initialised
        // whatever a peer wrote there, and says whether it wrote all.
        unsafe { place.fill(found.len, |bytes| self.read_all(found, bytes).then_some(())) }?;
        self.reads_whole = true;
        self.release(found);
        Ok(found.len)
    }

    /// Copies out a message that will be released next, and takes its lines with that; whether all of `bytes`
    /// was written.
    #[inline(always)]
    fn read_all(&self, found: Found, bytes: &mut [MaybeUninit<u8>]) -> bool {
        if let Some(beginning) = self.beginning(found).get(..bytes.len()) {
            for (to, byte) in bytes.iter_mut().zip(beginning) {
                to.write(*byte);
            }
            return true;
        }
        let is_whole = self.shared.region().read_uninit(found.payload, bytes);
        self.mark_read(found);
        is_whole
    }

    /// Takes the lines of a message that was read as a whole and will be released next.
    #[inline(always)]
    pub(super) fn mark_read(&self, found: Found) {
        if self.is_close {
            let end =
                found.payload.wrapping_sub(RECORD_HEADER).wrapping_add(record_size(found.len));
            self.mark(found, if end == self.tail { MARKED_MAX_ALONE } else { MARKED_MAX });
        }
    }

    #[inline(always)]
    fn mark(&self, found: Found, most: usize) {
        if self.marks && found.len <= most {
            let start = found.payload.wrapping_sub(RECORD_HEADER);
            self.shared.region().at_hand().mark(start, record_size(found.len));
        }
    }

    /// Bytes of the last message.
    #[inline(always)]
    pub(super) fn last_len(&self) -> usize {
        self.len
    }

    /// Before a wait in a dialogue: the sender will have to write the lines of its index next.
    #[inline(always)]
    pub(crate) fn take_lines(&self) {
        self.shared.header().tail.0.take_lines(self.len);
    }

    /// Copies out of a message, which has so many bytes.
    #[inline]
    pub(crate) fn read_at(&self, found: Found, offset: usize, bytes: &mut [u8]) {
        let end = offset.saturating_add(bytes.len());
        match self.beginning(found).get(offset..end) {
            Some(beginning) => bytes.copy_from_slice(beginning),
            None => {
                let position = found.payload.wrapping_add(offset as u64);
                self.shared.region().read(position, bytes);
            }
        }
    }

    /// Takes the next record if it is known to be there and sound, and fits. `None` says nothing;
    /// `peek` tells.
    #[inline(always)]
    pub(crate) fn take_known(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if !self.has_known() {
            return None;
        }
        let found = self.known().ok()?;
        self.shared.region().at_hand().read(found.payload, buffer.get_mut(..found.len)?);
        self.mark(found, MARKED_MAX);
        self.release(found);
        Some(found.len)
    }

    /// Takes the next record if it is the only one that is there and short: by the copy that
    /// its sender leaves beside its index. `None` says nothing; `peek` tells.
    #[inline]
    pub(crate) fn take_latest(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.has_known() {
            return None;
        }
        let tail = self.shared.header().tail.0.tail.load(Ordering::Acquire);
        let len = self.take_awaited(tail, buffer)?;
        self.publish_in_steps();
        Some(len)
    }

    /// As `take_latest`, after a wait at an empty ring that ended with the sender's index at `tail`.
    ///
    /// The sender may be waiting for an answer, so this does nothing that can be done later: `pace` is
    /// told before the next wait, and the sender has been told of all room when the ring was found empty.
    #[inline(always)]
    pub(crate) fn take_awaited(&mut self, tail: u64, buffer: &mut [u8]) -> Option<usize> {
        let header = self.shared.header();
        let len = header.tail.0.read(self.head, tail, buffer)?;
        header.taken.0.store(tail, Ordering::Release);
        (self.head, self.tail, self.len) = (tail, tail, len);
        self.is_single = true;
        Some(len)
    }

    #[cold]
    fn bad_record(&self, head: Head) -> Corrupt {
        let region = self.shared.region().size();
        // The data region starts at the page that the header ends with; told relative to it.
        corrupt("head of record (offset in the data region)", self.head % region, head.to_word())
    }

    /// Where the next record starts, if the sender's index is `tail` and not where we are.
    #[inline(always)]
    fn next(&self, tail: u64) -> Result<u64, Corrupt> {
        let capacity = self.shared.region().size();
        let head = self.shared.header().tail.0.next(self.head, capacity);
        if head % 8 != 0 || head != self.head && tail.wrapping_sub(head) > capacity {
            return Err(corrupt("restart", offset::RESTART, head));
        }
        if tail % 8 != 0 || tail.wrapping_sub(head) > capacity {
            return Err(corrupt("tail", offset::TAIL, tail));
        }
        Ok(head)
    }

    /// Looks at the sender's index; whether there is news.
    #[inline]
    fn refresh(&mut self) -> Result<bool, Corrupt> {
        let tail = self.shared.header().tail.0.tail.load(Ordering::Acquire);
        if tail == self.head {
            self.tail = tail;
            if self.published != self.head {
                self.publish();
            }
            return Ok(false);
        }
        self.go_on(tail)?;
        Ok(true)
    }

    /// Makes known what is there up to `tail`, which is not where we are.
    #[inline(always)]
    fn go_on(&mut self, tail: u64) -> Result<(), Corrupt> {
        let head = self.next(tail)?;
        // What was skipped holds nothing: the sender knows that, and need not be told.
        let skipped = head.wrapping_sub(self.head);
        self.published = self.published.wrapping_add(skipped);
        self.waited = self.waited.wrapping_add(skipped);
        self.head = head;
        self.tail = tail;
        self.is_close = tail.wrapping_sub(head) <= CLOSE;
        Ok(())
    }

    /// Whether nothing is to be fetched along with the index: the next message, if it is like the last one, has
    /// its beginning there or the ring is begun anew with it.
    #[inline(always)]
    pub(crate) fn needs_index_alone(&self) -> bool {
        self.len > LONGEST && (self.begins.is_some() || record_size(self.len) >= REWIND.start)
    }

    /// The sender's index if something has been published that is not known yet: for spinning.
    #[inline(always)]
    pub(crate) fn news(&self) -> Option<u64> {
        let tail = self.shared.header().tail.0.tail.load(Ordering::Acquire);
        (tail != self.head).then_some(tail)
    }

    /// As `news`; fetches what will be read next.
    #[inline(always)]
    pub(crate) fn news_and_more(&self) -> Option<u64> {
        if self.len <= LONGEST {
            let tail = self.shared.header().tail.0.look(self.len);
            return (tail != self.head).then_some(tail);
        }
        self.shared.region().expect_read(self.head);
        self.news()
    }

    /// Before a wait: whether several records came since the last one.
    pub(crate) fn has_served_several(&mut self) -> bool {
        let served = self.head.wrapping_sub(self.waited);
        self.waited = self.head;
        served > record_size(self.len)
    }

    /// Where the next record starts.
    pub(crate) fn position(&self) -> u64 {
        self.head
    }

    /// Gives up the record that `peek` found, and that was read in place, or as a whole.
    #[inline]
    pub(super) fn release_read(&mut self, found: Found, as_a_whole: bool) {
        self.reads_whole = as_a_whole;
        if as_a_whole {
            self.mark_read(found);
        }
        self.release(found);
    }

    /// Gives up the record that `peek` found.
    #[inline]
    pub(crate) fn release(&mut self, found: Found) {
        self.head = found.payload.wrapping_sub(RECORD_HEADER).wrapping_add(record_size(found.len));
        self.len = found.len;
        // Exact, for whoever takes over; a line that nobody else reads in normal operation.
        self.shared.header().taken.0.store(self.head, Ordering::Release);
        self.publish_in_steps();
    }

    /// Lets the sender reuse what was released, in steps, so that its copy of the line stays valid
    /// for a while.
    #[inline(always)]
    fn publish_in_steps(&mut self) {
        if self.head.wrapping_sub(self.published) >= self.shared.region().size() / 8 {
            self.publish();
        }
    }

    /// Lets the sender reuse all that was released.
    fn publish(&mut self) {
        self.published = self.head;
        self.shared.header().head.0.store(self.head, Ordering::Release);
        self.shared.notify(End::Sender);
    }

    /// Bytes that are published and not received.
    pub(crate) fn backlog(&mut self) -> Result<u64, Corrupt> {
        let tail = self.shared.header().tail.0.tail.load(Ordering::Acquire);
        let head = if tail == self.head { tail } else { self.next(tail)? };
        Ok(tail.wrapping_sub(head))
    }
}
