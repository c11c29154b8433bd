//! The slots of a ring, lane by lane.

#[cfg(posix_ipc_loom)]
pub(crate) use model::{Slot, Slots};
#[cfg(not(posix_ipc_loom))]
pub(crate) use system::{Slot, Slots};

#[cfg(not(posix_ipc_loom))]
mod system {
    use std::mem::MaybeUninit;
    use std::ops::Range;
    use std::ptr::NonNull;

    use crate::ring::copy;
    use crate::ring::layout::{Geometry, SLOT_HEADER};
    use crate::ring::primitive::{AtomicU64, Ordering, fetch, fetch_to_write, take_line};

    const LINE: usize = 64;
    /// Whether messages are copied by the processor's own instructions, so that a word of one may be touched
    /// meanwhile: copies in the language itself go in pieces of other sizes.
    const COPIES_ARE_OPAQUE: bool = cfg!(all(
        target_arch = "x86_64",
        target_pointer_width = "64",
        not(miri),
        not(posix_ipc_portable_copy)
    ));
    /// The messages whose lines are fetched as they are written: shorter ones are written before that would be of
    /// use, and the lines of longer ones have left the receivers' nearest caches.
    const FETCHED: Range<usize> = 8 * 1024..32 * 1024;
    /// How much of a message is worth to be asked for beforehand.
    const EXPECTED_MAX: usize = 256;

    /// Where the slots are, and how many.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Slots {
        /// Invariant: points to `lanes << shift` slots of `stride` bytes that stay mapped while
        /// the `Memory` lives, aligned to a page; `stride` is a multiple of 16 and has room
        /// for the slot's header and `max_len` bytes.
        base: NonNull<u8>,
        shift: u32,
        lanes: u32,
        stride: usize,
        max_len: usize,
    }

    impl Slots {
        /// # Safety
        ///
        /// `base` is page-aligned and points to the slots of `geometry`, mapped for as long
        /// as the `Memory` that this goes into lives.
        pub(crate) unsafe fn new(base: NonNull<u8>, geometry: &Geometry) -> Self {
            Self {
                base,
                shift: geometry.capacity.trailing_zeros(),
                lanes: geometry.lanes,
                stride: geometry.stride as usize,
                max_len: geometry.max_len as usize,
            }
        }

        pub(crate) fn lanes(&self) -> u32 {
            self.lanes
        }

        pub(crate) fn max_len(&self) -> usize {
            self.max_len
        }

        /// Slots of a lane, as the power of two.
        #[inline(always)]
        pub(crate) fn shift(&self) -> u32 {
            self.shift
        }

        /// The slot at `position` of a lane, counted round and round.
        #[inline(always)]
        pub(crate) fn slot(&self, lane: u32, position: u64) -> Slot<'_> {
            let lane = lane.min(self.lanes - 1) as usize;
            let index = (position & ((1 << self.shift) - 1)) as usize;
            let offset = ((lane << self.shift) + index) * self.stride;
            // SAFETY: `lane` is less than `lanes` and `index` than `1 << shift`, so that the
            // invariant says that a whole slot is mapped there.
            Slot { base: unsafe { self.base.add(offset) }, slots: self }
        }
    }

    /// One slot.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Slot<'a> {
        /// Invariant: points to a whole slot of `slots`, aligned to 16 bytes.
        base: NonNull<u8>,
        slots: &'a Slots,
    }

    impl<'a> Slot<'a> {
        #[inline(always)]
        pub(crate) fn state(&self) -> &'a AtomicU64 {
            // SAFETY: the invariant: mapped and aligned for as long as `slots`; what other
            // processes may write is seen as an atomic.
            unsafe { self.base.cast::<AtomicU64>().as_ref() }
        }

        #[inline(always)]
        fn len_word(&self) -> &'a AtomicU64 {
            // SAFETY: a slot has at least 16 bytes.
            let word = unsafe { self.base.add(8) };
            // SAFETY: as in `state`; 8 is a multiple of the alignment.
            unsafe { word.cast::<AtomicU64>().as_ref() }
        }

        /// The message's length as it was written: to be checked.
        #[inline(always)]
        pub(crate) fn len(&self) -> u64 {
            self.len_word().load(Ordering::Relaxed)
        }

        #[inline(always)]
        fn payload(&self) -> NonNull<u8> {
            // SAFETY: a slot has room for its header.
            unsafe { self.base.add(SLOT_HEADER as usize) }
        }

        /// Fetches the lines of a short message, for who will take it by a copy: the first to be
        /// written too, so that it does not come twice.
        #[inline(always)]
        pub(crate) fn expect_take(&self) {
            let start = self.base.as_ptr();
            fetch_to_write(start);
            fetch(start.wrapping_add(self.slots.stride.min(2 * LINE) - 1));
        }

        /// Takes the second line from its sender, if a message of `len` bytes reaches into one: for who waits for
        /// it in a dialogue. The first is taken with every message.
        #[inline(always)]
        pub(crate) fn take_second_line(&self, len: usize) {
            let end = SLOT_HEADER as usize + len.min(self.slots.max_len);
            let second = LINE - self.base.as_ptr() as usize % LINE;
            if COPIES_ARE_OPAQUE && second < end {
                // SAFETY: `end` is within the slot, and slots are a multiple of 16 bytes as lines are.
                let word = unsafe { self.base.add(second) };
                // SAFETY: mapped, and aligned to a line; others may write it, which an atomic allows.
                take_line(unsafe { word.cast::<AtomicU64>().as_ref() });
            }
        }

        /// Whether a message of `len` bytes reaches into lines that have no slot's state in them. Receivers
        /// only read those, which makes them dear to write, unless they are [marked](Self::mark_inner_lines).
        #[inline(always)]
        pub(crate) fn has_inner_lines(&self, len: usize) -> bool {
            self.slots.stride > LINE && !self.inner_lines(len).is_empty()
        }

        /// Takes these lines from the sender, by writing what stands there: for who has claimed the slot.
        /// Others may be reading it, in vain.
        #[inline(always)]
        pub(crate) fn mark_inner_lines(&self, len: usize) {
            for at in self.inner_lines(len).step_by(LINE) {
                // SAFETY: `at` is within the slot, with a whole line behind it.
                let word = unsafe { self.base.add(at) };
                // SAFETY: mapped for as long as `slots`, and aligned to a line; other processes may write it,
                // which an atomic allows.
                let word = unsafe { word.cast::<AtomicU64>().as_ref() };
                word.store(word.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }

        /// Where they start, from the first one on.
        #[inline(always)]
        fn inner_lines(&self, len: usize) -> Range<usize> {
            let first = LINE - self.base.as_ptr() as usize % LINE;
            let end = SLOT_HEADER as usize + len.min(self.slots.max_len);
            // A line that reaches beyond the slot has the state of the next one.
            let end = if COPIES_ARE_OPAQUE {
                end.min((self.slots.stride + 1).saturating_sub(LINE))
            } else {
                first
            };
            first..end.max(first)
        }

        /// Takes the lines of a message of `len` bytes, to be written.
        #[inline(always)]
        pub(crate) fn expect(&self, len: usize) {
            fetch_to_write(self.base.as_ptr());
            self.expect_write(len);
        }

        /// Takes what lines a message of `len` bytes has besides the first, to be written, so
        /// that they come at the same time as that.
        #[inline(always)]
        pub(crate) fn expect_write(&self, len: usize) {
            let len = len.min(self.slots.max_len).min(EXPECTED_MAX);
            let end = SLOT_HEADER as usize + len;
            let mut at = LINE;
            while at < end {
                fetch_to_write(self.base.as_ptr().wrapping_add(at));
                at += LINE;
            }
            fetch_to_write(self.base.as_ptr().wrapping_add(end - 1));
        }

        /// Writes the message; what is longer than a slot is cut.
        #[inline(always)]
        pub(crate) fn write(&self, message: &[u8]) {
            let message = message.get(..self.slots.max_len).unwrap_or(message);
            self.len_word().store(message.len() as u64, Ordering::Relaxed);
            if FETCHED.contains(&message.len()) {
                // SAFETY: the slot has room for `max_len` bytes behind its header.
                unsafe { copy::to_shared_ahead(message, self.payload(), 0) };
            } else {
                // SAFETY: as above.
                unsafe { copy::to_shared(message, self.payload()) };
            }
        }

        /// Says how long the message is that `write_at` wrote.
        pub(crate) fn set_len(&self, len: usize) {
            self.len_word().store(len as u64, Ordering::Relaxed);
        }

        /// Where the message starts; `max_len` bytes from there are the slot's.
        pub(crate) fn as_ptr(&self) -> *mut u8 {
            self.payload().as_ptr()
        }

        /// Copies `bytes` to `offset`; whether a slot has so much.
        #[inline(always)]
        pub(crate) fn write_at(&self, offset: usize, bytes: &[u8]) -> bool {
            match offset.checked_add(bytes.len()) {
                Some(end) if end <= self.slots.max_len => {}
                _ => return false,
            }
            // SAFETY: the slot has room for `max_len` bytes behind its header, and `offset` is
            // not more.
            let to = unsafe { self.payload().add(offset) };
            // SAFETY: `offset` and the length together are at most `max_len`.
            unsafe { copy::to_shared(bytes, to) };
            true
        }

        /// Fills `buffer` from `offset` on; whether a slot has so much.
        #[inline(always)]
        pub(crate) fn read_at(&self, offset: usize, buffer: &mut [MaybeUninit<u8>]) -> bool {
            match offset.checked_add(buffer.len()) {
                Some(end) if end <= self.slots.max_len => {}
                _ => return false,
            }
            // SAFETY: the slot has room for `max_len` bytes behind its header, and `offset` is
            // not more.
            let from = unsafe { self.payload().add(offset) };
            // SAFETY: `offset` and the length together are at most `max_len`.
            unsafe { copy::from_shared(from, buffer) };
            true
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[repr(align(4096))]
        struct Pages([u8; 16384]);

        #[test]
        fn lines_are_inner_ones_if_the_message_reaches_into_them_and_no_state_stands_there() {
            let mut pages = Box::new(Pages([7; 16384]));
            let base = NonNull::from(&mut pages.0).cast::<u8>();
            for max_len in [8, 48, 64, 100, 112, 128, 240, 1000] {
                let stride = (SLOT_HEADER as usize + max_len).next_multiple_of(16);
                let slots = Slots { base, shift: 3, lanes: 1, stride, max_len };
                for (position, len) in
                    (0..8).flat_map(|p| [0, 1, max_len / 2, max_len].map(|l| (p, l)))
                {
                    let (slot, start) = (slots.slot(0, position), position as usize * stride);
                    let message = start..start + SLOT_HEADER as usize + len;
                    let states = [start, start + stride].map(|at| at / LINE);
                    let lines = message.start / LINE..message.end.div_ceil(LINE);
                    let expected =
                        lines.filter(|line| !states.contains(line)).map(|line| line * LINE);
                    let expected: Vec<usize> = expected.filter(|_| COPIES_ARE_OPAQUE).collect();
                    let inner = slot.has_inner_lines(len).then(|| slot.inner_lines(len));
                    let found = inner.into_iter().flat_map(|inner| inner.step_by(LINE));
                    let found: Vec<usize> = found.map(|at| start + at).collect();
                    assert_eq!(found, expected, "{len} of {max_len} bytes at {position}");
                    slot.mark_inner_lines(len);
                }
            }
            assert!(pages.0.iter().all(|byte| *byte == 7), "marks change nothing");
        }
    }
}

#[cfg(posix_ipc_loom)]
mod model {
    use loom::cell::UnsafeCell;

    use crate::ring::primitive::{AtomicU64, Ordering};

    /// Slots whose payload is one word, whose races loom reports; and the same word once more, for
    /// those who read before they know whether they may.
    #[derive(Debug)]
    pub(crate) struct Slots {
        slots: Vec<ModelSlot>,
        shift: u32,
    }

    #[derive(Debug)]
    struct ModelSlot {
        state: AtomicU64,
        payload: UnsafeCell<u64>,
        copied: AtomicU64,
    }

    // SAFETY: loom's cells report every access that is not ordered.
    unsafe impl Send for Slots {}
    // SAFETY: as above.
    unsafe impl Sync for Slots {}

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Slot<'a>(&'a ModelSlot);

    impl Slots {
        pub(crate) fn new(shift: u32) -> Self {
            let slot = |_| ModelSlot {
                state: AtomicU64::new(0),
                payload: UnsafeCell::new(0),
                copied: AtomicU64::new(0),
            };
            Self { slots: (0..1 << shift).map(slot).collect(), shift }
        }

        pub(crate) fn lanes(&self) -> u32 {
            1
        }

        pub(crate) fn shift(&self) -> u32 {
            self.shift
        }

        pub(crate) fn slot(&self, _lane: u32, position: u64) -> Slot<'_> {
            Slot(&self.slots[(position & ((1 << self.shift) - 1)) as usize])
        }
    }

    impl<'a> Slot<'a> {
        pub(crate) fn state(&self) -> &'a AtomicU64 {
            &self.0.state
        }

        pub(crate) fn expect_take(&self) {}

        pub(crate) fn expect(&self, _len: usize) {}

        pub(crate) fn take_second_line(&self, _len: usize) {}

        pub(crate) fn has_inner_lines(&self, _len: usize) -> bool {
            true
        }

        pub(crate) fn mark_inner_lines(&self, _len: usize) {
            self.write_word(self.read_word());
        }

        pub(crate) fn expect_write(&self, _len: usize) {}

        pub(crate) fn write_word(&self, word: u64) {
            // SAFETY: loom checks that no access is concurrent.
            self.0.payload.with_mut(|payload| unsafe { *payload = word });
            self.0.copied.store(word, Ordering::Relaxed);
        }

        pub(crate) fn copy_word(&self) -> u64 {
            self.0.copied.load(Ordering::Relaxed)
        }

        pub(crate) fn read_word(&self) -> u64 {
            // SAFETY: loom checks that no write is concurrent.
            self.0.payload.with(|payload| unsafe { *payload })
        }
    }
}
