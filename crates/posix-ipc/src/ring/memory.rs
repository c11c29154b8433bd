//! The memory of a ring: a header of atomics, and a data region that is copied in and out of.
//!
//! Everything here may be written by another process at any time, a hostile one included. So no
//! reference to plain data is made of it: the header is atomics only, the words of the data
//! region are read and written as relaxed atomics, and payloads by [`copy`].

#[cfg(posix_ipc_loom)]
pub(crate) use model::{FurtherLine, Memory, Region, Short};
#[cfg(not(posix_ipc_loom))]
pub(crate) use system::{FurtherLine, Memory, Region, Short};

#[cfg(not(posix_ipc_loom))]
mod system {
    use std::fmt;
    use std::marker::PhantomData;
    use std::mem::MaybeUninit;
    use std::ptr::NonNull;

    use super::super::copy;
    use super::super::primitive::{AtomicU64, Ordering, fetch, fetch_to_write};

    /// What is only made of atomics and lies in a ring's header.
    ///
    /// # Safety
    ///
    /// Every byte that is not padding belongs to an atomic, and any bits are valid.
    pub(crate) unsafe trait Header {}

    /// A mapped ring.
    pub(crate) struct Memory<H, R> {
        /// Invariant: points to a live mapping of at least `size_of::<H>()` bytes, page-aligned.
        header: NonNull<u8>,
        region: R,
        _header: PhantomData<H>,
        /// Keeps both mapped.
        _mapping: Box<dyn Send + Sync>,
    }

    // SAFETY: the pointers are to shared memory that any thread of any process may use, through
    // atomics and race-free copies; the owner of the mapping is `Send`.
    unsafe impl<H, R> Send for Memory<H, R> {}
    // SAFETY: as above.
    unsafe impl<H, R> Sync for Memory<H, R> {}

    impl<H: Header, R> Memory<H, R> {
        /// # Safety
        ///
        /// While `mapping` lives, `header` points to `size_of::<H>()` bytes of mapped, writable
        /// memory at the start of a page, and so does `region` to its own.
        pub(crate) unsafe fn new(
            header: NonNull<u8>,
            region: R,
            mapping: Box<dyn Send + Sync>,
        ) -> Self {
            Self { header, region, _header: PhantomData, _mapping: mapping }
        }

        #[inline(always)]
        pub(crate) fn header(&self) -> &H {
            // SAFETY:
            // - The field's invariant: mapped for as long as `self`, aligned to a page.
            // - `H: Header` is atomics only, so that other processes may write it meanwhile.
            unsafe { self.header.cast::<H>().as_ref() }
        }

        #[inline(always)]
        pub(crate) fn region(&self) -> &R {
            &self.region
        }
    }

    impl<H, R> fmt::Debug for Memory<H, R> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Memory").field("header", &self.header).finish_non_exhaustive()
        }
    }

    /// A short message within a header: what stands in the line of what comes before it, and the rest in
    /// lines of their own.
    #[repr(C)]
    #[derive(Debug, Default)]
    pub(crate) struct Short {
        first: [AtomicU64; Short::FIRST / 8],
        further: [FurtherLine; Short::LINES],
    }

    /// A line of a short message, which ends with a word about it.
    #[repr(C)]
    #[derive(Debug, Default)]
    pub(crate) struct FurtherLine {
        part: [AtomicU64; FurtherLine::LEN / 8],
        pub(crate) end: AtomicU64,
    }

    impl Short {
        /// Bytes that it has room for.
        pub(crate) const LEN: usize = Self::FIRST + Self::LINES * FurtherLine::LEN;
        /// How many of them stand in the first line.
        pub(crate) const FIRST: usize = 40;
        /// How many of them stand in the first two.
        pub(crate) const TWO: usize = Self::FIRST + FurtherLine::LEN;
        const LINES: usize = 3;

        #[inline(always)]
        pub(crate) fn second(&self) -> &FurtherLine {
            let [second, ..] = &self.further;
            second
        }

        /// The lines besides the first that a message of `len` bytes reaches into.
        pub(crate) fn further(&self, len: usize) -> &[FurtherLine] {
            let count = len.saturating_sub(Self::FIRST).div_ceil(FurtherLine::LEN);
            self.further.get(..count).unwrap_or(&self.further)
        }

        /// Copies in what belongs into the first line.
        #[inline(always)]
        pub(crate) fn write_first(&self, bytes: &[u8]) {
            write_words(&self.first, bytes);
        }

        /// The words of the first line, for those who go word by word.
        #[inline(always)]
        pub(crate) fn words(&self) -> &[AtomicU64] {
            &self.first
        }

        /// Copies out as much as `bytes` takes, but no more than what stands in two lines.
        ///
        /// Line by line: an access that reaches into both takes much longer where one of them has yet to
        /// come from another processor.
        #[inline(always)]
        pub(crate) fn read_two(&self, bytes: &mut [u8]) {
            let most = bytes.len().min(Self::TWO);
            let Some(bytes) = bytes.get_mut(..most) else { return };
            match bytes.split_first_chunk_mut::<{ Self::FIRST }>() {
                None => read_words(&self.first, bytes),
                Some((first, rest)) => {
                    read_words(&self.first, first);
                    read_words(&self.second().part, rest);
                }
            }
        }

        /// Copies out as much as `bytes` takes.
        pub(crate) fn read(&self, bytes: &mut [u8]) {
            let (first, rest) = bytes.split_at_mut(bytes.len().min(Self::FIRST));
            read_words(&self.first, first);
            for (line, part) in self.further.iter().zip(rest.chunks_mut(FurtherLine::LEN)) {
                read_words(&line.part, part);
            }
        }
    }

    impl FurtherLine {
        /// Bytes of a message that it has room for.
        const LEN: usize = 56;

        /// Its words, for those who go word by word.
        #[inline(always)]
        pub(crate) fn words(&self) -> &[AtomicU64] {
            &self.part
        }

        /// Copies in what belongs into the line at `index` of a message.
        #[inline(always)]
        pub(crate) fn write(&self, index: usize, message: &[u8]) {
            let start = Short::FIRST + index * Self::LEN;
            write_words(&self.part, message.get(start..).unwrap_or_default());
        }

        /// Fetches it, to be read soon.
        #[inline(always)]
        pub(crate) fn expect(&self) {
            fetch(std::ptr::from_ref(&self.end));
        }
    }

    /// Copies in; what does not fit is left out.
    #[inline(always)]
    fn write_words(words: &[AtomicU64], bytes: &[u8]) {
        let Some(bytes) = bytes.get(..bytes.len().min(size_of_val(words))) else { return };
        // SAFETY: the words have at least as many bytes, and are mapped while they are borrowed; they are
        // atomics, so that other processes may access them meanwhile.
        unsafe { copy::to_shared(bytes, NonNull::from(words).cast()) };
    }

    /// Copies out as much as `bytes` takes, and no more than there is.
    #[inline(always)]
    fn read_words(words: &[AtomicU64], bytes: &mut [u8]) {
        let most = bytes.len().min(size_of_val(words));
        let Some(bytes) = bytes.get_mut(..most) else { return };
        // SAFETY: `from_shared` writes initialised bytes only.
        let bytes = unsafe { copy::as_uninit(bytes) };
        // SAFETY: as for `write_words`.
        unsafe { copy::from_shared(NonNull::from(words).cast(), bytes) };
    }

    /// The data of a ring.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Region {
        /// Invariant: points to `reach` bytes that stay mapped while the `Memory` lives, aligned
        /// to a page; `mask < reach`, `mask + 1` is a power of two of at least 8.
        base: NonNull<u8>,
        mask: u64,
        reach: u64,
    }

    impl Region {
        /// # Safety
        ///
        /// `base` is page-aligned and points to `reach` mapped bytes, for as long as the
        /// `Memory` that this goes into. `size` is a power of two from 8 to `reach`.
        pub(crate) unsafe fn new(base: NonNull<u8>, size: u64, reach: u64) -> Self {
            debug_assert!(size.is_power_of_two() && size >= 8 && reach >= size);
            Self { base, mask: size - 1, reach }
        }

        /// A copy of its own for a function that uses it often: it need not be read again after each
        /// write to what it points to.
        #[inline(always)]
        pub(crate) fn at_hand(&self) -> Self {
            *self
        }

        /// Bytes before the region repeats.
        #[inline(always)]
        pub(crate) fn size(&self) -> u64 {
            self.mask + 1
        }

        /// The word at `position`, rounded down to 8, counted round and round.
        #[inline(always)]
        pub(crate) fn word(&self, position: u64) -> &AtomicU64 {
            let offset = (position & self.mask & !7) as usize;
            // SAFETY: `offset` is at most `mask`, which lies within the mapped bytes.
            let word = unsafe { self.base.add(offset) };
            // SAFETY:
            // - `mask + 1` is a multiple of 8, as is `offset`, so that 8 bytes are left.
            // - The base is page-aligned and the offset a multiple of 8.
            // - Other processes may write it; an atomic allows that.
            unsafe { word.cast::<AtomicU64>().as_ref() }
        }

        /// Fetches the line of `position`, which will be read soon.
        #[inline(always)]
        pub(crate) fn expect_read(&self, position: u64) {
            fetch(self.word(position));
        }

        /// As `expect_read`, of each line of the `size` bytes at `position`.
        #[inline(always)]
        pub(crate) fn expect_reads(&self, position: u64, size: u64) {
            for offset in (0..size).step_by(64) {
                self.expect_read(position.wrapping_add(offset));
            }
        }

        /// Fetches the line of `position`, which will be written soon.
        #[inline(always)]
        pub(crate) fn expect_write(&self, position: u64) {
            fetch_to_write(self.word(position));
        }

        /// As `expect_write`, of each line of the `size` bytes at `position`.
        #[inline(always)]
        pub(crate) fn expect_writes(&self, position: u64, size: u64) {
            for offset in (0..size).step_by(64) {
                self.expect_write(position.wrapping_add(offset));
            }
        }

        /// Writes to each line that starts in the `size` bytes at `position` what stands there; nobody else
        /// may write them meanwhile. See [`take_line`](super::super::primitive::take_line()).
        #[inline(always)]
        pub(crate) fn mark(&self, position: u64, size: u64) {
            // By offsets, which end: positions that a peer has made up may wrap.
            let skipped = position.wrapping_neg() & 63;
            for offset in (skipped..size).step_by(64) {
                let at = position.wrapping_add(offset);
                self.store(at, self.load(at));
            }
        }

        #[inline(always)]
        pub(crate) fn load(&self, position: u64) -> u64 {
            self.word(position).load(Ordering::Relaxed)
        }

        #[inline(always)]
        pub(crate) fn store(&self, position: u64, value: u64) {
            self.word(position).store(value, Ordering::Relaxed);
        }

        /// Where `len` bytes at `position` are; `None` if they reach past the mapped bytes.
        #[inline(always)]
        pub(crate) fn range(&self, position: u64, len: usize) -> Option<NonNull<u8>> {
            let offset = position & self.mask;
            if len as u64 > self.reach - offset {
                return None;
            }
            // SAFETY: `offset + len <= reach`, which is all mapped.
            Some(unsafe { self.base.add(offset as usize) })
        }

        /// Copies a word in, and the bytes that follow it; all has to lie within the region or its mirror.
        #[inline(always)]
        pub(crate) fn write_headed(&self, position: u64, word: u64, bytes: &[u8]) {
            let Some(to) = self.range(position & !7, 8 + bytes.len()) else { return };
            self.store(position, word);
            // SAFETY: `range` found the word's 8 bytes there, and as many more as follow.
            let behind = unsafe { to.add(8) };
            // SAFETY: as above.
            unsafe { copy::to_shared(bytes, behind) };
        }

        /// Copies in; the bytes have to lie within the region or its mirror.
        #[inline(always)]
        pub(crate) fn write(&self, position: u64, bytes: &[u8]) {
            let Some(to) = self.range(position, bytes.len()) else { return };
            // SAFETY: `range` found as many mapped bytes there.
            unsafe { copy::to_shared(bytes, to) };
        }

        /// As `write`, of lines that the receiver has read; `left` bytes will be written behind these.
        pub(crate) fn write_ahead(&self, position: u64, bytes: &[u8], left: usize) {
            let Some(to) = self.range(position, bytes.len()) else { return };
            // SAFETY: `range` found as many mapped bytes there.
            unsafe { copy::to_shared_ahead(bytes, to, left) };
        }

        /// Copies out; the bytes have to lie within the region or its mirror.
        #[inline(always)]
        pub(crate) fn read(&self, position: u64, bytes: &mut [u8]) {
            // SAFETY: `from_shared` writes initialised bytes only.
            let bytes = unsafe { copy::as_uninit(bytes) };
            self.read_uninit(position, bytes);
        }

        /// As `read`; whether all of `bytes` was filled.
        #[inline(always)]
        pub(crate) fn read_uninit(&self, position: u64, bytes: &mut [MaybeUninit<u8>]) -> bool {
            let Some(from) = self.range(position, bytes.len()) else { return false };
            // SAFETY: `range` found as many mapped bytes there.
            unsafe { copy::from_shared(from, bytes) };
            true
        }
    }
}

#[cfg(not(posix_ipc_loom))]
pub(crate) use system::Header;

#[cfg(posix_ipc_loom)]
mod model {
    use std::mem::MaybeUninit;

    use loom::cell::UnsafeCell;

    use super::super::primitive::{AtomicU64, Ordering};

    /// A ring on the heap.
    #[derive(Debug)]
    pub(crate) struct Memory<H, R> {
        header: H,
        region: R,
    }

    impl<H, R> Memory<H, R> {
        pub(crate) fn new(header: H, region: R) -> Self {
            Self { header, region }
        }

        pub(crate) fn header(&self) -> &H {
            &self.header
        }

        pub(crate) fn region(&self) -> &R {
            &self.region
        }
    }

    /// A short message within a header: its sequence lock allows races, and so do its words.
    #[derive(Debug, Default)]
    pub(crate) struct Short {
        first: [AtomicU64; 2],
        further: [FurtherLine; 2],
    }

    #[derive(Debug, Default)]
    pub(crate) struct FurtherLine {
        part: AtomicU64,
        pub(crate) end: AtomicU64,
    }

    impl Short {
        pub(crate) const LEN: usize = 32;
        pub(crate) const FIRST: usize = 16;
        pub(crate) const TWO: usize = 24;

        pub(crate) fn second(&self) -> &FurtherLine {
            &self.further[0]
        }

        pub(crate) fn further(&self, len: usize) -> &[FurtherLine] {
            &self.further[..len.saturating_sub(Self::FIRST).div_ceil(8)]
        }

        pub(crate) fn write_first(&self, bytes: &[u8]) {
            let (first, _) = bytes.split_at(bytes.len().min(Self::FIRST));
            for (word, chunk) in self.first.iter().zip(first.chunks(8)) {
                store(word, chunk);
            }
        }

        pub(crate) fn words(&self) -> &[AtomicU64] {
            &self.first
        }

        pub(crate) fn read_two(&self, bytes: &mut [u8]) {
            self.read(bytes);
        }

        pub(crate) fn read(&self, bytes: &mut [u8]) {
            let further = self.further.iter().map(|line| &line.part);
            for (word, chunk) in self.first.iter().chain(further).zip(bytes.chunks_mut(8)) {
                let value = word.load(Ordering::Relaxed).to_ne_bytes();
                chunk.copy_from_slice(&value[..chunk.len()]);
            }
        }
    }

    impl FurtherLine {
        pub(crate) fn write(&self, index: usize, message: &[u8]) {
            let part = message[Short::FIRST + 8 * index..].chunks(8).next().unwrap_or_default();
            store(&self.part, part);
        }

        pub(crate) fn expect(&self) {}

        pub(crate) fn words(&self) -> &[AtomicU64] {
            std::slice::from_ref(&self.part)
        }
    }

    fn store(word: &AtomicU64, bytes: &[u8]) {
        let mut value = [0; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(value), Ordering::Relaxed);
    }

    /// Words seen as plain data, whose races loom reports.
    #[derive(Debug)]
    pub(crate) struct Region {
        words: Vec<UnsafeCell<u64>>,
    }

    // SAFETY: loom's cells report every access that is not ordered.
    unsafe impl Send for Region {}
    // SAFETY: as above.
    unsafe impl Sync for Region {}

    impl Region {
        pub(crate) fn at_hand(&self) -> &Self {
            self
        }

        pub(crate) fn size(&self) -> u64 {
            self.words.len() as u64 * 8
        }

        pub(crate) fn new(size: u64) -> Self {
            Self { words: (0..size / 8).map(|_| UnsafeCell::new(0)).collect() }
        }

        pub(crate) fn expect_read(&self, _position: u64) {}

        pub(crate) fn expect_write(&self, _position: u64) {}

        pub(crate) fn expect_reads(&self, _position: u64, _size: u64) {}

        pub(crate) fn expect_writes(&self, _position: u64, _size: u64) {}

        pub(crate) fn mark(&self, _position: u64, _size: u64) {}

        fn at(&self, position: u64) -> &UnsafeCell<u64> {
            &self.words[(position % self.size() / 8) as usize]
        }

        pub(crate) fn load(&self, position: u64) -> u64 {
            // SAFETY: loom checks that no write is concurrent.
            self.at(position).with(|word| unsafe { *word })
        }

        pub(crate) fn store(&self, position: u64, value: u64) {
            // SAFETY: loom checks that no access is concurrent.
            self.at(position).with_mut(|word| unsafe { *word = value });
        }

        pub(crate) fn write_headed(&self, position: u64, word: u64, bytes: &[u8]) {
            self.store(position, word);
            self.write(position + 8, bytes);
        }

        pub(crate) fn write_ahead(&self, position: u64, bytes: &[u8], _left: usize) {
            self.write(position, bytes);
        }

        /// As the shipped `write`, in whole words.
        pub(crate) fn write(&self, position: u64, bytes: &[u8]) {
            for (index, chunk) in bytes.chunks(8).enumerate() {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                self.store(position + 8 * index as u64, u64::from_ne_bytes(word));
            }
        }

        pub(crate) fn read_uninit(&self, position: u64, bytes: &mut [MaybeUninit<u8>]) -> bool {
            for (index, chunk) in bytes.chunks_mut(8).enumerate() {
                let word = self.load(position + 8 * index as u64).to_ne_bytes();
                for (to, byte) in chunk.iter_mut().zip(word) {
                    to.write(byte);
                }
            }
            true
        }

        pub(crate) fn read(&self, position: u64, bytes: &mut [u8]) {
            for (index, chunk) in bytes.chunks_mut(8).enumerate() {
                let word = self.load(position + 8 * index as u64).to_ne_bytes();
                chunk.copy_from_slice(&word[..chunk.len()]);
            }
        }
    }
}
