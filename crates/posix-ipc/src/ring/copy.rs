//! Copies between private memory and memory that other processes write, by `shm`'s race-free
//! loops; messages of a word or two, which are common, are copied in line.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

#[cfg(not(posix_ipc_loom))]
use super::primitive::fetch_to_write;
use crate::shm::copy;

/// How far ahead lines are fetched that will be written.
const AHEAD: usize = 2048;
/// How many bytes are written between two fetches.
const STRIDE: usize = 512;
const LINE: usize = 64;

/// # Safety
///
/// `to` points to `bytes.len()` bytes of mapped memory.
#[inline(always)]
pub(super) unsafe fn to_shared(bytes: &[u8], to: NonNull<u8>) {
    // SAFETY: the caller's promise; private and shared memory do not overlap.
    unsafe { copy::hand_over(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
}

/// As `to_shared`, to lines that other processors have in their caches, which are fetched a little before they
/// are written: some processors fetch them one after the other else. `left` bytes will be written behind these.
///
/// # Safety
///
/// As `to_shared`.
#[cfg(not(posix_ipc_loom))]
pub(super) unsafe fn to_shared_ahead(bytes: &[u8], to: NonNull<u8>, left: usize) {
    let (mut done, end) = (0, bytes.len() + left);
    for part in bytes.chunks(STRIDE) {
        let ahead = done + AHEAD;
        for line in (ahead..end.min(ahead + STRIDE)).step_by(LINE) {
            fetch_to_write(to.as_ptr().wrapping_add(line));
        }
        // SAFETY: the part ends where `bytes` do, or before.
        let there = unsafe { to.add(done) };
        // SAFETY: as above.
        unsafe { to_shared(part, there) };
        done += part.len();
    }
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
