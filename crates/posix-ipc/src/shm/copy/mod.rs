//! Copies to and from memory that others write at the same time.
//!
//! `ptr::copy` there would be a data race, which the language leaves undefined whatever the
//! processor does. Two ways around it have the same effect, that of a relaxed atomic access to
//! every byte, in no order:
//! - [`x86_64`]: loops in inline assembly. The compiler does not look inside, so that it can
//!   assume nothing of the bytes; the processor's loads and stores of any width are what a relaxed
//!   atomic access compiles to.
//! - [`portable`]: relaxed atomics in the language itself, a machine word at a time. Everywhere
//!   else, under Miri, and with `--cfg posix_ipc_portable_copy`, by which the sanitizers see it.

// On x32 pointers are narrower than the registers that the assembly puts them in.
#[cfg(any(
    test,
    miri,
    posix_ipc_portable_copy,
    not(all(target_arch = "x86_64", target_pointer_width = "64"))
))]
mod portable;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", not(miri)))]
#[cfg_attr(posix_ipc_portable_copy, expect(dead_code, reason = "the other one is asked for"))]
mod x86_64;

#[cfg(any(
    miri,
    posix_ipc_portable_copy,
    not(all(target_arch = "x86_64", target_pointer_width = "64"))
))]
use portable as imp;
#[cfg(not(any(
    miri,
    posix_ipc_portable_copy,
    not(all(target_arch = "x86_64", target_pointer_width = "64"))
)))]
use x86_64 as imp;

/// Copies `len` bytes from shared memory to private memory.
///
/// # Safety
///
/// `len` bytes are mapped for reading at `from`; others may write them. `len` bytes are valid for
/// writes at `to`, and nobody else accesses them. The ranges do not overlap.
#[inline]
pub(crate) unsafe fn load(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's duties are the same.
    unsafe { imp::load(from, to, len) }
}

/// Copies `len` bytes from private memory to shared memory.
///
/// # Safety
///
/// `len` bytes are valid for reads at `from`, and nobody writes them. `len` bytes are mapped for
/// writing at `to`; others may access them. The ranges do not overlap.
#[inline]
pub(crate) unsafe fn store(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's duties are the same.
    unsafe { imp::store(from, to, len) }
}

/// As `store`, into lines that a reader has in its caches: there the widest stores take longer than others, up to
/// 1.4 times in a stream of 2 KiB.
///
/// # Safety
///
/// As `store`.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) unsafe fn hand_over(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's duties are the same.
    unsafe { imp::hand_over(from, to, len) }
}

/// Copies `len` bytes within shared memory; the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are mapped for reading at `from` and for writing at `to`; others may access them.
#[inline]
pub(super) unsafe fn within(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's duties are the same.
    unsafe { imp::within(from, to, len) }
}

/// Sets `len` bytes of shared memory.
///
/// # Safety
///
/// `len` bytes are mapped for writing at `to`; others may access them.
#[inline]
pub(super) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    // SAFETY: the caller's duties are the same.
    unsafe { imp::fill(to, byte, len) }
}

#[cfg(test)]
mod tests;
