//! What stands at the start of every ring, byte by byte: see `docs/ring-format.md`.

use super::primitive::{AtomicU32, AtomicU64, Ordering};

/// The first word: "PIPCRING" in the machine's byte order when read as bytes.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"PIPCRING");

/// The shapes, as the header numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Spsc = 1,
    Mpmc = 2,
}

/// The version of the format. Version 1 had padding in spsc rings, and mpmc slots of whole lines; in version 2
/// the copy beside the index of spsc rings was said to be whole in one place for both of its lines; in version 3
/// it had no more than these two; in version 4 no message came in parts; in version 5 nothing counted what comes
/// back to mpmc lanes.
pub(crate) const VERSION: u32 = 6;
/// The bits of the head of an mpmc lane that are of its position; the others are of a count.
pub(crate) const HEAD_POSITION: u64 = (1 << 40) - 1;

/// How far `position` is ahead of a head, of which only some bits are there.
#[inline(always)]
pub(crate) fn ahead_of_head(position: u64, head: u64) -> i64 {
    let unknown = HEAD_POSITION.leading_zeros();
    (position.wrapping_sub(head) << unknown) as i64 >> unknown
}

/// Bit 0 of the flags: sleepers pay for publishers with `membarrier`.
pub(crate) const ASYMMETRIC: u32 = 1;

/// The first 64 bytes. Written once, before the segment has a name.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Preamble {
    pub(crate) magic: AtomicU64,
    pub(crate) version: AtomicU32,
    pub(crate) shape: AtomicU32,
    /// Bytes of the whole segment.
    pub(crate) size: AtomicU64,
    /// Where the data region starts.
    pub(crate) data_offset: AtomicU64,
    /// Bytes of the data region (spsc); slots per lane (mpmc).
    pub(crate) capacity: AtomicU64,
    /// The longest message.
    pub(crate) max_len: AtomicU32,
    /// Lanes (mpmc); one (spsc).
    pub(crate) lanes: AtomicU32,
    /// Bytes from slot to slot (mpmc); zero (spsc).
    pub(crate) stride: AtomicU32,
    pub(crate) flags: AtomicU32,
    pub(crate) reserved: AtomicU64,
}

/// A preamble as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) shape: Shape,
    pub(crate) size: u64,
    pub(crate) data_offset: u64,
    pub(crate) capacity: u64,
    pub(crate) max_len: u32,
    pub(crate) lanes: u32,
    pub(crate) stride: u32,
    pub(crate) asymmetric: bool,
}

/// Why a segment is not a ring that can be used.
pub(crate) type Reason = &'static str;

/// The least data region of an spsc ring.
pub(crate) const SPSC_MIN: u64 = 4096;
/// The largest data region: lengths have 32 bits.
pub(crate) const SPSC_MAX: u64 = 1 << 31;
/// The most slots of a lane.
pub(crate) const SLOTS_MAX: u64 = 1 << 24;
/// The most lanes.
pub(crate) const LANES_MAX: u32 = 32;
/// The longest message of an mpmc ring.
pub(crate) const MESSAGE_MAX: u32 = 1 << 30;
/// Bytes in front of the payload: of a record (spsc), of a slot (mpmc).
pub(crate) const RECORD_HEADER: u64 = 8;
pub(crate) const SLOT_HEADER: u64 = 16;
/// What slots are a multiple of (mpmc): several short ones to a line of the cache, since lines
/// that move between processors are what a message costs.
pub(crate) const SLOT_ALIGN: u64 = 16;
/// Where the slots start (mpmc).
pub(crate) const SLOTS_OFFSET: u64 = 16 * 1024;

impl Geometry {
    /// An spsc ring whose data region has at least `capacity` bytes.
    pub(crate) fn spsc(capacity: u64, page: u64, asymmetric: bool) -> Option<Self> {
        let page = page.max(SPSC_MIN);
        if capacity > SPSC_MAX || page > SPSC_MAX || page % SPSC_MIN != 0 {
            return None;
        }
        let capacity = capacity.max(page).checked_next_power_of_two()?;
        Some(Self {
            shape: Shape::Spsc,
            size: page + capacity,
            data_offset: page,
            capacity,
            max_len: u32::try_from(capacity - RECORD_HEADER).ok()?,
            lanes: 1,
            stride: 0,
            asymmetric,
        })
    }

    /// An mpmc ring of `lanes` times at least `slots` messages of up to `max_len` bytes.
    pub(crate) fn mpmc(slots: u64, max_len: u32, lanes: u32, asymmetric: bool) -> Option<Self> {
        if slots > SLOTS_MAX || max_len > MESSAGE_MAX || lanes == 0 || lanes > LANES_MAX {
            return None;
        }
        let capacity = slots.max(2).checked_next_power_of_two()?;
        let stride = (SLOT_HEADER + u64::from(max_len)).next_multiple_of(SLOT_ALIGN);
        let data_offset = SLOTS_OFFSET;
        let data = capacity.checked_mul(u64::from(lanes))?.checked_mul(stride)?;
        let size = data_offset.checked_add(data)?.checked_next_multiple_of(4096)?;
        Some(Self {
            shape: Shape::Mpmc,
            size,
            data_offset,
            capacity,
            max_len,
            lanes,
            stride: u32::try_from(stride).ok()?,
            asymmetric,
        })
    }

    pub(crate) fn write(&self, to: &Preamble) {
        to.version.store(VERSION, Ordering::Relaxed);
        to.shape.store(self.shape as u32, Ordering::Relaxed);
        to.size.store(self.size, Ordering::Relaxed);
        to.data_offset.store(self.data_offset, Ordering::Relaxed);
        to.capacity.store(self.capacity, Ordering::Relaxed);
        to.max_len.store(self.max_len, Ordering::Relaxed);
        to.lanes.store(self.lanes, Ordering::Relaxed);
        to.stride.store(self.stride, Ordering::Relaxed);
        to.flags.store(if self.asymmetric { ASYMMETRIC } else { 0 }, Ordering::Relaxed);
        to.magic.store(MAGIC, Ordering::Release);
    }

    /// Reads and checks the preamble of a segment of `size` bytes: what is accepted is what this
    /// crate itself would have written.
    pub(crate) fn read(from: &Preamble, shape: Shape, size: u64) -> Result<Self, Reason> {
        if from.magic.load(Ordering::Acquire) != MAGIC {
            return Err("it does not start with a ring's magic number");
        }
        if from.shape.load(Ordering::Relaxed) != shape as u32 {
            return Err("it is a ring of another shape");
        }
        if from.version.load(Ordering::Relaxed) != VERSION {
            return Err("it is a ring of another format version");
        }
        let flags = from.flags.load(Ordering::Relaxed);
        if flags & !ASYMMETRIC != 0 {
            return Err("it is a ring with flags that this version does not know");
        }
        let asymmetric = flags & ASYMMETRIC != 0;
        let data_offset = from.data_offset.load(Ordering::Relaxed);
        let capacity = from.capacity.load(Ordering::Relaxed);
        let expected = match shape {
            Shape::Spsc => Self::spsc(capacity, data_offset, asymmetric),
            Shape::Mpmc => Self::mpmc(
                capacity,
                from.max_len.load(Ordering::Relaxed),
                from.lanes.load(Ordering::Relaxed),
                asymmetric,
            ),
        };
        let found = Self {
            shape,
            size: from.size.load(Ordering::Relaxed),
            data_offset,
            capacity,
            max_len: from.max_len.load(Ordering::Relaxed),
            lanes: from.lanes.load(Ordering::Relaxed),
            stride: from.stride.load(Ordering::Relaxed),
            asymmetric,
        };
        match expected {
            Some(expected) if expected == found && size == found.size => Ok(found),
            _ => Err("the sizes in its header do not fit each other or the segment"),
        }
    }
}

#[cfg(all(test, not(posix_ipc_loom)))]
mod tests {
    use super::*;

    #[test]
    fn preamble_has_64_bytes() {
        assert_eq!(size_of::<Preamble>(), 64);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for geometry in [
            Geometry::spsc(100_000, 4096, true).unwrap(),
            Geometry::mpmc(10, 100, 3, false).unwrap(),
        ] {
            let preamble = Preamble::default();
            geometry.write(&preamble);
            assert_eq!(Geometry::read(&preamble, geometry.shape, geometry.size), Ok(geometry));
            assert!(Geometry::read(&preamble, geometry.shape, geometry.size + 1).is_err());
            preamble.capacity.store(3, Ordering::Relaxed);
            assert!(Geometry::read(&preamble, geometry.shape, geometry.size).is_err());
        }
    }

    #[test]
    fn a_ring_of_another_version_is_refused() {
        let geometry = Geometry::mpmc(10, 100, 3, false).unwrap();
        let preamble = Preamble::default();
        geometry.write(&preamble);
        preamble.version.store(VERSION - 1, Ordering::Relaxed);
        let refused = Geometry::read(&preamble, Shape::Mpmc, geometry.size);
        assert_eq!(refused, Err("it is a ring of another format version"));
    }

    #[test]
    fn short_slots_share_lines() {
        let strides =
            [0, 1, 16, 64, 112, 113].map(|len| Geometry::mpmc(8, len, 1, true).unwrap().stride);
        assert_eq!(strides, [16, 32, 32, 80, 128, 144]);
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        assert_eq!(Geometry::spsc(SPSC_MAX + 1, 4096, true), None);
        assert_eq!(Geometry::mpmc(SLOTS_MAX + 1, 8, 1, true), None);
        assert_eq!(Geometry::mpmc(8, 8, 33, true), None);
        assert_eq!(Geometry::mpmc(8, 8, 0, true), None);
        assert_eq!(Geometry::mpmc(u64::MAX, u32::MAX, 32, true), None);
    }
}
