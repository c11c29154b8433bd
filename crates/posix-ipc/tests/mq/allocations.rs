//! Sending and receiving allocate nothing once their buffers have grown.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::IoSlice;
use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use posix_ipc::mq::Batch;
use testutil::names::unique;

use crate::support::small;

/// Counts what the thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends may allocate after its counter has gone.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's duty, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty, passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's duty, passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// How many allocations a hundred calls make, after one to warm up.
fn allocations(mut call: impl FnMut()) -> usize {
    call();
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        call();
    }
    ALLOCATIONS.get() - before
}

#[test]
fn counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 100);
}

#[test]
fn receiving_into_a_reused_buffer_allocates_nothing() {
    let name = unique("no-alloc");
    let queue = small(&name);
    let send = || queue.send(&[7; 64], 1).unwrap();

    let mut bytes = BytesMut::with_capacity(queue.message_size());
    let count = allocations(|| {
        send();
        bytes.clear();
        assert_eq!(queue.receive(&mut bytes).unwrap().0, 64);
    });
    assert_eq!(count, 0, "BytesMut");

    let mut vec = Vec::new();
    let count = allocations(|| {
        send();
        vec.clear();
        queue.receive(&mut vec).unwrap();
    });
    assert_eq!(count, 0, "Vec");

    let count = allocations(|| {
        send();
        let mut memory = [MaybeUninit::uninit(); 64];
        assert_eq!(queue.try_receive(&mut memory).unwrap().unwrap().0.len(), 64);
    });
    assert_eq!(count, 0, "stack");

    let mut batch = Batch::with_capacity(4);
    let count = allocations(|| {
        for _ in 0..4 {
            send();
        }
        assert_eq!(queue.receive_batch(&mut batch).unwrap(), 4);
    });
    assert_eq!(count, 0, "batch");
}

#[test]
fn sending_in_pieces_allocates_nothing() {
    let name = unique("no-alloc-pieces");
    let queue = small(&name);
    let mut buffer = [0; 64];
    let count = allocations(|| {
        queue.send_vectored(&[IoSlice::new(b"head"), IoSlice::new(b"tail")], 1).unwrap();
        queue.receive(&mut buffer).unwrap();
    });
    assert_eq!(count, 0, "slices");
    let (head, tail) = (Bytes::from_static(b"head"), Bytes::from_static(b"tail"));
    let count = allocations(|| {
        let mut message = head.clone().chain(tail.clone());
        queue.send_buf(&mut message, 1).unwrap();
        queue.receive(&mut buffer).unwrap();
    });
    assert_eq!(count, 0, "Buf");
}
