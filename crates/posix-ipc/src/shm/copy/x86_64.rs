//! Copies by inline assembly: AVX where the processor has it, SSE2 else.
//!
//! Every routine loads what a later store of its own might overwrite before that store, so that
//! ranges may overlap if the direction is right: forward towards lower addresses, backward
//! towards higher ones. Short copies load everything first and go in either direction.

use std::arch::asm;

/// From how many bytes on a loop is used.
const LOOP: usize = 257;
/// From how many bytes on stores go past the caches: more than a core's share of the last
/// level, where keeping the copy would only evict what is there.
const STREAM: usize = 32 << 20;
/// Loads wait for an earlier store at the same distance from a page's start, as if it were the
/// same address. Going forward, loads run into the stores of this many bytes before them.
const ALIAS: usize = 1024;

/// # Safety
///
/// As `copy::load`.
#[inline]
pub(super) unsafe fn load(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's duties are the same.
    unsafe { copy(from, to, len) }
}

/// # Safety
///
/// As `copy::store`.
#[inline]
pub(super) unsafe fn store(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's duties are the same.
    unsafe { copy(from, to, len) }
}

/// # Safety
///
/// As `copy::within`.
pub(super) unsafe fn within(from: *const u8, to: *mut u8, len: usize) {
    let backward = to.addr() > from.addr();
    match (len >= LOOP, std::is_x86_feature_detected!("avx"), backward) {
        // SAFETY: valid by the caller's duty; short copies take overlapping ranges.
        (false, ..) => unsafe { short(from, to, len) },
        // SAFETY: valid by the caller's duty, `len` is at least `LOOP`, the processor has AVX, and
        // the direction fits the overlap.
        (true, true, true) => unsafe { avx_backward(from, to, len) },
        // SAFETY: as above.
        (true, true, false) => unsafe { avx_forward(from, to, len) },
        // SAFETY: as above; every x86-64 processor has SSE2.
        (true, false, true) => unsafe { sse2_backward(from, to, len) },
        // SAFETY: as above.
        (true, false, false) => unsafe { sse2_forward(from, to, len) },
    }
}

/// # Safety
///
/// `len` bytes are mapped for reading at `from` and for writing at `to`, and do not overlap.
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    if len < LOOP {
        // SAFETY: the caller's duties are the same.
        unsafe { short(from, to, len) }
    } else {
        // SAFETY: the caller's duties are the same, and `len` is at least `LOOP`.
        unsafe { long(from, to, len) }
    }
}

/// # Safety
///
/// As `copy`; `len` is at least `LOOP`.
#[inline(never)]
unsafe fn long(from: *const u8, to: *mut u8, len: usize) {
    let ahead = to.addr().wrapping_sub(from.addr()) & 0xfff;
    let aliased = ahead != 0 && ahead < ALIAS;
    match (std::is_x86_feature_detected!("avx"), len >= STREAM, aliased) {
        // SAFETY: valid by the caller's duty, `len` is at least `LOOP`, the processor has AVX.
        (true, true, _) => unsafe { avx_stream(from, to, len) },
        // SAFETY: as above.
        (true, false, false) => unsafe { avx_forward(from, to, len) },
        // SAFETY: as above.
        (true, false, true) => unsafe { avx_backward(from, to, len) },
        // SAFETY: as above; every x86-64 processor has SSE2.
        (false, true, _) => unsafe { sse2_stream(from, to, len) },
        // SAFETY: as above.
        (false, false, false) => unsafe { sse2_forward(from, to, len) },
        // SAFETY: as above.
        (false, false, true) => unsafe { sse2_backward(from, to, len) },
    }
}

/// Copies less than `LOOP` bytes; the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are mapped for reading at `from` and for writing at `to`.
#[inline]
unsafe fn short(from: *const u8, to: *mut u8, len: usize) {
    // Few branches for what is copied most.
    if len < 16 {
        // SAFETY: valid by the caller's duty, and `len` is at most 15.
        unsafe { tiny(from, to, len) }
    } else if len <= 32 {
        // SAFETY: two accesses of 16 bytes lie within the `len` bytes.
        unsafe {
            asm!(
                "movups {a}, xmmword ptr [{from}]",
                "movups {b}, xmmword ptr [{from} + {len} - 16]",
                "movups xmmword ptr [{to}], {a}",
                "movups xmmword ptr [{to} + {len} - 16], {b}",
                from = in(reg) from,
                to = in(reg) to,
                len = in(reg) len,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                options(nostack, preserves_flags),
            )
        }
    } else if len <= 64 {
        // SAFETY: two pairs of accesses of 16 bytes lie within the `len` bytes.
        unsafe {
            asm!(
                "movups {a}, xmmword ptr [{from}]",
                "movups {b}, xmmword ptr [{from} + 16]",
                "movups {c}, xmmword ptr [{from} + {len} - 32]",
                "movups {d}, xmmword ptr [{from} + {len} - 16]",
                "movups xmmword ptr [{to}], {a}",
                "movups xmmword ptr [{to} + 16], {b}",
                "movups xmmword ptr [{to} + {len} - 32], {c}",
                "movups xmmword ptr [{to} + {len} - 16], {d}",
                from = in(reg) from,
                to = in(reg) to,
                len = in(reg) len,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                c = out(xmm_reg) _,
                d = out(xmm_reg) _,
                options(nostack, preserves_flags),
            )
        }
    } else if len <= 128 {
        // SAFETY: valid by the caller's duty, and `len` is from 65 to 128.
        unsafe { medium(from, to, len) }
    } else if std::is_x86_feature_detected!("avx") {
        // SAFETY: valid by the caller's duty, `len` is from 129 to 256, the processor has AVX.
        unsafe { avx_large(from, to, len) }
    } else {
        // SAFETY: valid by the caller's duty, and `len` is from 129 to 256.
        unsafe { sse2_large(from, to, len) }
    }
}

/// Copies at most 15 bytes; the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are mapped for reading at `from` and for writing at `to`.
#[inline]
unsafe fn tiny(from: *const u8, to: *mut u8, len: usize) {
    macro_rules! two {
        ($size:literal, $class:ident, $modifier:literal, $width:literal) => {
            // SAFETY: the two accesses of `size` bytes, at the start and up to the end, lie within
            // the `len` bytes, which are at least as many.
            unsafe {
                asm!(
                    concat!("mov {a", $modifier, "}, ", $width, " ptr [{from}]"),
                    concat!("mov {b", $modifier, "}, ", $width, " ptr [{from} + {len} - ", $size, "]"),
                    concat!("mov ", $width, " ptr [{to}], {a", $modifier, "}"),
                    concat!("mov ", $width, " ptr [{to} + {len} - ", $size, "], {b", $modifier, "}"),
                    from = in(reg) from,
                    to = in(reg) to,
                    len = in(reg) len,
                    a = out($class) _,
                    b = out($class) _,
                    options(nostack, preserves_flags),
                )
            }
        };
    }
    if len >= 8 {
        two!(8, reg, "", "qword")
    } else if len >= 4 {
        two!(4, reg, ":e", "dword")
    } else if len >= 2 {
        two!(2, reg, ":x", "word")
    } else if len == 1 {
        // SAFETY: the one byte is mapped by the caller's duty.
        unsafe {
            asm!(
                "mov {a}, byte ptr [{from}]",
                "mov byte ptr [{to}], {a}",
                from = in(reg) from,
                to = in(reg) to,
                a = out(reg_byte) _,
                options(nostack, preserves_flags),
            )
        }
    }
}

/// Copies 65 to 128 bytes; the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are mapped for reading at `from` and for writing at `to`.
#[inline]
unsafe fn medium(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: four accesses of 16 bytes from the start and four up to the end lie within the
    // `len` bytes, and all loads come before all stores.
    unsafe {
        asm!(
            "movups xmm0, xmmword ptr [{from}]",
            "movups xmm1, xmmword ptr [{from} + 16]",
            "movups xmm2, xmmword ptr [{from} + 32]",
            "movups xmm3, xmmword ptr [{from} + 48]",
            "movups xmm4, xmmword ptr [{from} + {len} - 64]",
            "movups xmm5, xmmword ptr [{from} + {len} - 48]",
            "movups xmm6, xmmword ptr [{from} + {len} - 32]",
            "movups xmm7, xmmword ptr [{from} + {len} - 16]",
            "movups xmmword ptr [{to}], xmm0",
            "movups xmmword ptr [{to} + 16], xmm1",
            "movups xmmword ptr [{to} + 32], xmm2",
            "movups xmmword ptr [{to} + 48], xmm3",
            "movups xmmword ptr [{to} + {len} - 64], xmm4",
            "movups xmmword ptr [{to} + {len} - 48], xmm5",
            "movups xmmword ptr [{to} + {len} - 32], xmm6",
            "movups xmmword ptr [{to} + {len} - 16], xmm7",
            from = in(reg) from,
            to = in(reg) to,
            len = in(reg) len,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            options(nostack, preserves_flags),
        )
    }
}

/// Copies 129 to 256 bytes with AVX; the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are mapped for reading at `from` and for writing at `to`; the processor has AVX.
unsafe fn avx_large(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: four accesses of 32 bytes from the start and four up to the end lie within the
    // `len` bytes, and all loads come before all stores. All vector registers are declared
    // clobbered, also for the upper halves.
    unsafe {
        asm!(
            "vmovdqu ymm0, [{from}]",
            "vmovdqu ymm1, [{from} + 32]",
            "vmovdqu ymm2, [{from} + 64]",
            "vmovdqu ymm3, [{from} + 96]",
            "vmovdqu ymm4, [{from} + {len} - 128]",
            "vmovdqu ymm5, [{from} + {len} - 96]",
            "vmovdqu ymm6, [{from} + {len} - 64]",
            "vmovdqu ymm7, [{from} + {len} - 32]",
            "vmovdqu [{to}], ymm0",
            "vmovdqu [{to} + 32], ymm1",
            "vmovdqu [{to} + 64], ymm2",
            "vmovdqu [{to} + 96], ymm3",
            "vmovdqu [{to} + {len} - 128], ymm4",
            "vmovdqu [{to} + {len} - 96], ymm5",
            "vmovdqu [{to} + {len} - 64], ymm6",
            "vmovdqu [{to} + {len} - 32], ymm7",
            "vzeroupper",
            from = in(reg) from,
            to = in(reg) to,
            len = in(reg) len,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            options(nostack, preserves_flags),
        )
    }
}

/// Copies 129 to 256 bytes with SSE2; the ranges may overlap.
///
/// # Safety
///
/// `len` bytes are mapped for reading at `from` and for writing at `to`.
unsafe fn sse2_large(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: eight accesses of 16 bytes from the start and eight up to the end lie within the
    // `len` bytes, and all loads come before all stores.
    unsafe {
        asm!(
            "movups xmm0, xmmword ptr [{from}]",
            "movups xmm1, xmmword ptr [{from} + 16]",
            "movups xmm2, xmmword ptr [{from} + 32]",
            "movups xmm3, xmmword ptr [{from} + 48]",
            "movups xmm4, xmmword ptr [{from} + 64]",
            "movups xmm5, xmmword ptr [{from} + 80]",
            "movups xmm6, xmmword ptr [{from} + 96]",
            "movups xmm7, xmmword ptr [{from} + 112]",
            "movups xmm8, xmmword ptr [{from} + {len} - 128]",
            "movups xmm9, xmmword ptr [{from} + {len} - 112]",
            "movups xmm10, xmmword ptr [{from} + {len} - 96]",
            "movups xmm11, xmmword ptr [{from} + {len} - 80]",
            "movups xmm12, xmmword ptr [{from} + {len} - 64]",
            "movups xmm13, xmmword ptr [{from} + {len} - 48]",
            "movups xmm14, xmmword ptr [{from} + {len} - 32]",
            "movups xmm15, xmmword ptr [{from} + {len} - 16]",
            "movups xmmword ptr [{to}], xmm0",
            "movups xmmword ptr [{to} + 16], xmm1",
            "movups xmmword ptr [{to} + 32], xmm2",
            "movups xmmword ptr [{to} + 48], xmm3",
            "movups xmmword ptr [{to} + 64], xmm4",
            "movups xmmword ptr [{to} + 80], xmm5",
            "movups xmmword ptr [{to} + 96], xmm6",
            "movups xmmword ptr [{to} + 112], xmm7",
            "movups xmmword ptr [{to} + {len} - 128], xmm8",
            "movups xmmword ptr [{to} + {len} - 112], xmm9",
            "movups xmmword ptr [{to} + {len} - 96], xmm10",
            "movups xmmword ptr [{to} + {len} - 80], xmm11",
            "movups xmmword ptr [{to} + {len} - 64], xmm12",
            "movups xmmword ptr [{to} + {len} - 48], xmm13",
            "movups xmmword ptr [{to} + {len} - 32], xmm14",
            "movups xmmword ptr [{to} + {len} - 16], xmm15",
            from = in(reg) from,
            to = in(reg) to,
            len = in(reg) len,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            options(nostack, preserves_flags),
        )
    }
}

/// Defines the three loops for registers of one width.
///
/// A step is four registers. Stores of the loop are aligned; one register at the end where the loop
/// starts and a whole step at the other end are loaded first and stored last, unaligned.
macro_rules! loops {
    (
        $forward:ident, $backward:ident, $stream:ident,
        $register:literal, $unaligned:literal, $aligned:literal, $past:literal,
        $one:literal, $two:literal, $three:literal, $step:literal, $end:literal
    ) => {
        /// From the start to the end; right for ranges that overlap towards lower addresses.
        ///
        /// # Safety
        ///
        /// `len`, at least `LOOP`, bytes are mapped for reading at `from` and for writing at `to`;
        /// the processor has these registers.
        unsafe fn $forward(from: *const u8, to: *mut u8, len: usize) {
            loops!(@up from, to, len, $register, $unaligned, $aligned, $one, $two, $three, $step, $end);
        }

        /// As the forward loop, with stores that bypass the caches.
        ///
        /// # Safety
        ///
        /// As the forward loop.
        unsafe fn $stream(from: *const u8, to: *mut u8, len: usize) {
            // The fence makes the stores ordered with those after them, as all others are.
            loops!(
                @up from, to, len, $register, $unaligned, $past, $one, $two, $three, $step,
                concat!("sfence\n", $end)
            );
        }

        /// From the end to the start; right for ranges that overlap towards higher addresses.
        ///
        /// # Safety
        ///
        /// As the forward loop.
        unsafe fn $backward(from: *const u8, to: *mut u8, len: usize) {
            // SAFETY:
            // - `at` starts at the last multiple of a register's size below `to + len`. A pass
            //   writes the step below `at`, and is entered with `at > to + step`, so that all it
            //   writes lies within the range; so does the step stored at the start, and the
            //   register stored up to the end. Loads are at the same offsets from `from`.
            // - `len >= LOOP` makes the first pass valid.
            // - All vector registers are declared clobbered, also for the upper halves.
            unsafe {
                asm!(
                    concat!($unaligned, " ", $register, "4, [{from}]"),
                    concat!($unaligned, " ", $register, "5, [{from} + ", $one, "]"),
                    concat!($unaligned, " ", $register, "6, [{from} + ", $two, "]"),
                    concat!($unaligned, " ", $register, "7, [{from} + ", $three, "]"),
                    concat!($unaligned, " ", $register, "8, [{from} + {len} - ", $one, "]"),
                    "lea {at}, [{to} + {len} - 1]",
                    concat!("and {at}, -", $one),
                    "sub {from}, {to}",
                    concat!("lea {stop}, [{to} + ", $step, "]"),
                    "2:",
                    concat!($unaligned, " ", $register, "0, [{at} + {from} - ", $one, "]"),
                    concat!($unaligned, " ", $register, "1, [{at} + {from} - ", $two, "]"),
                    concat!($unaligned, " ", $register, "2, [{at} + {from} - ", $three, "]"),
                    concat!($unaligned, " ", $register, "3, [{at} + {from} - ", $step, "]"),
                    concat!($aligned, " [{at} - ", $one, "], ", $register, "0"),
                    concat!($aligned, " [{at} - ", $two, "], ", $register, "1"),
                    concat!($aligned, " [{at} - ", $three, "], ", $register, "2"),
                    concat!($aligned, " [{at} - ", $step, "], ", $register, "3"),
                    concat!("add {at}, -", $step),
                    "cmp {at}, {stop}",
                    "ja 2b",
                    concat!($unaligned, " [{to}], ", $register, "4"),
                    concat!($unaligned, " [{to} + ", $one, "], ", $register, "5"),
                    concat!($unaligned, " [{to} + ", $two, "], ", $register, "6"),
                    concat!($unaligned, " [{to} + ", $three, "], ", $register, "7"),
                    concat!($unaligned, " [{to} + {len} - ", $one, "], ", $register, "8"),
                    $end,
                    from = inout(reg) from => _,
                    to = in(reg) to,
                    len = in(reg) len,
                    at = out(reg) _,
                    stop = out(reg) _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                    out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                    out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    options(nostack),
                )
            }
        }
    };
    (
        @up $from:ident, $to:ident, $len:ident,
        $register:literal, $unaligned:literal, $aligned:literal,
        $one:literal, $two:literal, $three:literal, $step:literal, $end:expr
    ) => {
        // SAFETY:
        // - `at` starts at the first multiple of a register's size above `to`. A pass writes the
        //   step from `at` on, and is entered with `at < stop = to + len - step`, so that all it
        //   writes lies within the range; so does the step stored at `stop`, and the register
        //   stored at the start. Loads are at the same offsets from `from`.
        // - `len >= LOOP` makes the first pass valid.
        // - All vector registers are declared clobbered, also for the upper halves.
        unsafe {
            asm!(
                concat!("lea {stop}, [{from} + {len} - ", $step, "]"),
                concat!($unaligned, " ", $register, "4, [{stop}]"),
                concat!($unaligned, " ", $register, "5, [{stop} + ", $one, "]"),
                concat!($unaligned, " ", $register, "6, [{stop} + ", $two, "]"),
                concat!($unaligned, " ", $register, "7, [{stop} + ", $three, "]"),
                concat!($unaligned, " ", $register, "8, [{from}]"),
                concat!("lea {at}, [{to} + ", $one, "]"),
                concat!("and {at}, -", $one),
                "sub {from}, {to}",
                concat!("lea {stop}, [{to} + {len} - ", $step, "]"),
                ".p2align 4",
                "2:",
                concat!($unaligned, " ", $register, "0, [{at} + {from}]"),
                concat!($unaligned, " ", $register, "1, [{at} + {from} + ", $one, "]"),
                concat!($unaligned, " ", $register, "2, [{at} + {from} + ", $two, "]"),
                concat!($unaligned, " ", $register, "3, [{at} + {from} + ", $three, "]"),
                concat!($aligned, " [{at}], ", $register, "0"),
                concat!($aligned, " [{at} + ", $one, "], ", $register, "1"),
                concat!($aligned, " [{at} + ", $two, "], ", $register, "2"),
                concat!($aligned, " [{at} + ", $three, "], ", $register, "3"),
                concat!("sub {at}, -", $step),
                "cmp {at}, {stop}",
                "jb 2b",
                concat!($unaligned, " [{stop}], ", $register, "4"),
                concat!($unaligned, " [{stop} + ", $one, "], ", $register, "5"),
                concat!($unaligned, " [{stop} + ", $two, "], ", $register, "6"),
                concat!($unaligned, " [{stop} + ", $three, "], ", $register, "7"),
                concat!($unaligned, " [{to}], ", $register, "8"),
                $end,
                from = inout(reg) $from => _,
                to = in(reg) $to,
                len = in(reg) $len,
                at = out(reg) _,
                stop = out(reg) _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(nostack),
            )
        }
    };
}

loops! {
    avx_forward, avx_backward, avx_stream,
    "ymm", "vmovdqu", "vmovdqa", "vmovntdq", 32, 64, 96, 128, "vzeroupper"
}

loops! {
    sse2_forward, sse2_backward, sse2_stream,
    "xmm", "movdqu", "movdqa", "movntdq", 16, 32, 48, 64, ""
}

/// # Safety
///
/// As `copy::fill`.
pub(super) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    // SAFETY: stores `len` bytes from `to` on, upwards since inline assembly is entered with the
    // direction flag clear; mapped by the caller's duty.
    unsafe {
        asm!(
            "rep stosb",
            inout("rdi") to => _,
            inout("rcx") len => _,
            in("al") byte,
            options(nostack, preserves_flags),
        )
    }
}

#[cfg(test)]
pub(super) mod loops {
    //! Every loop by itself, for the tests.

    /// What copies 129 to 256 bytes.
    pub(in crate::shm::copy) fn large() -> [(bool, Loop); 2] {
        [(true, super::sse2_large), (std::is_x86_feature_detected!("avx"), super::avx_large)]
    }

    /// A loop; see its own contract.
    pub(in crate::shm::copy) type Loop = unsafe fn(*const u8, *mut u8, usize);

    /// Those that go forward, with whether the processor has what they need.
    pub(in crate::shm::copy) fn forward() -> [(bool, Loop); 4] {
        let avx = std::is_x86_feature_detected!("avx");
        [
            (true, super::sse2_forward),
            (true, super::sse2_stream),
            (avx, super::avx_forward),
            (avx, super::avx_stream),
        ]
    }

    /// Those that go backward.
    pub(in crate::shm::copy) fn backward() -> [(bool, Loop); 2] {
        let avx = std::is_x86_feature_detected!("avx");
        [(true, super::sse2_backward), (avx, super::avx_backward)]
    }
}
