//! Which messages are copied beside the sender's index: the page of the format leaves that to senders.

use std::sync::atomic::Ordering;

use posix_ipc::SharedMemory;
use posix_ipc::ring::spsc::{Receiver, Sender};
use posix_ipc::shm::Mapping;
use testutil::names::unique;

/// Where the page has the sender's index, and after it the tag of the copy.
const TAIL: usize = 128;

/// Sends `len` bytes; whether they were copied beside the index.
fn is_copied(sender: &mut Sender, mapping: &Mapping, len: u64) -> bool {
    sender.send(&vec![7; len as usize]).unwrap();
    let word = |at| mapping.atomic_u64(at).unwrap().load(Ordering::Relaxed);
    let start = word(TAIL) - (8 + len).next_multiple_of(8);
    word(TAIL + 8) == !(start << 5 | len)
}

fn ring(name: &str) -> (Sender, Receiver, Mapping) {
    let sender = Sender::create(name, 1 << 16).unwrap();
    let receiver = Receiver::open(name).unwrap();
    (sender, receiver, SharedMemory::open(name).unwrap().map().unwrap())
}

/// Takes all messages, and finds that there is no other, as a receiver in a dialogue does.
fn drain(receiver: &mut Receiver) {
    while receiver.try_receive_vec().unwrap().is_some() {}
}

#[test]
fn long_messages_are_copied_in_a_dialogue_and_in_a_stream_soon_not() {
    let name = unique("copies");
    let (mut sender, mut receiver, mapping) = ring(&name);
    for len in [97, 208] {
        // The region is begun anew several times meanwhile.
        for _ in 0..1000 {
            assert!(is_copied(&mut sender, &mapping, len), "{len} bytes of a dialogue");
            drain(&mut receiver);
        }
        // With messages of this length the sender looks for the receiver every 4 KiB and 32 messages.
        let copied = (0..200).map(|_| is_copied(&mut sender, &mapping, len));
        let copied: Vec<bool> = copied.collect();
        assert!(copied[0], "it did keep up");
        assert!(!copied[80..].contains(&true), "{len} bytes of a stream: {copied:?}");
        drain(&mut receiver);
        // A dialogue again, which takes as long to be noticed.
        for _ in 0..80 {
            is_copied(&mut sender, &mapping, len);
            drain(&mut receiver);
        }
        assert!(is_copied(&mut sender, &mapping, len), "{len} bytes after a stream");
        drain(&mut receiver);
    }
}

#[test]
fn messages_of_two_lines_are_always_copied_and_those_of_more_than_four_never() {
    let name = unique("copies");
    let (mut sender, mut receiver, mapping) = ring(&name);
    for (len, expected) in [(0, true), (40, true), (41, true), (96, true), (209, false)] {
        for _ in 0..100 {
            assert_eq!(is_copied(&mut sender, &mapping, len), expected, "{len} bytes of a stream");
        }
        drain(&mut receiver);
        for _ in 0..100 {
            assert_eq!(
                is_copied(&mut sender, &mapping, len),
                expected,
                "{len} bytes of a dialogue"
            );
            drain(&mut receiver);
        }
    }
}
