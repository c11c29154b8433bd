//! Where a message is received: memory that need not be initialised before.

use core::mem::MaybeUninit;

#[cfg(feature = "std")]
use std::vec::Vec;

#[cfg(feature = "bytes")]
use bytes::BytesMut;

/// Memory to receive into, and what becomes of it: rustix's `Buffer`, which other crates
/// cannot use.
///
/// | buffer | output |
/// |---|---|
/// | `&mut [u8]`, `&mut [u8; N]` | `usize`: how many bytes were written |
/// | `&mut [MaybeUninit<u8>]`, `&mut [MaybeUninit<u8>; N]` | `&mut [u8]`: the bytes that were written |
/// | [`spare_capacity`] of a `Vec<u8>` or (feature `bytes`) `BytesMut` | `usize`; the message is appended |
///
/// Nothing is zeroed. If the compiler says that a `&mut [u8; N]` was moved, reborrow it: `&mut *buffer`.
pub trait Buffer: private::Sealed {}

impl<T: private::Sealed> Buffer for T {}

#[cfg(any(feature = "std", feature = "bytes"))]
/// The unused capacity of a growable buffer, as a place to receive into.
#[derive(Debug)]
pub struct SpareCapacity<'a, B>(&'a mut B);

#[cfg(any(feature = "std", feature = "bytes"))]
/// Receives into the capacity that `buffer` has beyond its length, and appends.
///
/// Nothing is allocated: reserve the queue's message size before.
pub fn spare_capacity<B>(buffer: &mut B) -> SpareCapacity<'_, B>
where
    for<'a> SpareCapacity<'a, B>: Buffer,
{
    SpareCapacity(buffer)
}

mod private {
    pub trait Sealed: Sized {
        /// What the receiver gets.
        type Output;

        /// Where the memory is and how many bytes it has, writable while `self` lives.
        fn parts_mut(&mut self) -> (*mut u8, usize);

        /// # Safety
        ///
        /// The first `len` bytes are initialised, and `len` is within the buffer.
        unsafe fn assume_init(self, len: usize) -> Self::Output;
    }
}

impl private::Sealed for &mut [u8] {
    type Output = usize;

    #[inline]
    fn parts_mut(&mut self) -> (*mut u8, usize) {
        (self.as_mut_ptr(), self.len())
    }

    #[inline]
    unsafe fn assume_init(self, len: usize) -> usize {
        len
    }
}

impl<const N: usize> private::Sealed for &mut [u8; N] {
    type Output = usize;

    #[inline]
    fn parts_mut(&mut self) -> (*mut u8, usize) {
        (self.as_mut_ptr(), N)
    }

    #[inline]
    unsafe fn assume_init(self, len: usize) -> usize {
        len
    }
}

impl<'a> private::Sealed for &'a mut [MaybeUninit<u8>] {
    type Output = &'a mut [u8];

    #[inline]
    fn parts_mut(&mut self) -> (*mut u8, usize) {
        (self.as_mut_ptr().cast(), self.len())
    }

    #[inline]
    unsafe fn assume_init(self, len: usize) -> &'a mut [u8] {
        let start = self.as_mut_ptr().cast();
        // SAFETY:
        // - The first `len` bytes are within the buffer and initialised: the caller's duty.
        // - The memory is borrowed for `'a` by `self`, which is used up here.
        unsafe { core::slice::from_raw_parts_mut(start, len) }
    }
}

impl<'a, const N: usize> private::Sealed for &'a mut [MaybeUninit<u8>; N] {
    type Output = &'a mut [u8];

    #[inline]
    fn parts_mut(&mut self) -> (*mut u8, usize) {
        (self.as_mut_ptr().cast(), N)
    }

    #[inline]
    unsafe fn assume_init(self, len: usize) -> &'a mut [u8] {
        let slice: &'a mut [MaybeUninit<u8>] = self;
        // SAFETY: the same duty, passed on.
        unsafe { private::Sealed::assume_init(slice, len) }
    }
}

#[cfg(feature = "std")]
impl private::Sealed for SpareCapacity<'_, Vec<u8>> {
    type Output = usize;

    #[inline]
    fn parts_mut(&mut self) -> (*mut u8, usize) {
        let spare = self.0.spare_capacity_mut();
        (spare.as_mut_ptr().cast(), spare.len())
    }

    #[inline]
    unsafe fn assume_init(self, len: usize) -> usize {
        let new = self.0.len() + len;
        // SAFETY: `len` bytes of the spare capacity are initialised, so that `new` is within the
        // capacity and everything below it is initialised: the caller's duty.
        unsafe { self.0.set_len(new) };
        len
    }
}

#[cfg(feature = "bytes")]
impl private::Sealed for SpareCapacity<'_, BytesMut> {
    type Output = usize;

    #[inline]
    fn parts_mut(&mut self) -> (*mut u8, usize) {
        let spare = self.0.spare_capacity_mut();
        (spare.as_mut_ptr().cast(), spare.len())
    }

    #[inline]
    unsafe fn assume_init(self, len: usize) -> usize {
        let new = self.0.len() + len;
        // SAFETY: as for `Vec`.
        unsafe { self.0.set_len(new) };
        len
    }
}
