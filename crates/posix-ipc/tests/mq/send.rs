//! Sending: limits, deadlines, pieces.

use std::io::IoSlice;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf, Bytes};
use posix_ipc::mq::{Priority, SendError};
use posix_ipc::{MessageQueue, OpenMode};
use testutil::names::unique;
use testutil::watchdog::watchdog;

use crate::support::{contents, patiently, small};

fn fill(queue: &MessageQueue) {
    while queue.try_send(b"filler", 0).is_ok() {}
}

#[test]
fn messages_up_to_the_size_pass_and_longer_ones_are_not_tried() {
    let name = unique("size");
    let queue = small(&name);
    queue.send(&[], 0).unwrap();
    queue.send(&[1; 64], 0).unwrap();
    assert_eq!(queue.send(&[1; 65], 0), Err(SendError::TooLong { length: 65, max: 64 }));
    assert_eq!(contents(&queue), [(vec![], 0), (vec![1; 64], 0)]);
}

#[test]
fn priorities_out_of_range_are_not_tried() {
    let name = unique("priority");
    let queue = small(&name);
    queue.send(b"", Priority::HIGHEST).unwrap();
    queue.send(b"", 0u8).unwrap();
    for bad in [-1, 32_768, i64::MAX] {
        let error = queue.send(b"", bad).unwrap_err();
        assert!(matches!(error, SendError::Priority(_)), "{error:?}");
        assert!(error.to_string().contains(&bad.to_string()), "{error}");
    }
    assert_eq!(queue.len().unwrap(), 2);
}

#[test]
fn full_queue_is_an_outcome_of_its_own() {
    let name = unique("full");
    let queue = small(&name);
    fill(&queue);
    assert_eq!(queue.try_send(b"x", 0), Err(SendError::Full));
    assert_eq!(queue.send_timeout(b"x", 0, Duration::ZERO), Err(SendError::TimedOut));
    queue.set_nonblocking(true).unwrap();
    assert_eq!(queue.send(b"x", 0), Err(SendError::Full));
    assert_eq!(queue.send_timeout(b"x", 0, Duration::MAX), Err(SendError::Full));
    assert_eq!(queue.len().unwrap(), 4);
}

#[test]
fn deadlines_of_both_clocks_end_a_wait_and_not_before() {
    let _watchdog = watchdog(60);
    let name = unique("deadlines");
    let queue = small(&name);
    fill(&queue);
    let wait = Duration::from_millis(20);

    let start = Instant::now();
    assert_eq!(queue.send_timeout(b"x", 0, wait), Err(SendError::TimedOut));
    assert_eq!(queue.send_deadline(b"x", 0, Instant::now() + wait), Err(SendError::TimedOut));
    assert!(start.elapsed() >= 2 * wait);

    let end = SystemTime::now() + wait;
    assert_eq!(queue.send_deadline_realtime(b"x", 0, end), Err(SendError::TimedOut));
    assert!(SystemTime::now() >= end);
}

#[test]
fn deadlines_that_have_passed_only_try() {
    let name = unique("passed");
    let queue = small(&name);
    let past = SystemTime::UNIX_EPOCH - Duration::from_secs(9);
    queue.send_timeout(b"a", 0, Duration::ZERO).unwrap();
    queue.send_deadline(b"b", 0, Instant::now()).unwrap();
    queue.send_deadline_realtime(b"c", 0, past).unwrap();
    assert_eq!(queue.len().unwrap(), 3);
}

#[test]
fn waiting_sender_goes_on_when_there_is_room() {
    let _watchdog = watchdog(60);
    let name = unique("room");
    let queue = small(&name);
    let hour = Duration::from_secs(3600);
    type Send<'a> = &'a (dyn Fn() -> Result<(), SendError> + Sync);
    let ways: [Send<'_>; 4] = [
        &|| queue.send(b"x", 9),
        &|| queue.send_timeout(b"x", 9, Duration::MAX),
        &|| queue.send_timeout(b"x", 9, hour),
        &|| queue.send_deadline_realtime(b"x", 9, SystemTime::now() + hour),
    ];
    for send in ways {
        fill(&queue);
        std::thread::scope(|scope| {
            let sender = scope.spawn(send);
            assert_eq!(queue.receive_vec().unwrap().0, b"filler");
            sender.join().unwrap().unwrap();
        });
        assert_eq!(contents(&queue)[0], (b"x".to_vec(), 9));
    }
}

#[test]
fn pieces_arrive_as_one_message() {
    let name = unique("pieces");
    let queue = small(&name);
    let pieces = [&b"one "[..], b"", b"two ", b"three"].map(IoSlice::new);
    queue.send_vectored(&pieces, 1).unwrap();
    queue.send_vectored(&pieces[..2], 1).unwrap();
    queue.send_vectored(&[], 1).unwrap();
    let expected = [&b"one two three"[..], b"one ", b""];
    assert_eq!(contents(&queue), expected.map(|text| (text.to_vec(), 1)));

    let long = [0; 60];
    let pieces = [IoSlice::new(&long), IoSlice::new(b"four+")];
    assert_eq!(queue.send_vectored(&pieces, 1), Err(SendError::TooLong { length: 65, max: 64 }));
}

#[test]
fn buf_is_consumed_by_a_send_that_works_and_kept_by_one_that_fails() {
    let name = unique("buf");
    let queue = small(&name);
    let mut message = Bytes::from_static(b"head ").chain(Bytes::from_static(b"tail"));
    queue.send_buf(&mut message, 0).unwrap();
    assert_eq!(message.remaining(), 0);

    fill(&queue);
    queue.set_nonblocking(true).unwrap();
    let mut message = Bytes::from_static(b"head ").chain(Bytes::from_static(b"tail"));
    assert_eq!(queue.send_buf(&mut message, 0), Err(SendError::Full));
    assert_eq!(message.copy_to_bytes(message.remaining()), &b"head tail"[..]);
    assert_eq!(queue.receive_vec().unwrap().0, b"head tail");
}

#[test]
fn buf_that_hides_its_pieces_is_refused_whole() {
    /// Shows one byte at a time, and has no `chunks_vectored` of its own.
    struct Shy(Bytes);
    impl Buf for Shy {
        fn remaining(&self) -> usize {
            self.0.len()
        }
        fn chunk(&self) -> &[u8] {
            &self.0[..1.min(self.0.len())]
        }
        fn advance(&mut self, count: usize) {
            self.0.advance(count);
        }
    }
    let name = unique("shy");
    let queue = small(&name);
    let mut message = Shy(Bytes::from_static(b"text"));
    assert!(matches!(queue.send_buf(&mut message, 0), Err(SendError::Failed(_))));
    assert_eq!(message.remaining(), 4);
    assert!(queue.is_empty().unwrap());
}

#[test]
fn send_error_becomes_any_error_without_losing_its_errno() {
    let name = unique("convert");
    let options = MessageQueue::options().mode(OpenMode::CreateNew).capacity(1).message_size(8);
    let queue = patiently(|| options.clone().nonblocking(true).open(&*name)).unwrap();
    queue.send(b"", 0).unwrap();
    for error in [
        queue.send(b"", 0).unwrap_err(),
        queue.send(b"123456789", 0).unwrap_err(),
        queue.send(b"", -1).unwrap_err(),
    ] {
        let io = std::io::Error::from(error.clone());
        assert_eq!((io.kind(), io.to_string()), (error.kind(), error.to_string()));
        let general = posix_ipc::Error::from(error.clone());
        assert_eq!(general.kind(), error.kind());
    }
}
