//! Sending and receiving allocate nothing once their buffers have grown.

use std::io::IoSlice;
use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use posix_ipc::mq::Batch;
use testutil::allocations::{Counting, allocations};
use testutil::names::unique;

use crate::support::small;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
