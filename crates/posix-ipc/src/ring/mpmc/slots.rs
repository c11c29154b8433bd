//! The slots of a ring, lane by lane.

#[cfg(posix_ipc_loom)]
pub(crate) use model::{Slot, Slots};
#[cfg(not(posix_ipc_loom))]
pub(crate) use system::{Slot, Slots};

#[cfg(not(posix_ipc_loom))]
mod system {
    use std::mem::MaybeUninit;
    use std::ptr::NonNull;

    use crate::ring::copy;
    use crate::ring::layout::{Geometry, SLOT_HEADER};
    use crate::ring::primitive::{AtomicU64, Ordering, fetch, fetch_to_write, take_line};

    const LINE: usize = 64;
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
        ///
        /// Only where messages are copied by the processor's own instructions: its sender may be writing
        /// that word, and copies in the language itself do so in pieces of other sizes.
        #[inline(always)]
        pub(crate) fn take_second_line(&self, len: usize) {
            let opaque = cfg!(all(
                target_arch = "x86_64",
                target_pointer_width = "64",
                not(miri),
                not(posix_ipc_portable_copy)
            ));
            let end = SLOT_HEADER as usize + len.min(self.slots.max_len);
            let second = LINE - self.base.as_ptr() as usize % LINE;
            if opaque && second < end {
                // SAFETY: `end` is within the slot, and slots are a multiple of 16 bytes as lines are.
                let word = unsafe { self.base.add(second) };
                // SAFETY: mapped, and aligned to a line; others may write it, which an atomic allows.
                take_line(unsafe { word.cast::<AtomicU64>().as_ref() });
            }
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
            // SAFETY: the slot has room for `max_len` bytes behind its header.
            unsafe { copy::to_shared(message, self.payload()) };
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

        pub(crate) fn take_second_line(&self, _len: usize) {}

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
