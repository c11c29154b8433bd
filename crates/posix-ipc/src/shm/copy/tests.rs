//! Every way to copy against a naive oracle, at every length around the switch points and every
//! alignment, with bytes around that must not change.

use std::ops::RangeBounds;

use super::*;

const MARGIN: usize = 64;

fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

fn lengths() -> impl Iterator<Item = usize> {
    let most = if cfg!(miri) { 70 } else { 700 };
    (0..most).chain(if cfg!(miri) {
        vec![]
    } else {
        vec![1000, 1023, 1024, 1025, 4095, 4096, 4097, 8192 + 13]
    })
}

type Copy = unsafe fn(*const u8, *mut u8, usize);

/// Copies between two allocations at many alignments, and compares all of the target.
#[track_caller]
fn check(copy: Copy, range: impl RangeBounds<usize>, what: &str) {
    for len in lengths().filter(|len| range.contains(len)) {
        for (skew_from, skew_to) in [(0, 0), (1, 0), (0, 1), (7, 3), (15, 16), (31, 33), (33, 31)] {
            let from = pattern(len + 2 * MARGIN, 1);
            let mut to = pattern(len + 2 * MARGIN, 99);
            let mut expected = to.clone();
            expected[skew_to..skew_to + len].copy_from_slice(&from[skew_from..skew_from + len]);
            // SAFETY: both ranges lie within their vectors, which nobody else accesses.
            unsafe { copy(from[skew_from..].as_ptr(), to[skew_to..].as_mut_ptr(), len) };
            assert!(to == expected, "{what}: {len} bytes from +{skew_from} to +{skew_to}");
        }
    }
}

/// Moves within one allocation by many distances.
#[track_caller]
fn check_overlap(copy: Copy, range: impl RangeBounds<usize>, distances: &[isize], what: &str) {
    for len in lengths().filter(|len| range.contains(len)) {
        for &distance in distances {
            let (from, to) = (200usize, (200 + distance) as usize);
            let mut bytes = pattern(len + 400, 5);
            let mut expected = bytes.clone();
            expected.copy_within(from..from + len, to);
            let base = bytes.as_mut_ptr();
            let (source, target) = (base.wrapping_add(from), base.wrapping_add(to));
            // SAFETY: both ranges lie within the vector, which nobody else accesses.
            unsafe { copy(source, target, len) };
            assert!(bytes == expected, "{what}: {len} bytes by {distance}");
        }
    }
}

const DOWN: [isize; 7] = [-200, -129, -64, -33, -16, -8, -1];
const UP: [isize; 8] = [0, 1, 8, 16, 33, 64, 129, 200];

#[test]
fn load_and_store_copy_exactly_the_bytes_asked_for() {
    check(load, .., "load");
    check(store, .., "store");
    #[cfg(target_os = "linux")]
    check(hand_over, .., "hand over");
}

#[test]
fn moving_within_takes_every_overlap() {
    check_overlap(within, .., &DOWN, "within");
    check_overlap(within, .., &UP, "within");
}

#[test]
fn the_portable_way_does_the_same() {
    check(portable::load, .., "portable load");
    check(portable::store, .., "portable store");
    #[cfg(target_os = "linux")]
    check(portable::hand_over, .., "portable hand over");
    check_overlap(portable::within, .., &DOWN, "portable within");
    check_overlap(portable::within, .., &UP, "portable within");
}

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", not(miri)))]
#[test]
fn every_way_does_the_same() {
    use x86_64::loops;
    for (i, (has, copy, range)) in loops::at_once().into_iter().enumerate() {
        if has {
            check(copy, range.clone(), &format!("copy {i} at once"));
            check_overlap(copy, range.clone(), &DOWN, &format!("copy {i} at once"));
            check_overlap(copy, range, &UP, &format!("copy {i} at once"));
        }
    }
    for (i, (has, forward, least)) in loops::forward().into_iter().enumerate() {
        if has {
            check(forward, least.., &format!("forward loop {i}"));
            check_overlap(forward, least.., &DOWN, &format!("forward loop {i}"));
        }
    }
    for (i, (has, backward, least)) in loops::backward().into_iter().enumerate() {
        if has {
            check(backward, least.., &format!("backward loop {i}"));
            check_overlap(backward, least.., &UP, &format!("backward loop {i}"));
        }
    }
}

#[test]
fn fill_sets_exactly_the_bytes_asked_for() {
    for fill in [fill, portable::fill] {
        for len in lengths() {
            for skew in [0, 1, 7, 15] {
                let mut bytes = pattern(len + 2 * MARGIN, 3);
                let mut expected = bytes.clone();
                expected[skew..skew + len].fill(0xa5);
                // SAFETY: the range lies within the vector, which nobody else accesses.
                unsafe { fill(bytes[skew..].as_mut_ptr(), 0xa5, len) };
                assert!(bytes == expected, "{len} bytes at +{skew}");
            }
        }
    }
}

#[test]
fn a_copy_larger_than_the_caches_is_whole() {
    if cfg!(miri) {
        return;
    }
    let len = (33 << 20) + 77;
    let from = pattern(len, 8);
    let mut to = vec![0; len + 3];
    // SAFETY: both ranges lie within their vectors, which nobody else accesses.
    unsafe { store(from.as_ptr(), to[3..].as_mut_ptr(), len) };
    assert!(to[3..] == from[..]);
}

/// Memory that all threads of a test copy to and from.
#[derive(Clone, Copy)]
struct Everybodys(*mut u8);

// SAFETY: the tests access it by this module's copies alone, which tolerate each other.
unsafe impl Send for Everybodys {}

impl Everybodys {
    /// A method, so that closures take all of it.
    fn at(self) -> *mut u8 {
        self.0
    }
}

/// Under the thread sanitizer this is the proof that what the compiler sees is no data race;
/// elsewhere that copies which run into each other still copy bytes of either.
#[test]
fn copies_at_the_same_time_take_bytes_of_either() {
    const LEN: usize = 600;
    let rounds = if cfg!(miri) { 20 } else { 5_000 };
    let memory = Box::leak(vec![0u8; LEN + 8].into_boxed_slice());
    let shared = Everybodys(memory.as_mut_ptr());
    let mut threads = Vec::new();
    for byte in [0x11u8, 0xee] {
        threads.push(std::thread::spawn(move || {
            let bytes = [byte; LEN];
            for round in 0..rounds {
                let len = LEN - round % 300;
                let target = shared.at().wrapping_add(round % 8);
                // SAFETY: the range lies within the memory, which is never freed.
                unsafe { store(bytes.as_ptr(), target, len) };
                // SAFETY: as above.
                unsafe { fill(target, byte, len / 2) };
                // SAFETY: as above.
                unsafe { within(target, shared.at(), len / 3) };
            }
        }));
    }
    for _ in 0..2 {
        threads.push(std::thread::spawn(move || {
            let mut bytes = [0u8; LEN];
            for round in 0..rounds {
                let len = LEN - round % 300;
                let source = shared.at().wrapping_add(round % 8);
                // SAFETY: the range lies within the memory, which is never freed.
                unsafe { load(source, bytes.as_mut_ptr(), len) };
                let strange = bytes.iter().find(|byte| ![0, 0x11, 0xee].contains(*byte));
                assert_eq!(strange, None);
            }
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

/// The counter-proof: the thread sanitizer must report this, and `check-sanitizers.sh` sees to it.
/// It exists in the sanitizers' builds alone.
#[test]
#[cfg(posix_ipc_portable_copy)]
fn a_plain_copy_is_a_data_race() {
    let memory = Box::leak(vec![0u8; 64].into_boxed_slice());
    let shared = Everybodys(memory.as_mut_ptr());
    let threads: Vec<_> = (0..2u8)
        .map(|byte| {
            std::thread::spawn(move || {
                for _ in 0..10_000 {
                    let bytes = std::hint::black_box([byte; 64]);
                    // SAFETY: none; that is what is to be found.
                    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), shared.at(), 64) };
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
