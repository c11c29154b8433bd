//! Counts allocations: for tests that something makes none.
//!
//! The test binary says `#[global_allocator] static ALLOCATOR: Counting = Counting;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts what each thread allocates.
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends may allocate after its counter has gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's duty, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's duty, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty, passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's duty, passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// How many allocations this thread makes in a hundred calls, after one to warm up; the fewest of three times,
/// since what is made once may come later where the first call was held up.
///
/// # Panics
///
/// If the binary's allocator does not count, so that no test passes for want of a counter.
pub fn allocations(mut call: impl FnMut()) -> usize {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_ne!(ALLOCATIONS.get(), before, "Counting is not the global allocator");
    call();
    let mut fewest = usize::MAX;
    for _ in 0..3 {
        let before = ALLOCATIONS.get();
        for _ in 0..100 {
            call();
        }
        fewest = fewest.min(ALLOCATIONS.get() - before);
    }
    fewest
}
