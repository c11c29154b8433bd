//! [`VersionedCell`]: a [`Versioned`] value as a type of its own, for shared boxes and structures.

use std::cell::UnsafeCell;
use std::fmt;
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::shm::plain::Plain;
use crate::shm::shareable::Shareable;
use crate::shm::versioned::{self, Place, Versioned, VersionedWriter};

/// A value that one writer replaces and many readers read, never half; in memory as
/// [`Versioned`] has it.
///
/// For a [`SharedBox`](crate::shm::SharedBox), alone or as a field of what
/// [`shareable!`](crate::shareable) defines.
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::{SharedBox, TypeTag, VersionedCell};
///
/// # let name = posix_ipc::Name::unique("doc-versioned-cell");
/// const ORIGIN: TypeTag = TypeTag::new("acme.origin", 1);
/// let first = SharedBox::open_or_create(&name, ORIGIN, || VersionedCell::new([0.0f64; 3]))?;
/// let second = SharedBox::<VersionedCell<[f64; 3]>>::open(&name, ORIGIN)?;
///
/// let mut writer = first.writer().expect("there is no other writer");
/// writer.store([1.0, 2.0, 3.0]);
/// assert!(second.writer().is_none());
/// assert_eq!(second.load(), Some([1.0, 2.0, 3.0]));
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[repr(C, align(8))]
pub struct VersionedCell<T> {
    published: AtomicU64,
    begun: AtomicU64,
    claimed: AtomicU32,
    reserved: [AtomicU32; 3],
    slots: [UnsafeCell<Padded<T>>; 2],
}

/// A value that ends at a multiple of 8 bytes.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Padded<T>(T);

// SAFETY: its counters are atomics, and its slots are accessed by copies that tolerate each other,
// without references.
unsafe impl<T: Plain> Sync for VersionedCell<T> {}
// SAFETY: in C's layout; any bytes are counters and plain values, and all of them lie within
// `UnsafeCell`s that are accessed by atomics and copies alone.
unsafe impl<T: Plain> Shareable for VersionedCell<T> {}

impl<T: Plain> VersionedCell<T> {
    /// What the accesses by [`Versioned`] rely on.
    const LAYOUT: () = assert!(
        size_of::<Self>() == Versioned::<T>::LEN
            && offset_of!(Self, begun) == versioned::BEGUN
            && offset_of!(Self, claimed) == versioned::CLAIMED
            && offset_of!(Self, slots) == versioned::SLOTS
    );

    /// A cell with that value as its version 0.
    pub const fn new(value: T) -> Self {
        const { Self::LAYOUT };
        Self {
            published: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            claimed: AtomicU32::new(0),
            reserved: [const { AtomicU32::new(0) }; 3],
            slots: [UnsafeCell::new(Padded(value)), UnsafeCell::new(Padded(value))],
        }
    }

    fn place(&self) -> Place {
        const { Self::LAYOUT };
        // SAFETY: the cell has the layout, is aligned to 8 bytes and lives while it is borrowed, and
        // what of it is written lies within `UnsafeCell`s.
        unsafe { Place::new((&raw const *self).cast()) }
    }

    /// The value as readers have it.
    pub fn as_versioned(&self) -> Versioned<'_, T> {
        Versioned::at(self.place())
    }

    /// Copies the newest value out; `None` as [`Versioned::load`] has it.
    pub fn load(&self) -> Option<T> {
        self.as_versioned().load()
    }

    /// How many values have been stored; a difference tells that there is a new one.
    pub fn version(&self) -> u64 {
        self.as_versioned().version()
    }

    /// The right to write; `None` if somebody has it.
    ///
    /// A writer that was killed has it for ever: see [`take_over`](Self::take_over).
    pub fn writer(&self) -> Option<VersionedWriter<'_, T>> {
        VersionedWriter::claim(self.place())
    }

    /// The right to write, whoever had it before.
    ///
    /// For when the former writer is known to have died: were it to write on, readers could get
    /// values that are part its and part ours.
    pub fn take_over(&self) -> VersionedWriter<'_, T> {
        VersionedWriter::take_over(self.place())
    }
}

impl<T: Plain + Default> Default for VersionedCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Plain> fmt::Debug for VersionedCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionedCell").field("version", &self.version()).finish_non_exhaustive()
    }
}
