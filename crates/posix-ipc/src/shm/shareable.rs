//! [`Shareable`]: what may be seen by reference though other processes write it, and
//! [`SharedCell`], which makes plain values so.

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicUsize,
};
#[cfg(target_has_atomic = "64")]
use std::sync::atomic::{AtomicI64, AtomicU64};

use crate::shm::plain::Plain;
use crate::shm::slot;

/// A type that may be seen by reference in memory which other processes write at any time.
///
/// [`shareable!`](crate::shareable) defines one without `unsafe`.
///
/// # Safety
///
/// - Every pattern of bytes is a valid value, at any moment: no `AtomicBool`, no `AtomicPtr`.
/// - Safe code that has a `&T` reads and writes it only by atomics or through
///   [`SharedCell`]: every field is `Shareable` itself.
/// - Layout is the same in every program that shares it: `#[repr(C)]` or `#[repr(transparent)]`.
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::{Shareable, SharedCell};
/// use std::sync::atomic::AtomicU64;
///
/// #[repr(C)]
/// struct Counters {
///     requests: AtomicU64,
///     failures: AtomicU64,
///     label: SharedCell<[u8; 16]>,
/// }
///
/// // SAFETY: in C's layout, and all fields are `Shareable`.
/// unsafe impl Shareable for Counters {}
/// ```
pub unsafe trait Shareable: Send + Sync + 'static {}

macro_rules! shareable {
    ($($type:ty),*) => {$(
        // SAFETY: an integer that is accessed by atomics takes any bits at any time.
        unsafe impl Shareable for $type {}
    )*};
}

shareable!(
    AtomicU8,
    AtomicU16,
    AtomicU32,
    AtomicUsize,
    AtomicI8,
    AtomicI16,
    AtomicI32,
    AtomicIsize
);
#[cfg(target_has_atomic = "64")]
shareable!(AtomicU64, AtomicI64);

// SAFETY: elements follow each other, and each is shareable.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}
// SAFETY: a cell takes any bytes, since its value does, and is accessed by copies alone.
unsafe impl<T: Plain> Shareable for SharedCell<T> {}

/// A plain value that processes load and store by copying its bytes.
///
/// As with [`Slot`](crate::shm::Slot), a load while somebody stores may see bytes of both.
#[repr(transparent)]
pub struct SharedCell<T>(UnsafeCell<T>);

// SAFETY: it is accessed by copies that tolerate each other, and gives out no reference.
unsafe impl<T: Plain> Sync for SharedCell<T> {}

impl<T: Plain> SharedCell<T> {
    /// A cell with that value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Copies the value out.
    pub fn load(&self) -> T {
        // SAFETY: the cell is there while it is borrowed, and has as many bytes.
        unsafe { slot::load(self.0.get().cast::<u8>()) }
    }

    /// Copies a value in.
    pub fn store(&self, value: T) {
        // SAFETY: as in `load`; an `UnsafeCell` may be written through a shared reference.
        unsafe { slot::store(self.0.get().cast(), &value) }
    }
}

impl<T: Plain + Default> Default for SharedCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for SharedCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedCell").field(&self.load()).finish()
    }
}
