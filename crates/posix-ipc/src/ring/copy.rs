//! Copies between private memory and memory that other processes write, by `shm`'s race-free
//! loops; messages of a word or two, which are common, are copied in line.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::shm::copy;

/// # Safety
///
/// `to` points to `bytes.len()` bytes of mapped memory.
#[inline(always)]
pub(super) unsafe fn to_shared(bytes: &[u8], to: NonNull<u8>) {
    // SAFETY: the caller's promise; private and shared memory do not overlap.
    unsafe { copy::store(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
}

/// Fills `bytes`.
///
/// # Safety
///
/// `from` points to `bytes.len()` bytes of mapped memory.
#[inline(always)]
pub(super) unsafe fn from_shared(from: NonNull<u8>, bytes: &mut [MaybeUninit<u8>]) {
    // SAFETY: the caller's promise; private and shared memory do not overlap.
    unsafe { copy::load(from.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// Initialised bytes as ones that may be written.
///
/// # Safety
///
/// Nothing uninitialised is written through the result.
pub(super) unsafe fn as_uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: `MaybeUninit<u8>` has the layout of `u8`; the caller keeps the bytes initialised.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}
