//! What both ends of an spsc ring share: the header, who sits where, sleeping and waking.

use std::sync::Arc;

use rustix::time::Timespec;

use super::producer::record_size;
use super::record::Head;
use crate::ring::error::Corrupt;
use crate::ring::layout::{Preamble, RECORD_HEADER};
#[cfg(not(posix_ipc_loom))]
use crate::ring::memory::Header as AtomicHeader;
use crate::ring::memory::{FurtherLine, Memory, Region, Short};
use crate::ring::primitive::{
    AtomicU32, AtomicU64, Fences, FutexWord, Line, Ordering, fence, take_line,
};
use crate::ring::wait::{Bed, processor};

/// The header. Each field has lines of its own, since each has one writer.
///
/// Positions count bytes ever written, and are multiples of 8.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) preamble: Line<Preamble>,
    /// What is published. Written by the sender.
    pub(crate) tail: Line<Publication>,
    /// All before it may be overwritten; lags behind `taken`. Written by the receiver.
    pub(crate) head: Line<AtomicU64>,
    /// All before it has been received, exactly: where a new receiver goes on.
    pub(crate) taken: Line<AtomicU64>,
    /// Not zero while the receiver sleeps.
    pub(crate) receiver_sleeps: Line<FutexWord>,
    /// Not zero while the sender sleeps.
    pub(crate) sender_sleeps: Line<FutexWord>,
    /// The sender's and the receiver's.
    pub(crate) seats: [Line<Seat>; 2],
    /// How far the sender has come with a message that it copies in parts; ahead of `tail` only while it does, or
    /// if it died then. Written by the sender.
    pub(crate) reached: Line<AtomicU64>,
}

#[cfg(not(posix_ipc_loom))]
// SAFETY: `Preamble`, `Seat` and the rest are atomics only.
unsafe impl AtomicHeader for Header {}

#[cfg(not(posix_ipc_loom))]
const _: () = {
    assert!(std::mem::offset_of!(Header, tail) == 128);
    assert!(std::mem::offset_of!(Publication, latest) == 8);
    assert!(std::mem::offset_of!(Publication, restart) == 16);
    assert!(std::mem::offset_of!(Publication, copy) == 24);
    assert!(std::mem::offset_of!(Publication, copy) + Short::FIRST == 64);
    assert!(size_of::<Publication>() == 256);
    assert!(LONGEST < BEGINS);
    assert!(std::mem::offset_of!(Publication, copy) + 8 * (1 + BEGINNING) == 64);
    assert!(std::mem::offset_of!(Header, head) == 384);
    assert!(std::mem::offset_of!(Header, taken) == 512);
    assert!(std::mem::offset_of!(Header, receiver_sleeps) == 640);
    assert!(std::mem::offset_of!(Header, sender_sleeps) == 768);
    assert!(std::mem::offset_of!(Header, seats) == 896);
    assert!(std::mem::offset_of!(Header, reached) == 1152);
    assert!(size_of::<Header>() == 1280);
};

/// Bytes of the longest message that is copied beside the sender's index as a matter of course: into two
/// lines, by short code.
pub(crate) const LATEST: usize = Short::TWO;
/// Bytes of the longest that is copied there in a dialogue.
pub(crate) const LONGEST: usize = Short::LEN;
/// Words of the beginning that is copied of a message that was written in place: with the record's
/// head, what the line of the index has room for.
pub(crate) const BEGINNING: usize = if cfg!(posix_ipc_loom) { 1 } else { 4 };
/// In a tag in a length's place: the copy is of a record's head and beginning.
const BEGINS: usize = LEN_MASK as usize;

/// The sender's index, and a copy of the last message if it is short: a receiver that waits for
/// this very message gets it with the line that it looks at and those behind it, which come together.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Publication {
    /// Where the next record will start: all before it is published.
    pub(crate) tail: AtomicU64,
    /// Whose copy stands here, as [`tag`] says it. Zero, which is nobody's, while the copy is
    /// written and before the first.
    latest: AtomicU64,
    /// Where a receiver goes on that has come to an earlier position: the sender has begun an empty
    /// ring anew. At or before its position, nothing.
    restart: AtomicU64,
    copy: Short,
}

impl Publication {
    /// The sender's index, for one that waits for a message of `len` bytes: the lines of the copy that it
    /// reaches into are fetched along with it.
    #[inline(always)]
    pub(crate) fn look(&self, len: usize) -> u64 {
        let tail = self.tail.load(Ordering::Acquire);
        if len > LATEST {
            self.copy.further(len).iter().for_each(FurtherLine::expect);
        } else if len > Short::FIRST {
            self.copy.second().expect();
        }
        tail
    }

    /// Takes the lines of the index, and of a copy of `len` bytes, while the sender has no need of them.
    #[inline(always)]
    pub(crate) fn take_lines(&self, len: usize) {
        take_line(&self.restart);
        if len > LATEST {
            if len <= LONGEST {
                self.copy.further(len).iter().for_each(|line| take_line(&line.end));
            }
        } else if len > Short::FIRST {
            take_line(&self.copy.second().end);
        }
    }

    /// Copies the message of the record at `position`, of up to `LATEST` bytes, before `tail` tells of it.
    ///
    /// Line by line, each finished before the next is begun, and the first as the last: a receiver that
    /// looks at one takes it in between, and it would have to come back.
    #[inline(always)]
    pub(crate) fn keep(&self, position: u64, message: &[u8]) {
        let tag = tag(position, message.len());
        if message.len() > Short::FIRST {
            keep_further(self.copy.second(), 0, message, tag);
        }
        self.keep_first(message, tag);
    }

    /// As `keep`, of up to `LONGEST` bytes.
    pub(crate) fn keep_long(&self, position: u64, message: &[u8]) {
        let tag = tag(position, message.len());
        for (index, line) in self.copy.further(message.len()).iter().enumerate().rev() {
            keep_further(line, index, message, tag);
        }
        self.keep_first(message, tag);
    }

    #[inline(always)]
    fn keep_first(&self, message: &[u8], tag: u64) {
        self.forget();
        fence(Ordering::Release);
        self.copy.write_first(message);
        self.latest.store(tag, Ordering::Release);
    }

    /// As `keep`, of the message of `len` bytes that stands in the record at `position` already.
    ///
    /// Word by word, as they were likely written a moment ago: wider accesses would wait for that.
    #[inline(always)]
    pub(crate) fn keep_written(&self, position: u64, len: usize, region: &Region) {
        let tag = tag(position, len);
        let payload = position.wrapping_add(RECORD_HEADER);
        if len > Short::FIRST {
            let second = self.copy.second();
            second.end.store(0, Ordering::Relaxed);
            fence(Ordering::Release);
            let from = payload.wrapping_add(Short::FIRST as u64);
            copy_words(second.words(), region, from, len - Short::FIRST);
            second.end.store(tag, Ordering::Release);
        }
        self.forget();
        fence(Ordering::Release);
        copy_words(self.copy.words(), region, payload, len);
        self.latest.store(tag, Ordering::Release);
    }

    /// As `keep_written`, of the head and the beginning of a record that may be longer.
    #[inline(always)]
    pub(crate) fn keep_beginning(&self, position: u64, head: Head, region: &Region) {
        self.forget();
        fence(Ordering::Release);
        let [first, rest @ ..] = self.copy.words() else { return };
        first.store(head.to_word(), Ordering::Relaxed);
        for (word, at) in rest.iter().zip(0..BEGINNING) {
            let from = position.wrapping_add(RECORD_HEADER + 8 * at as u64);
            word.store(region.load(from), Ordering::Relaxed);
        }
        self.latest.store(tag(position, BEGINS), Ordering::Release);
    }

    /// Drops the copy: a sender that died may have left one that it never published, whose
    /// record the next sender writes anew.
    #[inline(always)]
    pub(crate) fn forget(&self) {
        self.latest.store(0, Ordering::Relaxed);
    }

    /// Begins the ring anew at `position`, ahead of `tail`, which is to tell of it.
    pub(crate) fn restart_at(&self, position: u64) {
        self.restart.store(position, Ordering::Relaxed);
    }

    /// Where somebody at `position` goes on, having read a `tail` that is ahead of it: there, or where
    /// the sender began anew. It is at most `capacity` ahead, but not otherwise to be trusted.
    #[inline(always)]
    pub(crate) fn next(&self, position: u64, capacity: u64) -> u64 {
        let restart = self.restart.load(Ordering::Relaxed);
        let ahead = restart.wrapping_sub(position);
        if ahead.wrapping_sub(1) < capacity { restart } else { position }
    }

    /// Copies the message of the record from `start` to `end` into `buffer`, if it stands here,
    /// and gives its length.
    ///
    /// It is no more to be trusted than the record itself.
    #[inline(always)]
    pub(crate) fn read(&self, start: u64, end: u64, buffer: &mut [u8]) -> Option<usize> {
        let size = end.wrapping_sub(start);
        if size > record_size(LONGEST) {
            return None;
        }
        let latest = self.latest.load(Ordering::Acquire);
        // Of another record it leaves more than any length.
        let len = latest ^ tag(start, 0);
        if len > LONGEST as u64 || record_size(len as usize) != size {
            return None;
        }
        let len = len as usize;
        let bytes = buffer.get_mut(..len)?;
        // The further lines were finished before `latest` said so: they are whole if they are still the same.
        let are_whole = if len <= LATEST {
            self.copy.read_two(bytes);
            fence(Ordering::Acquire);
            len <= Short::FIRST || self.copy.second().end.load(Ordering::Relaxed) == latest
        } else {
            self.read_further(bytes, latest)
        };
        (are_whole && self.latest.load(Ordering::Relaxed) == latest).then_some(len)
    }

    /// Copies what has more than `LATEST` bytes; whether all of its lines but the first have the tag.
    #[inline(never)]
    fn read_further(&self, bytes: &mut [u8], tag: u64) -> bool {
        self.copy.read(bytes);
        fence(Ordering::Acquire);
        let mut further = self.copy.further(bytes.len()).iter();
        further.all(|line| line.end.load(Ordering::Relaxed) == tag)
    }

    /// The head of the record at `start` and, in `beginning`, the first words of its message, if they
    /// stand here.
    ///
    /// They are no more to be trusted than the record itself.
    #[inline(always)]
    pub(crate) fn read_beginning(&self, start: u64, beginning: &mut [u8]) -> Option<Head> {
        let expected = tag(start, BEGINS);
        if self.latest.load(Ordering::Acquire) != expected {
            return None;
        }
        let [first, rest @ ..] = self.copy.words() else { return None };
        let head = Head::of_word(first.load(Ordering::Relaxed));
        for (bytes, word) in beginning.chunks_exact_mut(8).zip(rest).take(BEGINNING) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        fence(Ordering::Acquire);
        (self.latest.load(Ordering::Relaxed) == expected).then_some(head)
    }
}

/// Copies up to `len` bytes, rounded up to whole words; what does not fit is left out.
#[inline(always)]
fn copy_words(words: &[AtomicU64], region: &Region, from: u64, len: usize) {
    for (word, offset) in words.iter().zip((0..len as u64).step_by(8)) {
        word.store(region.load(from.wrapping_add(offset)), Ordering::Relaxed);
    }
}

/// Finishes a further line of a copy.
#[inline(always)]
fn keep_further(line: &FurtherLine, index: usize, message: &[u8], tag: u64) {
    line.end.store(0, Ordering::Relaxed);
    fence(Ordering::Release);
    line.write(index, message);
    line.end.store(tag, Ordering::Release);
}

const LEN_MASK: u64 = 255;

/// Where a record starts and how long its message is, in one word: positions are multiples of
/// 8, so that there are 8 bits for the length.
#[inline(always)]
fn tag(position: u64, len: usize) -> u64 {
    !(position << 5 | len as u64)
}

/// Who sits at an end.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// How often the seat has been taken; zero: nobody has come yet.
    pub(crate) arrivals: AtomicU32,
    /// Not zero from arrival until an orderly departure.
    pub(crate) present: AtomicU32,
    /// The process, for people.
    pub(crate) process: AtomicU32,
    /// The processor it last slept or woke somebody on, counted from one.
    pub(crate) processor: AtomicU32,
}

/// The ends, as the header numbers their seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Sender = 0,
    Receiver = 1,
}

impl End {
    pub(crate) fn peer(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }

    pub(crate) fn seat(self) -> u32 {
        self as u32
    }
}

/// The memory of a ring and how to order accesses to it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) memory: Memory<Header, Region>,
    pub(crate) fences: Fences,
}

impl Shared {
    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        self.memory.header()
    }

    #[inline(always)]
    pub(crate) fn region(&self) -> &Region {
        self.memory.region()
    }

    pub(crate) fn seat(&self, end: End) -> &Seat {
        let [sender, receiver] = &self.header().seats;
        match end {
            End::Sender => &sender.0,
            End::Receiver => &receiver.0,
        }
    }

    /// The word that `end` sleeps on.
    #[inline(always)]
    fn sleeps(&self, end: End) -> &FutexWord {
        match end {
            End::Sender => &self.header().sender_sleeps.0,
            End::Receiver => &self.header().receiver_sleeps.0,
        }
    }

    /// After a publication: wakes `sleeper` if it sleeps.
    #[inline(always)]
    pub(crate) fn notify(&self, sleeper: End) {
        self.fences.publisher();
        if self.sleeps(sleeper).load(Ordering::Relaxed) != 0 {
            self.wake(sleeper);
        }
    }

    #[cold]
    pub(crate) fn wake(&self, sleeper: End) {
        let word = self.sleeps(sleeper);
        // One wake per sleep: whoever takes the announcement back makes the call.
        if word.swap(0, Ordering::AcqRel) != 0 {
            self.seat(sleeper.peer()).processor.store(processor(), Ordering::Relaxed);
            word.wake_all();
        }
    }

    /// Says that `end` is there, and tells its peer.
    #[cfg_attr(posix_ipc_loom, allow(dead_code))]
    pub(crate) fn arrive(&self, end: End) {
        let seat = self.seat(end);
        seat.process.store(std::process::id(), Ordering::Relaxed);
        seat.processor.store(0, Ordering::Relaxed);
        seat.present.store(1, Ordering::Release);
        seat.arrivals.fetch_add(1, Ordering::AcqRel);
        self.notify(end.peer());
    }

    /// Says that `end` has left, and tells its peer.
    pub(crate) fn depart(&self, end: End) {
        self.seat(end).present.store(0, Ordering::Release);
        self.notify(end.peer());
    }

    /// Whether `end` has been there and has left in an orderly way.
    pub(crate) fn has_departed(&self, end: End) -> bool {
        let seat = self.seat(end);
        // A newcomer says that it is present before it counts itself, so that a first
        // arrival is never mistaken for a departure.
        seat.arrivals.load(Ordering::Acquire) != 0 && seat.present.load(Ordering::Acquire) == 0
    }
}

/// Where `end` sleeps. It sleeps alone, so that the announcement is the futex word.
#[derive(Debug)]
pub(crate) struct SeatBed {
    pub(crate) shared: Arc<Shared>,
    pub(crate) end: End,
}

#[cfg(not(posix_ipc_loom))]
impl SeatBed {
    /// The futex, for the kernel.
    pub(super) fn word(&self) -> *mut u32 {
        self.shared.sleeps(self.end).as_ptr()
    }
}

impl Bed for SeatBed {
    fn announce(&self) -> u32 {
        self.shared.seat(self.end).processor.store(processor(), Ordering::Relaxed);
        self.shared.sleeps(self.end).swap(1, Ordering::AcqRel);
        1
    }

    fn withdraw(&self) {
        self.shared.sleeps(self.end).store(0, Ordering::Relaxed);
    }

    fn sleep(&self, expected: u32, timeout: Option<Timespec>) {
        self.shared.sleeps(self.end).wait(expected, timeout);
    }

    fn shares_processor(&self) -> bool {
        let ours = processor();
        ours != 0 && self.shared.seat(self.end.peer()).processor.load(Ordering::Relaxed) == ours
    }
}

/// A position that its only writer could not have written.
#[cold]
pub(crate) fn corrupt(what: &'static str, offset: u64, found: u64) -> Corrupt {
    Corrupt { what, offset, found }
}

/// Offsets of the words that errors name.
pub(crate) mod offset {
    pub(crate) const TAIL: u64 = 128;
    pub(crate) const RESTART: u64 = 144;
    pub(crate) const HEAD: u64 = 384;
    pub(crate) const TAKEN: u64 = 512;
}

#[cfg(all(test, not(posix_ipc_loom)))]
mod tests {
    use super::*;

    /// As an end does it with a message of this length.
    fn keep(publication: &Publication, position: u64, message: &[u8]) {
        if message.len() > LATEST {
            publication.keep_long(position, message);
        } else {
            publication.keep(position, message);
        }
    }

    #[test]
    fn a_copy_serves_the_record_that_it_is_of_alone() {
        let publication = Publication::default();
        let mut buffer = [0; LONGEST];
        for (start, end) in [(0, 8), (0, 16), (u64::MAX << 3, 0)] {
            assert_eq!(publication.read(start, end, &mut buffer), None, "nothing was kept");
        }
        for len in 0..=LONGEST {
            let message: Vec<u8> = (0..len as u8).map(|byte| byte ^ 0x5a).collect();
            let (start, end) = (1024, 1024 + record_size(len));
            keep(&publication, start, &message);
            assert_eq!(publication.read(start, end, &mut buffer), Some(len));
            assert_eq!(buffer[..len], message);
            let others = [(start, end + 8), (start, end + 1), (start + 8, end + 8), (0, end)];
            for (start, end) in others {
                let found = publication.read(start, end, &mut buffer);
                assert_eq!(found, None, "{len} {start} {end}");
            }
            if let Some(short) = len.checked_sub(1) {
                assert_eq!(publication.read(start, end, &mut buffer[..short]), None);
            }
            publication.forget();
            assert_eq!(publication.read(start, end, &mut buffer), None);
        }
    }

    #[test]
    fn a_copy_one_of_whose_lines_is_of_another_message_is_left_alone() {
        let publication = Publication::default();
        let mut buffer = [0; LONGEST];
        for len in [Short::FIRST + 1, LATEST, LATEST + 1, LONGEST - 1, LONGEST] {
            let (record, message) = (record_size(len), vec![1; len]);
            for line in publication.copy.further(len) {
                keep(&publication, 0, &message);
                let before = line.end.load(Ordering::Relaxed);
                keep(&publication, record, &message);
                assert_eq!(publication.read(record, 2 * record, &mut buffer), Some(len));
                line.end.store(before, Ordering::Relaxed);
                assert_eq!(publication.read(record, 2 * record, &mut buffer), None);
                keep(&publication, 0, &message[..Short::FIRST]);
                let first = publication.read(0, record_size(Short::FIRST), &mut buffer);
                assert_eq!(first, Some(Short::FIRST), "it needs one line");
            }
        }
    }

    #[test]
    fn marking_ends_and_changes_nothing_where_positions_wrap() {
        let mut memory = vec![7u64; 512];
        let start = std::ptr::NonNull::new(memory.as_mut_ptr().cast()).unwrap();
        // SAFETY: as large as the memory, which outlives it and is this thread's own; words need no more
        // alignment than 8 bytes.
        let region = unsafe { Region::new(start, 4096, 4096) };
        for position in [0u64, 8, 4088, 0u64.wrapping_sub(16), 0u64.wrapping_sub(8)] {
            for size in [8, 16, 72, 4096] {
                region.mark(position, size);
            }
        }
        assert_eq!(memory, vec![7; 512]);
    }

    #[test]
    fn a_beginning_serves_the_record_that_it_is_of_alone() {
        let publication = Publication::default();
        let mut memory = vec![0u64; 512];
        for (word, number) in memory.iter_mut().zip(1..) {
            *word = number;
        }
        let start = std::ptr::NonNull::new(memory.as_mut_ptr().cast()).unwrap();
        // SAFETY: the region is as large as the memory, which outlives it and is this thread's own, and
        // aligned to 8 bytes, which is all that words need of a page's alignment.
        let region = unsafe { Region::new(start, 4096, 4096) };
        let position = 7 * 4096 + 4080;
        publication.keep_beginning(position, Head::data(1000), &region);
        let mut beginning = [0; LATEST];
        let head = publication.read_beginning(position, &mut beginning);
        assert_eq!(head, Some(Head::data(1000)));
        // From the last word on, round the end.
        let expected = [512u64, 1, 2, 3].map(u64::to_ne_bytes);
        assert_eq!(beginning[..32], expected.concat());
        assert!(publication.read_beginning(position + 8, &mut beginning).is_none());
        assert_eq!(publication.read(position, position + 1008, &mut [0; 2000]), None);
        publication.keep(position, b"a short one");
        assert!(publication.read_beginning(position, &mut beginning).is_none());
    }
}
