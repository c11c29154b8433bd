//! Copies by relaxed atomics, a machine word at a time.
//!
//! Only the shared side is accessed atomically; words there are aligned, and the private side
//! is read and written wherever it is.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

const WORD: usize = size_of::<usize>();

/// How many bytes come before the first whole word at `pointer`, at most `len`.
fn head(pointer: *const u8, len: usize) -> usize {
    pointer.align_offset(WORD).min(len)
}

/// # Safety
///
/// The byte is mapped for reading.
unsafe fn load_byte(from: *const u8) -> u8 {
    // SAFETY: the byte is mapped by the caller's duty, and a byte is always aligned.
    unsafe { &*from.cast::<AtomicU8>() }.load(Relaxed)
}

/// # Safety
///
/// The word is mapped for reading, and aligned.
unsafe fn load_word(from: *const u8) -> usize {
    // SAFETY: mapped and aligned by the caller's duty.
    unsafe { &*from.cast::<AtomicUsize>() }.load(Relaxed)
}

/// # Safety
///
/// The byte is mapped for writing.
unsafe fn store_byte(to: *mut u8, byte: u8) {
    // SAFETY: the byte is mapped by the caller's duty, and a byte is always aligned.
    unsafe { &*to.cast::<AtomicU8>() }.store(byte, Relaxed);
}

/// # Safety
///
/// The word is mapped for writing, and aligned.
unsafe fn store_word(to: *mut u8, word: usize) {
    // SAFETY: mapped and aligned by the caller's duty.
    unsafe { &*to.cast::<AtomicUsize>() }.store(word, Relaxed);
}

/// # Safety
///
/// As `copy::load`.
pub(super) unsafe fn load(from: *const u8, to: *mut u8, len: usize) {
    let head = head(from, len);
    let words = (len - head) / WORD * WORD;
    let bytes = |range: std::ops::Range<usize>| {
        for i in range {
            // SAFETY: `i` is less than `len`.
            let source = unsafe { from.add(i) };
            // SAFETY: mapped by the caller's duty.
            let byte = unsafe { load_byte(source) };
            // SAFETY: `i` is less than `len`.
            let target = unsafe { to.add(i) };
            // SAFETY: valid and private by the caller's duty.
            unsafe { target.write(byte) };
        }
    };
    bytes(0..head);
    for i in (head..head + words).step_by(WORD) {
        // SAFETY: `i + WORD` is at most `len`.
        let source = unsafe { from.add(i) };
        // SAFETY: mapped by the caller's duty, and aligned since `head` bytes lead to a word.
        let word = unsafe { load_word(source) };
        // SAFETY: `i + WORD` is at most `len`.
        let target = unsafe { to.add(i) };
        // SAFETY: valid and private by the caller's duty.
        unsafe { target.cast::<usize>().write_unaligned(word) };
    }
    bytes(head + words..len);
}

#[cfg(target_os = "linux")]
pub(super) use self::store as hand_over;

/// # Safety
///
/// As `copy::store`.
pub(super) unsafe fn store(from: *const u8, to: *mut u8, len: usize) {
    let head = head(to, len);
    let words = (len - head) / WORD * WORD;
    let bytes = |range: std::ops::Range<usize>| {
        for i in range {
            // SAFETY: `i` is less than `len`.
            let source = unsafe { from.add(i) };
            // SAFETY: valid and not written by anybody, by the caller's duty.
            let byte = unsafe { source.read() };
            // SAFETY: `i` is less than `len`.
            let target = unsafe { to.add(i) };
            // SAFETY: mapped by the caller's duty.
            unsafe { store_byte(target, byte) };
        }
    };
    bytes(0..head);
    for i in (head..head + words).step_by(WORD) {
        // SAFETY: `i + WORD` is at most `len`.
        let source = unsafe { from.add(i) };
        // SAFETY: valid and not written by anybody, by the caller's duty.
        let word = unsafe { source.cast::<usize>().read_unaligned() };
        // SAFETY: `i + WORD` is at most `len`.
        let target = unsafe { to.add(i) };
        // SAFETY: mapped by the caller's duty, and aligned since `head` bytes lead to a word.
        unsafe { store_word(target, word) };
    }
    bytes(head + words..len);
}

/// # Safety
///
/// As `copy::within`.
pub(super) unsafe fn within(from: *const u8, to: *mut u8, len: usize) {
    let mut window = [0u8; 1024];
    let mut done = 0;
    while done < len {
        let step = window.len().min(len - done);
        // Towards the source: from the end if the target lies behind it.
        let at = if to.addr() > from.addr() { len - done - step } else { done };
        // SAFETY: `at + step` is at most `len`.
        let source = unsafe { from.add(at) };
        // SAFETY: mapped by the caller's duty; the window is this function's own.
        unsafe { load(source, window.as_mut_ptr(), step) };
        // SAFETY: `at + step` is at most `len`.
        let target = unsafe { to.add(at) };
        // SAFETY: as above.
        unsafe { store(window.as_ptr(), target, step) };
        done += step;
    }
}

/// # Safety
///
/// As `copy::fill`.
pub(super) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    let word = usize::from_ne_bytes([byte; WORD]);
    let head = head(to, len);
    let words = (len - head) / WORD * WORD;
    let bytes = |range: std::ops::Range<usize>| {
        for i in range {
            // SAFETY: `i` is less than `len`.
            let target = unsafe { to.add(i) };
            // SAFETY: mapped by the caller's duty.
            unsafe { store_byte(target, byte) };
        }
    };
    bytes(0..head);
    for i in (head..head + words).step_by(WORD) {
        // SAFETY: `i + WORD` is at most `len`.
        let target = unsafe { to.add(i) };
        // SAFETY: mapped by the caller's duty, and aligned since `head` bytes lead to a word.
        unsafe { store_word(target, word) };
    }
    bytes(head + words..len);
}
