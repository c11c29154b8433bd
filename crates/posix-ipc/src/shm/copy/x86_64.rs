//! Copies by inline assembly: AVX-512 where that pays, AVX where the processor has it, SSE2 else.
//!
//! Every routine loads what a later store of its own might overwrite before that store, so that
//! ranges may overlap if the direction is right: forward towards lower addresses, backward
//! towards higher ones. Short copies load everything first and go in either direction.

use std::arch::asm;

/// From how many bytes on a loop is used.
const LOOP: usize = 257;
/// From how many bytes on one with registers of 64 bytes may be, so that its first pass is valid.
const WIDE_LOOP: usize = 321;
/// What fits into all registers of 64 bytes, and needs no loop.
const AT_ONCE: usize = 1024;
const _: () = assert!(AT_ONCE >= WIDE_LOOP && WIDE_LOOP >= LOOP);
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
/// As `copy::hand_over`.
#[cfg(target_os = "linux")]
#[inline]
pub(super) unsafe fn hand_over(from: *const u8, to: *mut u8, len: usize) {
    if len <= AT_ONCE {
        // SAFETY: the caller's duties are the same.
        unsafe { copy(from, to, len) }
    } else {
        // SAFETY: the caller's duties are the same, and `len` is more than `AT_ONCE`, and so at least `LOOP`.
        unsafe { narrow(from, to, len) }
    }
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
    if !has_wide_registers() {
        // SAFETY: the caller's duties are the same.
        return unsafe { narrow(from, to, len) };
    }
    match (len, is_aliased(from, to)) {
        // SAFETY: valid by the caller's duty, `len` is from `LOOP` to 512, the processor has AVX-512.
        (..=512, _) => unsafe { avx512_larger(from, to, len) },
        // SAFETY: as above, with `len` from 513 to `AT_ONCE`.
        (..=AT_ONCE, _) => unsafe { avx512_largest(from, to, len) },
        // SAFETY: as above, with `len` of more than `AT_ONCE`, and so of at least `WIDE_LOOP`.
        (STREAM.., _) => unsafe { avx512_stream(from, to, len) },
        // SAFETY: as above.
        (_, false) => unsafe { avx512_forward(from, to, len) },
        // SAFETY: as above.
        (_, true) => unsafe { avx512_backward(from, to, len) },
    }
}

/// Whether the loads of a forward copy would run into its own stores.
#[inline]
fn is_aliased(from: *const u8, to: *mut u8) -> bool {
    let ahead = to.addr().wrapping_sub(from.addr()) & 0xfff;
    ahead != 0 && ahead < ALIAS
}

/// # Safety
///
/// As `copy`; `len` is at least `LOOP`.
unsafe fn narrow(from: *const u8, to: *mut u8, len: usize) {
    let aliased = is_aliased(from, to);
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

/// Whether registers of 64 bytes take less time than those of 32: with Intel's processors that need not slow
/// down for them, from Ice Lake on. Others that have them move them in halves, or were not measured.
#[inline]
fn has_wide_registers() -> bool {
    // What came with Ice Lake and needs AVX-512F, and what only AMD's have.
    std::is_x86_feature_detected!("avx512vbmi2") && !std::is_x86_feature_detected!("sse4a")
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

/// Defines a copy by as many registers as all bytes take at most: half of them from the start on and half of
/// them up to the end, which may meet. All loads come before all stores, so that the ranges may overlap.
macro_rules! at_once {
    (
        $(#[$doc:meta])* $name:ident, $register:literal, $move:literal,
        [$($first:literal: $start:literal),*], [$($last:literal: $back:literal),*], $end:literal
    ) => {
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// `len` bytes, as many as half of the registers have at least and as all have at most, are mapped for
        /// reading at `from` and for writing at `to`; the processor has these registers.
        unsafe fn $name(from: *const u8, to: *mut u8, len: usize) {
            // SAFETY: half of the registers from the start on and half of them up to the end lie within the `len`
            // bytes, by the caller's duty. All vector registers are declared clobbered, also for the upper halves.
            unsafe {
                asm!(
                    $(concat!($move, " ", $register, $first, ", [{from} + ", $start, "]"),)*
                    $(concat!($move, " ", $register, $last, ", [{from} + {len} - ", $back, "]"),)*
                    $(concat!($move, " [{to} + ", $start, "], ", $register, $first),)*
                    $(concat!($move, " [{to} + {len} - ", $back, "], ", $register, $last),)*
                    $end,
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
    };
}

at_once! {
    /// Copies 64 to 128 bytes.
    #[inline]
    medium, "xmm", "movups",
    [0: 0, 1: 16, 2: 32, 3: 48], [4: 64, 5: 48, 6: 32, 7: 16], ""
}

at_once! {
    /// Copies 128 to 256 bytes.
    sse2_large, "xmm", "movups",
    [0: 0, 1: 16, 2: 32, 3: 48, 4: 64, 5: 80, 6: 96, 7: 112],
    [8: 128, 9: 112, 10: 96, 11: 80, 12: 64, 13: 48, 14: 32, 15: 16], ""
}

at_once! {
    /// Copies 128 to 256 bytes.
    avx_large, "ymm", "vmovdqu",
    [0: 0, 1: 32, 2: 64, 3: 96], [4: 128, 5: 96, 6: 64, 7: 32], "vzeroupper"
}

at_once! {
    /// Copies 256 to 512 bytes.
    avx512_larger, "zmm", "vmovdqu64",
    [0: 0, 1: 64, 2: 128, 3: 192], [4: 256, 5: 192, 6: 128, 7: 64], "vzeroupper"
}

at_once! {
    /// Copies 512 to 1024 bytes.
    avx512_largest, "zmm", "vmovdqu64",
    [0: 0, 1: 64, 2: 128, 3: 192, 4: 256, 5: 320, 6: 384, 7: 448],
    [8: 512, 9: 448, 10: 384, 11: 320, 12: 256, 13: 192, 14: 128, 15: 64], "vzeroupper"
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
        /// `len` bytes, at least `LOOP` or `WIDE_LOOP`, are mapped for reading at `from` and for writing at `to`;
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
            // - `len`, by the caller's duty, makes the first pass valid.
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
        // - `len`, by the caller's duty, makes the first pass valid.
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
    avx512_forward, avx512_backward, avx512_stream,
    "zmm", "vmovdqu64", "vmovdqa64", "vmovntdq", 64, 128, 192, 256, "vzeroupper"
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
    //! Every way by itself, for the tests: what it copies by, from how many bytes on, and whether the processor
    //! has what it needs.

    use std::ops::RangeInclusive;

    use super::{AT_ONCE, LOOP, WIDE_LOOP, has_wide_registers};

    /// A loop; see its own contract.
    pub(in crate::shm::copy) type Loop = unsafe fn(*const u8, *mut u8, usize);

    fn has_avx() -> bool {
        std::is_x86_feature_detected!("avx")
    }

    /// Those without a loop.
    pub(in crate::shm::copy) fn at_once() -> [(bool, Loop, RangeInclusive<usize>); 5] {
        let wide = has_wide_registers();
        [
            (true, super::medium, 64..=128),
            (true, super::sse2_large, 128..=256),
            (has_avx(), super::avx_large, 128..=256),
            (wide, super::avx512_larger, 256..=512),
            (wide, super::avx512_largest, 512..=AT_ONCE),
        ]
    }

    /// Those that go forward.
    pub(in crate::shm::copy) fn forward() -> [(bool, Loop, usize); 6] {
        let wide = has_wide_registers();
        [
            (true, super::sse2_forward, LOOP),
            (true, super::sse2_stream, LOOP),
            (has_avx(), super::avx_forward, LOOP),
            (has_avx(), super::avx_stream, LOOP),
            (wide, super::avx512_forward, WIDE_LOOP),
            (wide, super::avx512_stream, WIDE_LOOP),
        ]
    }

    /// Those that go backward.
    pub(in crate::shm::copy) fn backward() -> [(bool, Loop, usize); 3] {
        [
            (true, super::sse2_backward, LOOP),
            (has_avx(), super::avx_backward, LOOP),
            (has_wide_registers(), super::avx512_backward, WIDE_LOOP),
        ]
    }
}
